"""The three claimed causes of rigidity."""

from __future__ import annotations

from pathlib import Path

import pytest

from groove.runs.folder import load_run
from groove.runs.verdict.verdict import judge
from tests.runs.builders import good_a, rigid_baseline


def test_causes_that_do_not_hold_or_were_not_measured(tmp_path: Path) -> None:
    change = {
        "grad_norm_classification/backbone": [1e-5, 1e-3] * 10 + [1e-5],  # tiny, but not stable
        "grad_norm_contrastive/backbone": [0.5] * 21,
        "grad_cosine/backbone": [-0.4] * 21,
    }
    assert [cause.holds for cause in judge(load_run(rigid_baseline(tmp_path / "1", change))).causes] == [False] * 3
    none = dict.fromkeys(change)
    assert [cause.holds for cause in judge(load_run(rigid_baseline(tmp_path / "2", none))).causes] == [None] * 3


def test_weak_is_judged_only_where_both_losses_are_weighted(tmp_path: Path) -> None:
    (_, weak, _) = judge(load_run(good_a(tmp_path))).causes
    assert weak.value == pytest.approx(0.03 * 2.0 / (0.02 * 0.3)) and "15 epochs" in weak.text
