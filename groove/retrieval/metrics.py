"""Does the embedding find charts that feel alike? k-nearest-neighbor retrieval against the true radar neighbors.

A query's candidates are all charts of other songs, within its difficulty class or across all of them. Perfect input
(the radar itself as the embedding) scores a gain of 1; random neighbors score 0. Dimension letters: N charts, Q
queries, E embedding size, R radar axes, K neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.data.scaler import radar_distances
from groove.data.triplets import ChartLabels
from groove.retrieval.search import NONE, mean_distances, nearest_of_other_songs

NEIGHBORS = 5
RELEVANT = 10
"""The true neighbors of a chart are its 10 nearest in radar space."""
_MAX_PAIRS = 2_000_000


class Truth(NamedTuple):
    """What the radar says of every chart's candidates, whatever the embedding."""

    candidates: NDArray[np.int64]  # (N,) how many
    random: NDArray[np.float64]  # (N,) their mean radar distance
    nearest: NDArray[np.intp]  # (N, K) rows of the nearest in the radar, `NONE` where fewer exist


def radar_truth(labels: ChartLabels, within: bool, k: int = RELEVANT) -> Truth:
    """Return the truth about the `k` nearest of all charts; made once, it serves every embedding of the same charts."""
    random = np.zeros(len(labels))
    candidates = np.zeros(len(labels), dtype=np.int64)
    for rows in _groups(labels, within):
        _, song, charts = np.unique(labels.song[rows], return_inverse=True, return_counts=True)
        candidates[rows] = len(rows) - charts[song]
        random[rows] = mean_distances(labels.radar[rows], labels.song[rows])
    return Truth(candidates, random, _nearest(labels.radar, labels, within, k))


def _groups(labels: ChartLabels, within: bool) -> list[NDArray[np.intp]]:
    """Return the rows of charts that are each other's candidates, unless of one song."""
    if not within:
        return [np.arange(len(labels))]
    names, charts = np.unique(labels.label, return_counts=True)
    return [np.flatnonzero(labels.label == label) for label in names[charts > 1]]  # who is alone has no candidate


def _nearest(vectors: NDArray[np.float64], labels: ChartLabels, within: bool, k: int) -> NDArray[np.intp]:
    """Return the rows of the `k` nearest candidates of every chart, nearest first, `NONE` where fewer exist."""
    found = np.full((len(labels), k), NONE, dtype=np.intp)
    for rows in _groups(labels, within):
        places = nearest_of_other_songs(vectors[rows], labels.song[rows], k).rows
        found[rows] = np.where(places == NONE, NONE, rows[places])
    return found


class QueryScores(NamedTuple):
    """What each of Q queries found, (Q,) each; only charts with more than `k` candidates are queries."""

    row: NDArray[np.intp]  # which chart asks
    random: NDArray[np.float64]  # mean radar distance of all its candidates
    model: NDArray[np.float64]  # of the k nearest in the embedding
    oracle: NDArray[np.float64]  # of the k nearest in the radar
    recall: NDArray[np.float64]  # share of its `RELEVANT` nearest in the radar that are among the k
    precision: NDArray[np.float64]  # share of the k that are among its `RELEVANT`
    ndcg: NDArray[np.float64]

    @property
    def gain(self) -> float:
        """Return the retrieval gain, (random - model) / (random - oracle); NaN where there is nothing to choose."""
        random, model, oracle = self.random.sum(), self.model.sum(), self.oracle.sum()
        return float((random - model) / (random - oracle)) if random - oracle > 1e-12 else float("nan")


