"""``retrieval.json`` as tables: one per set of candidates, a line per space, a column per metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groove.runs.folder import Run

if TYPE_CHECKING:
    from rich.table import Table

AXES = "spearman_"


def retrieval_tables(run: Run) -> list[Table]:
    """Return a table per set of candidates (within a difficulty, across); 120 columns hold every name whole."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    tables = []
    for candidates, spaces in run.retrieval.items():
        if not isinstance(spaces, dict) or not spaces:
            continue
        metrics = list(dict.fromkeys(metric for values in spaces.values() for metric in values))
        axes = any(metric.startswith(AXES) for metric in metrics)
        title = f"held-out retrieval {candidates.replace('_', ' ')} (gain: 0 = random, 1 = perfect"
        title += "; spearman: of distance with radar distance, then with each axis)" if axes else ")"
        table = Table(title=Text(title), box=SIMPLE, padding=(0, 1, 0, 0))
        table.add_column("space", overflow="fold")
        for metric in metrics:
            table.add_column(metric.removeprefix(AXES).replace("_at_", "@"), justify="right", overflow="fold")
        for name, values in spaces.items():
            cells = (values.get(metric) for metric in metrics)
            shown = (f"{cell:.3f}" if isinstance(cell, float) else "-" if cell is None else str(cell) for cell in cells)
            table.add_row(Text(name), *shown)
        tables.append(table)
    return tables
