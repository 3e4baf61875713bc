"""Pooling over beats with masks, by hand."""

from __future__ import annotations

import torch
from torch.nn import functional

from groove.model.pooling import AttentionPooling, MeanMaxPooling, masked_mean

X = torch.tensor([[[1.0, -4.0, 3.0, 99.0], [-2.0, -6.0, -1.0, 99.0]]])  # (1, 2, 4); the last position is padding
MASK = torch.tensor([[1.0, 1.0, 1.0, 0.0]])


def test_the_mean_of_what_is_there():
    assert masked_mean(X, MASK).tolist() == [[0.0, -3.0]]
    assert masked_mean(X, torch.zeros(1, 4)).tolist() == [[0.0, 0.0]]


def test_mean_and_maximum_then_a_norm():
    torch.testing.assert_close(
        MeanMaxPooling(2)(X, MASK), functional.layer_norm(torch.tensor([[0.0, -3.0, 3.0, -1.0]]), (4,))
    )


def test_attention_weights_by_hand():
    pooling = AttentionPooling(2, heads=1)
    with torch.no_grad():
        pooling.score.weight.copy_(torch.tensor([[[1.0], [0.0]]]))
        pooling.score.bias.fill_(5.0)
    weight = torch.tensor([1.0, -4.0, 3.0]).softmax(dim=0)
    expected = (X[0, :, :3] * weight).sum(dim=1)[None]
    torch.testing.assert_close(pooling(X, MASK), functional.layer_norm(expected, (2,)))
