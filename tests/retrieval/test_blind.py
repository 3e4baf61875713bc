"""The gain of a network that is shown nothing: chance, unless the label leaks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from groove.retrieval.blind import blind_gain
from groove.retrieval.metrics import retrieval_gain
from tests.batches import labels


@pytest.mark.parametrize("noise", [0.0, 1e-7])
def test_equal_vectors_find_what_chance_finds(noise):
    """Rounding errors are no order: as many noise vectors, compared as they are, have hubs and scatter widely."""
    facts = labels(120, classes=2, songs=60)
    vectors = np.ones((120, 16)) + noise * np.random.default_rng(0).normal(size=(120, 16))
    found = blind_gain(vectors, facts)
    assert abs(found.value) < 0.02 and found.low < 0.0 < found.high and found.high - found.low < 0.15


def test_random_orders_are_those_of_a_loop():
    """The mean over many draws is that of neighbors taken at random, one query after another: 0 by definition."""
    facts, k, generator = labels(40, classes=2), 5, np.random.default_rng(3)
    gains = []
    for _ in range(300):
        model = random = oracle = 0.0
        for i in range(40):
            others = [j for j in range(40) if facts.label[j] == facts.label[i] and j != i]
            radar = np.array([np.linalg.norm(facts.radar[i] - facts.radar[j]) for j in others])
            model += radar[generator.permutation(len(others))[:k]].mean()
            random, oracle = random + radar.mean(), oracle + np.sort(radar)[:k].mean()
        gains.append((random - model) / (random - oracle))
    found = blind_gain(np.zeros((40, 4)), facts, k, draws=300)
    assert found.value == pytest.approx(np.mean(gains), abs=0.02)
    assert found.low == pytest.approx(np.percentile(gains, 2.5), abs=0.04)


def test_a_leak_is_seen_whatever_the_draw():
    facts = labels(120, classes=2, songs=60)
    found = blind_gain(facts.radar, facts)
    assert found.value == pytest.approx(retrieval_gain(facts.radar, facts), abs=0.01) and found.value > 0.98
    assert found.high - found.low < 0.01


def test_where_there_is_nothing_to_choose_there_is_no_gain():
    assert math.isnan(blind_gain(np.zeros((5, 3)), labels(5, classes=2)).value)
    assert math.isnan(blind_gain(np.zeros((0, 3)), labels(0)).value)
    same = labels(40)
    same.radar[:] = 1.0
    assert math.isnan(blind_gain(np.zeros((40, 3)), same).value)
