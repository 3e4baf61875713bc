"""Judge a run folder and look at single lines of the verdict."""

from __future__ import annotations

from pathlib import Path

from groove.runs.folder import load_run
from groove.runs.verdict.indicator import Indicator, Verdict
from groove.runs.verdict.verdict import judge


def by_name(verdict: Verdict) -> dict[str, Indicator]:
    names = [indicator.name for indicator in verdict.indicators]
    assert len(names) == len(set(names))
    return dict(zip(names, verdict.indicators, strict=True))


def judged(folder: Path) -> tuple[Verdict, dict[str, Indicator]]:
    verdict = judge(load_run(folder))
    return verdict, by_name(verdict)


def required_failures(verdict: Verdict) -> list[str]:
    return [indicator.name for indicator in verdict.counted if indicator.passed is not True]


def assert_fails(indicator: Indicator, *fragments: str) -> None:
    assert indicator.passed is False
    for fragment in fragments:
        assert fragment in indicator.hint, (fragment, indicator.hint)
