"""Experiments and the files of groups: an experiment chooses one, and the command line may choose another."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from groove.config.schema import CONF_DIR
from tests.batches import composed

RECIPE_OPTIMIZER = {
    "optimizer.lr": 2e-3,
    "optimizer.weight_decay": 0.1,
    "optimizer.schedule": "cosine",
    "optimizer.ramp": 0.05,
    "optimizer.label_smoothing": 0.05,
}
RANK_N_CONTRAST = {
    "loss._target_": "groove.model.losses.RankNContrastLoss",
    "loss.temperature": 0.5,
    "loss.pooled_weight": 1.0,
}
OLD = {
    "loss.triplet_margin": 1.0,
    "loss.margin_scale": 0.5,
    "data.triplets.positive_percentile": 20.0,
    "data.triplets.negative_percentile": 80.0,
}
PRETRAIN_OPTIMIZER = {
    "optimizer.lr": 1e-3,
    "optimizer.weight_decay": 0.1,
    "optimizer.schedule": "cosine",
    "optimizer.ramp": 0.05,
    "optimizer.label_smoothing": 0.05,
}
PARTS = {
    "model.projection_dim": 32,
    "model.body": True,
    "model.pooling": "profile",
    **{"model.parts.feet": 0.35, "model.parts.flow": 0.4, "model.parts.song": 0.4},
    "data.augment.audio_hidden": 0.5,
}
DIFFERS: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("a", "lpft")},
    "b": {"optimizer.ramp": 0.3, "loss.pooled_weight": 0.5},
    "baseline": OLD,
    **{name: OLD for name in ("rigid_frozen", "rigid_rate", "rigid_weight")},
    "rigid_leak": {**OLD, "model.radar_mlp": True, "model.radar_in_projection": True, "loss.pooled_weight": 0.0},
    "c": {**RANK_N_CONTRAST, **RECIPE_OPTIMIZER},
    "scratch": {**RANK_N_CONTRAST, **RECIPE_OPTIMIZER},
    "feel": {**RECIPE_OPTIMIZER, **PARTS},
    "builtin": {
        **{**RECIPE_OPTIMIZER, **PARTS, "loss.pooled_weight": 1.0, "pretrain.epochs": 8},
        **{"data.generated.songs": 300, "data.generated.variety": "wide", "data.generated.root": "outputs/wide"},
    },
    "classification": RECIPE_OPTIMIZER,
    "regression": {
        "loss._target_": "groove.model.losses.RadarRegressionLoss",
        **RECIPE_OPTIMIZER,
        "model.projection_dim": 5,
    },
    "pretrain": {**PRETRAIN_OPTIMIZER, "data.batch_size": 32},
}
"""What each experiment has other than the files of `DEFAULTS`; every stored run has exactly these settings."""
LOSS_OF = {"c": "recipe", "feel": "parts", "builtin": "parts", "scratch": "recipe", "regression": "radar_regression"}
"""Experiments whose loss is not the default one; other settings of that are not theirs."""
EXPERIMENTS = sorted(path.stem for path in (CONF_DIR / "experiment").glob("*.yaml"))
LOSSES = sorted(path.stem for path in (CONF_DIR / "loss").glob("*.yaml"))
DEFAULTS = [entry for entry in OmegaConf.load(CONF_DIR / "train.yaml").defaults if not isinstance(entry, str)]


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested plain settings as one level of dotted keys."""
    if not isinstance(settings, dict):
        return {prefix[:-1]: settings}
    return {key: value for name, inner in settings.items() for key, value in flat(inner, f"{prefix}{name}.").items()}


@cache
def settings(*overrides: str) -> dict[str, Any]:
    """Return what `overrides` compose to, flat and resolved."""
    return flat(OmegaConf.to_container(composed(*overrides), resolve=True))


@cache
def from_files(group: str, name: str, package: str | None = None) -> dict[str, Any]:
    """Return what the file `name` of `group` says, read without Hydra: its parents', then its own."""
    content: Any = OmegaConf.to_container(OmegaConf.load(CONF_DIR / group / f"{name}.yaml"))
    parents = [parent for parent in content.pop("defaults", []) if isinstance(parent, str) and parent != "_self_"]
    inherited = [from_files(group, parent) for parent in parents]
    own = flat(content, f"{group}." if package is None else package)
    return dict(itertools.chain(*(part.items() for part in [*inherited, own])))


def default_files(loss: str = "triplet") -> dict[str, Any]:
    """Return the settings of all groups but the experiment, from the files that ``train.yaml`` names, and of `loss`."""
    named = [(str(group), loss if group == "loss" else name) for entry in DEFAULTS for group, name in entry.items()]
    groups = [(g, name) for g, name in named if name and g != "experiment" and not g.startswith("override")]
    found = dict(itertools.chain(*(from_files(group, name).items() for group, name in groups)))
    return {**found, "seed": 0, "data.split_seed": 0, "pretrained": None, "ckpt_path": None, "optimized_metric": None}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_alone_is_the_default_files_and_what_it_differs_in(experiment):
    found = {key: value for key, value in settings(f"experiment={experiment}").items() if "experiment." not in key}
    assert found == {**default_files(LOSS_OF.get(experiment, "triplet")), **DIFFERS[experiment]}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_loss_of_the_command_line_wins_and_the_experiment_keeps_the_rest(experiment, loss):
    found, alone = settings(f"experiment={experiment}", f"loss={loss}"), settings(f"experiment={experiment}")
    own = of_group(from_files("experiment", experiment, ""), "loss")
    assert set(own) <= {"loss.triplet_margin", "loss.pooled_weight"}, "the rest is the business of the loss's file"
    assert of_group(found, "loss") == {**from_files("loss", loss), **own}
    assert of_group(found, "loss", False) == of_group(alone, "loss", False)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_optimizer_of_the_command_line_wins_and_the_experiment_keeps_the_rest(experiment):
    found, alone = settings(f"experiment={experiment}", "optimizer=adamw"), settings(f"experiment={experiment}")
    assert of_group(found, "optimizer") == from_files("optimizer", "adamw")
    assert of_group(found, "optimizer", False) == of_group(alone, "optimizer", False)


def of_group(found: dict[str, Any], group: str, wanted: bool = True) -> dict[str, Any]:
    """Return the settings of `group`, or all others."""
    return {key: value for key, value in found.items() if key.startswith(f"{group}.") == wanted}


@pytest.mark.parametrize("key", [f"{key}=7" for key in ("loss.triplet_margin", "loss.temperature", "optimizer.lr")])
@pytest.mark.parametrize("experiment", ["baseline", "c", "regression"])
def test_one_key_of_the_command_line_wins_over_both(experiment, key):
    name = key.partition("=")[0]
    for chosen in ([], ["loss=supcon"]):
        assert settings(f"experiment={experiment}", *chosen, f"++{key}")[name] == 7


def test_every_job_of_a_sweep_has_its_own_loss():
    """As Hydra's sweeper splits ``-m experiment=c,a loss=...``."""
    given = OverridesParser.create().parse_overrides(["experiment=c,a", "loss=supcon,log_ratio,triplet"])
    (jobs,) = BasicSweeper.split_arguments(given, max_batch_size=None)
    assert len(jobs) == 6
    for job in jobs:
        name = job[1].partition("=")[2]
        assert settings(*job)["loss._target_"] == from_files("loss", name)["loss._target_"]
