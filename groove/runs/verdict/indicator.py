"""What a verdict is made of: numbers of a run, the bounds they must satisfy, and the lines that this gives.

A number that was not measured makes its indicator undefined (``passed=None``), and a verdict cannot pass with an
undefined indicator, unless that indicator is advisory (``required=False``; its bound says so): advisory lines inform
and never decide.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from groove.runs.verdict.measured import Measured

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
    """One cause of rigidity, and whether the numbers of this run bear it out."""

    name: str
    value: float | None
    holds: bool | None
    text: str


@dataclass(frozen=True)
class Verdict:
    """The judgement of one run.

    Attributes:
        state: rigid, moving, healthy, reshaped or disrupted; trained of a pretraining, unknown without a cosine.
        diagnosis: why a rigid run is rigid, and what to change; empty for others.
    """

    experiment: str
    state: str
    passed: bool
    summary: str
    diagnosis: str
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
    return replace(indicator, required=False, bound=f"{indicator.bound} (advisory)")
