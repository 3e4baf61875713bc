"""What a fit writes beside its numbers."""

from __future__ import annotations

import pytest

from groove.config.schema import TrainConfig, checked
from groove.training.fit import loss_name
from tests.batches import composed


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("experiment=a", "AdaptiveTripletLoss"),
        ("experiment=c", "RankNContrastLoss"),
        ("loss=infonce", "NTXentLoss of triplets"),
        ("loss=supcon", "SupConLoss of classes"),
    ],
)
def test_the_name_of_a_loss_says_what_it_trains_on(override: str, name: str) -> None:
    assert loss_name(checked(composed(override), TrainConfig).loss) == name
