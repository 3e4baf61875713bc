import numpy as np
import pytest

from groove.retrieval.intervals import mean_intervals, ratio_intervals


def ratio_interval(above, below, song, **settings):
    return ratio_intervals([(above, below)], song, **settings)[0]


def mean_interval(values, song, **settings):
    return mean_intervals([values], song, **settings)[0]


def test_the_interval_is_that_of_drawing_songs_one_by_one():
    random = np.random.default_rng(3)
    song = random.integers(0, 12, 80)
    above, below = random.normal(2, 1, 80), random.uniform(1, 3, 80)
    found = ratio_interval(above, below, song, draws=4000)
    ratios = []
    for _ in range(4000):
        rows = np.concatenate([np.flatnonzero(song == s) for s in random.choice(np.unique(song), 12)])
        ratios.append(above[rows].sum() / below[rows].sum())
    assert found.value == pytest.approx(above.sum() / below.sum())
    np.testing.assert_allclose([found.low, found.high], np.percentile(ratios, [2.5, 97.5]), atol=0.03)


def test_charts_of_one_song_are_one_observation():
    values = np.array([0.0, 1.0] * 10)
    apart = mean_interval(values, np.arange(20))
    together = mean_interval(np.repeat([0.0, 1.0], 10), np.repeat([0, 1], 10))
    assert apart.value == together.value == 0.5
    assert (together.low, together.high) == (0.0, 1.0) and 0.2 < apart.low < apart.high < 0.8


def test_equal_values_have_no_spread_and_none_have_no_value():
    assert mean_interval(np.full(6, 0.3), np.arange(6)) == pytest.approx((0.3, 0.3, 0.3))
    assert mean_interval(np.array([0.0, 1.0]), np.zeros(2, int)) == (0.5, 0.5, 0.5)  # one song: nothing to draw
    assert all(np.isnan(mean_interval(np.zeros(0), np.zeros(0, dtype=int))))
    assert all(np.isnan(ratio_interval(np.ones(3), np.zeros(3), np.arange(3))))


def test_a_seed_gives_the_same_interval():
    values, song = np.random.default_rng(0).normal(size=30), np.arange(30) // 3
    assert mean_interval(values, song, seed=4) == mean_interval(values, song, seed=4)
    assert mean_interval(values, song, seed=4) != mean_interval(values, song, seed=5)


def test_several_ratios_are_those_of_each_alone_and_blocks_do_not_change_them(monkeypatch):
    generator = np.random.default_rng(0)
    song = generator.integers(0, 20, 60)
    ratios = [(generator.normal(size=60), generator.random(60) + 1), (generator.random(60), np.zeros(60))]
    alone = [ratio_interval(*pair, song, draws=50, seed=3) for pair in ratios]
    monkeypatch.setattr("groove.retrieval.intervals._CELLS", 70)  # 3 draws at once
    together = ratio_intervals(ratios, song, draws=50, seed=3)
    np.testing.assert_allclose(together, alone)
    assert not np.isnan(alone[0]).any() and np.isnan(alone[1]).all()
    assert np.isnan(ratio_intervals([(np.zeros(0), np.zeros(0))], song[:0])[0]).all()
