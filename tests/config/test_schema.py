"""The configuration: every shipped file fits the schema, and what is checked is resolved and read-only."""

from __future__ import annotations

import itertools

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ReadonlyConfigError

from groove.config.schema import CONF_DIR, PrepareConfig, TrainConfig, checked, plain
from groove.training.phases import resolve_phases
from groove.training.pipeline import check_settings
from tests.batches import composed, train_config

EXPERIMENTS = sorted(path.stem for path in (CONF_DIR / "experiment").glob("*.yaml"))
MODELS = sorted(path.stem for path in (CONF_DIR / "model").glob("*.yaml"))


# --- what is shipped


def test_the_shipped_files_are_those_the_tests_know():
    assert {"a", "b", "baseline", "pretrain"} <= set(EXPERIMENTS) and {"small", "full"} <= set(MODELS)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_passes_the_schema_and_fits_every_model(experiment, model):
    from groove.training.fit import build_model

    cfg = train_config(f"experiment={experiment}", f"model={model}")
    assert cfg.experiment.name == experiment
    phases = resolve_phases(cfg.experiment.phases, cfg.experiment.epochs, build_model(cfg, len(cfg.data.classes)))
    assert phases[0].first_epoch == 1 and phases[-1].last_epoch == cfg.experiment.epochs
    assert all(a.last_epoch + 1 == b.first_epoch for a, b in itertools.pairwise(phases))
    check_settings(cfg)


@pytest.mark.parametrize("group", ["mining", "loss", "optimizer", "trainer", "pretrain", "diagnostics", "features"])
def test_every_option_of_every_group_passes_the_schema(group):
    for path in (CONF_DIR / group).glob("*.yaml"):
        train_config(f"{group}={path.stem}")


def test_prepare_composes_and_passes_the_schema():
    assert checked(composed(config_name="prepare"), PrepareConfig).features.frames_per_beat == 4


def test_what_both_experiments_share_is_the_seeds():
    """The seed's batch of 128 gives too few steps on a small library: README, design decisions."""
    for name in ("a", "b"):
        cfg = train_config(f"experiment={name}")
        assert (cfg.optimizer.lr, cfg.optimizer.weight_decay) == (1e-4, 0.01)
        assert (cfg.trainer.gradient_clip_val, cfg.data.batch_size, cfg.experiment.epochs) == (1.0, 128, 20)


def test_the_full_model_has_the_sizes_of_the_schema_and_the_small_one_has_not():
    default = plain(OmegaConf.structured(TrainConfig).model)
    assert plain(train_config("model=full").model) == default != plain(train_config("model=small").model)


# --- checked


def test_a_checked_configuration_is_read_only_and_resolved():
    cfg = train_config("experiment=a", "experiment.warmup_epochs=3", "seed=7")
    assert cfg.experiment.phases[0].epochs == 3 and cfg.data.split_seed == 7
    with pytest.raises(ReadonlyConfigError):
        cfg.seed = 1


def test_plain_is_resolved_containers_only():
    found = plain(train_config("experiment=a"))
    assert type(found) is dict and type(found["experiment"]["phases"]) is list
    assert found["experiment"]["phases"][0]["epochs"] == 5 and type(found["data"]["classes"]["Hard"]) is list
