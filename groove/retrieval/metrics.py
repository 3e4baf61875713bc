"""Does the embedding find charts that feel alike? k-nearest-neighbour retrieval against the true radar neighbours.

A query's candidates are all charts of other songs, within its difficulty class or across all of them. Perfect input
(the radar itself as the embedding) scores a gain of 1; random neighbours score 0. Dimension letters: N charts, E
embedding size, R radar axes, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from groove.charts.radar import RADAR_AXES
from groove.data.scaler import radar_distances
from groove.data.triplets import ChartLabels

NEIGHBORS = 5
RELEVANT = 10
"""The true neighbours of a chart are its 10 nearest in radar space."""
_BLOCK = 512
_MAX_PAIRS = 2_000_000


def distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Euclidean distances of rows (N, E) and (M, E) -> (N, M)."""
    return radar_distances(a, b)


def _candidates(labels: ChartLabels, rows: NDArray[np.intp], within: bool) -> NDArray[np.bool_]:
    allowed = labels.song[rows, None] != labels.song[None, :]
    return allowed & (labels.label[rows, None] == labels.label[None, :]) if within else allowed


def _blocks(n: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, n, _BLOCK):
        yield np.arange(start, min(start + _BLOCK, n))


def retrieval_gain(
    embedding: NDArray[np.float64], labels: ChartLabels, k: int = NEIGHBORS, within: bool = True
) -> float:
    """Return (random - model) / (random - oracle) of the mean radar distance of the `k` nearest neighbours.

    0 is as good as random neighbours, 1 as good as the radar itself, negative is worse than random. NaN where no chart
    has more than `k` candidates (there is nothing to choose) or all candidates are equally far.
    """
    sums = np.zeros(3)
    for rows in _blocks(len(labels)):
        allowed = _candidates(labels, rows, within)
        rows, allowed = rows[allowed.sum(axis=1) > k], allowed[allowed.sum(axis=1) > k]
        radar = radar_distances(labels.radar[rows], labels.radar)
        model = _nearest(distances(embedding[rows], embedding), allowed, k)
        oracle = _nearest(radar, allowed, k)
        random = (radar * allowed).sum(axis=1) / np.maximum(allowed.sum(axis=1), 1)
        sums += [
            random.sum(),
            np.take_along_axis(radar, model, axis=1).mean(axis=1).sum(),
            np.take_along_axis(radar, oracle, axis=1).mean(axis=1).sum(),
        ]
    return _gain(*sums)


def _gain(random: float, model: float, oracle: float) -> float:
    """Return the gain of three sums of radar distances."""
    return float((random - model) / (random - oracle)) if random - oracle > 1e-12 else float("nan")


def _nearest(distance: NDArray[np.float64], allowed: NDArray[np.bool_], k: int) -> NDArray[np.intp]:
    """Return the `k` nearest allowed columns per row, nearest first, ties by position -> (rows, k)."""
    return np.argsort(np.where(allowed, distance, np.inf), axis=1, kind="stable")[:, :k]


