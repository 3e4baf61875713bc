"""What a space knows that is not the radar: its own mirror image, its song, who wrote it, where it was released.

Each test asks every chart for its nearest candidates and counts what it should find there, against what chance finds.
Dimension letters: Q queries, M references, E size of a space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from groove.data.scaler import radar_distances
from groove.data.triplets import ChartLabels
from groove.retrieval.intervals import DRAWS, Interval, mean_intervals

_BLOCK = 512
K = 5


def finds_original(
    mirrored: NDArray[np.float64], vectors: NDArray[np.float64], song: NDArray[np.int64], draws: int = DRAWS
) -> dict[str, Interval]:
    """Return how often the nearest of all charts (N, E) to a mirrored one (N, E) is the chart itself."""
    own = np.eye(len(vectors), dtype=bool)
    return _found(mirrored, vectors, own, np.ones_like(own), song, draws, k=1)


def finds_song(vectors: NDArray[np.float64], labels: ChartLabels, draws: int = DRAWS) -> dict[str, Interval]:
    """Return how often another difficulty of the same song is among the `K` nearest charts of other difficulties."""
    candidates = labels.label[:, None] != labels.label[None, :]
    relevant = candidates & (labels.song[:, None] == labels.song[None, :])
    return _found(vectors, vectors, relevant, candidates, labels.song, draws)


def shares_name(
    vectors: NDArray[np.float64], labels: ChartLabels, names: Sequence[str], draws: int = DRAWS
) -> dict[str, Interval]:
    """Return how often one of the `K` nearest charts of other songs of a difficulty shares a name, and chance.

    Charts without a name (a blank step artist, say) neither ask nor answer; nor do those whose name no candidate has.
    """
    _, code = np.unique([name.strip().casefold() for name in names], return_inverse=True)
    named = np.array([bool(name.strip()) for name in names])
    candidates = (labels.song[:, None] != labels.song[None, :]) & (labels.label[:, None] == labels.label[None, :])
    candidates &= named[:, None] & named[None, :]
    relevant = candidates & (code[:, None] == code[None, :])
    return _found(vectors, vectors, relevant, candidates, labels.song, draws)


def _found(
    queries: NDArray[np.float64],
    references: NDArray[np.float64],
    relevant: NDArray[np.bool_],
    candidates: NDArray[np.bool_],
    song: NDArray[np.int64],
    draws: int,
    k: int = K,
) -> dict[str, Interval]:
    """Return hits among the `k` nearest, chance and mean reciprocal rank, over queries with something to find."""
    able = relevant.any(axis=1)
    queries, relevant, candidates = queries[able], relevant[able], candidates[able]
    rank = first_ranks(queries, references, relevant, candidates)
    chance = chance_hits(relevant.sum(axis=1), candidates.sum(axis=1), k)
    found = mean_intervals([(rank <= k).astype(float), chance, 1.0 / rank], song[able], draws)
    names = (f"hit_at_{k}", "chance", "reciprocal_rank")
    return dict(zip(names, found, strict=True)) | {"queries": Interval(float(able.sum()))}


def first_ranks(
    queries: NDArray[np.float64],
    references: NDArray[np.float64],
    relevant: NDArray[np.bool_],
    candidates: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return at which rank, from 1 on, each query's first relevant reference comes among the candidates, (Q,).

    References at the same distance come first: a space of equal vectors finds nothing. `relevant` and `candidates`
    are (Q, M), `relevant` within `candidates` and with at least one in each row.
    """
    ranks = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(queries), _BLOCK):
        part = slice(start, start + _BLOCK)
        distance = radar_distances(queries[part], references)
        best = np.where(relevant[part], distance, np.inf).min(axis=1, keepdims=True)
        before = candidates[part] & ~relevant[part] & (distance <= best)
        ranks.append(before.sum(axis=1).astype(np.int64) + 1)
    return np.concatenate(ranks)


def chance_hits(relevant: NDArray[np.int64], candidates: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Return the probability that `k` candidates drawn at random hold a relevant one, (Q,)."""
    return hypergeom.sf(0, candidates, relevant, np.minimum(k, candidates))
