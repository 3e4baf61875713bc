"""The causes of rigidity, and the one that is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groove.runs.folder import load_run
from groove.runs.verdict.verdict import judge
from tests.runs.builders import good_a, rigid_baseline

CLAIMED = ("contrastive_gradient_too_weak", "classification_gradient_tiny_and_stable", "no_conflict_between_objectives")


def holds(folder: Path) -> dict[str, bool | None]:
    return {cause.name: cause.holds for cause in judge(load_run(folder)).causes}


def test_causes_that_do_not_hold_or_were_not_measured(tmp_path: Path) -> None:
    change = {
        "grad_norm_classification/backbone": [1e-5, 1e-3] * 10 + [1e-5],  # tiny, but not stable
        "grad_norm_contrastive/backbone": [0.5] * 21,
        "grad_cosine/backbone": [-0.4] * 21,
    }
    known = holds(rigid_baseline(tmp_path / "1", change))
    assert [known[name] for name in CLAIMED] == [False] * 3 and known["backbone_frozen"] is False
    unknown = holds(rigid_baseline(tmp_path / "2", dict.fromkeys(change)))
    assert [unknown[name] for name in CLAIMED] == [None] * 3
    unmoved = holds(rigid_baseline(tmp_path / "3", {"weight_change/backbone": None}))
    assert unmoved["backbone_rate_tiny"] is None


@pytest.mark.parametrize(
    ("change", "frozen", "blind", "named"),
    [
        ({}, False, 0.5, "label leak"),
        ({}, True, 0.01, "backbone frozen"),
        ({"weight_change/backbone": [1e-4] * 21}, False, 0.01, "backbone rate tiny"),
        ({"weight_change/backbone": [0.1] * 21}, False, 0.01, "contrastive gradient too weak"),
        (
            {"weight_change/backbone": [0.1] * 21, "grad_norm_contrastive/backbone": [1.0] * 21},
            *(False, 0.01, "none of the known causes holds"),
        ),
    ],
)
def test_the_first_cause_that_holds_is_named(tmp_path, change, frozen, blind, named) -> None:
    folder = rigid_baseline(tmp_path, change)
    (folder / "retrieval.json").write_text(json.dumps({"blind": {"gain": blind}}))
    if frozen:
        info = json.loads((folder / "run.json").read_text())
        for phase in info["phases"]:
            phase["frozen"] = ["audio_encoder", "chart_encoder", "fusion_module", "backbone", "pooling"]
        (folder / "run.json").write_text(json.dumps(info))
    verdict = judge(load_run(folder))
    assert verdict.state == "rigid" and verdict.diagnosis.startswith(named)
    assert f"the cause is {named}" in verdict.summary


def test_who_is_not_rigid_has_no_diagnosis(tmp_path: Path) -> None:
    assert judge(load_run(good_a(tmp_path))).diagnosis == ""


def test_weak_is_judged_only_where_both_losses_are_weighted(tmp_path: Path) -> None:
    (weak,) = [cause for cause in judge(load_run(good_a(tmp_path))).causes if cause.name == CLAIMED[0]]
    assert weak.value == pytest.approx(0.03 * 2.0 / (0.02 * 0.3)) and "15 epochs" in weak.text
