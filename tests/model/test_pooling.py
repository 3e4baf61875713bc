"""Pooling over beats with masks, by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from groove.features.frames import CHART_FEATURES
from groove.model.encoders import sums_ahead
from groove.model.pooling import (
    AttentionPooling,
    MeanMaxPooling,
    ProfilePooling,
    StatisticsPooling,
    masked_mean,
    statistics,
)

X = torch.tensor([[[1.0, -4.0, 3.0, 99.0], [-2.0, -6.0, -1.0, 99.0]]])  # (1, 2, 4); the last position is padding
MASK = torch.tensor([[1.0, 1.0, 1.0, 0.0]])


def test_the_mean_of_what_is_there():
    assert masked_mean(X, MASK).tolist() == [[0.0, -3.0]]
    assert masked_mean(X, torch.zeros(1, 4)).tolist() == [[0.0, 0.0]]


def test_mean_and_maximum_then_a_norm():
    torch.testing.assert_close(
        MeanMaxPooling(2)(X, MASK, X, MASK), functional.layer_norm(torch.tensor([[0.0, -3.0, 3.0, -1.0]]), (4,))
    )


def test_attention_weights_by_hand():
    pooling = AttentionPooling(2, heads=1)
    with torch.no_grad():
        pooling.score.weight.copy_(torch.tensor([[[1.0], [0.0]]]))
        pooling.score.bias.fill_(5.0)
    weight = torch.tensor([1.0, -4.0, 3.0]).softmax(dim=0)
    expected = (X[0, :, :3] * weight).sum(dim=1)[None]
    torch.testing.assert_close(pooling(X, MASK, X, MASK), functional.layer_norm(expected, (2,)))


def test_statistics_by_hand():
    # 20 beats of which 18 are there, half a second each but for the last two of them, which last one.
    x = torch.zeros(1, 1, 20)
    x[0, 0, :18] = torch.arange(18.0)
    x[0, 0, 18:] = 99.0
    mask = torch.cat([torch.ones(1, 18), torch.zeros(1, 2)], dim=1)
    seconds = torch.full((1, 20), 0.5)
    seconds[0, 16:] = 1.0
    mean, per_second, deviation, most, measure, phrase = statistics(x, mask, seconds)[0].tolist()
    assert mean == 153 / 18 and most == 17
    assert abs(per_second - (0.5 * 120 + 16 + 17) / 10) < 1e-5
    assert abs(deviation - (sum((i - 8.5) ** 2 for i in range(18)) / 18) ** 0.5) < 1e-4
    assert measure == (14 + 15 + 16 + 17) / 4 and phrase == sum(range(2, 18)) / 16


@pytest.mark.parametrize("beats", [1, 3, 4, 5, 15, 16, 17, 40])
def test_sums_ahead_are_sums_of_slices(beats):
    x = torch.randn(2, 3, beats)
    for window in (1, 4, 16):
        padded = functional.pad(x, (0, window))
        expected = torch.stack([padded[:, :, i : i + window].sum(dim=2) for i in range(beats)], dim=2)
        torch.testing.assert_close(sums_ahead(x, window), expected)
        torch.testing.assert_close(sums_ahead(sums_ahead(x, 2), max(2, window), of=2), sums_ahead(x, max(2, window)))


@pytest.mark.parametrize("kind", [StatisticsPooling, ProfilePooling])
def test_what_counts_ignores_padding(kind):
    torch.manual_seed(0)
    pooling = kind(3, 35).eval()
    x, inputs, seconds = torch.randn(2, 3, 7), torch.rand(2, 35, 7), torch.rand(2, 7)
    mask = torch.ones(2, 7)
    found = pooling(x, mask, inputs, seconds)
    assert found.shape == (2, pooling.out_dim)
    longer = [functional.pad(value, (0, 30)) for value in (x, mask, inputs, seconds)]
    torch.testing.assert_close(pooling(*longer), found)


def test_tempo_length_and_profile_by_hand():
    # 64 beats of half a second: 2 a part of the profile; three rows on beat 0, one on each beat of the second half
    inputs = torch.zeros(1, len(CHART_FEATURES), 70)
    rows = CHART_FEATURES.index("rows")
    inputs[0, rows, 0], inputs[0, rows, 32:64], inputs[0, rows, 64:] = 3.0, 1.0, 50.0
    mask = torch.cat([torch.ones(1, 64), torch.zeros(1, 6)], dim=1)
    pooling = ProfilePooling(2, len(CHART_FEATURES))
    found = pooling.unscaled(inputs, mask, torch.full((1, 70), 0.5))[0]
    tempo, length = found[-34:-32].exp().tolist()
    assert abs(tempo - 120) < 1e-3 and abs(length - 32) < 1e-4
    per_part = [3.0] + [0.0] * 15 + [2.0] * 16
    expected = [(part / (sum(per_part) / 32)) ** 0.5 for part in per_part]
    torch.testing.assert_close(found[-32:], torch.tensor(expected))


def test_what_is_counted_is_scaled_by_the_charts_it_was_fitted_on():
    torch.manual_seed(0)
    pooling, inputs = ProfilePooling(2, 35), torch.rand(9, 35, 40)
    mask, seconds = torch.ones(9, 40), torch.rand(9, 40) + 0.1
    counted = pooling.unscaled(inputs, mask, seconds)
    pooling.fit(counted)
    found = pooling.counted(inputs, mask, seconds)
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(counted.shape[1]), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.std(dim=0, correction=0), torch.ones(counted.shape[1]), atol=1e-3, rtol=0)
    assert pooling.counted(100 * inputs, mask, seconds).abs().max() == 6  # bounded
    same = counted[:1].expand(5, -1)
    pooling.fit(same)  # a number that never differs is not divided by 0
    assert pooling.counted(inputs[:1], mask[:1], seconds[:1]).abs().max() < 1e-5
