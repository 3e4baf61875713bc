"""Contrastive losses on one encoded batch: what makes charts with similar radars lie close together.

All share one interface: ``loss(embedding, targets) -> ContrastiveOutput``. Those for a continuous label compare every
pair of a batch within a class (radars of different difficulties are not compared); the triplets then only measure.
Dimension letters: B charts, E embedding size, M triplets, R radar axes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

_EPS = 1e-12
"""Keeps the gradient of a square root finite at distance 0."""
_NOWHERE = -1e4
"""Similarity of a pair that is not compared: its exponential is 0."""


class ContrastiveTargets(NamedTuple):
    """What a loss is told about a batch.

    Attributes:
        triplets: (M, 3) of its indices.
        radar: (B, R) scaled radar.
        label: (B,) class index.
        unit: (R,) a scaled unit of each axis, as a share of the full axis (`FULL_AXIS`).
    """

    triplets: Tensor
    radar: Tensor
    label: Tensor
    unit: Tensor


class ContrastiveOutput(NamedTuple):
    """The loss, and what is logged beside it: scalars, 0 where there is no triplet.

    Attributes:
        active_fraction: share of triplets whose margin is violated.
        margin: mean margin demanded, 0 for losses without one.
        ap_dist, an_dist: mean distances of anchor and positive, anchor and negative.
        positive_margin_fraction: share of triplets with an_dist > ap_dist.
    """

    loss: Tensor
    active_fraction: Tensor
    margin: Tensor
    ap_dist: Tensor
    an_dist: Tensor
    positive_margin_fraction: Tensor


@dataclass
class ContrastiveLoss:
    """What all losses share: normalisation, triplet measurements, and a term on the pooled features.

    Attributes:
        radius: of the sphere on which vectors are placed, whatever their length; distances then reach up to 2 radii.
        pooled_weight: weight of the same loss on the pooled features, beside 1 on the embedding; 0 in the source.
        uses_triplets: whether the objective depends on the triplets, so on the miner (of a loss of your own: assumed).
        uses_margin: whether it asks for a margin between a triplet's distances.
    """

    radius: float | None = field(default=None, kw_only=True)
    pooled_weight: float = field(default=0.0, kw_only=True)
    uses_triplets = True
    uses_margin = False

    def __call__(self, embedding: Tensor, targets: ContrastiveTargets) -> ContrastiveOutput:
        """Return the loss of `embedding` (B, E)."""
        embedding = self._placed(embedding)
        return ContrastiveOutput(self.objective(embedding, targets), *self._measured(embedding, targets))

    def placed_objective(self, vectors: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the objective of `vectors` (B, D) alone: pooled features, or a part of the embedding."""
        return self.objective(self._placed(vectors), targets)

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the scalar loss; 0 with a gradient of 0 where nothing can be compared."""
        raise NotImplementedError

    def margins(self, targets: ContrastiveTargets) -> Tensor:
        """Return the margin demanded of each triplet (M,)."""
        return torch.zeros(len(targets.triplets), device=targets.radar.device)

    def _placed(self, embedding: Tensor) -> Tensor:
        return embedding if self.radius is None else self.radius * functional.normalize(embedding, dim=1)

    @torch.no_grad()
    def _measured(self, embedding: Tensor, targets: ContrastiveTargets) -> list[Tensor]:
        if len(targets.triplets) == 0:
            return [torch.zeros((), device=embedding.device) for _ in range(5)]
        ap, an = triplet_distances(embedding, targets.triplets)
        margin = self.margins(targets)
        return [value.mean() for value in ((ap - an + margin > 0).float(), margin, ap, an, (an > ap).float())]


def triplet_distances(embedding: Tensor, triplets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Euclidean distances d(anchor, positive) and d(anchor, negative), (M,) each."""
    anchor, positive, negative = (embedding[triplets[:, role]] for role in range(3))
    ap, an = (((anchor - other).square().sum(dim=1) + _EPS).sqrt() for other in (positive, negative))
    return ap, an


def _pair_distances(x: Tensor) -> Tensor:
    """Return the Euclidean distances of all pairs of rows of `x` (B, E) -> (B, B), with a finite gradient at 0."""
    if not x.requires_grad:  # a whole held-out set at once: no tensor of B * B * E numbers
        return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return ((x[:, None, :] - x[None, :, :]).square().sum(dim=2) + _EPS).sqrt()


def _compared_pairs(label: Tensor) -> Tensor:
    """Return which pairs (B, B) a loss for a continuous label compares: two charts of one class."""
    return (label[:, None] == label[None, :]) & ~torch.eye(len(label), dtype=torch.bool, device=label.device)


