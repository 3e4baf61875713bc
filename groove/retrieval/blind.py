"""What a network that is shown nothing still finds: a leak, if its neighbours are better than random ones.

Blindfolded, a sound network gives every chart the same vector, so that which charts are nearest is chance. One draw of
it says little (noise on the vectors has hubs, which become everybody's neighbours; its gain has a deviation of .10),
so equal distances are put in a random order for every query by itself, many times.
Dimension letters: N charts, E embedding size, K neighbors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from groove.data.triplets import ChartLabels
from groove.retrieval.intervals import Interval
from groove.retrieval.metrics import NEIGHBORS, radar_truth

DRAWS = 100
_MOST_CHARTS = 1024
_EQUAL = 1e-4
"""Distances that differ by less, as a share of the mean length of a vector, are equal: rounding differs by 1e-7."""


def blind_gain(
    vectors: NDArray[np.float64], labels: ChartLabels, k: int = NEIGHBORS, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Return the retrieval gain of blind `vectors` (N, E) within a difficulty: mean and 95 % of `draws` orders of ties.

    Of more than 1024 charts so many are compared; NaN where there is nothing to choose.
    """
    rows = np.linspace(0, len(labels) - 1, min(len(labels), _MOST_CHARTS)).astype(int)
    part, x = labels.take(rows), vectors[rows]
    truth = radar_truth(part, within=True, k=k)
    asks = truth.candidates > k
    if not asks.any():
        return Interval(float("nan"))
    radar = cdist(part.radar[asks], part.radar)
    random, oracle = truth.random[asks].mean(), np.take_along_axis(radar, truth.nearest[asks], axis=1).mean()
    candidate = (part.label[asks, None] == part.label[None, :]) & (part.song[asks, None] != part.song[None, :])
    equal = _EQUAL * float(np.linalg.norm(x, axis=1).mean()) or 1.0
    distance = np.where(candidate, np.floor(cdist(x[asks], x) / equal), np.inf)
    generator, found = np.random.default_rng(seed), []
    for _ in range(draws if random - oracle > 1e-12 else 0):
        nearest = np.argpartition(distance + generator.random(distance.shape), k, axis=1)[:, :k]
        found.append((random - np.take_along_axis(radar, nearest, axis=1).mean()) / (random - oracle))
    if not found:
        return Interval(float("nan"))
    return Interval(float(np.mean(found)), *np.percentile(found, [2.5, 97.5]).tolist())
