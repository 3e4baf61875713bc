"""Miners: which negative each (anchor, positive) pair is compared with, chosen in embedding space.

The radar has already said which charts may be negatives (`ChartBatch.negative`); a miner picks among them, and keeps
anchors and positives of the drawn triplets. Dimension letters: B charts, E embedding size, M triplets.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from groove.data.dataset import ChartBatch

_INFINITY = float("inf")
_CUTOFF = 0.5  # nearer distances count as it, which keeps weights finite


class RandomMiner:
    """Keeps the negatives as drawn: uniform over those that the radar allows, hubs excepted."""

    def __call__(self, embedding: Tensor, batch: ChartBatch) -> Tensor:
        """Return `batch.triplets` (M, 3)."""
        return batch.triplets


class HardMiner:
    """The nearest negative in embedding space; base of the miners that choose by distance."""

    on_unit_sphere = False

    @torch.no_grad()
    def __call__(self, embedding: Tensor, batch: ChartBatch) -> Tensor:
        """Return triplets (M, 3) for `embedding` (B, E)."""
        if len(batch.triplets) == 0:
            return batch.triplets
        anchor, positive = batch.triplets[:, 0], batch.triplets[:, 1]
        placed = functional.normalize(embedding, dim=1) if self.on_unit_sphere else embedding
        distance = torch.cdist(placed, placed)
        to_negatives = distance[anchor].masked_fill(~batch.negative[anchor], _INFINITY)
        chosen = self._choose(to_negatives, distance[anchor, positive], embedding.shape[1])
        return torch.stack([anchor, positive, chosen], dim=1)

    def _choose(self, to_negatives: Tensor, ap: Tensor, dim: int) -> Tensor:
        """Return one negative per triplet (M,), an index into the batch.

        `to_negatives` (M, B) are distances of the anchor, infinite where a chart is not its negative, `ap` (M,) those
        of anchor and positive, `dim` is E.
        """
        return to_negatives.argmin(dim=1)


class SemihardMiner(HardMiner):
    """The nearest negative that is farther than the positive; the farthest negative where none is (FaceNet)."""

    def _choose(self, to_negatives: Tensor, ap: Tensor, dim: int) -> Tensor:
        beyond = to_negatives.masked_fill(to_negatives <= ap[:, None], _INFINITY)
        farthest = to_negatives.masked_fill(to_negatives.isinf(), -_INFINITY).argmax(dim=1)
        return torch.where(beyond.isinf().all(dim=1), farthest, beyond.argmin(dim=1))


class DistanceWeightedMiner(HardMiner):
    """Negatives drawn with weights inverse to how common their distance is on the unit sphere.

    Source: Wu et al., "Sampling matters in deep embedding learning", ICCV 2017.
    """

    on_unit_sphere = True

    def _choose(self, to_negatives: Tensor, ap: Tensor, dim: int) -> Tensor:
        d = to_negatives.clamp(_CUTOFF, 1.9)
        log_weight = -((dim - 2.0) * d.log() + 0.5 * (dim - 3.0) * (1.0 - 0.25 * d.square()).log())
        weight = log_weight.masked_fill(to_negatives.isinf(), -_INFINITY).softmax(dim=1)
        weight = weight.nan_to_num(nan=1.0)  # multinomial refuses NaN; the loss reports it, with the charts
        return torch.multinomial(weight, 1)[:, 0]
