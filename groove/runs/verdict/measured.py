"""Numbers taken from a run: NaN where one is missing, with the reason.

A number over several epochs is missing as soon as one of them is: a mean over what happened to be there proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

from groove.runs.folder import Run
from groove.runs.metric_columns import CONTRASTIVE_LOSS


class Measured(NamedTuple):
    """A number, and, where it is NaN, why."""

    value: float
    missing: str = ""


def final(run: Run, column: str) -> Measured:
    """Return `column` at the last epoch."""
    return Measured(run.final(column), run.why_missing(column, (run.last_epoch,)))


def change(run: Run, column: str) -> Measured:
    """Return by how much `column` rose from epoch 0 to the last epoch."""
    return Measured(run.final(column) - run.at(column, 0), run.why_missing(column, (0, run.last_epoch)))


def mean(run: Run, column: str, epochs: Iterable[int]) -> Measured:
    """Return the mean of `column` over `epochs`."""
    return Measured(average([run.at(column, epoch) for epoch in epochs]), run.why_missing(column, epochs))


def lowest(run: Run, column: str, epochs: Iterable[int]) -> tuple[float, int]:
    """Return the lowest value of `column` over `epochs`, and its first epoch."""
    values = [(run.at(column, epoch), epoch) for epoch in epochs]
    missing = not values or any(math.isnan(value) for value, _ in values)
    return (math.nan, 0) if missing else min(values)


def lowest_mean(run: Run, column: str, epochs: Sequence[int], length: int) -> tuple[float, int]:
    """Return the lowest mean of `column` over `length` of `epochs` in a row (all, if they are fewer), and its first."""
    length = max(1, min(length, len(epochs)))
    windows = [epochs[start : start + length] for start in range(len(epochs) - length + 1)]
    values = [(mean(run, column, window).value, window[0]) for window in windows]
    missing = not values or any(math.isnan(value) for value, _ in values)
    return (math.nan, 0) if missing else min(values)


def points(run: Run, column: str, value: float, epochs: Iterable[int]) -> Measured:
    """Return by how many accuracy points `value`, taken from `epochs`, lies above `column` at epoch 0."""
    above = round(100.0 * (value - run.at(column, 0)), 6)  # 0.81 - 0.805 is 0.5 points
    return Measured(above, run.why_missing(column, (0, *epochs)))


def final_points(run: Run, column: str) -> Measured:
    """Return by how many accuracy points `column` ends above epoch 0."""
    return points(run, column, run.final(column), (run.last_epoch,))


def loss_fall(run: Run, first: int, last: int) -> Measured:
    """Return by which fraction the held-out contrastive loss fell from epoch `first` to `last`."""
    before, after = run.at(CONTRASTIVE_LOSS, first), run.at(CONTRASTIVE_LOSS, last)
    if before <= 0:
        return Measured(math.nan, f"{CONTRASTIVE_LOSS} starts at {number(before)}: there is nothing to fall from")
    return Measured((before - after) / before, run.why_missing(CONTRASTIVE_LOSS, (first, last)))


def average(values: Sequence[float]) -> float:
    """Return the mean of `values`, NaN of none."""
    return fmean(values) if values else math.nan


def number(value: float | None) -> str:
    """Return `value` with four significant digits, as every text of a verdict shows it."""
    return "not measured" if value is None or math.isnan(value) else f"{value + 0.0:.4g}"  # + 0.0: no "-0"


def arrow(run: Run, column: str, first: int = 0, last: int | None = None) -> str:
    """Return `column` at epochs `first` and `last`, else the last one, as ``before -> after``."""
    return f"{number(run.at(column, first))} -> {number(run.at(column, run.last_epoch if last is None else last))}"
