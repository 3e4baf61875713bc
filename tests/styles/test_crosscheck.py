from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from groove.styles.crosscheck import (
    between_share,
    expected_information,
    meter_agreement,
    name_agreement,
    same_share,
    table,
)


def test_the_share_of_pairs_the_slow_way():
    random = np.random.default_rng(0)
    names, styles = random.integers(0, 5, 40), random.integers(0, 3, 40)
    pairs = [(i, j) for i, j in combinations(range(40), 2) if names[i] == names[j]]
    expected = sum(styles[i] == styles[j] for i, j in pairs) / len(pairs)
    assert same_share(table(names, styles)) == pytest.approx(expected)


def test_the_table_counts_charts():
    assert table(np.array([0, 0, 2, 2]), np.array([1, 1, 0, 1])).tolist() == [[0, 2], [0, 0], [1, 1]]


def test_the_expected_information_is_the_mean_over_permutations():
    random = np.random.default_rng(0)
    names, styles = random.integers(0, 6, 50), random.integers(0, 3, 50)
    by_chance = [normalized_mutual_info_score(names, random.permutation(styles)) for _ in range(400)]
    assert expected_information(table(names, styles)) == pytest.approx(np.mean(by_chance), abs=0.005)
    assert expected_information(table(np.zeros(9, dtype=int), np.zeros(9, dtype=int))) == 0.0


def test_eta_squared_the_slow_way():
    values, styles = np.array([1.0, 2, 3, 9, 8, 4]), np.array([0, 0, 1, 2, 2, 1])
    fitted = np.array([values[styles == s].mean() for s in styles])
    assert between_share(values, styles) == pytest.approx(1 - ((values - fitted) ** 2).sum() / values.var() / 6)
    assert between_share(np.array([1.0, 1, 5, 5]), np.array([0, 0, 1, 1])) == pytest.approx(1)


def test_labels_that_agree_are_far_from_chance():
    styles = np.arange(60) % 3
    found = name_agreement("pack", [f"pack {s}" for s in styles], styles, seed=0)
    assert (found.value, found.p, found.charts, found.pairs) == (1.0, 0.001, 60, 3 * 190)
    assert found.mutual_information == pytest.approx(1)
    assert found.chance == pytest.approx(19 / 59, abs=0.02)  # of 59 others 19 are of one's own style
    assert found.chance_information < 0.1


def test_labels_at_random_are_as_good_as_chance():
    random = np.random.default_rng(3)
    p_values = [
        name_agreement("pack", list(map(str, random.integers(0, 4, 60))), np.arange(60) % 3, seed).p
        for seed in range(8)
    ]
    assert min(p_values) > 0.01 and max(p_values) > 0.3


def test_charts_without_a_name_are_left_aside():
    found = name_agreement("step artist", ["a", "", "a", " ", "b"], np.array([0, 1, 0, 1, 1]), seed=0)
    assert (found.charts, found.pairs, found.value) == (3, 1, 1.0)


@pytest.mark.parametrize("names", [[], ["", ""], ["a", "b"]])
def test_without_a_pair_nothing_is_said(names):
    assert name_agreement("artist", names, np.arange(len(names)), seed=0) is None


def test_the_meter():
    styles = np.arange(40) % 2
    found = meter_agreement((3 + 5 * styles + np.arange(40) % 4 // 2).tolist(), styles, seed=0)
    assert found.measure == "eta2" and found.p == 0.001 and found.value > 0.9 > 0.1 > found.chance
    assert found.mutual_information is None
    assert meter_agreement([4] * 40, styles, seed=0) is None
    assert meter_agreement([], np.zeros(0, dtype=int), seed=0) is None