def query_scores(
    embedding: NDArray[np.float64], labels: ChartLabels, ks: Sequence[int], within: bool, truth: Truth | None = None
) -> dict[int, QueryScores]:
    """Return what every chart finds in `embedding` (N, E) among its candidates, for each number of neighbors.

    The relevant charts of a query are its `RELEVANT` nearest in radar space; nDCG weighs a neighbor by
    ``max(0, 1 - radar distance / mean radar distance of the query's candidates)``. `truth` is about the same charts
    and as many neighbors as the largest of `ks`; it is made here if it is not given.
    """
    truth = truth or radar_truth(labels, within, max(*ks, RELEVANT))
    found = _nearest(embedding, labels, within, max(ks))
    reached, best = (
        np.where(rows == NONE, np.inf, np.linalg.norm(labels.radar[:, None] - labels.radar[rows], axis=2))
        for rows in (found, truth.nearest)
    )
    scores = {}
    for k in ks:
        row = np.flatnonzero(truth.candidates > k)
        relevant = truth.nearest[row, None, :RELEVANT]
        hits = (found[row, :k, None] == relevant).any(axis=2).sum(axis=1)
        random, model, oracle = truth.random[row], reached[row, :k], best[row, :k]
        recall = hits / np.minimum(truth.candidates[row], RELEVANT)
        ndcg = _ndcg(random, model, oracle)
        scores[k] = QueryScores(row, random, model.mean(axis=1), oracle.mean(axis=1), recall, hits / k, ndcg)
    return scores


def _ndcg(random: NDArray[np.float64], reached: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return nDCG (Q,) of radar distances (Q, K), given the mean distance of all candidates and the best distances."""
    discount = 1.0 / np.log2(np.arange(2, reached.shape[1] + 2))
    scale = np.maximum(random, 1e-12)[:, None]
    gains, ideal = ((np.maximum(0.0, 1.0 - x / scale) * discount).sum(axis=1) for x in (reached, best))
    return np.where(ideal > 0, gains / np.maximum(ideal, 1e-12), 1.0)


def retrieval_gain(
    embedding: NDArray[np.float64], labels: ChartLabels, k: int = NEIGHBORS, within: bool = True
) -> float:
    """Return (random - model) / (random - oracle) of the mean radar distance of the `k` nearest neighbors.

    0 is as good as random neighbors, 1 as good as the radar itself, negative is worse than random. NaN where no chart
    has more than `k` candidates (there is nothing to choose) or all candidates are equally far.
    """
    return query_scores(embedding, labels, (k,), within)[k].gain


def retrieval_metrics(
    embedding: NDArray[np.float64], labels: ChartLabels, k: int = NEIGHBORS, within: bool = True
) -> dict[str, float]:
    """Return gain, recall@k, precision@k, nDCG@k and Spearman correlations (all axes together, and each)."""
    scores = query_scores(embedding, labels, (k,), within)[k]
    found = {"gain": scores.gain}
    for name in ("recall", "precision", "ndcg"):
        found[f"{name}_at_{k}"] = float(getattr(scores, name).mean()) if len(scores.row) else float("nan")
    return found | spearman(embedding, labels, within)


def spearman(embedding: NDArray[np.float64], labels: ChartLabels, within: bool) -> dict[str, float]:
    """Return the rank correlation of embedding distance with radar distance over candidate pairs (N < pair limit)."""
    keep = np.arange(len(labels))
    if len(labels) ** 2 / 2 > _MAX_PAIRS:
        keep = np.linspace(0, len(labels) - 1, int((2 * _MAX_PAIRS) ** 0.5)).astype(np.intp)
    part, vectors = labels.take(keep), embedding[keep]
    others = part.song[:, None] != part.song[None, :]
    if within:
        others &= part.label[:, None] == part.label[None, :]
    pairs = np.triu(others, k=1)
    found = radar_distances(vectors, vectors)[pairs]
    correlations = {"spearman": _rank_correlation(found, radar_distances(part.radar, part.radar)[pairs])}
    for axis, name in enumerate(RADAR_AXES):
        difference = np.abs(part.radar[:, None, axis] - part.radar[None, :, axis])[pairs]
        correlations[f"spearman_{name}"] = _rank_correlation(found, difference)
    return correlations


def _rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(spearmanr(a, b).statistic)
