"""The map: principal components by the textbook, t-SNE by what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from groove.errors import RunError
from groove.explorer.map_layout import COUNTED, map_of, neighbors_kept


def clusters(each: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return three tight groups of `each` vectors (8 numbers) far from each other, and which group each is of."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(3), each)
    return (np.eye(8)[group] * 10 + random.normal(size=(3 * each, 8)) * 0.3).astype(np.float32), group


def test_pca_is_that_of_the_singular_values():
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32) * np.array(
        [1, 5, 1, 3, 1, 1], np.float32
    )
    found, how = map_of(vectors, "pca")
    left, values, _ = np.linalg.svd(vectors - vectors.mean(axis=0, dtype=float), full_matrices=False)
    expected = left[:, :2] * values[:2]
    apart = [np.linalg.norm(x[:, None] - x[None], axis=2) for x in (found, expected)]
    np.testing.assert_allclose(apart[0] * np.ptp(expected, axis=0).max(), apart[1], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found, map_of(vectors[::-1], "pca")[0][::-1], atol=1e-8)  # the order changes no sign
    assert f"keeps {neighbors_kept(vectors, found):.0%} near" in how


def test_one_number_per_vector_is_a_line():
    found, _ = map_of(np.array([[1.0], [2.0], [4.0]], np.float32))
    np.testing.assert_allclose(found, [[0, 0.5], [1 / 3, 0.5], [1, 0.5]], atol=1e-9)


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_the_map_is_repeatable_and_in_the_unit_square(method):
    vectors, group = clusters()
    xy, again = (map_of(vectors, method, seed=3)[0] for _ in range(2))
    np.testing.assert_array_equal(xy, again)
    assert xy.min() >= 0 and xy.max() <= 1
    assert np.ptp(xy, axis=0).max() == pytest.approx(1)  # one scale for both coordinates
    centers = np.array([xy[group == g].mean(axis=0) for g in range(3)])
    own = np.linalg.norm(xy - centers[group], axis=1).max()
    between = min(np.linalg.norm(centers[a] - centers[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert between > own


def test_neighbors_kept_by_hand():
    vectors = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    xy = vectors[:, :2].astype(float)
    shares = []
    for i in range(30):
        near = []
        for space in (vectors.astype(float), xy):
            distance = np.linalg.norm(space - space[i], axis=1)
            distance[i] = np.inf
            near.append(set(np.argsort(distance)[:COUNTED]))
        shares.append(len(near[0] & near[1]) / COUNTED)
    assert neighbors_kept(vectors, xy) == pytest.approx(np.mean(shares))
    assert neighbors_kept(vectors[:, :2], xy) == 1


def test_more_charts_than_the_sample_are_placed_beside_their_neighbors():
    vectors, group = clusters(60)
    xy, how = map_of(vectors, sample=90)
    assert "90 of 180" in how
    centers = np.array([xy[group == g].mean(axis=0) for g in range(3)])
    distance = np.linalg.norm(xy[:, None] - centers[None], axis=2)
    assert (distance.argmin(axis=1) == group).all()


@pytest.mark.parametrize("charts", [1, 2, 4, 5])
def test_few_charts(charts):
    xy, how = map_of(np.random.default_rng(0).normal(size=(charts, 3)).astype(np.float32))
    assert xy.shape == (charts, 2) and np.isfinite(xy).all()
    assert ("PCA" in how) == (charts < 5)


def test_charts_that_are_all_alike_lie_in_the_middle():
    xy, how = map_of(np.ones((40, 3), np.float32))
    assert (xy == 0.5).all() and "PCA" in how


def test_vectors_that_are_not_finite():
    with pytest.raises(RunError, match="1 of 9 charts have vectors that are not finite"):
        map_of(np.where(np.arange(18).reshape(9, 2) == 3, np.nan, 1).astype(np.float32))
