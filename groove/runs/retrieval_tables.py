"""``retrieval.json`` as tables: one per set of candidates, a line per space, a column per metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from groove.runs.folder import Run

if TYPE_CHECKING:
    from rich.table import Table

AXES = "spearman_"


def retrieval_tables(run: Run) -> list[Table]:
    """Return a table per set of candidates (within a difficulty, across) that ``retrieval.json`` holds.

    120 columns hold every name whole.
    """
    candidates = {name: given for name, given in (run.retrieval or {}).items() if isinstance(given, dict)}
    return [_table(name.replace("_", " "), spaces) for name, spaces in candidates.items() if spaces]


def _table(candidates: str, spaces: dict[str, dict[str, Any]]) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    metrics = list(dict.fromkeys(metric for values in spaces.values() for metric in values))
    axes = any(metric.startswith(AXES) for metric in metrics)
    title = f"held-out retrieval {candidates} (gain: 0 = random, 1 = perfect"
    title += "; spearman: of distance with radar distance, then with each axis)" if axes else ")"
    table = Table(title=Text(title), box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("space", overflow="fold")
    for metric in metrics:
        table.add_column(metric.removeprefix(AXES).replace("_at_", "@"), justify="right", overflow="fold")
    for name, values in spaces.items():
        table.add_row(Text(name), *(_cell(values.get(metric)) for metric in metrics))
    return table


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
