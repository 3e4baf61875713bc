"""Mistakes in a configuration are one line that says what is allowed."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from groove.config import TrainConfig, checked
from groove.errors import ConfigError
from tests.batches import composed


def message(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        checked(composed(*overrides), TrainConfig)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("+foo=1", "unknown key 'foo': there is no 'foo' at the top level; allowed: ckpt_path, data, "),
        ("+trainer.devcies=2", "there is no 'devcies' in 'trainer'; did you mean 'devices'? allowed: accelerator, "),
        ("+experiment.foo=1", "there is no 'foo' in 'experiment'; allowed: classification_weight, epochs, name, "),
        ("+data.triplets.positve_percentile=1", "in 'data.triplets'; did you mean 'positive_percentile'?"),
        ("+experiment.phases.0.freezed=[backbone]", "in 'experiment.phases'; did you mean 'freeze'? allowed: epochs, "),
        ("+experiment.phases.0.weights.contrastiv=1", "in 'experiment.phases.weights'; did you mean 'contrastive'?"),
        ("seed=abc", "seed: Value 'abc' of type 'str' could not be converted to Integer"),
        ("trainer.devices=two", "trainer.devices: Value 'two'"),
        ("experiment.phases.0.epochs=some", "experiment.phases.epochs: Value 'some'"),
        ("experiment.warmup_epochs=some", "epochs: Value 'some'"),
        ("experiment.name=???", "experiment.name"),
        ("data.store=${nothing}", "nothing"),
    ],
)
def test_mistakes_in_a_composed_configuration_are_one_line(override, expected):
    assert expected in message("experiment=a", override)


def test_a_misspelt_key_of_an_experiment_file_is_found(tmp_path):
    """Hydra alone would merge it without a word."""
    own = OmegaConf.create({"experiment": {"warmup_epoch": 3}})
    with pytest.raises(ConfigError, match="no 'warmup_epoch' in 'experiment'; did you mean 'warmup_epochs'"):
        checked(OmegaConf.merge(OmegaConf.create(OmegaConf.to_container(composed("experiment=a"))), own), TrainConfig)
