"""Red flags of every run, pretraining included."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.runs.builders import PHASES_B, good_a, good_b, good_pretrain, ramp, rigid_baseline
from tests.runs.verdict.checks import assert_fails, judged, required_failures


def test_the_patient_is_rigid_and_its_causes_hold(tmp_path: Path) -> None:
    verdict, lines = judged(rigid_baseline(tmp_path))
    assert verdict.state == "rigid" and not verdict.passed
    assert required_failures(verdict) == ["loss/contrastive_drop", "drift/pooled_cosine", "retrieval/pooled_gain"]
    assert_fails(lines["drift/pooled_cosine"], "0.995", "did not move", "weights.contrastive, it is 1")
    assert_fails(lines["retrieval/pooled_gain"], "0.3 -> 0.28")
    assert_fails(lines["loss/contrastive_drop"], "1 -> 0.95", "5.0%")
    assert lines["drift/pooled_l2"].passed is True, "L2 0.1 is cosine 0.995: the two scales disagree"
    causes = {cause.name: cause for cause in verdict.causes}
    assert all(causes[name].holds for name in ("contrastive_gradient_too_weak", "no_conflict_between_objectives"))
    assert causes["classification_gradient_tiny_and_stable"].holds
    assert causes["classification_gradient_tiny_and_stable"].value == pytest.approx(5e-4)
    assert causes["contrastive_gradient_too_weak"].value == pytest.approx(2e-4 * 1.0 / (5e-4 * 0.8))
    assert causes["no_conflict_between_objectives"].value == pytest.approx(-0.05)


def test_pretrain_skips_triplets(tmp_path: Path) -> None:
    verdict, lines = judged(good_pretrain(tmp_path))
    assert verdict.passed and verdict.causes == []
    assert lines["pretrain/accuracy"].value == pytest.approx(0.82)
    assert lines["pretrain/probe_accuracy"].value == pytest.approx(0.83)
    assert_fails(lines["pretrain/knn_accuracy"], "0.79", "0.5")
    assert not lines["pretrain/knn_accuracy"].required
    assert not any(name.startswith(("triplet/", "retrieval/")) for name in lines)
    assert "with its random start" in verdict.summary


def test_pretrain_is_compared_with_trees_on_its_own_charts(tmp_path: Path) -> None:
    trees = {"random_forest": 0.80, "boosted_trees": 0.815}
    verdict, lines = judged(good_pretrain(tmp_path / "better", references=trees))
    line = lines["pretrain/trees_beaten"]
    assert line.passed and not line.required and line.value == pytest.approx(100 * (0.82 - 0.815))
    assert "random forest 0.8, boosted trees 0.815" in line.bound
    verdict, lines = judged(good_pretrain(tmp_path / "equal", references={"random_forest": 0.82}))
    assert_fails(lines["pretrain/trees_beaten"], "0.82", "data.fold=0,1,2,3,4")
    assert verdict.passed, "one split says too little to fail a run for it"


@pytest.mark.parametrize("references", [{}, {"references": {}}])
def test_pretrain_without_trees_says_so(tmp_path: Path, references: dict) -> None:
    verdict, lines = judged(good_pretrain(tmp_path, **references))
    line = lines["pretrain/trees_beaten"]
    assert verdict.passed and line.passed is None and "run.json has no references" in line.hint


def test_pretrain_short_of_the_target(tmp_path: Path) -> None:
    verdict, lines = judged(good_pretrain(tmp_path, {"val/accuracy": {20: 0.74}}))
    assert required_failures(verdict) == ["pretrain/accuracy"]
    assert_fails(lines["pretrain/accuracy"], "0.74", "0.25")


def test_radar_in_projection_is_loud(tmp_path: Path) -> None:
    verdict, lines = judged(good_a(tmp_path, radar_in_projection=True))
    assert not verdict.passed and verdict.summary.startswith("RADAR IN PROJECTION")
    assert_fails(lines["leak/radar_in_projection"], "radar_in_projection=true", "ablation")


def test_dead_backbone_and_dominant_head(tmp_path: Path) -> None:
    change = {"grad_norm/backbone": {12: 5e-6}}
    verdict, lines = judged(good_b(tmp_path, change))
    assert required_failures(verdict) == ["gradient/backbone_alive", "gradient/classifier_to_backbone"]
    assert_fails(lines["gradient/backbone_alive"], "5e-06", "epoch 12", "freezing logic")
    assert_fails(lines["gradient/classifier_to_backbone"], "2e+04")


def test_a_head_that_never_learns_has_no_ratio_and_that_does_not_count(tmp_path: Path) -> None:
    phases = [{**PHASES_B[0], "frozen": ["classifier_head"], "weights": {"classification": 0.0, "contrastive": 2.0}}]
    change = {"grad_norm/classifier_head": None, "weight_change/classifier_head": [0.0] * 21}
    verdict, lines = judged(good_b(tmp_path, change, phases=phases))
    line = lines["gradient/classifier_to_backbone"]
    assert verdict.passed and line.passed is None and not line.required and "never learns" in line.hint


def test_disrupted(tmp_path: Path) -> None:
    verdict, lines = judged(good_a(tmp_path / "lost", {"drift/pooled/cosine": {20: 0.6}, "val/accuracy": {20: 0.7}}))
    assert verdict.state == "disrupted"
    assert_fails(lines["drift/pooled_cosine"], "0.6", "far from epoch 0", "k-NN 0.77")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "reshaped"),
        ({"val/accuracy": {20: 0.78}}, "disrupted"),
        ({"val/probe_accuracy": {20: 0.5}}, "disrupted"),
        ({"val/probe_accuracy": None}, "disrupted"),
        ({"retrieval/gain/pooled": {20: 0.1}}, "disrupted"),
    ],
)
def test_who_moved_far_and_lost_nothing_is_not_called_disrupted(tmp_path: Path, change: dict, state: str) -> None:
    verdict, lines = judged(good_a(tmp_path, {"drift/pooled/cosine": {20: 0.6}, **change}))
    assert verdict.state == state and lines["drift/pooled_cosine"].passed is False


def test_norm_growth_is_reported_with_the_margin_per_norm(tmp_path: Path) -> None:
    verdict, lines = judged(good_a(tmp_path, {"val/embedding_norm": ramp(1.0, 12.0)}))
    assert verdict.passed, "advisory"
    assert_fails(lines["embedding/norm_growth"], "12 x (1 -> 12)", "0.1 -> 0.1")


@pytest.mark.parametrize("cell", [float("nan"), float("inf"), None])
def test_a_loss_that_is_nan_infinite_or_blank(tmp_path: Path, cell: float | None) -> None:
    verdict, lines = judged(good_a(tmp_path, {"train/loss": {4: cell}}))
    assert required_failures(verdict) == ["loss/finite"] and lines["loss/finite"].value == 1
    hints = ("train/loss", "epoch 4", "1.0", "lr by 10", "contrastive weight to 1.0", "outliers")
    assert_fails(lines["loss/finite"], *hints)


def test_a_contrastive_loss_that_no_held_out_triplet_measures(tmp_path: Path) -> None:
    verdict, lines = judged(good_a(tmp_path, {"val/contrastive_loss": dict.fromkeys(range(21))}))
    assert "loss/finite" in required_failures(verdict)
    assert_fails(lines["loss/finite"], "val/contrastive_loss blank at epoch 0", "no held-out triplets", "more songs")
    assert "optimizer.lr" not in lines["loss/finite"].hint


def test_nan_gradients(tmp_path: Path) -> None:
    change = {"grad_norm/fusion_module": dict.fromkeys(range(3, 8), math.nan)}
    verdict, lines = judged(good_a(tmp_path, change))
    assert lines["gradient/finite"].value == 5 and not verdict.passed
    assert_fails(lines["gradient/finite"], "grad_norm/fusion_module is nan at epoch 3", "2 more", "gradient_clip_val")
