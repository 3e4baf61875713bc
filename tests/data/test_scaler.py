"""The radar scaler and radar distances, against the slow way."""

from __future__ import annotations

import numpy as np
import pytest

from groove.data.scaler import BOUND, RadarScaler, radar_distances


def test_center_is_the_median_and_scale_the_10_to_90_range_of_a_normal_distribution():
    # 11 values 0, 10, ..., 100: the median is 50, the percentiles 10 and 90 are 10 and 90
    column = np.arange(0.0, 101.0, 10.0)
    scaler = RadarScaler.fit(np.stack([np.roll(column, i) * (i + 1) for i in range(5)], axis=1))
    np.testing.assert_allclose(scaler.center, [50, 100, 150, 200, 250])
    np.testing.assert_allclose(scaler.scale, 80 / 2.563 * np.arange(1, 6))


def test_the_scale_of_a_normal_sample_is_its_deviation_whatever_its_outliers():
    radar = np.random.default_rng(0).normal(20, 7, size=(20_000, 5))
    clean = RadarScaler.fit(radar).scale
    np.testing.assert_allclose(clean, 7, rtol=0.03)
    radar[:100] = 1e6
    np.testing.assert_allclose(RadarScaler.fit(radar).scale, clean, rtol=0.03)
    assert radar.std() > 1000


def test_scaled_values_by_hand():
    scaler = RadarScaler(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    np.testing.assert_array_equal(scaler(np.array([[3.0, 2.0], [0.0, -2.0]])), [[1.0, 0.0], [-0.5, -1.0]])


def test_an_axis_without_a_range_falls_back_to_its_deviation_then_to_1():
    radar = np.zeros((100, 3))
    radar[:, 0] = np.arange(100)
    radar[:5, 1] = 60.0  # 5 % are not 0: both percentiles are 0
    scaler = RadarScaler.fit(radar)
    assert scaler.scale[1] == pytest.approx(60 * np.sqrt(0.05 * 0.95))
    assert scaler.scale[2] == 1.0
    assert np.isfinite(scaler(radar)).all()


def test_outliers_are_listed_by_index_on_either_side_and_any_axis():
    radar = np.random.default_rng(1).normal(size=(500, 5))
    scaler = RadarScaler.fit(radar)
    assert len(scaler.outliers(radar)) == 0
    radar[17, 2] = scaler.center[2] + scaler.scale[2] * (BOUND + 0.01)
    radar[40, 0] = scaler.center[0] - scaler.scale[0] * (BOUND + 0.01)
    radar[41, 0] = scaler.center[0] - scaler.scale[0] * (BOUND - 0.01)
    assert scaler.outliers(radar).tolist() == [17, 40]
    assert scaler(radar).max() == BOUND and scaler(radar).min() == -BOUND


def test_one_extreme_chart_is_not_most_of_all_distances():
    radar = np.random.default_rng(1).normal(50, 20, size=(200, 5))
    radar[0, 4] = 21283.0
    scaler = RadarScaler.fit(radar)
    share = []
    for scaled in (scaler(radar), (radar - scaler.center) / scaler.scale):
        squared = radar_distances(scaled, scaled) ** 2
        share.append(2 * squared[0].sum() / squared.sum())
    assert share[0] < 0.1 and share[1] > 0.99


def test_state_is_plain_lists_from_which_the_scaler_comes_back():
    scaler = RadarScaler.fit(np.random.default_rng(2).normal(size=(30, 5)))
    state = scaler.state()
    assert {type(value) for values in state.values() for value in values} == {float}
    again = RadarScaler(**{key: np.array(value) for key, value in state.items()})
    np.testing.assert_array_equal(again(np.ones((1, 5))), scaler(np.ones((1, 5))))


def test_distances_against_a_loop():
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=(7, 5)), generator.normal(size=(4, 5)) * 30
    expected = [[np.sqrt(sum((x - y) ** 2 for x, y in zip(row, other, strict=True))) for other in b] for row in a]
    np.testing.assert_allclose(radar_distances(a, b), expected, rtol=1e-9)


def test_distances_of_equal_rows_are_0_and_never_nan():
    a = np.random.default_rng(4).normal(size=(50, 5)) * 100
    own = np.diag(radar_distances(a, a.copy()))
    assert np.isfinite(own).all() and own.max() < 1e-4
    assert radar_distances(a, a[:0]).shape == (50, 0)
