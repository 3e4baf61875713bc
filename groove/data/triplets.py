"""Same-difficulty triplets: which pairs the radar calls similar or dissimilar, and how triplets are drawn from them.

A pair (both charts of one class, of different songs) is a *positive* when its radar distance is among the nearest
`positive_percentile` of its class's pairs, a *negative* when among the farthest (100 - `negative_percentile`). A higher
negative percentile means negatives that are farther in radar space, so easier ones (the source document says harder);
hardness is decided in embedding space, by the miners of `groove.model.mining`.
Dimension letters: N charts, B charts of a batch, M triplets, R radar axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groove.data.scaler import radar_distances

Mask = NDArray[np.bool_]
_EXACT_CHARTS = 3000
"""Percentiles of larger classes are estimated on random pairs, of up to so many on all pairs (4.5 million)."""
_MOST_CHARTS = 4096
"""What compares every chart of a split with every other takes so many, at random, of a larger one."""
_SAMPLED_PAIRS = 1_000_000
"""The rank of a percentile estimated on so many independent pairs has a standard error of at most 0.05 points."""
_ROUNDING = 1e-7
"""Distances of equal radars differ from each other by less (see `radar_distances`); many pairs may be on a bound."""


@dataclass(frozen=True)
class ChartLabels:
    """What decides pairs, per chart: scaled radar (N, R), class index (N,) and song identity code (N,)."""

    radar: NDArray[np.float64]
    label: NDArray[np.int64]
    song: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, index: NDArray[np.intp]) -> ChartLabels:
        """Return the labels of the charts at `index`."""
        return ChartLabels(self.radar[index], self.label[index], self.song[index])


@dataclass(frozen=True)
class PairRule:
    """The radar distances, per class, up to which a pair is positive and from which it is negative, shape (C,) each.

    A class without pairs has NaN in both, which no distance satisfies.
    """

    nearest: NDArray[np.float64]
    farthest: NDArray[np.float64]
    same_difficulty_only: bool = True

    @classmethod
    def fit(
        cls, charts: ChartLabels, classes: int, percentiles: tuple[float, float], same_difficulty_only: bool = True
    ) -> PairRule:
        """Measure the `percentiles` (positive, negative) on the pairs of `charts` (the training split)."""
        bounds = np.full((2, classes), np.nan)
        for c in range(classes):
            members = charts.label == c if same_difficulty_only else charts.label >= 0
            part = charts.take(np.flatnonzero(members))
            sampled = len(part) > _EXACT_CHARTS
            if sampled:
                distances = _sampled_distances(part)
            else:
                pairs = np.triu(part.song[:, None] != part.song[None, :], k=1)
                distances = radar_distances(part.radar, part.radar)[pairs]
            if len(distances):
                bounds[:, c] = np.percentile(distances, percentiles)
            if sampled:
                bounds[:, c] += [_ROUNDING, -_ROUNDING]
        return cls(bounds[0], bounds[1], same_difficulty_only)

    def masks(self, charts: ChartLabels, others: ChartLabels | None = None) -> tuple[Mask, Mask]:
        """Return which of `others` (M, default `charts`) are positives and negatives of `charts` (N): two (N, M)."""
        others = charts if others is None else others
        distance = radar_distances(charts.radar, others.radar)
        own, other = charts.label[:, None], others.label[None, :]
        comparable = own == other if self.same_difficulty_only else other >= 0
        allowed = (charts.song[:, None] != others.song[None, :]) & (own >= 0) & comparable
        anchor_class = np.maximum(charts.label, 0)
        positive = allowed & (distance <= self.nearest[anchor_class][:, None])
        negative = allowed & (distance >= self.farthest[anchor_class][:, None])
        return positive, negative & ~positive

    def anchors(self, charts: ChartLabels, block: int = 1024) -> Mask:
        """Return which charts have both a positive and a negative among those of `_sample`, (N,), in blocks."""
        others = charts.take(_sample(len(charts)))
        found = np.zeros(len(charts), dtype=bool)
        for rows in np.split(np.arange(len(charts)), range(block, len(charts), block)):
            positive, negative = self.masks(charts.take(rows), others)
            found[rows] = positive.any(axis=1) & negative.any(axis=1)
        return found


def _sampled_distances(charts: ChartLabels) -> NDArray[np.float64]:
    """Return the radar distances of the pairs of different songs among `_SAMPLED_PAIRS` random ones, always the same.

    Pairs of a random subset of the charts would not do: they share charts, so that 4.5 million pairs of 3000 charts
    miss a percentile by up to a point.
    """
    one, other = np.random.default_rng(0).integers(len(charts), size=(2, _SAMPLED_PAIRS))
    apart = charts.song[one] != charts.song[other]
    return np.linalg.norm(charts.radar[one[apart]] - charts.radar[other[apart]], axis=1)


def _sample(charts: int) -> NDArray[np.intp]:
    """Return all of `charts` rows, or a random `_MOST_CHARTS` of more, the same ones at every call."""
    if charts <= _MOST_CHARTS:
        return np.arange(charts)
    return np.sort(np.random.default_rng(0).choice(charts, _MOST_CHARTS, replace=False))


def fixed_triplets(
    rule: PairRule, charts: ChartLabels, per_anchor: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return up to `per_anchor` triplets of every anchor of a whole split, (M, 3), between the charts of `_sample`."""
    rows = _sample(len(charts))
    return rows[draw_triplets(*rule.masks(charts.take(rows)), per_anchor, generator)]


def draw_triplets(positive: Mask, negative: Mask, per_anchor: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw `per_anchor` triplets (M, 3) for every anchor that has a positive and a negative.

    Rows of `positive` and `negative` (B, B) are anchors. Candidates repeat only after all have been used; their weights
    are inverse to how many anchors they serve, so that a few extreme charts (hubs) do not become everyone's negative.
    """
    anchors = np.flatnonzero(positive.any(axis=1) & negative.any(axis=1))
    triplets = np.empty((len(anchors), per_anchor, 3), dtype=np.int64)
    triplets[:, :, 0] = anchors[:, None]
    for role, mask in ((1, positive[anchors]), (2, negative[anchors])):
        weight = -np.log(np.maximum(mask.sum(axis=0), 1))
        keys = np.where(mask, weight[None, :] + generator.gumbel(size=mask.shape), -np.inf)  # of Gumbel's trick
        order = np.argsort(-keys, axis=1, kind="stable")
        turn = np.arange(per_anchor)[None, :] % mask.sum(axis=1)[:, None]
        triplets[:, :, role] = np.take_along_axis(order, turn, axis=1)
    return triplets.reshape(-1, 3)
