"""Experiment b."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from groove.runs.folder import load_run
from groove.runs.verdict.verdict import judge
from tests.runs.builders import PHASES_B, Change, good_b, ramp
from tests.runs.verdict.checks import assert_fails, judged, required_failures


def test_good_b_passes_with_these_numbers(tmp_path: Path) -> None:
    verdict, lines = judged(good_b(tmp_path))
    assert verdict.passed and verdict.state == "moving"
    expected = {
        "training/accuracy_stable": -1.0,
        "training/contrastive_steady": 0.0,
        "training/frozen_gradients": 0.0,
        "training/frozen_weights": 0.0,
        "loss/contrastive_drop": 0.8 / 1.5,
        "drift/pooled_l2": math.sqrt(0.06),
    }
    assert {name: lines[name].value for name in expected} == pytest.approx(expected)
    assert not lines["triplet/margin_improvement"].required, "b's success does not ask for it"


def test_b_falls_by_more_than_two_points_once(tmp_path: Path) -> None:
    verdict, lines = judged(good_b(tmp_path, {"val/accuracy": {7: 0.785}, "val/probe_accuracy": {7: 0.7}}))
    assert required_failures(verdict) == ["training/accuracy_stable"]
    assert_fails(lines["training/accuracy_stable"], "0.785 at epoch 7", "0.81", "information was lost")


def test_b_loss_that_jumps_is_not_steady(tmp_path: Path) -> None:
    loss = [1.5] + [0.9 + 0.1 * (epoch % 2) for epoch in range(1, 21)]  # 1.0, 0.9, 1.0, ...: up in 9 of 20 changes
    verdict, lines = judged(good_b(tmp_path, {"val/contrastive_loss": loss}))
    assert required_failures(verdict) == ["training/contrastive_steady"]
    assert lines["training/contrastive_steady"].value == pytest.approx(9 / 20)
    assert_fails(lines["training/contrastive_steady"], "1.5 -> 0.9", "0.45 of its changes")


def test_b_loss_that_creeps_up_is_not_steady_either(tmp_path: Path) -> None:
    verdict, lines = judged(good_b(tmp_path, {"val/contrastive_loss": ramp(1.0, 1.05)}))
    assert lines["training/contrastive_steady"].value == 0.0 and lines["training/contrastive_steady"].passed is False
    assert "loss/contrastive_drop" in required_failures(verdict)


def test_b_with_a_frozen_module_that_moved(tmp_path: Path) -> None:
    change: Change = {"grad_norm/audio_encoder": {0: None, 4: 0.02}, "weight_change/chart_encoder": {9: 1e-7}}
    verdict, lines = judged(good_b(tmp_path, change))
    assert required_failures(verdict) == ["training/frozen_gradients", "training/frozen_weights"]
    assert_fails(lines["training/frozen_gradients"], "audio_encoder is 0.02 at epoch 4", "freezing logic")
    assert_fails(lines["training/frozen_weights"], "chart_encoder is 1e-07 at epoch 9")


def test_b_with_nothing_frozen_or_nothing_measured_is_undefined(tmp_path: Path) -> None:
    _, lines = judged(good_b(tmp_path / "1", phases=[{**PHASES_B[0], "frozen": []}]))
    assert (
        lines["training/frozen_gradients"].passed is None
        and "nothing is frozen" in lines["training/frozen_weights"].hint
    )
    verdict, lines = judged(good_b(tmp_path / "2", {"weight_change/audio_encoder": None}))
    assert required_failures(verdict) == ["training/frozen_weights"]
    verdict, lines = judged(good_b(tmp_path / "3", {"grad_norm/backbone": None}))
    assert lines["training/frozen_gradients"].passed is None


def test_freezing_pooling_which_has_no_weights_is_fine(tmp_path: Path) -> None:
    phases = [{**PHASES_B[0], "frozen": ["audio_encoder", "pooling"]}]
    assert judge(load_run(good_b(tmp_path, phases=phases))).passed


def test_only_the_projection_head_moves(tmp_path: Path) -> None:
    change = {"drift/pooled/cosine": ramp(1.0, 0.9995), "drift/pooled/l2": ramp(0.0, 0.032)}
    verdict, lines = judged(good_b(tmp_path, change))
    assert verdict.state == "rigid"
    assert required_failures(verdict) == ["drift/pooled_cosine", "drift/pooled_l2", "drift/projection_only"]
    assert_fails(
        lines["drift/projection_only"],
        "53.3%",
        "0.9995",
        "0.032",
        "projection cosine 0.6",
        "trainable count (900)",
        "frozen: audio_encoder, chart_encoder",
        "top 50 % of the encoders",
        "weight 3.0 (it is 2)",
    )
