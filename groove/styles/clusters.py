"""Clusters of the charts of one class, their number chosen, with "there are none" among the answers.

k-means for k = 2 to 8 (each measured by `groove.styles.stability`), and the choice:

1. **clusters**: the largest k that is stable and has a valley between every pair of clusters;
2. **continuum**: else the largest k that is stable. The charts form one cloud, and these are its regions: everybody
   who cuts it so finely gets the same ones, but charts on both sides of a border are alike;
3. **undivided**: else none (k = 1): a class of few charts or of equal ones, or a round cloud that every fit cuts
   differently.

Other criteria, tried on one trained model's embedding of 982 real charts in four classes: the largest silhouette gave
2, 2, 2 and 4, and cannot answer 1; BIC of Gaussian mixtures gave 7, 6, 3 and 7, as it spends components on the skew of
one cloud; silhouettes above those of a Gaussian cloud of the same spread were found at every k, for the same reason;
prediction strength (Tibshirani and Walther 2005) of halves gave 3, 2, 1 and 2. The adjusted Rand index over subsamples
alone took 7 for one class of a second model, with a cluster of three charts, and 5 for four planted clusters.

The partition depends on the set of vectors and the seed, not on their order. Dimension letters: N charts, E embedding
size, P principal coordinates, K clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from groove.errors import RunError
from groove.styles.stability import SMALLEST, Cut, Labels, Points, cut

LARGEST = 8
FEWEST = 2 * SMALLEST
"""A class of fewer charts has no sub-styles."""
KEPT_SHARE = 0.99
CLUSTERS, CONTINUUM, UNDIVIDED = "clusters", "continuum", "undivided"


@dataclass(frozen=True)
class Partition:
    """What was found among N charts.

    Attributes:
        structure: clusters, continuum or undivided.
        reason: a sentence on why.
        labels: cluster of each chart, the largest is 0, (N,).
        distance: from each chart to the center of its cluster, in the embedding, (N,).
        points: principal coordinates, (N, P); P is at least 2.
        explained: share of the variance along each coordinate, (P,).
        cuts: the measured numbers of clusters, in their order.
        chosen: the one of them that `labels` is, or None where the class is undivided.
    """

    structure: str
    reason: str
    labels: Labels
    distance: NDArray[np.float64]
    points: Points
    explained: NDArray[np.float64]
    cuts: Sequence[Cut]
    chosen: Cut | None

    @property
    def k(self) -> int:
        """Return the number of clusters; 1 is none."""
        return self.chosen.k if self.chosen else 1


def partition(
    vectors: NDArray[np.floating],
    seed: int = 0,
    largest: int = LARGEST,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Partition:
    """Return the clusters of `vectors` (N, E), one per chart of a class; at most `largest` are tried.

    `on_step` is told how many numbers of clusters are done, and of how many at most.

    Raises:
        RunError: if a vector is not finite.
    """
    order = np.lexsort(vectors.T[::-1])  # makes the result that of the set: equal vectors are interchangeable
    back = np.argsort(order)
    points, explained = principal_coordinates(vectors[order])
    cuts = []
    for k in range(2, 1 + min(largest, len(points) // SMALLEST, len(np.unique(points, axis=0)))):
        found = cut(points, k, seed)
        cuts.append(replace(found, labels=found.labels[back]))
        on_step(k - 1, largest - 1)
    chosen, structure, reason = choose(cuts, len(points))
    labels = chosen.labels if chosen else np.zeros(len(points), dtype=np.int64)
    distance = np.zeros(len(points))
    for cluster in np.unique(labels):
        inside = order[labels[order] == cluster]
        apart = vectors[inside].astype(np.float64)
        distance[inside] = np.linalg.norm(apart - apart.mean(axis=0), axis=1)
    return Partition(structure, reason, labels, distance, points[back], explained, cuts, chosen)


def principal_coordinates(vectors: NDArray[np.floating]) -> tuple[Points, NDArray[np.float64]]:
    """Return `vectors` (N, E) along their principal axes, (N, P), and each axis's share of the variance, (P,).

    As many axes as hold `KEPT_SHARE` of it, at least two: an embedding of 64 numbers has about five that matter, and
    k-means on them is faster and gives the same clusters.

    Raises:
        RunError: if a vector is not finite.
    """
    broken = int((~np.isfinite(vectors)).any(axis=1).sum())
    if broken:
        raise RunError(f"{broken} of {len(vectors)} charts have vectors that are not finite: the model has diverged")
    vectors = vectors.astype(np.float64)
    spread = np.linalg.norm(vectors - vectors.mean(axis=0)) if len(vectors) else 0.0
    if spread <= 1e-6 * np.linalg.norm(vectors):  # all equal: what is left is rounding
        return np.zeros((len(vectors), 2)), np.zeros(2)
    wide = np.pad(vectors, ((0, 0), (0, max(0, 2 - vectors.shape[1]))))
    found = PCA(svd_solver="full").fit(wide)
    shares = found.explained_variance_ratio_
    axes = max(int(np.searchsorted(np.cumsum(shares), KEPT_SHARE)) + 1, 2)
    return found.transform(wide)[:, :axes], shares[:axes]


def choose(cuts: Sequence[Cut], charts: int) -> tuple[Cut | None, str, str]:
    """Return the cut that is taken (None: none), what structure that is, and why, for a class of `charts` charts."""
    stable = [one for one in cuts if one.stable]
    apart = [one for one in stable if one.separated]
    if apart:
        best = apart[-1]
        return best, CLUSTERS, f"{best.k} groups with emptier space between them (valley {best.valley:.2f})"
    if stable:
        best = stable[-1]
        return best, CONTINUUM, f"one cloud, cut into {best.k} regions that are the same each time; borders are soft"
    if charts < FEWEST:
        few = f"too few charts ({charts}; at least {FEWEST} are needed)"
        return None, UNDIVIDED, few if charts else "no chart"
    if not cuts:
        return None, UNDIVIDED, "all charts have the same embedding"
    return None, UNDIVIDED, "one cloud, and no way to cut it that other seeds and subsamples repeat"
