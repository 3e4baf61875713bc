"""The retrieval table: how well each space finds the true radar neighbours, with intervals over songs.

Dimension letters: N charts, E size of a space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from groove.data.triplets import ChartLabels
from groove.retrieval.bootstrap import DRAWS, Interval, mean_interval, ratio_interval
from groove.retrieval.metrics import NEIGHBORS, QueryScores, query_scores, spearman

Spaces = Mapping[str, NDArray[np.float64]]
"""Vectors (N, E) of the same N charts, by the name of the space."""
KS = (1, 5, 10)


def space_scores(
    vectors: NDArray[np.float64],
    labels: ChartLabels,
    within: bool,
    ks: Sequence[int] = KS,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return gain of the 5 nearest, and recall, precision and nDCG at each of `ks`, with intervals.

    Args:
        vectors: (N, E).
        labels: of the same charts; all are queries, and candidates of each other.
        within: candidates are of the query's difficulty class only.
        ks: how many neighbours count.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """
    of_k = {k: query_scores(vectors, labels, k, within) for k in {*ks, NEIGHBORS}}
    found: dict[str, Interval] = {"gain": _gain(of_k[NEIGHBORS], labels, draws, seed)}
    for k in ks:
        scores = of_k[k]
        for name in ("recall", "precision", "ndcg"):
            found[f"{name}_at_{k}"] = mean_interval(getattr(scores, name), labels.song[scores.row], draws, seed)
    return found


def correlations(vectors: NDArray[np.float64], labels: ChartLabels, within: bool) -> dict[str, Interval]:
    """Return Spearman's rank correlation of distances with the radar's, all axes and each; pairs give no interval."""
    nan = float("nan")
    found = spearman(vectors, labels, within)
    return {name.removeprefix("spearman_"): Interval(value, nan, nan) for name, value in found.items()}


def gain(
    vectors: NDArray[np.float64],
    labels: ChartLabels,
    within: bool,
    k: int = NEIGHBORS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return the retrieval gain (see `groove.retrieval.metrics.retrieval_gain`) with its interval."""
    return _gain(query_scores(vectors, labels, k, within), labels, draws, seed)


def _gain(scores: QueryScores, labels: ChartLabels, draws: int, seed: int) -> Interval:
    above, below = scores.random - scores.model, scores.random - scores.oracle
    return ratio_interval(above, below, labels.song[scores.row], draws, seed)


def gain_by_class(
    vectors: NDArray[np.float64], labels: ChartLabels, classes: Sequence[str], draws: int = DRAWS, seed: int = 0
) -> dict[str, Interval]:
    """Return the gain within each difficulty class, by its name; NaN where a class has too few charts."""
    members = {name: np.flatnonzero(labels.label == index) for index, name in enumerate(classes)}
    return {
        name: gain(vectors[rows], labels.take(rows), within=True, draws=draws, seed=seed)
        for name, rows in members.items()
    }


def label_gains(
    spaces: Spaces, values: NDArray[np.float64], names: Sequence[str], labels: ChartLabels, draws: int = DRAWS
) -> dict[str, dict[str, Interval]]:
    """Return, by space and by name, how much more alike in held-out labels neighbours are than random charts.

    The measure is the retrieval gain with one label in place of the radar: 0 as alike as random charts of the
    difficulty, 1 as the most alike there are. ``all`` takes the labels together, each divided by its deviation.

    Args:
        spaces: vectors of N charts.
        values: (N, L) labels that no training saw.
        names: of the L labels.
        labels: classes and songs of the charts.
        draws: of the bootstrap.
    """
    scaled = values / np.maximum(values.std(axis=0), 1e-12)
    kinds = {name: scaled[:, [i]] for i, name in enumerate(names)} | {"all": scaled}
    return {
        space: {
            name: gain(vectors, ChartLabels(kind, labels.label, labels.song), within=True, draws=draws)
            for name, kind in kinds.items()
        }
        for space, vectors in spaces.items()
    }
