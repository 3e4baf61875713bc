"""The nearest charts of other songs against a sort of all distances, on every way there is to find them."""

from __future__ import annotations

import numpy as np
import pytest

from groove.retrieval import ranking as module
from groove.retrieval.neighbors import NONE
from groove.retrieval.ranking import mean_distances, nearest_of_others


def sorted_rows(vectors: np.ndarray, song: np.ndarray, k: int) -> list[list[int]]:
    """Every chart's nearest by a sort of pairs of distance and position."""
    found = []
    for i in range(len(vectors)):
        others = [(float(((vectors[i] - vectors[j]) ** 2).sum()), j) for j in np.flatnonzero(song != song[i])]
        rows = [int(j) for _, j in sorted(others)[:k]]
        found.append(rows + [NONE] * (k - len(rows)))
    return found


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
    assert nearest_of_others(vectors, song, 6).tolist() == sorted_rows(vectors, song, 6)


@pytest.mark.parametrize("small", [2048, 0])
@pytest.mark.parametrize(("n", "songs", "k"), [(0, 1, 3), (1, 1, 3), (5, 5, 9), (60, 1, 3), (60, 2, 40)])
def test_where_fewer_exist_the_rest_is_none(monkeypatch, small, n, songs, k):
    monkeypatch.setattr(module, "_SMALL", small)
    vectors, song = np.random.default_rng(0).normal(size=(n, 7)), np.arange(n) % songs
    found = nearest_of_others(vectors, song, k)
    assert found.shape == (n, k) and found.tolist() == sorted_rows(vectors, song, k)


def test_candidates_of_many_charts_suffice_but_for_ties(monkeypatch):
    measured = []
    monkeypatch.setattr(module, "_measure_all", lambda vectors, song, rows, found: measured.append(len(rows)))
    generator = np.random.default_rng(0)
    for dimensions in (5, 16):
        nearest_of_others(generator.normal(size=(3000, dimensions)), np.arange(3000) // 4, 10)
    assert measured == [0, 0]
    nearest_of_others(generator.integers(0, 3, size=(3000, 2)).astype(float), np.arange(3000), 10)
    assert measured[-1] == 3000


@pytest.mark.parametrize(("limit", "tolerance"), [(4096, 1e-12), (0, 1e-6)], ids=["float64", "float32"])
def test_mean_distances_against_a_loop(monkeypatch, limit, tolerance):
    monkeypatch.setattr(module, "_FLOAT32_ABOVE", limit)
    monkeypatch.setattr(module, "_MEAN_CELLS", 500)
    vectors = np.random.default_rng(0).normal(size=(90, 5)) + 40
    song = np.random.default_rng(1).integers(0, 20, 90)
    expected = [np.linalg.norm(vectors[song != song[i]] - vectors[i], axis=1).mean() for i in range(90)]
    np.testing.assert_allclose(mean_distances(vectors, song), expected, rtol=tolerance)


@pytest.mark.parametrize("n", [0, 1, 8])
def test_without_charts_of_other_songs_the_mean_is_zero(n):
    assert mean_distances(np.ones((n, 5)), np.zeros(n, dtype=np.int64)).tolist() == [0.0] * n
