"""One partner of each kind for every chart that has one, against the matrix of all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from groove.data import partners as module
from groove.data.partners import NONE, class_counts, partners, usable_anchors
from groove.data.triplets import ChartLabels, PairRule
from tests.batches import labels


def clumps(n: int, seed: int = 0) -> ChartLabels:
    """Charts of two classes, three of a song; a few are far out, and some have no positive, or no negative."""
    radar = np.exp(1.2 * np.random.default_rng(seed).normal(size=(n, 5)))
    return ChartLabels(radar, np.arange(n) % 2, np.arange(n) // 3)


def assert_exact(rule: PairRule, charts: ChartLabels, found: np.ndarray) -> None:
    """Fail unless every partner is one, and exactly those charts have none of whom no pair says otherwise."""
    for kind, mask in enumerate(rule.masks(charts)):
        has = found[:, kind] != NONE
        np.testing.assert_array_equal(has, mask.any(axis=1))
        assert mask[np.flatnonzero(has), found[has, kind]].all()


@pytest.mark.parametrize("same_difficulty_only", [True, False])
@pytest.mark.parametrize(("moves", "part"), [(256, 65_536), (3, 65_536), (3, 40), (1, 7)])
def test_partners_are_exact_however_little_is_found_at_random(monkeypatch, moves, part, same_difficulty_only):
    monkeypatch.setattr(module, "_MOVES", moves)
    monkeypatch.setattr(module, "_PART", part)
    monkeypatch.setattr(module, "_CHUNK", 16)
    charts = clumps(300)
    charts.label[[3, 50]] = -1
    rule = PairRule.fit(charts, 2, 2, 98, same_difficulty_only)
    found = partners(rule, charts, np.random.default_rng(0))
    assert_exact(rule, charts, found)
    assert 0 < (found[:, 0] == NONE).sum() < 300 and 0 < (found[:, 1] == NONE).sum() < 300


def test_a_positive_behind_many_charts_of_the_own_song_is_found(monkeypatch):
    monkeypatch.setattr(module, "_MOVES", 1)
    radar = np.zeros((200, 5))
    radar[:, 0] = np.arange(200) / 1000  # 100 charts of one song next to each other, then others
    song = np.where(np.arange(200) < 100, 0, np.arange(200))
    charts = ChartLabels(radar, np.zeros(200, dtype=np.int64), song)
    rule = PairRule(np.array([0.1]), np.array([0.15]))
    assert_exact(rule, charts, partners(rule, charts, np.random.default_rng(0)))


def test_equal_charts_have_positives_and_no_negatives(monkeypatch):
    monkeypatch.setattr(module, "_MOVES", 2)
    charts = ChartLabels(np.ones((60, 5)), np.zeros(60, dtype=np.int64), np.arange(60) // 30)
    rule = PairRule(np.array([0.0]), np.array([0.0]))
    found = partners(rule, charts, np.random.default_rng(0))
    assert (charts.song[found[:, 0]] != charts.song).all() and (found[:, 1] == NONE).all()


@pytest.mark.parametrize("charts", [labels(0), labels(1), labels(40, songs=1)], ids=["none", "one", "one song"])
def test_without_pairs_nobody_has_a_partner(charts):
    rule = PairRule.fit(charts, 2, 15, 85)
    assert (partners(rule, charts, np.random.default_rng(0)) == NONE).all()
    assert not usable_anchors(rule, charts).any()


def test_partners_are_those_of_the_seed():
    charts = clumps(300)
    rule = PairRule.fit(charts, 2, 15, 85)
    first, again, other = (partners(rule, charts, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_partners_are_spread_over_all_that_the_rule_allows():
    charts = labels(200)
    rule = PairRule.fit(charts, 1, 40, 60)
    drawn = np.stack([partners(rule, charts, np.random.default_rng(seed)) for seed in range(400)])
    for kind, mask in enumerate(rule.masks(charts)):
        times = np.bincount(drawn[:, 0, kind], minlength=200)[mask[0]]
        expected = 400 / mask[0].sum()  # Poisson: 5 of its standard deviations
        assert np.abs(times - expected).max() < 5 * np.sqrt(expected) + 1


def test_usable_anchors_of_a_large_library_are_those_of_the_matrix(monkeypatch):
    charts = clumps(300)
    rule = PairRule.fit(charts, 2, 2, 98)
    expected = rule.anchors(charts)
    monkeypatch.setattr(module, "DENSE_CHARTS", 10)
    monkeypatch.setattr(module, "_MOVES", 3)
    np.testing.assert_array_equal(usable_anchors(rule, charts), expected)
    assert 0 < expected.sum() < 300


def test_class_counts_by_hand():
    # on a line at 0, 1, 10 of three songs: positives 0-1, negatives 1-10 and 0-10 are cut at the percentiles
    radar = np.zeros((5, 5))
    radar[:, 0] = [0, 1, 10, 0, 5]
    charts = ChartLabels(radar, np.array([0, 0, 0, 1, -1]), np.arange(5))
    rule = PairRule.fit(charts, 2, 10, 60)
    # distances of class 0: 1, 9, 10; the 10th percentile is 2.6, the 60th 9.2: positive 0-1, negative 0-10
    assert rule.nearest[0] == pytest.approx(2.6) and rule.farthest[0] == pytest.approx(9.2)
    # chart 0 has both; chart 1 has no negative; chart 2 no positive; class 1 has one chart
    assert class_counts(rule, charts, ["Easy", "Hard"]) == {
        "Easy": {"charts": 3, "without_pair": 2},
        "Hard": {"charts": 1, "without_pair": 1},
    }
