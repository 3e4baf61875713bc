"""Contrastive losses on triplets of indices into one encoded batch.

Dimension letters: B charts, E embedding size, M triplets, R radar axes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

_EPS = 1e-12
"""Keeps the gradient of a square root finite at distance 0."""


class TripletLossOutput(NamedTuple):
    """The loss, and what is logged beside it: scalars, 0 where there is no triplet.

    Attributes:
        loss: mean over all triplets, satisfied ones included.
        active_fraction: share of triplets whose margin is violated.
        margin: mean adaptive margin demanded.
        ap_dist, an_dist: mean distances of anchor and positive, anchor and negative.
        positive_margin_fraction: share of triplets with an_dist > ap_dist.
    """

    loss: Tensor
    active_fraction: Tensor
    margin: Tensor
    ap_dist: Tensor
    an_dist: Tensor
    positive_margin_fraction: Tensor


def row_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the Euclidean distance of each row of `a` (M, E) to the same row of `b` (M, E) -> (M,)."""
    return ((a - b).square().sum(dim=1) + _EPS).sqrt()


def adaptive_margin(radar: Tensor, triplets: Tensor, triplet_margin: float, margin_scale: float) -> Tensor:
    """Return ``triplet_margin + margin_scale * ||radar_a - radar_n||`` for scaled `radar` (B, R) -> (M,)."""
    return triplet_margin + margin_scale * (radar[triplets[:, 0]] - radar[triplets[:, 2]]).norm(dim=1)


class AdaptiveTripletLoss(nn.Module):
    """``max(0, d(a, p) - d(a, n) + margin)`` with a margin that grows with the radar distance of anchor and negative.

    Source: the seed document; the triplet loss is FaceNet's (Schroff et al., CVPR 2015).
    """

    def __init__(self, triplet_margin: float = 2.0, margin_scale: float = 1.0, normalize: bool = False) -> None:
        """Set the base margin and its growth; `normalize` puts embeddings on the unit sphere (distances up to 2)."""
        super().__init__()
        self.triplet_margin, self.margin_scale, self.normalize = triplet_margin, margin_scale, normalize

    def forward(self, embedding: Tensor, triplets: Tensor, radar: Tensor) -> TripletLossOutput:
        """Return the loss of `triplets` (M, 3), indices into `embedding` (B, E) and scaled `radar` (B, R)."""
        if self.normalize:
            embedding = functional.normalize(embedding, dim=1)
        if len(triplets) == 0:
            zero = embedding.sum() * 0.0
            return TripletLossOutput(zero, *(torch.zeros((), device=embedding.device) for _ in range(5)))
        anchor, positive, negative = (embedding[triplets[:, role]] for role in range(3))
        ap, an = row_distance(anchor, positive), row_distance(anchor, negative)
        margin = adaptive_margin(radar, triplets, self.triplet_margin, self.margin_scale)
        violation = functional.relu(ap - an + margin)
        with torch.no_grad():
            extras = [(violation > 0).float(), margin, ap, an, (an > ap).float()]
            means = [value.mean() for value in extras]
        return TripletLossOutput(violation.mean(), *means)
