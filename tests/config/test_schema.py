"""The configuration: every shipped file fits the schema, and what is checked is resolved and read-only."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from groove.cli.overrides import prepared_arguments
from groove.config.messages import kind_of
from groove.config.schema import (
    CONF_DIR,
    NO_EFFECT,
    EvaluateConfig,
    ExploreConfig,
    ExportConfig,
    PrepareConfig,
    RadarConfig,
    RecommendConfig,
    ReportConfig,
    Settings,
    SubstylesConfig,
    TrainConfig,
    checked,
    flat,
    plain,
)
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
    phases = resolve_phases(cfg.experiment, build_model(cfg, len(cfg.data.classes)))
    assert phases[0].first_epoch == 1 and phases[-1].last_epoch == cfg.experiment.epochs
    assert all(a.last_epoch + 1 == b.first_epoch for a, b in itertools.pairwise(phases))
    check_settings(cfg)


@pytest.mark.parametrize("group", ["mining", "loss", "optimizer", "trainer", "pretrain", "diagnostics", "features"])
def test_every_option_of_every_group_passes_the_schema(group):
    for path in (CONF_DIR / group).glob("*.yaml"):
        train_config(f"{group}={path.stem}")


def test_prepare_composes_and_passes_the_schema():
    assert checked(composed(config_name="prepare"), PrepareConfig).features.frames_per_beat == 4


def test_what_both_experiments_share():
    """The source's numbers and the free choices, the same for the baseline but for drift and, of b, pooled features."""
    for name, drift_weight, pooled_weight in (("a", 1.5, 1.0), ("b", 1.5, 0.5), ("baseline", 0.75, 1.0)):
        cfg = train_config(f"experiment={name}")
        assert (cfg.optimizer.lr, cfg.optimizer.weight_decay, cfg.optimizer.schedule) == (1e-3, 0.01, "cosine")
        assert (cfg.trainer.gradient_clip_val, cfg.experiment.epochs, cfg.experiment.drift_weight) == (
            1.0,
            20,
            drift_weight,
        )
        assert (cfg.data.batch_size, cfg.data.min_steps, cfg.loss.radius, cfg.loss.pooled_weight) == (
            64,
            8,
            8.0,
            pooled_weight,
        )


def test_the_defaults_of_the_schema_are_those_of_the_files():
    """Both exist: the files for people, the schema for Python; the seed of the split follows the seed of the run."""
    for schema, name, needed in (
        (TrainConfig, "train", ()),
        (PrepareConfig, "prepare", ()),
        (RadarConfig, "radar", ("songs=x",)),
        (RecommendConfig, "recommend", ()),
        (EvaluateConfig, "evaluate", ()),
        (ExploreConfig, "explore", ()),
        (SubstylesConfig, "substyles", ()),
        (ExportConfig, "export", ("out=x",)),
        (ReportConfig, "report", ()),
    ):
        compared = list(differences(schema, flat(plain(checked(composed(*needed, config_name=name), schema)))))
        assert len(compared) > 1 and not [line for line in compared if line]


OF_A = ("experiment.", "loss.margin_scale", "loss.radius", "loss.pooled_weight")
"""Settings of the default experiment and of its loss, which others do not have."""


def differences(schema: type[Settings], found: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield for each default of `schema` how `found` differs from it, "" where it does not."""
    for name, field in schema.model_fields.items():
        key, kind = prefix + (field.alias or name), field.annotation
        if isinstance(kind, type) and issubclass(kind, Settings):
            yield from differences(kind, found, f"{key}.")
        elif key in found and not field.is_required() and not key.startswith(OF_A):
            default = field.get_default(call_default_factory=True, validated_data={})
            yield "" if found[key] == default else f"{key}: {found[key]} in the files, {default} in the schema"


@pytest.mark.parametrize("key", ["loss.pooled_weight", "loss.temperature", "experiment.needs_pretrained"])
def test_every_key_of_the_schema_can_be_set_without_a_plus(key):
    """Some stand in no file of the chosen groups: Hydra alone would refuse them."""
    value = {"loss.pooled_weight": 1, "loss.temperature": 0.5, "experiment.needs_pretrained": False}[key]
    words = prepared_arguments([f"{key}={value}"], TrainConfig)
    assert flat(plain(train_config(*words)))[key] == value


def test_keys_inside_lists_and_groups_of_free_names_can_be_set_too():
    given = ["experiment.phases.0.lr_factor.backbone=0.1", "data.classes.Expert=[Edit]"]
    cfg = train_config(*prepared_arguments(given, TrainConfig))
    assert cfg.experiment.phases[0].lr_factor == {"backbone": 0.1} and cfg.data.classes["Expert"] == ["Edit"]
    whole = ["experiment.phases=[{name: only, weights: {contrastive: 1.0}}]", "experiment=scratch"]
    (phase,) = train_config(
        *prepared_arguments(whole, TrainConfig), "experiment.classification_weight=null"
    ).experiment.phases
    assert (phase.name, phase.weights.contrastive) == ("only", 1.0)


def test_the_settings_without_effect_exist():
    assert all(kind_of(key, TrainConfig) is not None for key in NO_EFFECT)
    assert not {"trainer.devices", "trainer.num_nodes"} & set(NO_EFFECT), "data.batch_size is that of one process"


# --- checked


def test_a_checked_configuration_is_read_only_and_resolved():
    cfg = train_config("experiment=a", "experiment.warmup_epochs=3", "seed=7")
    assert cfg.experiment.phases[0].epochs == 3 and cfg.data.split_seed == 7
    with pytest.raises(ValidationError, match="frozen"):
        cfg.seed = 1


def test_plain_is_resolved_containers_only():
    found = plain(train_config("experiment=a"))
    assert type(found) is dict and type(found["experiment"]["phases"]) is list
    assert found["experiment"]["phases"][0]["epochs"] == 5 and type(found["data"]["classes"]["Hard"]) is list
