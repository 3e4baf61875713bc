"""What a verdict is made of: numbers of a run, the bounds they must satisfy, and the lines that this gives.

A number that was not measured is NaN and carries the reason; one over several epochs is missing as soon as one of them
is. It makes its indicator undefined (``passed=None``), and a verdict cannot pass with an undefined indicator, unless
that indicator is advisory (``required=False``; its bound says so): advisory lines inform and never decide.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import NamedTuple

from groove.runs.folder import Run
from groove.runs.metric_columns import CONTRASTIVE_LOSS

RELATIONS: dict[str, Callable[[float, float], bool]] = {">": operator.gt, ">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Indicator:
    """One line of a verdict; `passed` is `None` where it is undefined, and `hint` then says why."""

    name: str
    value: float | None
    bound: str
    passed: bool | None
    hint: str
    required: bool = True


@dataclass(frozen=True)
class Cause:
    """One of the claimed causes of rigidity, and whether the gradients of this run bear it out."""

    name: str
    value: float | None
    holds: bool | None
    text: str


@dataclass(frozen=True)
class Verdict:
    """The judgement of one run; `state` is rigid, moving, healthy, disrupted, or unknown without a cosine."""

    experiment: str
    state: str
    passed: bool
    summary: str
    indicators: list[Indicator]
    causes: list[Cause]

    @property
    def counted(self) -> list[Indicator]:
        """Return the indicators that decide."""
        return [indicator for indicator in self.indicators if indicator.required]

    @property
    def passed_count(self) -> int:
        """Return how many of the `counted` indicators pass."""
        return sum(indicator.passed is True for indicator in self.counted)


# --- numbers of a run


class Measured(NamedTuple):
    """A number, and, where it is NaN, why."""

    value: float
    missing: str = ""


def absent(why: str) -> Measured:
    """Return the number that is missing because of `why`."""
    return Measured(math.nan, why)


def at(run: Run, column: str, epoch: int) -> Measured:
    """Return `column` at `epoch`."""
    return Measured(run.at(column, epoch), run.why_missing(column, (epoch,)))


def final(run: Run, column: str) -> Measured:
    """Return `column` at the last epoch."""
    return at(run, column, run.last_epoch)


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
        return absent(f"{CONTRASTIVE_LOSS} starts at {number(before)}: there is nothing to fall from")
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


# --- bounds and lines


class Bound(NamedTuple):
    """What a value must satisfy, in words and as a test."""

    text: str
    holds: Callable[[float], bool]


def bound(relation: str, limit: float, text: str = "") -> Bound:
    """Return the bound ``value relation limit``; `text` is appended and says of what."""
    return Bound(f"{relation} {limit:g}{text}", lambda value: RELATIONS[relation](value, limit))


def between(low: float, high: float, text: str = "") -> Bound:
    """Return the bound ``low <= value <= high``."""
    return Bound(f"{low:g} to {high:g}{text}", lambda value: low <= value <= high)


def zero(text: str = "") -> Bound:
    """Return the bound of what counts mistakes: there must be none."""
    return Bound(f"0{text}", lambda value: value == 0)


def judged(name: str, measured: Measured, bound: Bound, hint: str = "") -> Indicator:
    """Return the indicator of `measured` against `bound`; `hint` is shown only where it fails."""
    if not math.isfinite(measured.value):
        return Indicator(name, None, bound.text, None, f"undefined: {measured.missing}")
    passed = bool(bound.holds(measured.value))
    return Indicator(name, float(measured.value) + 0.0, bound.text, passed, "" if passed else hint)


def advisory(indicator: Indicator) -> Indicator:
    """Return `indicator` as one that informs and does not decide."""
    if not indicator.required:
        return indicator
    return replace(indicator, required=False, bound=f"{indicator.bound} (advisory)")
