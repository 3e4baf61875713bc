"""Miners: which negative each (anchor, positive) pair is compared with, chosen in embedding space.

The radar has already said which charts may be negatives (`ChartBatch.negative`); a miner picks among them. Every miner
takes the drawn triplets and returns triplets of the same anchors and positives.

Dimension letters: B charts, E embedding size, M triplets.
"""

from __future__ import annotations

import torch
from torch import Tensor

from groove.data.dataset import ChartBatch

_INFINITY = float("inf")


def _distances_to_negatives(embedding: Tensor, batch: ChartBatch) -> tuple[Tensor, Tensor]:
    """Return, per drawn triplet, d(anchor, all) (M, B), infinite where not a negative, and d(anchor, positive) (M,)."""
    anchor, positive = batch.triplets[:, 0], batch.triplets[:, 1]
    distance = torch.cdist(embedding, embedding)
    to_negatives = distance[anchor].masked_fill(~batch.negative[anchor], _INFINITY)
    return to_negatives, distance[anchor, positive]


def _with_negatives(triplets: Tensor, negative: Tensor) -> Tensor:
    return torch.stack([triplets[:, 0], triplets[:, 1], negative], dim=1)


class RandomMiner:
    """Keeps the negatives as drawn: uniform over those that the radar allows, hubs excepted."""

    def __call__(self, embedding: Tensor, batch: ChartBatch) -> Tensor:
        """Return `batch.triplets` (M, 3)."""
        return batch.triplets


class HardMiner:
    """The nearest negative in embedding space."""

    @torch.no_grad()
    def __call__(self, embedding: Tensor, batch: ChartBatch) -> Tensor:
        """Return triplets (M, 3) for `embedding` (B, E)."""
        if len(batch.triplets) == 0:
            return batch.triplets
        to_negatives, _ = _distances_to_negatives(embedding, batch)
        return _with_negatives(batch.triplets, to_negatives.argmin(dim=1))


class SemihardMiner:
    """The nearest negative that is farther than the positive; the farthest negative where none is (FaceNet)."""

    @torch.no_grad()
    def __call__(self, embedding: Tensor, batch: ChartBatch) -> Tensor:
        """Return triplets (M, 3) for `embedding` (B, E)."""
        if len(batch.triplets) == 0:
            return batch.triplets
        to_negatives, ap = _distances_to_negatives(embedding, batch)
        beyond = to_negatives.masked_fill(to_negatives <= ap[:, None], _INFINITY)
        farthest = to_negatives.masked_fill(to_negatives.isinf(), -_INFINITY).argmax(dim=1)
        chosen = torch.where(beyond.isinf().all(dim=1), farthest, beyond.argmin(dim=1))
        return _with_negatives(batch.triplets, chosen)


class DistanceWeightedMiner:
    """Negatives drawn with weights inverse to how common their distance is on the unit sphere.

    Source: Wu et al., "Sampling matters in deep embedding learning", ICCV 2017. `cutoff` keeps weights finite.
    """

    def __init__(self, cutoff: float = 0.5) -> None:
        """Treat distances below `cutoff` as `cutoff`."""
        self.cutoff = cutoff

    @torch.no_grad()
    def __call__(self, embedding: Tensor, batch: ChartBatch) -> Tensor:
        """Return triplets (M, 3) for `embedding` (B, E)."""
        if len(batch.triplets) == 0:
            return batch.triplets
        unit = torch.nn.functional.normalize(embedding, dim=1)
        to_negatives, _ = _distances_to_negatives(unit, batch)
        d = to_negatives.clamp(self.cutoff, 1.9)
        dim = embedding.shape[1]
        log_weight = -((dim - 2.0) * d.log() + 0.5 * (dim - 3.0) * (1.0 - 0.25 * d.square()).log())
        weight = log_weight.masked_fill(to_negatives.isinf(), -_INFINITY).softmax(dim=1)
        weight = weight.nan_to_num(nan=1.0)  # multinomial refuses NaN; the loss reports it, with the charts
        return _with_negatives(batch.triplets, torch.multinomial(weight, 1)[:, 0])
