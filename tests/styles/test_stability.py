from itertools import combinations
from math import comb

import numpy as np
import pytest

from groove.styles.stability import (
    SMALLEST,
    Cut,
    best_jaccard,
    cut,
    mean_ari,
    silhouette,
    subsample_labels,
    widest_bridge,
    window_counts,
)
from tests.retrieval.planted import planted


def slow_ari(a, b):
    """The adjusted Rand index from pairs: agreements less what is expected, over the most less what is expected."""
    pairs = list(combinations(range(len(a)), 2))
    together_a = [a[i] == a[j] for i, j in pairs]
    together_b = [b[i] == b[j] for i, j in pairs]
    both = sum(x and y for x, y in zip(together_a, together_b, strict=True))
    expected = sum(together_a) * sum(together_b) / len(pairs)
    return (both - expected) / ((sum(together_a) + sum(together_b)) / 2 - expected)


def test_mean_ari_is_that_of_all_pairs_of_partitions():
    random = np.random.default_rng(0)
    partitions = [random.integers(0, 3, 30) for _ in range(4)]
    expected = np.mean([slow_ari(a, b) for a, b in combinations(partitions, 2)])
    assert mean_ari(partitions) == pytest.approx(expected, abs=1e-12)
    assert mean_ari([partitions[0], (partitions[0] + 1) % 3]) == 1.0


def test_best_jaccard_by_sets():
    random = np.random.default_rng(1)
    labels, other = random.integers(0, 4, (2, 60))
    sets, others = ([set(np.flatnonzero(x == k)) for k in range(4)] for x in (labels, other))
    expected = [max(len(a & b) / len(a | b) for b in others) for a in sets]
    np.testing.assert_allclose(best_jaccard(labels, other, 4), expected)


def test_silhouette_the_slow_way():
    points, labels = planted(24, 3)
    widths = []
    for i, point in enumerate(points):
        distance = np.linalg.norm(points - point, axis=1)
        means = [distance[(labels == k) & (np.arange(24) != i)].mean() for k in range(3)]
        own, other = means[labels[i]], min(m for k, m in enumerate(means) if k != labels[i])
        widths.append((other - own) / max(own, other))
    assert silhouette(points, labels, 0) == pytest.approx(np.mean(widths))
    assert silhouette(points, np.zeros(24, dtype=int), 0) == 0.0


def test_the_valley_is_that_of_the_least_separated_pair():
    counts = np.array([[20, 2, 10], [9, 5, 8], [30, 0, 30]])
    ratio, p = widest_bridge(counts)
    assert ratio == 5 / 8
    assert p == pytest.approx(sum(comb(13, i) for i in range(6)) / 2**13)


def test_an_empty_window_is_no_evidence():
    assert widest_bridge(np.array([[0, 0, 0]])) == (1.0, 1.0)
    assert widest_bridge(np.array([[0, 4, 9]])) == (4.0, 1.0)


def test_windows_are_around_the_centers_and_the_middle():
    points, truth = planted(400, 2, apart=6.0)
    centers = np.array([points[truth == k].mean(axis=0) for k in range(2)])
    along = (points - centers.mean(axis=0)) @ (centers[1] - centers[0]) / np.linalg.norm(centers[1] - centers[0])
    expected = [(np.abs(along - at) < 1).sum() for at in (-3, 0, 3)]  # centers are 6 apart: windows 2 wide
    found = window_counts(points, centers, seed=0)[0]
    assert np.abs(found - expected).max() <= 6  # the folds' centers and those of all points differ a little
    assert found[1] < 20 < 100 < min(found[0], found[2])


def test_subsamples_label_all_points():
    points, truth = planted(60, 3)
    parts = subsample_labels(points, 3, seed=0)
    assert {len(part) for part in parts} == {60}
    assert all(slow_ari(part, truth) == 1 for part in parts)


def test_a_cut_of_planted_clusters_has_perfect_numbers():
    points, truth = planted(90, 3, apart=12)
    found = cut(points, 3, seed=0)
    assert slow_ari(found.labels, truth) == found.ari_seeds == found.ari_subsamples == found.weakest_jaccard == 1
    assert found.smallest == 30 and found.stable and found.separated
    for cluster in range(3):
        np.testing.assert_allclose(found.centers[cluster], points[found.labels == cluster].mean(axis=0), atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_one_cluster_too_many_is_seen_by_the_weakest_one(seed):
    points, _ = planted(300, 4, seed=seed)
    found = cut(points, 5, seed=0)
    assert min(found.ari_seeds, found.ari_subsamples) > 0.8  # which alone would accept it
    assert found.weakest_jaccard < 0.75 and not found.stable and not found.separated


def test_clusters_are_in_order_of_size():
    random = np.random.default_rng(0)
    points = np.concatenate([random.normal(size=(20, 2)), random.normal(size=(50, 2)) + 20])
    assert np.bincount(cut(points, 2, seed=3).labels).tolist() == [50, 20]


@pytest.mark.parametrize(
    "worse",
    [{"ari_seeds": 0.79}, {"ari_subsamples": 0.79}, {"weakest_jaccard": 0.74}, {"smallest": SMALLEST - 1}],
)
def test_stable_needs_every_number(worse):
    numbers = {"ari_seeds": 0.8, "ari_subsamples": 0.8, "weakest_jaccard": 0.75, "smallest": SMALLEST}
    fixed = {"k": 2, "labels": None, "centers": None, "silhouette": 0.1, "valley": 0.5, "valley_p": 0.049}
    assert Cut(**fixed, **numbers).stable
    assert not Cut(**fixed, **{**numbers, **worse}).stable
    assert Cut(**fixed, **numbers).separated
    assert not Cut(**{**fixed, "valley": 0.51}, **numbers).separated
    assert not Cut(**{**fixed, "valley_p": 0.05}, **numbers).separated
