"""The nearest charts, exactly and ties by position: the one search behind answers, metrics and maps.

Some more candidates than are needed come from a quick search: a KD-tree in few dimensions (Bentley, 1975), faiss in
float32 in many (Douze et al., 2024, "The Faiss library"). They are measured again in float64. Where the last candidate
is not clearly farther than the last neighbor (many charts are equally far, or rounding could have hidden one), and
among few references, all distances of the query are measured.

Dimension letters: Q queries, M references, N charts, E size of a vector, K neighbors, C candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

Vectors = NDArray[np.floating]
Songs = NDArray[np.int64]
NONE = -1
"""The row of a neighbor that does not exist, since fewer than K charts are of other songs."""
_FEW_DIMENSIONS = 5
_SMALL = 2048
"""Among so few references all distances are measured."""
_SPARE = 32
"""Candidates beyond K: for charts of the query's own song, and to see that the last one is farther."""
_BLOCK = 4096
"""Queries at once; with fewer faiss reads the references so often that it takes three times as long."""
_CELLS = 2_000_000
"""Distances measured at once: 16 MB."""
_FEW_QUERIES = 100
_FLOAT32_ABOVE = 4096


class Neighbors(NamedTuple):
    """The nearest references of each query, nearest first, (Q, K)."""

    rows: NDArray[np.intp]  # `NONE` where there is none
    distance: NDArray[np.float64]  # Euclidean, infinite where there is none


def nearest_of_other_songs(vectors: Vectors, song: Songs, k: int, threads: int = 1) -> Neighbors:
    """Return for each of N charts (N, E) its `k` nearest of another song (N,); with a song each: but for itself."""
    return nearest(vectors, vectors, k, (song, song), threads)


def nearest(
    queries: Vectors, references: Vectors, k: int, songs: tuple[Songs, Songs] | None = None, threads: int = 1
) -> Neighbors:
    """Return the `k` nearest of `references` (M, E) of each of `queries` (Q, E), ties by row, with `threads` of faiss.

    `songs` are numbers of the queries' (Q,) and references' (M,) songs: none of its own song is a query's neighbor.
    """
    found = Neighbors(np.full((len(queries), k), NONE, dtype=np.intp), np.full((len(queries), k), np.inf))
    unsure = np.ones(len(queries), dtype=bool)
    if len(references) > max(_SMALL, k + _SPARE):
        for rows, near, outside in _candidates(queries, references, k + _SPARE, threads):
            apart = queries[rows, None, :].astype(np.float64) - references[near]
            distance = np.sqrt(np.einsum("qce,qce->qc", apart, apart))
            if songs is not None:
                distance[songs[0][rows, None] == songs[1][near]] = np.inf
            order = np.argsort(distance, axis=1, kind="stable")[:, :k]
            found.distance[rows] = np.take_along_axis(distance, order, axis=1)
            found.rows[rows] = np.take_along_axis(near, order, axis=1)
            unsure[rows] = ~(found.distance[rows, -1] ** 2 < outside)
    _measure_all(queries, references, songs, np.flatnonzero(unsure), found)
    return found


def _candidates(
    queries: Vectors, references: Vectors, count: int, threads: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """Yield rows of queries (Q,), their candidates (Q, C) by row, and the least squared distance of all others (Q,)."""
    import faiss

    faiss.omp_set_num_threads(threads)
    if len(queries) > _FEW_QUERIES:  # rounding grows with the distance from the origin; few are not worth the copy
        center = references.mean(axis=0)
        queries, references = queries - center, references - center
    dtype: Any = np.float64 if queries.shape[1] <= _FEW_DIMENSIONS else np.float32
    queries, references = (np.ascontiguousarray(x, dtype=dtype) for x in (queries, references))
    tree = cKDTree(references, balanced_tree=False, compact_nodes=False) if dtype is np.float64 else None
    rounding = float(np.finfo(dtype).eps) * (queries.shape[1] + 8)
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        distance, near = tree.query(block, count) if tree is not None else faiss.knn(block, references, count)
        outer = distance[:, -1] if tree is not None else np.sqrt(np.maximum(distance[:, -1], 0.0))  # faiss: squares
        reach = np.linalg.norm(block, axis=1) + outer
        rows = np.arange(start, start + len(block))
        yield rows, np.sort(near, axis=1).astype(np.intp), outer.astype(np.float64) ** 2 - rounding * reach**2


def _measure_all(
    queries: Vectors, references: Vectors, songs: tuple[Songs, Songs] | None, rows: NDArray[np.intp], found: Neighbors
) -> None:
    """Write to `found` what all distances of the queries at `rows` say."""
    k, step = found.rows.shape[1], max(1, _CELLS // max(len(references), 1))
    for start in range(0, len(rows) if len(references) else 0, step):
        part = rows[start : start + step]
        distance = cdist(queries[part], references)
        if songs is not None:
            distance[songs[0][part, None] == songs[1]] = np.inf
        place = min(k, len(references)) - 1
        near = distance <= np.partition(distance, place, axis=1)[:, place, None]
        near &= np.isfinite(distance)
        found.rows[part], found.distance[part] = NONE, np.inf
        for row, of_row, among in zip(part, distance, near, strict=True):
            columns = np.flatnonzero(among)
            chosen = columns[np.argsort(of_row[columns], kind="stable")[:k]]
            found.rows[row, : len(chosen)], found.distance[row, : len(chosen)] = chosen, of_row[chosen]


def mean_distances(vectors: Vectors, song: Songs) -> NDArray[np.float64]:
    """Return the mean distance of each of N charts (N, E) to all charts of other songs, (N,); 0 where there are none.

    All pairs are measured; of more than 4096 charts in float32, which is right to six digits.
    """
    n = len(vectors)
    if n == 0:
        return np.zeros(0)
    dtype: Any = np.float64 if n <= _FLOAT32_ABOVE else np.float32
    centered, codes = vectors - vectors.mean(axis=0), song.astype(np.int32)
    square, one = (centered**2).sum(axis=1, keepdims=True), np.ones((n, 1))
    left = np.hstack([-2.0 * centered, one, square]).astype(dtype)
    right = np.ascontiguousarray(np.hstack([centered, square, one]).T, dtype)  # left @ right: squared distances
    sums, step = np.zeros(n), max(1, _CELLS // n)
    for start in range(0, n, step):
        part = slice(start, start + step)
        distance = left[part] @ right
        distance[codes[part, None] == codes] = 0.0
        sums[part] = np.sqrt(np.maximum(distance, 0.0, out=distance), out=distance).sum(axis=1)
    _, place, charts = np.unique(song, return_inverse=True, return_counts=True)
    return sums / np.maximum(n - charts[place], 1)
