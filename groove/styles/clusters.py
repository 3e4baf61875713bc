"""Clusters of the charts of one class, their number chosen, with "there are none" among the answers.

k-means for k = 2 to 8, and the choice:

1. **clusters**: the largest k that is stable and has a valley between every pair of clusters;
2. **continuum**: else the largest k that is stable. The charts form one cloud, and these are its regions: everybody
   who cuts it so finely gets the same ones, but charts on both sides of a border are alike;
3. **undivided**: else none (k = 1): a class of few charts or of equal ones, or a round cloud that every fit cuts
   differently.

Stable is (bounds are the constants below):

* Over seeds: the mean adjusted Rand index (Hubert and Arabie 1985) of pairs of fits that differ in their start only.
* Over subsamples: the same of fits to random parts of the points, each extended to all points by the nearest center.
* The weakest cluster: each cluster's mean Jaccard index with the most similar one of every subsample's fit, of which
  the least counts (Hennig 2007, "Cluster-wise assessment of cluster stability"). A mean over clusters stays high when
  one round cluster among good ones is halved anew each time; this does not.

The valley: are there fewer points between two clusters than at their centers? Points are projected on the line through
both centers, which was fitted without them (folds); three windows of equal width lie around the two centers and the
middle. A density with one peak holds at least as many points in the middle window as in the emptier of the others,
whatever its shape, so a middle that is emptier is evidence of two groups and not of a continuum cut in two. All pairs
must show it; the least empty counts.

The partition depends on the set of vectors and the seed, not on their order. Dimension letters: N charts (points), E
embedding size, P principal coordinates, K clusters.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, silhouette_score

from groove.errors import RunError

LARGEST = 8
KEPT_SHARE = 0.99
CLUSTERS, CONTINUUM, UNDIVIDED = "clusters", "continuum", "undivided"
SEEDS, SUBSAMPLES, FOLDS = 10, 20, 5
SUBSAMPLE_SHARE = 0.8
STARTS, SUBSAMPLE_STARTS = 10, 4
"""Starts of every fit and of a subsample's fit, of which the best counts."""
STABLE_ARI = 0.8
STABLE_JACCARD = 0.75  # Hennig's bound for "a valid, stable cluster"
SMALLEST = 10
"""Fewer charts than this are odd ones out, not a style."""
FEWEST = 2 * SMALLEST
"""A class of fewer charts has no sub-styles."""
EMPTY_VALLEY, VALLEY_P = 0.5, 0.05
WINDOW = 1 / 3
"""Half a window's width, where the centers lie at -1 and 1: the three windows just touch."""
_SILHOUETTE_POINTS = 2000
Points = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Partition:
    """What was found among N charts: clusters, continuum or undivided, and the reason in a sentence.

    Attributes:
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


@dataclass(frozen=True)
class Cut:
    """K-means with `k` clusters, and how well it holds; the module says what the numbers are.

    `labels` (N,) begin with the largest cluster, `smallest` counts the points of the last one. `valley` is that of the
    least separated pair: points in the middle over those at the emptier center, 1 and more: none.
    """

    k: int
    labels: Labels
    silhouette: float
    ari_seeds: float
    ari_subsamples: float
    weakest_jaccard: float
    valley: float
    valley_p: float
    smallest: int

    @property
    def stable(self) -> bool:
        """Return whether other starts and other parts of the library give the same clusters, none of them tiny."""
        same = min(self.ari_seeds, self.ari_subsamples) >= STABLE_ARI
        return same and self.weakest_jaccard >= STABLE_JACCARD and self.smallest >= SMALLEST

    @property
    def numbers(self) -> dict[str, float]:
        """Return all numbers, by name."""
        known = {name: value for name, value in vars(self).items() if name != "labels"}
        return known | {"stable": self.stable, "separated": self.separated}

    @property
    def separated(self) -> bool:
        """Return whether every pair of clusters has a valley between them."""
        return self.valley <= EMPTY_VALLEY and self.valley_p < VALLEY_P


def cut(points: Points, k: int, seed: int) -> Cut:
    """Return k-means with `k` clusters of `points` (N, P) and its numbers; clusters are in order of size."""
    fits = [fit(points, k, STARTS, seed + number) for number in range(SEEDS)]
    centers, counts = fits[0].cluster_centers_, np.bincount(fits[0].labels_, minlength=k)
    order = sorted(range(k), key=lambda cluster: (-counts[cluster], *centers[cluster]))
    labels = np.argsort(order)[fits[0].labels_]
    parts = subsample_labels(points, k, seed)
    valley, valley_p = widest_bridge(window_counts(points, centers[order], seed))
    return Cut(
        k=k,
        labels=labels,
        silhouette=silhouette(points, labels, seed),
        ari_seeds=mean_ari([found.labels_ for found in fits]),
        ari_subsamples=mean_ari(parts),
        weakest_jaccard=float(np.mean([best_jaccard(labels, part, k) for part in parts], axis=0).min()),
        valley=valley,
        valley_p=valley_p,
        smallest=int(counts.min()),
    )


def silhouette(points: Points, labels: Labels, seed: int) -> float:
    """Return the mean silhouette width of `points`, of a random part where they are many; 0 for a single cluster."""
    if len(points) > _SILHOUETTE_POINTS:
        rows = np.random.default_rng(seed).choice(len(points), _SILHOUETTE_POINTS, replace=False)
        points, labels = points[rows], labels[rows]
    return float(silhouette_score(points, labels)) if len(np.unique(labels)) > 1 else 0.0


def fit(points: Points, k: int, starts: int, seed: int, init: Points | str = "k-means++") -> KMeans:
    """Return k-means fitted to `points`, the best of `starts` starts: random ones, or the centers `init`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than k, in a subsample
        return KMeans(k, init=init, n_init=starts, random_state=seed).fit(points)


