"""Numbers taken from a run, each with the reason why it is missing where it is.

A number over several epochs is missing as soon as one of them is: a mean over what happened to be there proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from groove.runs.columns import CONTRASTIVE_LOSS
from groove.runs.folder import Run


@dataclass(frozen=True)
class Measured:
    """A number, or `None` and why there is none."""

    value: float | None
    missing: str = ""


def absent(why: str) -> Measured:
    """Return the number that is missing because of `why`."""
    return Measured(None, why)


def at(run: Run, column: str, epoch: int) -> Measured:
    """Return `column` at `epoch`."""
    return Measured(run.at(column, epoch), run.why_missing(column, (epoch,)))


def final(run: Run, column: str) -> Measured:
    """Return `column` at the last epoch."""
    return at(run, column, run.last_epoch)


def change(run: Run, column: str) -> Measured:
    """Return by how much `column` rose from epoch 0 to the last epoch."""
    before, after = run.at(column, 0), run.final(column)
    value = None if before is None or after is None else after - before
    return Measured(value, run.why_missing(column, (0, run.last_epoch)))


def mean(run: Run, column: str, epochs: Sequence[int]) -> Measured:
    """Return the mean of `column` over `epochs`."""
    return Measured(average(run.over(column, epochs)), run.why_missing(column, epochs))


def lowest(run: Run, column: str, epochs: Sequence[int]) -> tuple[float | None, int]:
    """Return the lowest value of `column` over `epochs`, and its first epoch; `None` and 0 where one is missing."""
    values = run.over(column, epochs)
    return min(zip(values, epochs, strict=True)) if values else (None, 0)


def points(run: Run, column: str, value: float | None, epochs: Sequence[int]) -> Measured:
    """Return by how many accuracy points `value`, taken from `epochs`, lies above `column` at epoch 0."""
    start = run.at(column, 0)
    above = None if value is None or start is None else round(100.0 * (value - start), 6)  # 0.81 - 0.805 is 0.5 points
    return Measured(above, run.why_missing(column, (0, *epochs)))


def final_points(run: Run, column: str) -> Measured:
    """Return by how many accuracy points `column` ends above epoch 0."""
    return points(run, column, run.final(column), (run.last_epoch,))


def loss_fall(run: Run, first: int = 0, last: int | None = None) -> Measured:
    """Return by which fraction the held-out contrastive loss fell from epoch `first` to `last`, else the last one."""
    last = run.last_epoch if last is None else last
    before, after = run.at(CONTRASTIVE_LOSS, first), run.at(CONTRASTIVE_LOSS, last)
    if before is not None and before <= 0:
        return absent(f"{CONTRASTIVE_LOSS} starts at {number(before)}: there is nothing to fall from")
    value = None if before is None or after is None else (before - after) / before
    return Measured(value, run.why_missing(CONTRASTIVE_LOSS, (first, last)))


def average(values: Sequence[float] | None) -> float | None:
    """Return the mean of `values`, `None` of none."""
    return fmean(values) if values else None


def number(value: float | None) -> str:
    """Return `value` with four significant digits, as every text of a verdict shows it."""
    return "not measured" if value is None else f"{value + 0.0:.4g}"  # + 0.0: no "-0"


def arrow(run: Run, column: str, first: int = 0, last: int | None = None) -> str:
    """Return `column` at epochs `first` and `last`, else the last one, as ``before -> after``."""
    return f"{number(run.at(column, first))} -> {number(run.at(column, run.last_epoch if last is None else last))}"
