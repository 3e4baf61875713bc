"""Which pairs are positive or negative, and how triplets are drawn from them, against loops over pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from groove.data import triplets as module
from groove.data.triplets import ChartLabels, PairRule, draw_triplets, fixed_triplets
from tests.batches import labels


def pairs_of(charts: ChartLabels, keep) -> list[float]:
    """Radar distances of all pairs of different songs that `keep` wants, one by one."""
    return [
        float(np.sqrt(sum((charts.radar[i] - charts.radar[j]) ** 2)))
        for i, j in itertools.combinations(range(len(charts)), 2)
        if charts.song[i] != charts.song[j] and keep(i, j)
    ]


def test_a_class_without_pairs_has_no_bounds_and_no_masks():
    charts = ChartLabels(labels(4).radar, np.array([0, 0, 0, 1]), np.arange(4))  # one chart in class 1, none in 2
    rule = PairRule.fit(charts, 3, (15, 85))
    assert np.isnan(rule.nearest).tolist() == [False, True, True]
    assert np.isnan(rule.farthest).tolist() == [False, True, True]
    positive, negative = rule.masks(charts)
    assert not positive[3].any() and not negative[3].any() and not positive[:, 3].any()


def percentile_points(charts: ChartLabels, bound: float) -> tuple[float, float]:
    """Between which percentiles of the pairs `bound` lies: two numbers, since many pairs may be as far."""
    distances = np.array(pairs_of(charts, lambda i, j: True))
    return 100 * (distances < bound - 1e-6).mean(), 100 * (distances <= bound + 1e-6).mean()


def heavy_tailed(n: int, order: str) -> ChartLabels:
    """Charts of which a few are very far out; ``period``: every second, in order, is nearer than the others."""
    radar = np.exp(np.random.default_rng(0).normal(size=(n, 5)))
    if order == "period":
        radar = radar[np.argsort(radar.sum(axis=1)).reshape(2, -1).T.ravel()]
    return ChartLabels(np.round(radar) if order == "duplicates" else radar, np.zeros(n, dtype=int), np.arange(n) // 2)


@pytest.mark.parametrize("order", ["random", "period", "duplicates"])
def test_bounds_of_large_classes_are_within_half_a_percentile_point(monkeypatch, order):
    charts = heavy_tailed(400, order)
    monkeypatch.setattr(module, "_EXACT_CHARTS", 100)
    rule = PairRule.fit(charts, 1, (15, 85))
    for bound, percentile in ((rule.nearest[0], 15), (rule.farthest[0], 85)):
        low, high = percentile_points(charts, bound)
        assert low - 0.5 < percentile < high + 0.5
    again = PairRule.fit(charts, 1, (15, 85))
    assert (again.nearest, again.farthest) == (rule.nearest, rule.farthest)


def test_sampled_pairs_are_of_different_songs_and_each_as_likely():
    # songs of 5, 2 and 1 charts, on a line at powers of 3, so that every distance names its pair
    radar = np.zeros((8, 5))
    radar[:, 0] = 3.0 ** np.arange(8)
    charts = ChartLabels(radar, np.zeros(8, dtype=np.int64), np.array([4, 0, 4, 4, 2, 0, 4, 4]))
    values, times = np.unique(module._sampled_distances(charts).round(6), return_counts=True)
    assert values.tolist() == pytest.approx(sorted(pairs_of(charts, lambda i, j: True)))
    assert times.min() > 0.97 * times.mean() and times.max() < 1.03 * times.mean()


def test_a_large_class_of_one_song_has_no_bounds(monkeypatch):
    monkeypatch.setattr(module, "_EXACT_CHARTS", 10)
    rule = PairRule.fit(labels(30, songs=1), 1, (15, 85))
    assert np.isnan(rule.nearest[0]) and np.isnan(rule.farthest[0])


def test_equal_radars_in_a_large_class_are_positive(monkeypatch):
    monkeypatch.setattr(module, "_EXACT_CHARTS", 10)
    radar = np.repeat(np.random.default_rng(0).normal(size=(2, 5)) * 7, 20, axis=0)  # half of all pairs are equal
    charts = ChartLabels(radar, np.zeros(40, dtype=np.int64), np.arange(40))
    positive, negative = PairRule.fit(charts, 1, (15, 85)).masks(charts)
    equal = (np.arange(40)[:, None] < 20) == (np.arange(40)[None, :] < 20)
    np.testing.assert_array_equal(positive, equal & ~np.eye(40, dtype=bool))
    np.testing.assert_array_equal(negative, ~equal)


def test_anchors_in_blocks_are_those_of_the_whole():
    charts = labels(50, classes=2, seed=2)
    rule = PairRule.fit(charts, 2, (10, 90))
    positive, negative = rule.masks(charts)
    expected = [bool(positive[i].any() and negative[i].any()) for i in range(50)]
    assert 0 < sum(expected) < 50
    assert rule.anchors(charts, block=7).tolist() == expected == rule.anchors(charts).tolist()
    assert rule.anchors(charts.take(np.arange(0))).shape == (0,)


def test_every_drawn_triplet_is_valid_and_every_anchor_is_served():
    charts = labels(60, classes=3, songs=20, seed=3)
    positive, negative = PairRule.fit(charts, 3, (15, 85)).masks(charts)
    drawn = draw_triplets(positive, negative, 4, np.random.default_rng(0))
    for a, p, n in drawn:
        assert positive[a, p] and negative[a, n]
        assert charts.label[a] == charts.label[p] == charts.label[n]
        assert charts.song[a] not in (charts.song[p], charts.song[n])
    served = {i: int((drawn[:, 0] == i).sum()) for i in range(60)}
    assert served == {i: 4 * int(positive[i].any() and negative[i].any()) for i in range(60)}


def test_draws_are_fresh_per_generator_and_reproducible():
    charts = labels(60, seed=4)
    masks = PairRule.fit(charts, 1, (15, 85)).masks(charts)
    first, again, other = (draw_triplets(*masks, 3, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first[:, 0] == other[:, 0]).all() and (first != other).any(axis=1).mean() > 0.5
    generator = np.random.default_rng(0)
    assert (draw_triplets(*masks, 3, generator) != draw_triplets(*masks, 3, generator)).any()


def test_candidates_repeat_only_after_all_have_been_used():
    positive, negative = np.zeros((2, 8, 8), dtype=bool)
    positive[0, [1, 2, 3]] = True
    negative[0, [4, 5, 6, 7]] = True
    for seed in range(20):
        drawn = draw_triplets(positive, negative, 5, np.random.default_rng(seed))
        assert len(set(drawn[:3, 1])) == 3 and len(set(drawn[:4, 2])) == 4
        assert sorted(np.bincount(drawn[:, 1])[1:4]) == [1, 2, 2]
        assert sorted(np.bincount(drawn[:, 2])[4:8]) == [1, 1, 1, 2]


def test_a_hub_is_not_everyones_negative():
    # 20 anchors; chart 40 is an extreme that all may use, charts 20-39 serve one anchor each
    positive, negative = np.zeros((2, 41, 41), dtype=bool)
    for anchor in range(20):
        positive[anchor, (anchor + 1) % 20] = True
        negative[anchor, [20 + anchor, 40]] = True
    uses, uniform = np.zeros(41), np.zeros(41)
    for seed in range(200):
        generator = np.random.default_rng(seed)
        uses += np.bincount(draw_triplets(positive, negative, 1, generator)[:, 2], minlength=41)
        for anchor in range(20):
            uniform[generator.choice(np.flatnonzero(negative[anchor]))] += 1
    # uniform drawing: half of all draws; weights 1/20 against 1: 1/21 of them
    assert uniform[40] / uniform.sum() == pytest.approx(1 / 2, abs=0.03)
    assert uses[40] / uses.sum() == pytest.approx(1 / 21, abs=0.015)


def test_usage_of_negatives_is_more_even_than_uniform_drawing_on_random_charts():
    charts = labels(150, seed=5)
    positive, negative = PairRule.fit(charts, 1, (15, 85)).masks(charts)
    uses, uniform = np.zeros(150), np.zeros(150)
    for seed in range(30):
        generator = np.random.default_rng(seed)
        drawn = draw_triplets(positive, negative, 2, generator)
        uses += np.bincount(drawn[:, 2], minlength=150)
        for anchor in drawn[:, 0]:
            uniform[generator.choice(np.flatnonzero(negative[anchor]))] += 1
    assert uses.sum() == uniform.sum()
    assert uses.max() < 0.85 * uniform.max() and uses.std() < 0.85 * uniform.std()


def test_no_pairs_give_no_triplets_of_the_right_shape():
    nothing = np.zeros((5, 5), dtype=bool)
    everything = ~np.eye(5, dtype=bool)
    for masks in ((nothing, nothing), (everything, nothing), (nothing, everything), (nothing[:0, :0], nothing[:0, :0])):
        drawn = draw_triplets(*masks, 4, np.random.default_rng(0))
        assert drawn.shape == (0, 3) and drawn.dtype == np.int64


def test_a_large_split_takes_a_sample_of_its_charts(monkeypatch):
    charts = labels(90, classes=2)
    rule = PairRule.fit(charts, 2, (20, 80))
    whole = fixed_triplets(rule, charts, 3, np.random.default_rng(1))
    np.testing.assert_array_equal(whole, draw_triplets(*rule.masks(charts), 3, np.random.default_rng(1)))
    usable = rule.anchors(charts)
    monkeypatch.setattr(module, "_MOST_CHARTS", 40)
    drawn = fixed_triplets(rule, charts, 3, np.random.default_rng(1))
    positive, negative = rule.masks(charts)
    assert positive[drawn[:, 0], drawn[:, 1]].all() and negative[drawn[:, 0], drawn[:, 2]].all()
    chosen = np.unique(drawn)
    assert 20 < len(chosen) <= 40 and chosen.max() > 70, "spread over the whole split"
    np.testing.assert_array_equal(drawn, fixed_triplets(rule, charts, 3, np.random.default_rng(1)))
    found = rule.anchors(charts)
    assert not (found & ~usable).any() and found.sum() > 0.5 * usable.sum()
