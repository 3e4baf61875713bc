"""Nearest charts of other songs, against a search by hand over all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from groove.retrieval.neighbors import NONE, nearest, nearest_of_other_songs


def by_hand(vectors, song, k):
    """Return rows and distances of the `k` nearest of other songs, ties by row, in float64."""
    rows, distances = [], []
    for i in range(len(vectors)):
        apart = [(float(np.linalg.norm(vectors[i].astype(float) - vectors[j].astype(float))), j)
                 for j in range(len(vectors)) if song[j] != song[i]]  # fmt: skip
        best = sorted(apart)[:k] + [(np.inf, NONE)] * (k - len(apart))
        rows.append([j for _, j in best])
        distances.append([d for d, _ in best])
    return np.array(rows), np.array(distances)


@pytest.mark.parametrize(("charts", "songs", "k"), [(60, 12, 7), (60, 2, 10), (9, 3, 10), (5, 5, 4)])
def test_against_all_pairs(charts, songs, k):
    random = np.random.default_rng(charts + songs)
    vectors = random.normal(size=(charts, 6)).astype(np.float32)
    song = random.integers(0, songs, charts)
    rows, distance = by_hand(vectors, song, k)
    found = nearest_of_other_songs(vectors, song, k)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_allclose(found.distance, distance, rtol=1e-12)


def test_blocks_are_put_together():
    random = np.random.default_rng(0)
    vectors, song = random.normal(size=(4500, 3)).astype(np.float32), np.arange(4500)
    found = nearest_of_other_songs(vectors, song, 2)
    for i in (0, 2047, 2048, 4499):
        distance = np.linalg.norm(vectors.astype(float) - vectors[i].astype(float), axis=1)
        distance[i] = np.inf
        assert found.rows[i].tolist() == np.argsort(distance)[:2].tolist()


def test_near_twins_far_from_the_origin_keep_their_distance():
    """Squared in float32, 1000.01 and 1000 are 0 apart."""
    vectors = np.array([[1000.0, 0], [1000.01, 0], [1000.03, 0]], dtype=np.float32)
    found = nearest_of_other_songs(vectors, np.arange(3), 2)
    rows, distance = by_hand(vectors, np.arange(3), 2)
    assert found.rows.tolist() == rows.tolist() == [[1, 2], [0, 2], [1, 0]]
    np.testing.assert_allclose(found.distance, distance, rtol=1e-12)
    assert distance.min() > 0.009


def test_one_song_has_no_neighbours():
    found = nearest_of_other_songs(np.zeros((3, 2), np.float32), np.zeros(3, np.int64), 4)
    assert found.rows.tolist() == [[NONE] * 4] * 3 and np.isinf(found.distance).all()


def test_no_charts_no_neighbours():
    found = nearest(np.zeros((0, 2), np.float32), np.zeros((3, 2), np.float32), 2)
    assert found.rows.shape == found.distance.shape == (0, 2)