@dataclass
class AdaptiveTripletLoss(ContrastiveLoss):
    """``max(0, d(a, p) - d(a, n) + margin)`` with ``margin = triplet_margin + margin_scale * ||radar_a - radar_n||``.

    The radar distance of the margin is in full axes: stream 10 against 90 is .8. The mean is over all triplets,
    satisfied ones included. With ``margin_scale=0`` it is the plain triplet loss.
    Source: the source document; the triplet loss is FaceNet's (Schroff et al., CVPR 2015).
    """

    triplet_margin: float = 2.0
    margin_scale: float = 1.0
    uses_margin = True

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean violation."""
        if len(targets.triplets) == 0:
            return embedding.sum() * 0.0
        ap, an = triplet_distances(embedding, targets.triplets)
        return functional.relu(ap - an + self.margins(targets)).mean()

    def margins(self, targets: ContrastiveTargets) -> Tensor:
        """Return the adaptive margin of each triplet (M,)."""
        anchor, negative = (targets.radar[targets.triplets[:, role]] for role in (0, 2))
        return self.triplet_margin + self.margin_scale * ((anchor - negative) * targets.unit).norm(dim=1)


@dataclass
class RankNContrastLoss(ContrastiveLoss):
    """Each pair is contrasted with all pairs of its anchor that are at least as far apart in radar space.

    ``-log exp(s_ij) / sum_k [d_ik >= d_ij] exp(s_ik)``, averaged over the compared pairs, with ``s = -||z_i - z_j|| /
    temperature`` and d the radar distance. Source: Zha et al., "Rank-N-Contrast", NeurIPS 2023, equation 2. Sorting by
    radar distance turns the sum into a running one: B^2 log B instead of B^3.
    """

    temperature: float = 1.0
    uses_triplets = False

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean over compared pairs."""
        compared = _compared_pairs(targets.label)
        if not compared.any():
            return embedding.sum() * 0.0
        similarity = (-_pair_distances(embedding) / self.temperature).masked_fill(~compared, _NOWHERE)
        radar = torch.cdist(targets.radar, targets.radar).masked_fill(~compared, -1.0)  # sorted before all others
        ranked, order = radar.sort(dim=1)
        running = similarity.gather(1, order).flip(1).logcumsumexp(dim=1).flip(1)  # over those at least as far
        first = torch.searchsorted(ranked, radar)
        return (running.gather(1, first) - similarity)[compared].mean()


@dataclass
class LogRatioLoss(ContrastiveLoss):
    """Ratios of squared embedding distances should equal those of squared label distances.

    ``(log(||z_a - z_i||^2 / ||z_a - z_j||^2) - log(d_ai^2 / d_aj^2))^2`` over compared pairs (i, j) of each anchor,
    with d the radar distance. Source: Kim et al., "Deep metric learning beyond binary supervision", CVPR 2019,
    equation 5. The mean over all pairs of an anchor is twice the variance of ``log ||z||^2 - log d^2``.
    """

    uses_triplets = False

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean over anchors with at least two partners."""
        radar = torch.cdist(targets.radar, targets.radar)
        compared = _compared_pairs(targets.label) & (radar > 1e-6)  # equal radars have no ratio
        count = compared.sum(dim=1)
        if not (count > 1).any():
            return embedding.sum() * 0.0
        ratio = 2 * (_pair_distances(embedding).clamp(min=1e-6).log() - radar.clamp(min=1e-6).log())
        ratio = ratio.masked_fill(~compared, 0.0)
        mean = ratio.sum(dim=1, keepdim=True) / count.clamp(min=1)[:, None]
        variance = ((ratio - mean).square() * compared).sum(dim=1) / count.clamp(min=1)
        return 2 * variance[count > 1].mean()


@dataclass
class YAwareInfoNCELoss(ContrastiveLoss):
    """InfoNCE whose positives are weighted by how near their labels are.

    ``-sum_j w_ij log(exp(s_ij) / sum_k exp(s_ik))`` with s the cosine over `temperature`, and ``w`` a Gaussian kernel
    of the radar distance with a deviation of `bandwidth` scaled units, summing to 1 over the compared pairs of an
    anchor. Source: Dufumier et al., "Contrastive learning with continuous proxy meta-data", MICCAI 2021, equation 3.
    """

    temperature: float = 0.1
    bandwidth: float = 1.0
    radius: float | None = field(default=1.0, init=False)
    uses_triplets = False

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean over anchors with a partner."""
        compared = _compared_pairs(targets.label)
        usable = compared.any(dim=1)
        if not usable.any():
            return embedding.sum() * 0.0
        similarity = (embedding @ embedding.T / self.temperature).masked_fill(~compared, _NOWHERE)
        kernel = -torch.cdist(targets.radar, targets.radar).square() / (2 * self.bandwidth**2)
        weight = kernel.masked_fill(~compared, float("-inf"))[usable].softmax(dim=1)
        return -(weight * similarity.log_softmax(dim=1)[usable]).sum(dim=1).mean()


@dataclass
class RadarRegressionLoss(ContrastiveLoss):
    """No contrast at all, a control: the first five numbers of the embedding (the schema checks it) are the radar."""

    uses_triplets = False

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean smooth L1 distance to the scaled radar."""
        return functional.smooth_l1_loss(embedding[:, : targets.radar.shape[1]], targets.radar)


@dataclass
class MetricLearningLoss(ContrastiveLoss):
    """The loss `name` of ``pytorch_metric_learning.losses``, given the batch's triplets or its classes.

    With ``pairs="triplets"`` anchors, positives and negatives are ours (InfoNCE, NT-Xent: the positives of an anchor
    against its negatives); with ``"classes"`` every two charts of a difficulty are a positive pair (SupCon), which
    knows nothing of the radar. The schema lists the names whose one argument is `temperature`.
    """

    name: str = "NTXentLoss"
    pairs: str = "triplets"
    temperature: float = 0.1

    def __post_init__(self) -> None:
        from pytorch_metric_learning import losses

        self.uses_triplets = self.pairs == "triplets"
        self._loss = getattr(losses, self.name)(temperature=self.temperature)

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the library's loss."""
        if self.pairs == "classes":
            return self._loss(embedding, targets.label)
        if len(targets.triplets) == 0:
            return embedding.sum() * 0.0
        anchor, positive, negative = targets.triplets.unbind(dim=1)
        own_label = torch.arange(len(embedding), device=embedding.device)
        return self._loss(embedding, own_label, (anchor, positive, anchor, negative))
