"""Differences to the baseline at equal seeds and folds, and the comparison as Markdown.

A seed decides split and training alike, so runs of one seed and fold share their held-out charts: their difference
varies less than either.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

BASELINE = "baseline"
PAIRED = ("accuracy_final", "gain_pooled_after", "gain_projection_after")
TREES = ("random_forest", "boosted_trees")
"""Models without a network, trained and tested on the charts of the same run (``run.json``'s ``references``)."""
BY_SONG = ("song_accuracy_final", *(f"{name}_by_song" for name in TREES))
"""The final accuracy, and that of the trees, where all charts of a simfile are told together."""
Row = dict[str, Any]


def paired_differences(rows: Sequence[Row], baseline: Mapping[Any, Row]) -> dict[str, list[float]]:
    """Return, by name of `PAIRED`, the differences of `rows` to the baseline's row of the same seed and fold."""
    found: dict[str, list[float]] = {name: [] for name in PAIRED}
    for row in rows:
        other = baseline.get(_split(row))
        for name in PAIRED:
            if other is not None and row.get(name) is not None and other.get(name) is not None:
                found[name].append(float(row[name]) - float(other[name]))
    return found


def baseline_rows(groups: Sequence[tuple[str, Sequence[Row]]]) -> dict[Any, Row]:
    """Return the rows of the baseline by seed and fold; none where several groups of runs are baselines."""
    found = [rows for _, rows in groups if rows and rows[0]["experiment"] == BASELINE]
    return {_split(row): row for row in found[0]} if len(found) == 1 else {}


def _split(row: Row) -> tuple[Any, Any, int]:
    """Return what decides training and held-out charts of a row; a run that does not know its fold has the first."""
    return row["seed"], row["split_seed"], row["fold"] or 0


def shown(values: Sequence[float], digits: int = 3, sign: bool = False) -> str:
    """Return mean ± sample standard deviation of `values`, the mean alone of one, - of none."""
    if not values:
        return "-"
    mean = f"{statistics.fmean(values):{'+' if sign else ''}.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def markdown(groups: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Return the comparison as a Markdown table, one line per group of runs."""
    baseline = baseline_rows(groups)
    names = ["experiment", "runs", "accuracy at epoch 0", "lowest", "final"]
    names += [*(name.replace("_", " ") for name in (*TREES, *BY_SONG)), "pooled cosine"]
    names += ["gain, pooled", "gain, projection", "accuracy - baseline", "gain pooled - baseline"]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for label, rows in groups:
        paired = paired_differences(rows, baseline)
        cells = [label.replace("|", "\\|"), str(len(rows))]
        cells += [shown(_values(rows, f"accuracy_{when}")) for when in ("epoch0", "lowest", "final")]
        cells += [shown(_values(rows, name)) for name in (*TREES, *BY_SONG, "pooled_cosine")]
        cells += [
            f"{shown(_values(rows, f'gain_{layer}_before'))} → {shown(_values(rows, f'gain_{layer}_after'))}"
            for layer in ("pooled", "projection")
        ]
        cells += [_difference(paired[name], len(rows)) for name in PAIRED[:2]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _difference(values: Sequence[float], runs: int) -> str:
    """Return `values` in words, with their number where not every one of the `runs` has a partner."""
    text = shown(values, sign=True)
    return text if len(values) in (0, runs) else f"{text} ({len(values)} pair{'s' * (len(values) > 1)})"


def _values(rows: Sequence[Row], key: str) -> list[float]:
    return [float(row[key]) for row in rows if row.get(key) is not None]
