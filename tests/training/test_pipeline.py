"""What the command line sets and the loss does not use is said: never more, never less."""

from __future__ import annotations

import pytest
import torch

from groove.cli.overrides import prepared_arguments
from groove.config.schema import TrainConfig
from groove.errors import ConfigError, LibraryError
from groove.train import train
from groove.training.module import make_objective
from groove.training.pipeline import check_settings
from tests.batches import batch, train_config
from tests.config.test_groups import EXPERIMENTS, LOSSES

RANK = "RankNContrastLoss"
ONLY = "only pooled_weight, radius, temperature"


def lines(*overrides: str) -> list[str]:
    words = prepared_arguments(overrides, TrainConfig)
    return check_settings(train_config(*words), words)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["experiment=c", "mining=hard"],
            [f"mining=hard has no effect on training, only on what is measured: {RANK} uses no triplets"],
        ),
        (
            ["experiment=c", "loss.triplet_margin=9"],
            [
                f"loss.triplet_margin=9 is not used by {RANK}, only by the verdict, "
                "which compares the triplet margin with it"
            ],
        ),
        (
            ["++loss.margin_scale=5", "experiment=c"],
            [f"loss.margin_scale=5 has no effect: {RANK} has no margin_scale, {ONLY}"],
        ),
        (
            ["experiment=classification", "loss=supcon", "seed=3"],
            [
                "loss=supcon has no effect on training, only on what is measured: "
                "no phase of experiment=classification weighs the contrastive loss"
            ],
        ),
        (
            ["experiment=c", "loss=y_aware", "loss.radius=2"],
            ["loss.radius=2 has no effect: YAwareInfoNCELoss fixes radius"],
        ),
        (["experiment=a", "mining=hard", "loss.triplet_margin=9", "loss.margin_scale=5"], []),
        (["experiment=c", "loss.temperature=2", "loss.pooled_weight=0", "loss.radius=2", "optimizer.lr=1"], []),
        (["experiment=c", "loss=triplet", "mining=hard", "loss.margin_scale=5"], []),
        (["experiment=c", "loss=infonce", "mining=hard"], []),
        (["experiment=c", "loss.margin_scale=null", "~loss.triplet_margin"], []),
        (["loss._target_=groove.model.losses.LogRatioLoss"], []),
    ],
)
def test_what_changes_nothing_is_named(overrides, expected):
    assert lines(*overrides) == expected


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_by_itself_sets_nothing_in_vain(experiment):
    assert lines(f"experiment={experiment}") == []


@pytest.mark.parametrize("loss", LOSSES)
def test_the_miner_is_named_exactly_where_the_loss_does_not_depend_on_its_triplets(loss):
    """Re-derived: the objective of two sets of triplets of one batch."""
    overrides = ["experiment=baseline", f"loss={loss}", "mining=hard"]
    objective, _ = make_objective(train_config(*overrides))
    data = batch([6] * 12, classes=2)
    from groove.model.losses import ContrastiveTargets

    embedding = torch.randn(12, 8, generator=torch.Generator().manual_seed(0))
    of_half, of_all = (
        objective(embedding, ContrastiveTargets(triplets, data.radar, data.label, torch.ones(5))).loss
        for triplets in (data.triplets[: len(data.triplets) // 2], data.triplets)
    )
    assert bool(lines(*overrides)) == torch.equal(of_half, of_all)


def test_training_says_it_before_any_song_is_read(tmp_path, monkeypatch, capsys):
    def stop(cfg):
        raise LibraryError("here the songs would be read")

    monkeypatch.setattr("groove.training.pipeline.load_data", stop)
    overrides = ["experiment=c", "mining=hard", "seed=3"]
    with pytest.raises(LibraryError):
        train(train_config(*overrides), tmp_path, overrides)
    assert capsys.readouterr().out.splitlines() == lines(*overrides) != []


PARTS = "model.parts={radar:1,feet:0.5}"


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        (["experiment=a", PARTS], "AdaptiveTripletLoss"),
        (["experiment=c", "loss=triplet", PARTS], "AdaptiveTripletLoss"),
        (["experiment=feel", "loss=plain_triplet"], "AdaptiveTripletLoss"),
        (["experiment=c", "loss=infonce", PARTS], "MetricLearningLoss"),
        (["experiment=c", "loss=supcon", PARTS], "MetricLearningLoss"),  # no triplets, but nothing beside classes
        (["experiment=regression", PARTS], "RadarRegressionLoss"),
    ],
)
def test_parts_need_a_loss_for_continuous_labels(overrides, kind):
    with pytest.raises(ConfigError, match=r"^model\.parts has radar, feet") as caught:
        lines(*overrides)
    message = str(caught.value)
    assert message.endswith(f": several parts need a loss for continuous labels (loss=rank_n_contrast), {kind} is none")
    assert "\n" not in message


def test_one_part_needs_no_such_loss():
    assert lines("experiment=c", "loss=triplet", "model.parts={radar:0.5}") == []


@pytest.mark.parametrize("loss", ["parts", "rank_n_contrast", "recipe", "log_ratio", "y_aware"])
def test_losses_for_continuous_labels_have_parts(loss):
    assert lines("experiment=c", f"loss={loss}", PARTS) == []


def test_parts_with_another_loss_are_refused_before_any_song_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("groove.training.pipeline.load_data", lambda cfg: pytest.fail("songs are read"))
    overrides = prepared_arguments(["experiment=c", "loss=triplet", PARTS], TrainConfig)
    with pytest.raises(ConfigError, match="several parts need a loss"):
        train(train_config(*overrides), tmp_path, overrides)
