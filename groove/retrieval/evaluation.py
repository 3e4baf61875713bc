"""The retrieval table: how well each space finds the true radar neighbours, with intervals over songs.

Dimension letters: N charts, E size of a space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from groove.data.triplets import ChartLabels
from groove.retrieval.bootstrap import DRAWS, Interval, ratio_interval, ratio_intervals
from groove.retrieval.metrics import NEIGHBORS, QueryScores, Truth, query_scores, radar_truth, spearman

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
    truth: Truth | None = None,
) -> dict[str, Interval]:
    """Return gain of the 5 nearest, and recall, precision and nDCG at each of `ks`, with intervals.

    Args:
        vectors: (N, E).
        labels: of the same charts; all are queries, and candidates of each other.
        within: candidates are of the query's difficulty class only.
        ks: how many neighbours count.
        draws: of the bootstrap.
        seed: of the bootstrap.
        truth: of these charts, if it is already known (`groove.retrieval.metrics.radar_truth`).
    """
    of_k = query_scores(vectors, labels, sorted({*ks, NEIGHBORS}), within, truth)
    wanted = {f"{name}_at_{k}": (k, getattr(of_k[k], name)) for k in ks for name in ("recall", "precision", "ndcg")}
    found: dict[str, Interval] = {"gain": _gain(of_k[NEIGHBORS], labels, draws, seed)}
    for queries in {len(of_k[k].row): of_k[k].row for k in ks}.values():  # as many queries are the same queries
        same = {name: values for name, (_, values) in wanted.items() if len(values) == len(queries)}
        ratios = [(values, np.ones(len(values))) for values in same.values()]
        found |= zip(same, ratio_intervals(ratios, labels.song[queries], draws, seed), strict=True)
    return {name: found[name] for name in ("gain", *wanted)}


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
    truth: Truth | None = None,
) -> Interval:
    """Return the retrieval gain (see `groove.retrieval.metrics.retrieval_gain`) with its interval."""
    return _gain(query_scores(vectors, labels, (k,), within, truth)[k], labels, draws, seed)


def _gain(scores: QueryScores, labels: ChartLabels, draws: int, seed: int) -> Interval:
    above, below = scores.random - scores.model, scores.random - scores.oracle
    return ratio_interval(above, below, labels.song[scores.row], draws, seed)


def gain_by_class(
    vectors: NDArray[np.float64],
    labels: ChartLabels,
    classes: Sequence[str],
    draws: int = DRAWS,
    seed: int = 0,
    truth: Truth | None = None,
) -> dict[str, Interval]:
    """Return the gain within each difficulty class, by its name; NaN where a class has too few charts."""
    scores = query_scores(vectors, labels, (NEIGHBORS,), True, truth)[NEIGHBORS]
    of_class = {name: labels.label[scores.row] == index for index, name in enumerate(classes)}
    return {
        name: _gain(QueryScores(*(column[own] for column in scores)), labels, draws, seed)
        for name, own in of_class.items()
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
    charts = {name: ChartLabels(kind, labels.label, labels.song) for name, kind in kinds.items()}
    truths = {name: radar_truth(of_kind, within=True) for name, of_kind in charts.items()}
    return {
        space: {
            name: gain(vectors, of_kind, within=True, draws=draws, truth=truths[name])
            for name, of_kind in charts.items()
        }
        for space, vectors in spaces.items()
    }