def subsample_labels(points: Points, k: int, seed: int) -> list[Labels]:
    """Return the labels (N,) that k-means of each of `SUBSAMPLES` random parts gives all `points`."""
    random = np.random.default_rng((seed, k))
    size = max(int(SUBSAMPLE_SHARE * len(points)), k)
    rows = [np.sort(random.choice(len(points), size, replace=False)) for _ in range(SUBSAMPLES)]
    return [fit(points[part], k, SUBSAMPLE_STARTS, seed + i).predict(points) for i, part in enumerate(rows)]


def mean_ari(partitions: Sequence[Labels]) -> float:
    """Return the mean adjusted Rand index of all pairs of `partitions`: 1 equal, 0 as alike as random ones."""
    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(partitions, 2)]))


def best_jaccard(labels: Labels, other: Labels, k: int) -> NDArray[np.float64]:
    """Return, for each of `k` clusters of `labels`, the Jaccard index with the most similar one of `other`, (K,)."""
    common = np.zeros((k, k))
    np.add.at(common, (labels, other), 1)
    union = common.sum(axis=1)[:, None] + common.sum(axis=0)[None, :] - common
    return (common / np.maximum(union, 1)).max(axis=1)


def window_counts(points: Points, centers: Points, seed: int) -> NDArray[np.int64]:
    """Return the points around one center, the middle and the other center of each pair of clusters, (pairs, 3).

    The centers that a point is projected with are fitted, from `centers` on, to the folds that it is not in.
    """
    pairs = list(combinations(range(len(centers)), 2))
    fold = np.random.default_rng(seed).permutation(len(points)) % FOLDS
    counts = np.zeros((len(pairs), 3), dtype=np.int64)
    for number in range(FOLDS):
        rest = fit(points[fold != number], len(centers), 1, seed, init=centers)
        kept_out = points[fold == number]
        label = rest.predict(kept_out)
        for row, pair in enumerate(pairs):
            first, second = rest.cluster_centers_[list(pair)]
            line = (second - first) / 2
            if line.any():
                place = (kept_out[np.isin(label, pair)] - (first + second) / 2) @ line / (line @ line)
                counts[row] += [int((np.abs(place - at) < WINDOW).sum()) for at in (-1, 0, 1)]
    return counts


def widest_bridge(counts: NDArray[np.int64]) -> tuple[float, float]:
    """Return valley ratio and p-value of the least separated pair, each the largest over the rows of `counts`.

    The p-value is that of a fair coin: under one peak a point of the middle and the emptier side is in the middle with
    a probability of at least one half.
    """
    middle, side = counts[:, 1], np.minimum(counts[:, 0], counts[:, 2])
    ratios = np.where(middle + side > 0, middle / np.maximum(side, 1), 1.0)
    return float(ratios.max()), float(binom.cdf(middle, middle + side, 0.5).max())
