"""The map: principal components by the textbook, t-SNE by what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from groove.errors import RunError
from groove.explorer.layout import COUNTED, map_of, neighbors_kept, principal_components


def clusters(each: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return three tight groups of `each` vectors (8 numbers) far from each other, and which group each is of."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(3), each)
    return (np.eye(8)[group] * 10 + random.normal(size=(3 * each, 8)) * 0.3).astype(np.float32), group


def test_principal_components_are_those_of_the_singular_values():
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32) * np.array(
        [1, 5, 1, 3, 1, 1], np.float32
    )
    found = principal_components(vectors)
    centerd = vectors - vectors.mean(axis=0, dtype=float)
    left, values, _ = np.linalg.svd(centerd, full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :2] * values[:2]), rtol=1e-5, atol=1e-5)
    turned = principal_components(vectors[::-1])[::-1]
    np.testing.assert_allclose(found, turned, atol=1e-8)  # a sign does not depend on the charts' order


def test_one_number_per_vector_is_a_line():
    found = principal_components(np.array([[1.0], [2.0], [4.0]], np.float32))
    assert found.shape == (3, 2) and (found[:, 1] == 0).all()


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_the_map_is_repeatable_and_in_the_unit_square(method):
    vectors, group = clusters()
    first, again = (map_of(vectors, method, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.xy, again.xy)
    assert first.xy.min() >= 0 and first.xy.max() <= 1
    assert np.ptp(first.xy, axis=0).max() == pytest.approx(1)  # one scale for both coordinates
    centers = np.array([first.xy[group == g].mean(axis=0) for g in range(3)])
    own = np.linalg.norm(first.xy - centers[group], axis=1).max()
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
    assert map_of(vectors, "pca").kept == pytest.approx(neighbors_kept(vectors, map_of(vectors, "pca").xy))


def test_more_charts_than_the_sample_are_placed_beside_their_neighbors():
    vectors, group = clusters(60)
    found = map_of(vectors, sample=90)
    assert "90 of 180" in found.how
    centers = np.array([found.xy[group == g].mean(axis=0) for g in range(3)])
    distance = np.linalg.norm(found.xy[:, None] - centers[None], axis=2)
    assert (distance.argmin(axis=1) == group).all()


@pytest.mark.parametrize("charts", [1, 2, 4, 5])
def test_few_charts(charts):
    found = map_of(np.random.default_rng(0).normal(size=(charts, 3)).astype(np.float32))
    assert found.xy.shape == (charts, 2) and np.isfinite(found.xy).all()
    assert ("PCA" in found.how) == (charts < 5)


def test_charts_that_are_all_alike_lie_in_the_middle():
    found = map_of(np.ones((40, 3), np.float32))
    assert (found.xy == 0.5).all() and "PCA" in found.how


def test_vectors_that_are_not_finite():
    with pytest.raises(RunError, match="1 of 9 charts have vectors that are not finite"):
        map_of(np.where(np.arange(18).reshape(9, 2) == 3, np.nan, 1).astype(np.float32))
