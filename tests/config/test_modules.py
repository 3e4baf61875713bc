"""The owner of module names agrees with the model that is built."""

from groove.config.modules import FRESH_MODULES, HEADS, LOSSES, MODULES, SHARED_MODULES, reached_by
from tests.batches import tiny_model


def test_the_model_has_these_modules_in_the_order_of_the_data():
    assert tiny_model(radar_mlp=True).module_names == list(MODULES)
    assert tiny_model().module_names == [*SHARED_MODULES, *HEADS]
    assert set(FRESH_MODULES) <= set(HEADS)


def test_each_loss_reaches_what_is_shared_and_its_own_head():
    assert LOSSES == ("classification", "contrastive")
    assert reached_by("classification", False) == set(MODULES) - {"projection_head"}
    assert reached_by("contrastive", True) == set(MODULES) - {"classifier_head"}
    assert reached_by("contrastive", False) == set(MODULES) - {"classifier_head", "radar_mlp"}
