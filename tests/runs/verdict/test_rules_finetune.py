"""The fine-tune of experiment a."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.builders import good_a
from tests.runs.verdict.checks import assert_fails, judged, required_failures


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
