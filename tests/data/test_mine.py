"""Mined triplets against the matrix of all pairs: valid, complete, reproducible, and no hubs among the negatives."""

from __future__ import annotations

import numpy as np
import pytest

from groove.data import mine as module
from groove.data.mine import mine_triplets, split_triplets
from groove.data.triplets import ChartLabels, PairRule, draw_triplets
from tests.batches import labels


def mined(charts: ChartLabels, rule: PairRule, per_anchor: int = 4, seed: int = 0) -> np.ndarray:
    return mine_triplets(rule, charts, per_anchor, np.random.default_rng(seed))


def heavy_tailed(n: int, classes: int = 1, seed: int = 0) -> ChartLabels:
    radar = np.exp(0.6 * np.random.default_rng(seed).normal(size=(n, 5)))
    return ChartLabels(radar, np.arange(n) % classes, np.arange(n) // 2)


@pytest.mark.parametrize("same_difficulty_only", [True, False])
@pytest.mark.parametrize(("moves", "part"), [(192, 65_536), (2, 50)])
def test_every_triplet_is_valid_and_nearly_every_anchor_is_served(monkeypatch, moves, part, same_difficulty_only):
    monkeypatch.setattr(module, "_MOVES", moves)
    monkeypatch.setattr("groove.data.partners._PART", part)
    monkeypatch.setattr("groove.data.partners._MOVES", moves)
    charts = heavy_tailed(400, classes=3)
    charts.label[[3, 50]] = -1
    rule = PairRule.fit(charts, 3, 15, 85, same_difficulty_only)
    positive, negative = rule.masks(charts)
    drawn = mined(charts, rule)
    for a, p, n in drawn:
        assert positive[a, p] and negative[a, n]
        assert charts.song[a] not in (charts.song[p], charts.song[n])
        if same_difficulty_only:
            assert charts.label[a] == charts.label[p] == charts.label[n]
    usable = np.flatnonzero(positive.any(axis=1) & negative.any(axis=1))
    assert set(drawn[:, 0]) <= set(usable) and len(set(drawn[:, 0])) > 0.94 * len(usable)
    assert (np.diff(drawn[:, 0]) >= 0).all() and len(drawn) > 0.7 * 4 * len(usable)
    assert len(np.unique(drawn[:, [0, 2]], axis=0)) == len(drawn)  # an anchor's negatives differ


def test_on_normal_charts_anchors_have_all_their_triplets():
    charts = labels(600, classes=2)
    rule = PairRule.fit(charts, 2, 15, 85)
    served = np.bincount(mined(charts, rule)[:, 0], minlength=600)
    assert (served[rule.anchors(charts)] >= 1).mean() > 0.99 and (served == 4).mean() > 0.92


def test_triplets_are_those_of_the_seed_and_fresh_from_one_generator():
    charts = heavy_tailed(300)
    rule = PairRule.fit(charts, 1, 15, 85)
    np.testing.assert_array_equal(mined(charts, rule), mined(charts, rule))
    generator = np.random.default_rng(0)
    first, second = (mine_triplets(rule, charts, 2, generator) for _ in range(2))
    same = {tuple(row) for row in first} & {tuple(row) for row in second}
    assert len(same) < 0.05 * len(first)


@pytest.mark.parametrize("per_anchor", [1, 4])
def test_no_negative_is_used_ten_times_its_fair_share(per_anchor):
    charts = heavy_tailed(1500)
    rule = PairRule.fit(charts, 1, 15, 85)
    positive, negative = rule.masks(charts)
    anchors = positive.any(axis=1)
    possible = int(negative[anchors].any(axis=0).sum())

    def most(triplets: np.ndarray) -> float:
        return np.bincount(triplets[:, 2]).max() / (len(triplets) / possible)

    generator = np.random.default_rng(0)
    usable = np.flatnonzero(anchors & negative.any(axis=1))
    evenly = [(a, a, n) for a in usable for n in generator.choice(np.flatnonzero(negative[a]), per_anchor)]
    assert most(mined(charts, rule, per_anchor)) < 10 < most(np.array(evenly))


def test_a_few_charts_that_are_everyones_only_negative_are_rationed():
    radar = np.zeros((300, 5))
    radar[:, 0] = np.linspace(0, 0.5, 300)
    radar[:2, 0] = 100  # two far out; each the negative of 298
    charts = ChartLabels(radar, np.zeros(300, dtype=np.int64), np.arange(300))
    rule = PairRule(np.array([1.0]), np.array([50.0]))
    uses = np.bincount(mined(charts, rule)[:, 2], minlength=300)
    assert 1 <= uses[:2].max() <= module._MOST * 4


@pytest.mark.parametrize(
    "charts",
    [
        labels(0),
        labels(1),
        labels(40, songs=1),
        ChartLabels(np.ones((30, 5)), np.zeros(30, dtype=np.int64), np.arange(30)),
    ],
    ids=["none", "one", "one song", "all equal"],
)
def test_no_pairs_give_no_triplets_of_the_right_shape(charts):
    drawn = mined(charts, PairRule.fit(charts, 2, 15, 85))
    assert drawn.shape == (0, 3) and drawn.dtype == np.int64


def test_a_class_without_charts_or_bounds_is_left_out():
    charts = labels(200)
    charts.label[:] = 2 * (np.arange(200) % 2)
    charts.label[5] = 1
    rule = PairRule.fit(charts, 4, 15, 85)  # one chart in class 1, none in class 3
    drawn = mined(charts, rule)
    assert set(charts.label[drawn].ravel()) == {0, 2} and (charts.label[drawn] == charts.label[drawn[:, :1]]).all()


def test_a_small_split_has_the_triplets_of_its_matrix_and_a_large_one_is_mined(monkeypatch):
    charts = labels(80)
    rule = PairRule.fit(charts, 1, 15, 85)
    matrix = draw_triplets(*rule.masks(charts), 3, np.random.default_rng(0))
    np.testing.assert_array_equal(split_triplets(rule, charts, 3, np.random.default_rng(0)), matrix)
    monkeypatch.setattr(module, "DENSE_CHARTS", 79)
    np.testing.assert_array_equal(split_triplets(rule, charts, 3, np.random.default_rng(0)), mined(charts, rule, 3))
    monkeypatch.setattr(module, "_MOST_TRIPLETS", 170)
    assert len(split_triplets(rule, charts, 3, np.random.default_rng(0))) <= 2 * 80
