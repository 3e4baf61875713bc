"""Tables of runs on the terminal: several compared, and the retrieval of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from groove.runs.comparison import JOINT, TREES, WHEN, groups_of, mean_spread
from groove.runs.folder import Run

if TYPE_CHECKING:
    from rich.table import Table

NARROWEST = 120  # characters that a table has at least
AXES = "spearman_"


def comparison_table(frame: pd.DataFrame, width: int = NARROWEST) -> Table:
    """Return one line per group of a `comparison_frame`, and below where the figures lie.

    A column without a number is left out. No word is broken within `width` characters, at least 120: where a setting
    is too long for the first column, the groups are numbered there and named below the table.
    """
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    groups = groups_of(frame)
    cells = [_cells(group.rows) for group in groups]
    columns = [[name, *(row[name] for row in cells)] for name in cells[0]]
    columns = [column for column in columns if any(text.strip("-> \n") for text in column[1:])]
    words = [max(map(_longest_word, column)) for column in columns]
    labels = ["\n ".join((group.name, *group.settings)) for group in groups]
    below = [f"figure: {path}" for path in frame["figure"] if path]
    if max(map(_longest_line, labels)) > width - sum(2 + word for word in words) - 3:
        labels = [f"#{number} {group.name}" for number, group in enumerate(groups, start=1)]
        below = [f"#{number} {group.label}" for number, group in enumerate(groups, start=1)] + below
    columns = [["experiment", *labels], *columns]
    widths = [max(map(_longest_line, column)) for column in columns]
    least = [widths[0], *words]  # the lines of a label stay whole
    while sum(widths) > width - 1 - 2 * len(columns) and widths != least:
        reducible = [wide if wide > narrow else 0 for wide, narrow in zip(widths, least, strict=True)]
        widths[reducible.index(max(reducible))] -= 1
    title, caption = "before -> after; mean ± spread over seeds and splits", Text("\n".join(below))
    table = Table(title=title, caption=caption, caption_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for column, characters in zip(columns, widths, strict=True):
        table.add_column(column[0], overflow="fold", width=characters)
    for row in list(zip(*columns, strict=True))[1:]:
        table.add_row(*map(Text, row))
    return table


def _cells(rows: pd.DataFrame) -> dict[str, str]:
    """Return the cells of one group by the names of their columns."""

    def each(names: Iterable[str], digits: int = 3, separator: str = "\n") -> str:
        return separator.join(mean_spread(rows[name], digits) for name in names)

    def change(key: str, digits: int = 3) -> str:
        return each((f"{key}_before", f"{key}_after"), digits, "\n-> ")

    pairs = zip(rows["indicators_passed"], rows["indicators_counted"], strict=True)
    counts = ", ".join(f"{passed:.0f}/{counted}" for passed, counted in pairs)
    several = f"{rows['passed'].sum()} of {len(rows)} pass ({counts})"
    return {
        "runs": str(len(rows)),
        "accuracy 0 / lowest / final": each(f"accuracy_{when}" for when in WHEN),
        " / ".join(name.replace("_", " ") for name in TREES): each(TREES),
        "joint per simfile: final / trees": each(JOINT),
        "pooled cosine": each(["pooled_cosine"]),
        "state": "\n".join(rows["state"].unique()),
        "triplet margin": change("margin", 2),
        "positive": each(["positive_fraction"], 2),
        "gain pooled": change("gain_pooled"),
        "gain proj.": change("gain_projection"),
        "verdict": several if len(rows) > 1 else f"{'pass' if rows['passed'].all() else 'FAIL'} {counts}",
    }


def _longest_line(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)


def retrieval_tables(run: Run) -> list[Table]:
    """Return a table per set of candidates (within a difficulty, across); 120 columns hold every name whole."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    tables = []
    for candidates, spaces in run.retrieval.items():
        if not isinstance(spaces, dict) or not spaces or not all(isinstance(x, dict) for x in spaces.values()):
            continue  # a fact of its own, such as the gain of the blind network
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
