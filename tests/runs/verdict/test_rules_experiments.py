"""Experiments a, b and c: every number re-derived by hand from the builders' ramps, or one number changed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from groove.runs.folder import Run, load_run
from groove.runs.verdict.rules_everyone import accuracy_kept
from groove.runs.verdict.rules_experiments import blind, gain_reached
from groove.runs.verdict.verdict import judge
from tests.runs.builders import PHASES_A, PHASES_B, Change, good_a, good_b, ramp
from tests.runs.verdict.checks import assert_fails, judged, required_failures


def test_good_a_passes_with_these_numbers(tmp_path: Path) -> None:
    verdict, lines = judged(good_a(tmp_path))
    assert verdict.passed and verdict.state == "healthy" and required_failures(verdict) == []
    expected = {
        "warmup/accuracy_dip": 100 * (0.81 - 0.73),
        "warmup/contrastive_drop": (2.0 - 1.0) / 2.0,
        "warmup/drift_l2": math.sqrt(2 - 2 * (1 - 0.1 * 5 / 20)),
        "warmup/backbone_gradient": 0.02,
        "finetune/accuracy_recovery": 100 * (0.805 - 0.81),
        "finetune/contrastive_falling": (1.0 - 0.7) / 1.0,
        "finetune/gradient_balance": 0.02 / 0.1,
        "triplet/margin_improvement": 1.2 - 0.1,
        "triplet/positive_fraction": 0.9,
        "run/complete": 20,
        "loss/finite": 0,
        "gradient/finite": 0,
        "leak/radar_in_projection": 0,
        "loss/contrastive_drop": (2.0 - 0.7) / 2.0,
        "drift/pooled_cosine": 0.90,
        "drift/pooled_l2": math.sqrt(0.2),
        "drift/projection_only": (2.0 - 0.7) / 2.0,
        "gradient/backbone_alive": 0.02,
        "gradient/classifier_to_backbone": 5.0,
        "retrieval/pooled_gain": 0.45 - 0.3,
        "retrieval/projection_gain": 0.5 - 0.1,
        "gradient/backbone_good_range": 0.02,
        "embedding/norm_growth": 4.5 / 3.0,
        "accuracy/probe": -1.0,
        "accuracy/knn": -1.0,
    }
    assert {name: line.value for name, line in lines.items()} == pytest.approx(expected)
    assert all(line.hint == "" for line in lines.values())
    assert "target 2 is 0.8 away" in lines["triplet/margin_improvement"].bound
    assert "implies cosine 0.9000" in lines["drift/pooled_l2"].bound
    assert "lowest 0.73 at epoch 5" in verdict.summary


def test_a_without_a_dip(tmp_path: Path) -> None:
    accuracy = [0.81, *ramp(0.812, 0.83, 1, 20)]
    verdict, lines = judged(good_a(tmp_path, {"val/accuracy": accuracy, "weight_change/classifier_head": {5: 0.013}}))
    assert required_failures(verdict) == ["warmup/accuracy_dip"] and not verdict.passed
    assert_fails(
        lines["warmup/accuracy_dip"],
        "lowest 0.812 vs epoch 0 0.81",
        "warmup_epochs > 0 (it is 5)",
        "frozen: classifier_head",
        "0.013",
        "'WARMUP PHASE: Freezing classifier_head'",
        "raise experiment.warmup_epochs to 10",
    )
    assert lines["warmup/accuracy_dip"].value == pytest.approx(-0.2)


@pytest.mark.parametrize(("lowest", "passed"), [(0.805, True), (0.8051, False)])
def test_half_a_point_is_a_dip(tmp_path: Path, lowest: float, passed: bool) -> None:
    accuracy = [0.81, 0.81, lowest, 0.81, 0.81, 0.81] + [0.81] * 15
    _, lines = judged(good_a(tmp_path, {"val/accuracy": accuracy}))
    assert lines["warmup/accuracy_dip"].passed is passed


def test_a_dip_after_the_warmup_does_not_count(tmp_path: Path) -> None:
    _, lines = judged(good_a(tmp_path, {"val/accuracy": [0.81] * 6 + [0.7] + [0.81] * 14}))
    assert lines["warmup/accuracy_dip"].passed is False


def test_a_weak_warmup(tmp_path: Path) -> None:
    change = {
        "val/contrastive_loss": {5: 1.9},
        "drift/pooled/l2": {5: 0.02},
        "grad_norm/backbone": {epoch: 5e-4 for epoch in range(1, 6)},
    }
    verdict, lines = judged(good_a(tmp_path, change))
    assert required_failures(verdict) == [
        "warmup/contrastive_drop",
        "warmup/drift_l2",
        "warmup/backbone_gradient",
    ]
    assert_fails(lines["warmup/contrastive_drop"], "2 -> 1.9", "5.0%", "margins too small", "backbone still frozen")
    assert_fails(lines["warmup/drift_l2"], "0.02", "epoch 5", "< 0.03", "aggressive")
    assert_fails(lines["warmup/backbone_gradient"], "0.0005", "freezing logic")


def test_a_without_a_warmup_phase(tmp_path: Path) -> None:
    phases = [{**PHASES_A[1], "first_epoch": 1}]
    change = {"grad_norm/classifier_head": [0.1] * 21}
    verdict, lines = judged(good_a(tmp_path, change, phases=phases))
    warmup = [line for name, line in lines.items() if name.startswith("warmup/")]
    assert not verdict.passed and len(warmup) == 4
    assert all(line.passed is None and line.value is None and "warmup_epochs" in line.hint for line in warmup)


def test_a_first_phase_without_classification_is_a_warmup_by_any_name(tmp_path: Path) -> None:
    phases = [{**PHASES_A[0], "name": "first"}, {**PHASES_A[1], "name": "second"}]
    assert judge(load_run(good_a(tmp_path, phases=phases))).passed


def test_a_run_cut_short_cannot_pass(tmp_path: Path) -> None:
    folder = good_a(tmp_path)
    lines_of_csv = (folder / "metrics.csv").read_text().splitlines()
    (folder / "metrics.csv").write_text("\n".join(lines_of_csv[:5]) + "\n")  # header and epochs 0..3
    verdict, lines = judged(folder)
    assert not verdict.passed
    assert_fails(lines["run/complete"], "epoch 3 of 20")
    assert lines["warmup/drift_l2"].passed is None and "ends at epoch 3" in lines["warmup/drift_l2"].hint
    assert lines["finetune/accuracy_recovery"].passed is None


def test_a_finetune_that_fails(tmp_path: Path) -> None:
    change = {
        "val/accuracy": {20: 0.78},
        "val/probe_accuracy": {20: 0.80},
        "val/contrastive_loss": {20: 1.1},
        "grad_norm/classifier_head": {epoch: 0.4 for epoch in range(6, 21)},
        "val/triplet_margin": {20: 0.15},
        "val/positive_margin_fraction": {20: 0.6},
    }
    verdict, lines = judged(good_a(tmp_path, change))
    assert required_failures(verdict) == [
        "finetune/accuracy_recovery",
        "finetune/contrastive_falling",
        "finetune/gradient_balance",
        "triplet/margin_improvement",
        "triplet/positive_fraction",
    ]
    assert_fails(lines["finetune/accuracy_recovery"], "0.78", "0.81", "probe 0.8", "the head is stale")
    assert_fails(lines["finetune/contrastive_falling"], "1 at epoch 5", "1.1 at epoch 20")
    assert_fails(lines["finetune/gradient_balance"], "0.05 on average", "lowest 0.05")
    margin = (
        "triplets.positive_percentile=10",
        "triplets.negative_percentile=90",
        "same_difficulty_only",
        "loss.triplet_margin=1.5 (it is 2)",
    )
    assert_fails(lines["triplet/margin_improvement"], "0.1 -> 0.15", *margin)
    assert_fails(lines["triplet/positive_fraction"], "0.6", *margin)


def test_gradient_balance_ignores_the_frozen_warmup(tmp_path: Path) -> None:
    head = [1e-9] * 6 + [0.1] * 15  # a ratio of 2e7, were the warm-up judged
    _, lines = judged(good_a(tmp_path, {"grad_norm/classifier_head": head}))
    assert lines["finetune/gradient_balance"].value == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("probe", "text"),
    [
        (0.80, "the information is there, the head is stale"),  # 2 points below its 0.82 at epoch 0
        (0.79, "some information was lost, and the head is stale"),  # 3 below, and 3 above the head
        (0.77, "information was lost"),
    ],
)
def test_the_probe_tells_a_stale_head_from_lost_information(tmp_path: Path, probe: float, text: str) -> None:
    change = {"val/accuracy": {20: 0.76}, "val/probe_accuracy": {20: probe}}
    _, lines = judged(good_a(tmp_path, change))
    assert_fails(lines["finetune/accuracy_recovery"], f"k-NN 0.77: {text})")


def test_good_b_passes_with_these_numbers(tmp_path: Path) -> None:
    verdict, lines = judged(good_b(tmp_path))
    assert verdict.passed and verdict.state == "moving"
    expected = {
        "training/accuracy_stable": -0.9,
        "training/contrastive_steady": 0.0,
        "training/frozen_gradients": 0.0,
        "training/frozen_weights": 0.0,
        "loss/contrastive_drop": 0.8 / 1.5,
        "drift/pooled_l2": math.sqrt(0.06),
    }
    assert {name: lines[name].value for name in expected} == pytest.approx(expected)
    assert not lines["triplet/margin_improvement"].required, "b's success does not ask for it"


def test_b_falls_by_more_than_two_points_for_five_epochs(tmp_path: Path) -> None:
    low = {epoch: 0.785 for epoch in range(6, 11)} | {7: 0.775}
    verdict, lines = judged(good_b(tmp_path, {"val/accuracy": low, "val/probe_accuracy": {7: 0.7}}))
    assert required_failures(verdict) == ["training/accuracy_stable"]
    assert lines["training/accuracy_stable"].value == pytest.approx(100 * ((4 * 0.785 + 0.775) / 5 - 0.81))
    assert_fails(lines["training/accuracy_stable"], "averaged 0.783 from epoch 6 on", "0.775 at epoch 7", "was lost")


def test_one_low_epoch_is_noise_and_a_short_run_is_one_mean(tmp_path: Path) -> None:
    verdict, lines = judged(good_b(tmp_path, {"val/accuracy": {7: 0.775}}))
    assert verdict.passed and lines["training/accuracy_stable"].value > -2


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


def run_of(folder: Path, change=None, **retrieval) -> Run:
    return replace(load_run(good_a(folder, change)), retrieval=retrieval)


@pytest.mark.parametrize(("end", "passed"), [(0.83, True), (0.792, True), (0.785, False)])
def test_accuracy_ends_within_two_points(tmp_path, end, passed):
    run = run_of(tmp_path / "run", {"val/accuracy": {0: 0.81, 20: end}})
    assert accuracy_kept(run, "recipe/accuracy_kept", "val/accuracy").passed is passed


@pytest.mark.parametrize(("layer", "end", "passed"), [("pooled", 0.88, True), ("pooled", 0.87, False)])
def test_gains(tmp_path, layer, end, passed):
    indicator = gain_reached(run_of(tmp_path / "run", {f"retrieval/gain/{layer}": {20: end}}), layer)
    assert indicator.passed is passed and indicator.name == "recipe/gain_pooled"
    assert (indicator.hint == "") is passed


def test_a_blind_network_knows_nothing(tmp_path):
    assert blind(run_of(tmp_path / "a", blind={"gain": 0.02})).passed is True
    leaking = blind(run_of(tmp_path / "b", blind={"gain": 0.9}))
    assert leaking.passed is False and "leaks into the embedding" in leaking.hint
    assert blind(run_of(tmp_path / "c")).passed is None
