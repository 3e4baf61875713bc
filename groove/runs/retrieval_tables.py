"""``retrieval.json`` as tables: one per set of candidates, a line per space, a column per metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from groove.runs.folder import Run

if TYPE_CHECKING:
    from rich.table import Table

AXES = "spearman_"
Spaces = dict[str, dict[str, Any]]


def retrieval_tables(run: Run) -> list[Table]:
    """Return a table per set of candidates (within a difficulty, across) that ``retrieval.json`` holds.

    120 columns hold every name whole.
    """
    groups = _groups(run.retrieval or {}, ())
    return [_table(" ".join(path).replace("_", " "), spaces) for path, spaces in groups.items() if spaces]


def _table(candidates: str, spaces: Spaces) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    metrics = list(dict.fromkeys(metric for values in spaces.values() for metric in values))
    title = f"held-out retrieval {candidates}".rstrip() + " (gain: 0 = random, 1 = perfect"
    title += "; spearman: of distance with radar distance, then with each axis)" if any(map(_is_axis, metrics)) else ")"
    table = Table(title=Text(title), box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("space", overflow="fold")
    for metric in metrics:
        table.add_column(metric.removeprefix(AXES).replace("_at_", "@"), justify="right", overflow="fold")
    for name, values in spaces.items():
        table.add_row(Text(name), *(_cell(values.get(metric)) for metric in metrics))
    return table


def _is_axis(metric: str) -> bool:
    return metric.startswith(AXES)


def _groups(content: dict[str, Any], path: tuple[str, ...]) -> dict[tuple[str, ...], Spaces]:
    """Return the innermost objects of numbers in `content`, by name, in groups named by the path to them."""
    found: dict[tuple[str, ...], Spaces] = {}
    for name, value in content.items():
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            found |= _groups(value, (*path, name))
        elif isinstance(value, dict):
            found.setdefault(path, {})[name] = value
    return found


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
