"""The charts nearest to each chart, of other songs only: an exact search by faiss.

faiss (Douze et al., 2024, "The Faiss library") squares distances in float32, which loses the digits of near twins; the
few that it finds are measured again. Dimension letters: N queries, M references, E size of a vector, K neighbours.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.retrieval.index import ChartIndex

NONE = -1
"""The row of a neighbour that does not exist, since fewer than K charts are of other songs."""
_BLOCK = 2048


class Neighbors(NamedTuple):
    """The nearest charts of each chart, nearest first.

    Attributes:
        rows: (N, K), `NONE` where there is none.
        distance: (N, K), Euclidean, infinite where there is none.
    """

    rows: NDArray[np.int64]
    distance: NDArray[np.float64]


def nearest(queries: NDArray[np.float32], references: NDArray[np.float32], k: int, threads: int = 1) -> Neighbors:
    """Return the `k` (at most M) nearest of `references` (M, E) for each of `queries` (N, E), ties by row."""
    import faiss

    faiss.omp_set_num_threads(threads)
    index = ChartIndex(references)
    blocks = [queries[start : start + _BLOCK] for start in range(0, len(queries), _BLOCK)]
    found = [_measured(block, references, index, k) for block in blocks]
    if not found:
        return Neighbors(np.zeros((0, k), np.int64), np.zeros((0, k)))
    return Neighbors(np.concatenate([part.rows for part in found]), np.concatenate([part.distance for part in found]))


def _measured(queries: NDArray[np.float32], references: NDArray[np.float32], index: ChartIndex, k: int) -> Neighbors:
    """Return what `index` finds, with distances in float64 and in their order."""
    rows = np.sort(index.search(queries, k)[1], axis=1)
    apart = queries[:, None, :].astype(np.float64) - references[rows]
    distance = np.sqrt((apart**2).sum(axis=2))
    order = np.argsort(distance, axis=1, kind="stable")
    return Neighbors(np.take_along_axis(rows, order, axis=1), np.take_along_axis(distance, order, axis=1))


def nearest_of_other_songs(
    vectors: NDArray[np.float32], song: NDArray[np.int64], k: int, threads: int = 1
) -> Neighbors:
    """Return for each of N charts its `k` nearest of other songs.

    Args:
        vectors: (N, E).
        song: a number per chart, equal for the charts of one song, (N,).
        k: neighbours; where fewer exist, the rest are `NONE`.
        threads: of faiss.
    """
    n, largest = len(vectors), int(np.bincount(song).max(initial=0))
    found = nearest(vectors, vectors, min(k + largest, n), threads)
    own = song[found.rows] == song[:, None]
    order = np.argsort(own, axis=1, kind="stable")[:, :k]  # others first, each group still nearest first
    rows = np.take_along_axis(np.where(own, NONE, found.rows), order, axis=1)
    distance = np.take_along_axis(np.where(own, np.inf, found.distance), order, axis=1)
    missing = ((0, 0), (0, k - rows.shape[1]))
    return Neighbors(np.pad(rows, missing, constant_values=NONE), np.pad(distance, missing, constant_values=np.inf))
