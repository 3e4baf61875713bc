"""Mistakes in a configuration are one line that says what is allowed."""

from __future__ import annotations

import re

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from groove.cli.overrides import prepared_arguments
from groove.config.messages import explain
from groove.config.schema import EmbedConfig, PrepareConfig, Settings, TrainConfig, checked
from groove.errors import ConfigError
from groove.export import ExportConfig
from groove.radar import RadarConfig
from tests.batches import composed


def message(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        checked(composed(*overrides), TrainConfig)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("+foo=1", "unknown key 'foo': there is no 'foo' at the top level; must be one of ckpt_path, data, "),
        (
            "+trainer.devcies=2",
            "there is no 'devcies' in 'trainer'; did you mean 'devices'? must be one of ",
        ),
        (
            "+experiment.foo=1",
            "there is no 'foo' in 'experiment'; must be one of classification_weight, ",
        ),
        ("+data.triplets.positve_percentile=1", "in 'data.triplets'; did you mean 'positive_percentile'?"),
        (
            "+experiment.phases.0.freezed=[backbone]",
            "in 'experiment.phases.0'; did you mean 'freeze'? must be ",
        ),
        ("+experiment.phases.0.weights.contrastiv=1", "in 'experiment.phases.0.weights'; did you mean 'contrastive'?"),
        ("seed=abc", "seed must be a whole number, got 'abc'"),
        ("trainer.devices=two", "trainer.devices must be a whole number, got 'two'"),
        ("experiment.phases.0.epochs=some", "experiment.phases.0.epochs must be a whole number, got 'some'"),
        ("experiment.warmup_epochs=some", "experiment.warmup_epochs must be a whole number, got 'some'"),
        ("experiment.name=???", "experiment.name"),
        ("experiment.name=???", "experiment.name is required: give experiment.name=..."),
        ("data.store=${nothing}", "nothing"),
        ("data.steps_types=dance-single", "data.steps_types must be a list: data.steps_types=[dance-single]"),
        (
            "experiment.phases.0.freeze=backbone",
            "phases.0.freeze must be a list: experiment.phases.0.freeze=[backbone]",
        ),
    ],
)
def test_mistakes_in_a_composed_configuration_are_one_line(override, expected):
    assert expected in message("experiment=a", override)


def test_a_misspelt_key_of_an_experiment_file_is_found(tmp_path):
    """Hydra alone would merge it without a word."""
    own = OmegaConf.create({"experiment": {"warmup_epoch": 3}})
    with pytest.raises(ConfigError, match="no 'warmup_epoch' in 'experiment'; did you mean 'warmup_epochs'"):
        checked(OmegaConf.merge(OmegaConf.create(OmegaConf.to_container(composed("experiment=a"))), own), TrainConfig)


def refused(*overrides: str, config_name: str = "train", schema: type[Settings] = TrainConfig) -> str:
    """Return the line for words that are refused before or by Hydra."""
    with pytest.raises((HydraException, ConfigError)) as caught:
        composed(*prepared_arguments(overrides, schema), config_name=config_name)
    return explain(caught.value, schema)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("songs=x", "there is no 'songs' at the top level; did you mean 'data.songs'?"),
        ("triplet_margin=1.5", "did you mean 'loss.triplet_margin'?"),
        ("positive_percentile=10", "did you mean 'data.triplets.positive_percentile'?"),
        ("triplets.per_anchor=1", "there is no 'triplets' at the top level; did you mean 'data.triplets.per_anchor'?"),
        ("lr=1", "did you mean 'optimizer.lr' or 'pretrain.lr'?"),
        ("data.lr=1", "there is no 'lr' in 'data'; did you mean 'optimizer.lr' or 'pretrain.lr'?"),
        ("freeze=[backbone]", "there is no 'freeze' at the top level; must be one of "),
    ],
)
def test_a_key_that_exists_elsewhere_is_named(override, expected):
    assert expected in refused(override)
    assert "triplets.per" in override or expected in message(f"+{override}")  # of which the first part alone is named


def test_a_key_of_another_command_is_named():
    assert "did you mean 'data.songs'?" in refused("songs=x", config_name="prepare", schema=PrepareConfig)
    assert "did you mean 'store'?" in refused("data.store=x", config_name="embed", schema=EmbedConfig)


@pytest.mark.parametrize(
    ("name", "schema", "expected"),
    [
        ("radar", RadarConfig, "songs is required: give songs=DIR, a folder of packs"),
        ("export", ExportConfig, "out is required: give out=PATH, where to write"),
    ],
)
def test_what_a_command_cannot_do_without_is_asked_for(name, schema, expected):
    with pytest.raises(ConfigError, match=re.escape(expected)):
        checked(composed(config_name=name), schema)


def test_a_bracket_that_is_not_closed_names_its_key():
    line = refused("data.triplets.per_anchor=[1")
    assert line.startswith("data.triplets.per_anchor must be a number,") and "got [1: brackets" in line


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("experiment=a,b", "experiment=a,b holds several values: for one run per value put -m before it"),
        ("seed=1,2", "seed=1,2 holds several values: for one run per value put -m before it"),
        ("data.steps_types=a,b", "data.steps_types=a,b holds several values; write a list as data.steps_types=[a,b]"),
        ("experiment.name=a,b", "put -m before it; as one text 'experiment.name=\"a,b\"'"),
    ],
)
def test_several_values_are_a_sweep_a_list_or_a_text(key, expected):
    assert refused(key).endswith(expected)
