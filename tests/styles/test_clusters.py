from itertools import combinations
from math import comb

import numpy as np
import pytest

from groove.errors import RunError
from groove.styles.clusters import (
    CLUSTERS,
    CONTINUUM,
    SMALLEST,
    UNDIVIDED,
    Cut,
    best_jaccard,
    cut,
    mean_ari,
    partition,
    principal_coordinates,
    silhouette,
    subsample_labels,
    widest_bridge,
    window_counts,
)
from tests.retrieval.planted import planted


def same(a, b):
    return ((a[:, None] == a[None, :]) == (b[:, None] == b[None, :])).all()


@pytest.mark.parametrize(("points", "clusters"), [(150, 2), (200, 3), (200, 4)])
def test_planted_clusters_are_found_with_their_number(points, clusters):
    vectors, truth = planted(points, clusters, apart=9)
    found = partition(vectors, seed=1, largest=clusters + 2)
    assert (found.k, found.structure) == (clusters, CLUSTERS)
    assert same(found.labels, truth)
    assert [one.k for one in found.cuts] == list(range(2, clusters + 3))


@pytest.mark.parametrize("seed", range(3))
def test_a_round_cloud_is_undivided(seed):
    found = partition(np.random.default_rng(seed).normal(size=(300, 4)), seed=seed, largest=4)
    assert (found.k, found.structure, found.chosen) == (1, UNDIVIDED, None)
    assert found.labels.tolist() == [0] * 300
    assert "no way to cut it" in found.reason


def test_a_long_cloud_is_a_continuum_with_a_useful_cut():
    vectors = np.random.default_rng(0).normal(size=(300, 3)) * [5, 1, 1]
    found = partition(vectors, largest=3)
    assert found.structure == CONTINUUM and found.k >= 2
    assert "borders are soft" in found.reason
    assert found.chosen.valley > 0.5


def test_the_order_of_the_rows_changes_nothing():
    vectors = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32) * [4, 2, 1, 1]
    vectors[50] = vectors[3]  # equal ones too
    first = partition(vectors, largest=3)
    order = np.random.default_rng(1).permutation(120)
    second = partition(vectors[order], largest=3)
    np.testing.assert_array_equal(second.labels, first.labels[order])
    np.testing.assert_array_equal(second.distance, first.distance[order])
    assert [(a.ari_subsamples, a.valley) for a in first.cuts] == [(b.ari_subsamples, b.valley) for b in second.cuts]
    again = partition(vectors, largest=3)
    np.testing.assert_array_equal(again.points, first.points)


def test_distances_are_to_the_mean_of_the_cluster():
    vectors, truth = planted(60, 3, apart=12)
    found = partition(vectors, largest=3)
    expected = [np.linalg.norm(v - vectors[truth == t].mean(axis=0)) for v, t in zip(vectors, truth, strict=True)]
    np.testing.assert_allclose(found.distance, expected)


def test_principal_coordinates_keep_distances_and_their_share():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(50, 4)) @ random.normal(size=(4, 30))
    points, explained = principal_coordinates(vectors)
    values = np.sort(np.linalg.eigvalsh(np.cov(vectors.T)))[::-1]
    np.testing.assert_allclose(explained, (values / values.sum())[: len(explained)], atol=1e-9)
    assert explained.sum() >= 0.99 > explained[:-1].sum()
    kept = ((points - points.mean(axis=0)) ** 2).sum() / ((vectors - vectors.mean(axis=0)) ** 2).sum()
    assert kept == pytest.approx(explained.sum())


@pytest.mark.parametrize("charts", [1, 2, 19])
def test_few_charts_are_undivided(charts):
    found = partition(np.random.default_rng(0).normal(size=(charts, 3)))
    assert (found.k, found.structure, found.cuts) == (1, UNDIVIDED, [])
    assert f"too few charts ({charts}; at least 20 are needed)" in found.reason
    assert np.isfinite(found.distance).all() and found.points.shape[1] >= 2


def test_twenty_charts_can_be_two_styles():
    vectors, truth = planted(20, 2, apart=20)
    found = partition(vectors)
    assert found.k == 2 and same(found.labels, truth)


@pytest.mark.parametrize("width", [1, 7])
def test_equal_charts_are_undivided(width):
    found = partition(np.full((40, width), 0.1, dtype=np.float32))
    assert (found.k, found.structure) == (1, UNDIVIDED)
    assert "same embedding" in found.reason
    assert found.distance.max() < 1e-6 and not found.explained.any() and found.points.shape == (40, 2)


def test_many_copies_of_two_charts_are_two_clusters():
    vectors = np.repeat([[0.0, 1.0], [3.0, 1.0]], 30, axis=0)
    found = partition(vectors)
    assert (found.k, found.structure) == (2, CLUSTERS)
    assert np.isfinite([found.chosen.silhouette, found.chosen.valley, found.chosen.valley_p]).all()


def test_what_cannot_be_clustered_is_said():
    broken = np.zeros((30, 2))
    broken[4, 1] = np.nan
    with pytest.raises(RunError, match="1 of 30 charts have vectors that are not finite"):
        partition(broken)


# --- how well a cut holds ----------------------------------------


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
    fixed = {"k": 2, "labels": None, "silhouette": 0.1, "valley": 0.5, "valley_p": 0.049}
    assert Cut(**fixed, **numbers).stable
    assert not Cut(**fixed, **{**numbers, **worse}).stable
    assert Cut(**fixed, **numbers).separated
    assert not Cut(**{**fixed, "valley": 0.51}, **numbers).separated
    assert not Cut(**{**fixed, "valley_p": 0.05}, **numbers).separated