class QueryScores(NamedTuple):
    """What each of Q queries found; only charts with more than `k` candidates are queries.

    Attributes:
        row: (Q,) which chart asks.
        random: (Q,) mean radar distance of all its candidates.
        model: (Q,) of the `k` nearest in the embedding.
        oracle: (Q,) of the `k` nearest in the radar.
        recall: (Q,) share of its `RELEVANT` nearest in the radar that are among the `k`.
        precision: (Q,) share of the `k` that are among its `RELEVANT`.
        ndcg: (Q,) nDCG of the `k`.
    """

    row: NDArray[np.intp]
    random: NDArray[np.float64]
    model: NDArray[np.float64]
    oracle: NDArray[np.float64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    ndcg: NDArray[np.float64]


def query_scores(embedding: NDArray[np.float64], labels: ChartLabels, k: int, within: bool) -> QueryScores:
    """Return what every chart finds in `embedding` (N, E) among its candidates.

    The relevant charts of a query are its `RELEVANT` nearest in radar space; nDCG weighs a neighbour by
    ``max(0, 1 - radar distance / mean radar distance of the query's candidates)``.
    """
    parts = [_scores(rows, embedding, labels, k, within) for rows in _blocks(len(labels))]
    empty = QueryScores(np.zeros(0, dtype=np.intp), *[np.zeros(0)] * 6)
    return QueryScores(*(np.concatenate(columns) for columns in zip(empty, *parts, strict=True)))


def _scores(
    rows: NDArray[np.intp], embedding: NDArray[np.float64], labels: ChartLabels, k: int, within: bool
) -> QueryScores:
    allowed = _candidates(labels, rows, within)
    candidates = allowed.sum(axis=1)
    rows, allowed, candidates = (x[candidates > k] for x in (rows, allowed, candidates))
    if len(rows) == 0:
        return QueryScores(rows, *[np.zeros(0)] * 6)
    radar = radar_distances(labels.radar[rows], labels.radar)
    found = _nearest(distances(embedding[rows], embedding), allowed, k)
    true = _nearest(radar, allowed, max(k, RELEVANT))
    relevant = np.zeros_like(allowed)
    np.put_along_axis(relevant, true[:, :RELEVANT], True, axis=1)
    hits = np.take_along_axis(relevant & allowed, found, axis=1).sum(axis=1)
    return QueryScores(
        rows,
        (radar * allowed).sum(axis=1) / np.maximum(candidates, 1),
        np.take_along_axis(radar, found, axis=1).mean(axis=1),
        np.take_along_axis(radar, true[:, :k], axis=1).mean(axis=1),
        hits / np.minimum(candidates, RELEVANT),
        hits / k,
        _ndcg(radar, allowed, found, k),
    )


def retrieval_metrics(
    embedding: NDArray[np.float64], labels: ChartLabels, k: int = NEIGHBORS, within: bool = True
) -> dict[str, float]:
    """Return gain, recall@k, precision@k, nDCG@k and Spearman correlations (all axes together, and each)."""
    scores = query_scores(embedding, labels, k, within)
    means = {f"{name}_at_{k}": _mean(getattr(scores, name)) for name in ("recall", "precision", "ndcg")}
    gain = _gain(scores.random.sum(), scores.model.sum(), scores.oracle.sum())
    return {"gain": gain} | means | spearman(embedding, labels, within)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _ndcg(
    radar: NDArray[np.float64], allowed: NDArray[np.bool_], found: NDArray[np.intp], k: int
) -> NDArray[np.float64]:
    mean = (radar * allowed).sum(axis=1, keepdims=True) / np.maximum(allowed.sum(axis=1, keepdims=True), 1)
    relevance = np.where(allowed, np.maximum(0.0, 1.0 - radar / np.maximum(mean, 1e-12)), 0.0)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = (-np.sort(-relevance, axis=1)[:, :k] * discount).sum(axis=1)
    reached = (np.take_along_axis(relevance, found, axis=1) * discount).sum(axis=1)
    return np.where(ideal > 0, reached / np.maximum(ideal, 1e-12), 1.0)


def spearman(embedding: NDArray[np.float64], labels: ChartLabels, within: bool) -> dict[str, float]:
    """Return the rank correlation of embedding distance with radar distance over candidate pairs (N < pair limit)."""
    keep = np.arange(len(labels))
    if len(labels) ** 2 / 2 > _MAX_PAIRS:
        keep = np.linspace(0, len(labels) - 1, int((2 * _MAX_PAIRS) ** 0.5)).astype(np.intp)
    part, vectors = labels.take(keep), embedding[keep]
    pairs = np.triu(_candidates(part, np.arange(len(part)), within), k=1)
    found = distances(vectors, vectors)[pairs]
    correlations = {"spearman": _rank_correlation(found, radar_distances(part.radar, part.radar)[pairs])}
    for axis, name in enumerate(RADAR_AXES):
        difference = np.abs(part.radar[:, None, axis] - part.radar[None, :, axis])[pairs]
        correlations[f"spearman_{name}"] = _rank_correlation(found, difference)
    return correlations


def _rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])
