"""The nearest charts of other songs for every chart, exactly and ties by position, without sorting all distances.

Few candidates, a little more than are asked for, come from a quick search: a KD-tree in few dimensions (Bentley, 1975),
faiss in float32 in many (Douze et al., 2024). They are measured again in float64. Where the last candidate is not
clearly farther than the last neighbour (many charts are equally far, or rounding could have hidden one), and in small
groups, all distances of that chart are measured.

Dimension letters: N charts, Q of them that ask, E size of a vector, K neighbours, C candidates.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from groove.data.scaler import radar_distances
from groove.retrieval.index import ChartIndex
from groove.retrieval.neighbors import NONE

Vectors = NDArray[np.float64]
_SMALL = 2048
"""Groups up to here are measured whole."""
_FEW_DIMENSIONS = 5
_OWN_SONG, _SPARE = 16, 16
"""Candidates beyond those asked for: for charts of the own song, and to see that the last one is farther."""
_BLOCK = 4096
"""Queries at once; with fewer faiss reads the charts so often that it takes three times as long."""
_CELLS = 2_000_000
"""Distances measured at once: 16 MB."""
_MEAN_CELLS = 1_600_000
_FLOAT32_ABOVE = 4096


def nearest_of_others(vectors: Vectors, song: NDArray[np.int64], k: int) -> NDArray[np.intp]:
    """Return the `k` nearest charts of other songs of every chart, nearest first, ties by position.

    Args:
        vectors: (N, E).
        song: (N,) a number per chart, equal for the charts of one song.
        k: how many.

    Returns:
        (N, K) rows, `NONE` where fewer exist.
    """
    n = len(vectors)
    found = np.full((n, k), NONE, dtype=np.intp)
    unsure = np.ones(n, dtype=bool)
    if n > max(_SMALL, k):
        centred = vectors - vectors.mean(axis=0)  # rounding grows with the distance from the origin
        for rows, near, outer, tolerance in _searched(centred, min(k + _OWN_SONG + _SPARE, n)):
            found[rows], last = _best(vectors, song, rows, np.sort(near, axis=1), k)
            reach = np.linalg.norm(centred[rows], axis=1) + outer
            unsure[rows] = ~(last**2 + tolerance * reach**2 < outer**2)
    _measure_all(vectors, song, np.flatnonzero(unsure), found)
    return found


def _searched(
    vectors: Vectors, count: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], float]]:
    """Yield blocks of rows (Q,), their candidates (Q, C), the last one's distance (Q,), and the relative rounding."""
    import faiss

    faiss.omp_set_num_threads(1)
    few = vectors.shape[1] <= _FEW_DIMENSIONS
    tree = cKDTree(vectors, balanced_tree=False, compact_nodes=False) if few else None
    single = vectors.astype(np.float32)
    index = ChartIndex(single) if tree is None else None
    rounding = float(np.finfo(np.float64 if few else np.float32).eps) * (vectors.shape[1] + 8)
    for start in range(0, len(vectors), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(vectors)))
        if tree is not None:
            distance, near = tree.query(vectors[rows], k=count)
        else:
            assert index is not None
            distance, near = index.search(single[rows], count)
        yield rows, near.astype(np.intp), distance[:, -1].astype(np.float64), rounding


def _best(
    vectors: Vectors, song: NDArray[np.int64], rows: NDArray[np.intp], near: NDArray[np.intp], k: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the `k` nearest of other songs among `near` (Q, C), in order of position, and the last one's distance."""
    apart = vectors[rows, None, :] - vectors[near]
    distance = np.sqrt(np.einsum("qce,qce->qc", apart, apart))
    distance[song[rows, None] == song[near]] = np.inf
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    distance = np.take_along_axis(distance, order, axis=1)
    best = np.where(np.isfinite(distance), np.take_along_axis(near, order, axis=1), NONE)
    return best, distance[:, -1]


def _measure_all(vectors: Vectors, song: NDArray[np.int64], rows: NDArray[np.intp], found: NDArray[np.intp]) -> None:
    """Write the nearest of `rows` to `found` (N, K) by all their distances."""
    k, step = found.shape[1], max(1, _CELLS // max(len(vectors), 1))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        distance = radar_distances(vectors[part], vectors)
        distance[song[part, None] == song[None, :]] = np.inf
        place = min(k, len(vectors)) - 1
        last = np.partition(distance, place, axis=1)[:, place]
        # products of matrices round: what may be as near as the last is measured again
        near = distance <= (last + 5e-7 * (last + np.linalg.norm(vectors[part], axis=1)))[:, None]
        near &= np.isfinite(distance)
        for row, columns in zip(part, near, strict=True):
            nearest = np.flatnonzero(columns)
            apart = ((vectors[nearest] - vectors[row]) ** 2).sum(axis=1)
            chosen = nearest[np.argsort(apart, kind="stable")[:k]]
            found[row] = NONE
            found[row, : len(chosen)] = chosen


def mean_distances(vectors: Vectors, song: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean distance of every chart to all charts of other songs, (N,); 0 where there are none.

    All pairs are measured; in groups of more than 4096 charts in float32, which is right to six digits.
    """
    n = len(vectors)
    dtype = np.float64 if n <= _FLOAT32_ABOVE else np.float32
    centred = vectors - vectors.mean(axis=0) if n else vectors
    square, one = (centred**2).sum(axis=1, keepdims=True), np.ones((n, 1))
    left = np.hstack([-2.0 * centred, one, square]).astype(dtype)
    right = np.ascontiguousarray(np.hstack([centred, square, one]).T.astype(dtype))  # their product: squared distances
    order = np.argsort(song, kind="stable")
    first, size = (np.searchsorted(song[order], song, side) for side in ("left", "right"))
    size = size - first
    sums, step = np.zeros(n), max(1, _MEAN_CELLS // max(n, 1))
    for start in range(0, n, step):
        stop = min(start + step, n)
        distance = left[start:stop] @ right
        own = np.repeat(np.arange(start, stop), size[start:stop])
        turn = np.arange(len(own)) - np.repeat(np.cumsum(size[start:stop]) - size[start:stop], size[start:stop])
        distance[own - start, order[first[own] + turn]] = 0.0
        np.sqrt(np.maximum(distance, 0.0, out=distance), out=distance)
        sums[start:stop] = distance.sum(axis=1)
    return sums / np.maximum(n - size, 1)
