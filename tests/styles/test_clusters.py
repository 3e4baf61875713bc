import numpy as np
import pytest

from groove.errors import RunError
from groove.styles.clusters import CLUSTERS, CONTINUUM, UNDIVIDED, partition, principal_coordinates
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
    with pytest.raises(RunError, match="1 of 30 embeddings hold NaN or infinity"):
        partition(broken)
