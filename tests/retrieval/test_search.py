"""The nearest charts against a sort of all distances, on every way there is to find them."""

from __future__ import annotations

import numpy as np
import pytest

from groove.retrieval import search as module
from groove.retrieval.search import NONE, mean_distances, nearest, nearest_of_other_songs


def by_hand(queries, references, k, songs=None):
    """Return rows and distances of the `k` nearest by a sort of pairs of distance and row, in float64."""
    rows, distances = [], []
    for i, query in enumerate(queries):
        apart = [(float(np.linalg.norm(query.astype(float) - reference.astype(float))), j)
                 for j, reference in enumerate(references)
                 if songs is None or songs[0][i] != songs[1][j]]  # fmt: skip
        best = sorted(apart)[:k] + [(np.inf, NONE)] * (k - len(apart))
        rows.append([j for _, j in best])
        distances.append([d for d, _ in best])
    return np.array(rows), np.array(distances)


def agree(found, expected):
    np.testing.assert_array_equal(found.rows, expected[0])
    np.testing.assert_allclose(found.distance, expected[1], rtol=1e-12)


@pytest.mark.parametrize("small", [2048, 0], ids=["all distances", "candidates"])
@pytest.mark.parametrize("dimensions", [2, 12])
@pytest.mark.parametrize("kind", ["spread", "far from the origin", "whole numbers", "twins", "all equal"])
def test_nearest_are_those_of_a_sort_and_ties_go_by_position(monkeypatch, small, dimensions, kind):
    monkeypatch.setattr(module, "_SMALL", small)
    monkeypatch.setattr(module, "_BLOCK", 50)
    monkeypatch.setattr(module, "_CELLS", 1000)
    vectors = np.random.default_rng(0).normal(size=(160, dimensions))
    if kind == "far from the origin":
        vectors += 1000
    elif kind == "whole numbers":
        vectors = vectors.round()
    elif kind == "twins":
        vectors = np.repeat(vectors[:2], 80, axis=0)
    elif kind == "all equal":
        vectors[:] = 3
    song = np.random.default_rng(1).integers(0, 60, 160)
    agree(nearest_of_other_songs(vectors, song, 6), by_hand(vectors, vectors, 6, (song, song)))


@pytest.mark.parametrize("small", [2048, 0])
@pytest.mark.parametrize("queries", [3, 130])
def test_queries_that_are_no_references(monkeypatch, small, queries):
    monkeypatch.setattr(module, "_SMALL", small)
    vectors = np.random.default_rng(0).normal(size=(300, 9)).astype(np.float32)
    agree(nearest(vectors[:queries], vectors[140:], 4), by_hand(vectors[:queries], vectors[140:], 4))


@pytest.mark.parametrize("small", [2048, 0])
@pytest.mark.parametrize(("n", "songs", "k"), [(0, 1, 3), (1, 1, 3), (5, 5, 9), (60, 1, 3), (60, 2, 40)])
def test_where_fewer_exist_the_rest_is_none(monkeypatch, small, n, songs, k):
    monkeypatch.setattr(module, "_SMALL", small)
    vectors, song = np.random.default_rng(0).normal(size=(n, 7)), np.arange(n) % songs
    found = nearest_of_other_songs(vectors, song, k)
    assert found.rows.shape == found.distance.shape == (n, k)
    if n:
        agree(found, by_hand(vectors, vectors, k, (song, song)))


def test_candidates_of_many_charts_suffice_but_for_ties(monkeypatch):
    measured = []
    monkeypatch.setattr(module, "_measure_all", lambda q, r, songs, rows, found: measured.append(len(rows)))
    generator = np.random.default_rng(0)
    for dimensions in (5, 16):
        nearest_of_other_songs(generator.normal(size=(3000, dimensions)), np.arange(3000) // 4, 10)
    assert measured == [0, 0]
    nearest_of_other_songs(generator.integers(0, 3, size=(3000, 2)).astype(float), np.arange(3000), 10)
    assert measured[-1] == 3000


@pytest.mark.parametrize("small", [2048, 0])
def test_near_twins_far_from_the_origin_keep_their_distance(monkeypatch, small):
    """Squared in float32, 1000.01 and 1000 are 0 apart."""
    monkeypatch.setattr(module, "_SMALL", small)
    vectors = np.array([[1000.0, *[0] * 7], [1000.01, *[0] * 7], [1000.03, *[0] * 7]], dtype=np.float32)
    vectors = np.concatenate([vectors, np.zeros((60, 8), np.float32)])
    found, expected = nearest(vectors[:3], vectors, 3), by_hand(vectors[:3], vectors, 3)
    agree(found, expected)
    assert expected[0].tolist() == [[0, 1, 2], [1, 0, 2], [2, 1, 0]] and expected[1][:, 1].min() > 0.009


@pytest.mark.parametrize("small", [2048, 0])
def test_what_is_not_finite_has_no_neighbors(monkeypatch, small):
    monkeypatch.setattr(module, "_SMALL", small)
    vectors = np.random.default_rng(0).normal(size=(200, 6))
    vectors[3] = np.nan
    assert nearest(vectors[3:4], vectors, 4).rows.tolist() == [[NONE] * 4]


@pytest.mark.parametrize(("limit", "tolerance"), [(4096, 1e-12), (0, 1e-6)], ids=["float64", "float32"])
def test_mean_distances_against_a_loop(monkeypatch, limit, tolerance):
    monkeypatch.setattr(module, "_FLOAT32_ABOVE", limit)
    monkeypatch.setattr(module, "_CELLS", 500)
    vectors = np.random.default_rng(0).normal(size=(90, 5)) + 40
    song = np.random.default_rng(1).integers(0, 20, 90)
    expected = [np.linalg.norm(vectors[song != song[i]] - vectors[i], axis=1).mean() for i in range(90)]
    np.testing.assert_allclose(mean_distances(vectors, song), expected, rtol=tolerance)


@pytest.mark.parametrize("n", [0, 1, 8])
def test_without_charts_of_other_songs_the_mean_is_zero(n):
    assert mean_distances(np.ones((n, 5)), np.zeros(n, dtype=np.int64)).tolist() == [0.0] * n
