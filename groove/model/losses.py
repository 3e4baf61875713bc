"""Contrastive losses on one encoded batch: what makes charts with similar radars lie close together.

All share one interface: ``loss(embedding, targets) -> ContrastiveOutput``, where the targets are triplets of indices
into the batch, the scaled radars (a continuous label) and the difficulty classes. Those for a continuous label take
every pair of a batch (within a class, since radars of different difficulties are not compared); the triplets then only
measure. Losses for classes, and those that pytorch-metric-learning has, come through `MetricLearningLoss`.

Dimension letters: B charts, E embedding size, M triplets, R radar axes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from groove.errors import ConfigError, did_you_mean

_EPS = 1e-12
"""Keeps the gradient of a square root finite at distance 0."""
_NOWHERE = -1e4
"""Similarity of a pair that is not compared: its exponential is 0."""


class ContrastiveTargets(NamedTuple):
    """What a contrastive loss is told about a batch: triplets (M, 3), scaled radar (B, R), class label (B,)."""

    triplets: Tensor
    radar: Tensor
    label: Tensor


class ContrastiveOutput(NamedTuple):
    """The loss, and what is logged beside it: scalars, 0 where there is no triplet.

    Attributes:
        loss: the objective.
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


def row_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the Euclidean distance of each row of `a` (M, E) to the same row of `b` (M, E) -> (M,)."""
    return ((a - b).square().sum(dim=1) + _EPS).sqrt()


def pair_distance(x: Tensor) -> Tensor:
    """Return the Euclidean distances of all pairs of rows of `x` (B, E) -> (B, B), with a finite gradient at 0.

    Without a gradient (a whole held-out set at once) no tensor of B * B * E numbers is made.
    """
    if not x.requires_grad:
        return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    squared = (x[:, None, :] - x[None, :, :]).square().sum(dim=2)
    return (squared + _EPS).sqrt()


def adaptive_margin(radar: Tensor, triplets: Tensor, triplet_margin: float, margin_scale: float) -> Tensor:
    """Return ``triplet_margin + margin_scale * ||radar_a - radar_n||`` for scaled `radar` (B, R) -> (M,)."""
    return triplet_margin + margin_scale * (radar[triplets[:, 0]] - radar[triplets[:, 2]]).norm(dim=1)


def compared_pairs(label: Tensor) -> Tensor:
    """Return which pairs (B, B) a loss for a continuous label compares: two charts of one class."""
    return (label[:, None] == label[None, :]) & ~torch.eye(len(label), dtype=torch.bool, device=label.device)


class ContrastiveLoss(nn.Module):
    """What all losses share: normalisation, triplet measurements, and a term on the pooled features.

    Attributes:
        pooled_weight: weight of the same loss on the pooled features, beside 1 on the embedding (used by the module
            that is trained; 0 is the source document's protocol).
        uses_triplets: whether the objective depends on the triplets, so on the miner (of a loss of your own: assumed).
        uses_margin: whether it asks for a margin between a triplet's distances.
    """

    uses_triplets = True
    uses_margin = False

    def __init__(self, normalize: bool = False, pooled_weight: float = 0.0) -> None:
        """Work on the unit sphere if `normalize`."""
        super().__init__()
        self.normalize, self.pooled_weight = normalize, pooled_weight

    def forward(self, embedding: Tensor, targets: ContrastiveTargets) -> ContrastiveOutput:
        """Return the loss of `embedding` (B, E)."""
        embedding = self._placed(embedding)
        return ContrastiveOutput(self.objective(embedding, targets), *self._measure(embedding, targets))

    def of_pooled(self, pooled: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the loss of `pooled` (B, D) alone."""
        return self.objective(self._placed(pooled), targets)

    def _placed(self, embedding: Tensor) -> Tensor:
        return functional.normalize(embedding, dim=1) if self.normalize else embedding

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the scalar loss; 0 with a gradient of 0 where nothing can be compared."""
        raise NotImplementedError

    def margins(self, targets: ContrastiveTargets) -> Tensor:
        """Return the margin demanded of each triplet (M,)."""
        return torch.zeros(len(targets.triplets), device=targets.radar.device)

    @torch.no_grad()
    def _measure(self, embedding: Tensor, targets: ContrastiveTargets) -> list[Tensor]:
        if len(targets.triplets) == 0:
            return [torch.zeros((), device=embedding.device) for _ in range(5)]
        ap, an = triplet_distances(embedding, targets.triplets)
        margin = self.margins(targets)
        return [value.mean() for value in ((ap - an + margin > 0).float(), margin, ap, an, (an > ap).float())]


def triplet_distances(embedding: Tensor, triplets: Tensor) -> tuple[Tensor, Tensor]:
    """Return d(anchor, positive) and d(anchor, negative), (M,) each."""
    anchor, positive, negative = (embedding[triplets[:, role]] for role in range(3))
    return row_distance(anchor, positive), row_distance(anchor, negative)


class AdaptiveTripletLoss(ContrastiveLoss):
    """``max(0, d(a, p) - d(a, n) + margin)`` with a margin that grows with the radar distance of anchor and negative.

    The mean is over all triplets, satisfied ones included. With ``margin_scale=0`` it is the plain triplet loss.
    Source: the source document; the triplet loss is FaceNet's (Schroff et al., CVPR 2015).
    """

    uses_margin = True

    def __init__(
        self,
        triplet_margin: float = 2.0,
        margin_scale: float = 1.0,
        normalize: bool = False,
        pooled_weight: float = 0.0,
    ) -> None:
        """Set the base margin and its growth; on the unit sphere distances reach up to 2."""
        super().__init__(normalize, pooled_weight)
        self.triplet_margin, self.margin_scale = triplet_margin, margin_scale

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean violation."""
        if len(targets.triplets) == 0:
            return embedding.sum() * 0.0
        ap, an = triplet_distances(embedding, targets.triplets)
        return functional.relu(ap - an + self.margins(targets)).mean()

    def margins(self, targets: ContrastiveTargets) -> Tensor:
        """Return the adaptive margin of each triplet (M,)."""
        return adaptive_margin(targets.radar, targets.triplets, self.triplet_margin, self.margin_scale)


class RankNContrastLoss(ContrastiveLoss):
    """Each pair is contrasted with all pairs of its anchor that are at least as far apart in radar space.

    ``-log exp(s_ij) / sum_k [d_ik >= d_ij] exp(s_ik)``, averaged over the compared pairs, with ``s = -||z_i - z_j|| /
    temperature`` and d the radar distance. Source: Zha et al., "Rank-N-Contrast", NeurIPS 2023, equation 2. Sorting by
    radar distance turns the sum into a running one: B^2 log B instead of B^3.
    """

    uses_triplets = False

    def __init__(self, temperature: float = 1.0, normalize: bool = False, pooled_weight: float = 0.0) -> None:
        """Divide distances by `temperature`."""
        super().__init__(normalize, pooled_weight)
        self.temperature = temperature

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean over compared pairs."""
        compared = compared_pairs(targets.label)
        if not compared.any():
            return embedding.sum() * 0.0
        similarity = (-pair_distance(embedding) / self.temperature).masked_fill(~compared, _NOWHERE)
        radar = torch.cdist(targets.radar, targets.radar).masked_fill(~compared, -1.0)  # sorted before all others
        ranked, order = radar.sort(dim=1)
        running = similarity.gather(1, order).flip(1).logcumsumexp(dim=1).flip(1)  # over those at least as far
        first = torch.searchsorted(ranked, radar)
        return (running.gather(1, first) - similarity)[compared].mean()


class LogRatioLoss(ContrastiveLoss):
    """Ratios of squared embedding distances should equal those of squared label distances.

    ``(log(||z_a - z_i||^2 / ||z_a - z_j||^2) - log(d_ai^2 / d_aj^2))^2`` over compared pairs (i, j) of each anchor,
    with d the radar distance. Source: Kim et al., "Deep metric learning beyond binary supervision", CVPR 2019,
    equation 5. The mean over all pairs of an anchor is twice the variance of ``log ||z||^2 - log d^2``.
    """

    uses_triplets = False

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean over anchors with at least two partners."""
        compared = compared_pairs(targets.label)
        radar = torch.cdist(targets.radar, targets.radar)
        compared = compared & (radar > 1e-6)  # equal radars have no ratio
        count = compared.sum(dim=1)
        if not (count > 1).any():
            return embedding.sum() * 0.0
        ratio = 2 * (pair_distance(embedding).clamp(min=1e-6).log() - radar.clamp(min=1e-6).log())
        ratio = ratio.masked_fill(~compared, 0.0)
        usable = count > 1
        mean = ratio.sum(dim=1, keepdim=True) / count.clamp(min=1)[:, None]
        variance = ((ratio - mean).square() * compared).sum(dim=1) / count.clamp(min=1)
        return 2 * variance[usable].mean()


class YAwareInfoNCELoss(ContrastiveLoss):
    """InfoNCE whose positives are weighted by how near their labels are.

    ``-sum_j w_ij log(exp(s_ij) / sum_k exp(s_ik))`` with ``w`` a Gaussian kernel of the radar distance, summing to 1
    over the compared pairs of an anchor, and s the cosine over `temperature`. Source: Dufumier et al.,
    "Contrastive learning with continuous proxy meta-data", MICCAI 2021, equation 3.
    """

    uses_triplets = False

    def __init__(self, temperature: float = 0.1, bandwidth: float = 1.0, pooled_weight: float = 0.0) -> None:
        """Let the kernel have a standard deviation of `bandwidth` scaled radar units."""
        super().__init__(True, pooled_weight)
        self.temperature, self.bandwidth = temperature, bandwidth

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean over anchors with a partner."""
        compared = compared_pairs(targets.label)
        usable = compared.any(dim=1)
        if not usable.any():
            return embedding.sum() * 0.0
        similarity = (embedding @ embedding.T / self.temperature).masked_fill(~compared, _NOWHERE)
        kernel = -torch.cdist(targets.radar, targets.radar).square() / (2 * self.bandwidth**2)
        weight = kernel.masked_fill(~compared, float("-inf"))[usable].softmax(dim=1)
        return -(weight * similarity.log_softmax(dim=1)[usable]).sum(dim=1).mean()


class RadarRegressionLoss(ContrastiveLoss):
    """No contrast at all: the first five numbers of the embedding are the scaled radar (smooth L1). A control.

    The embedding must have five numbers or more (`TrainConfig` checks it).
    """

    uses_triplets = False

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the mean smooth L1 distance to the radar, outliers clipped as at six scaled units."""
        axes = targets.radar.shape[1]
        return functional.smooth_l1_loss(embedding[:, :axes], targets.radar.clamp(-6.0, 6.0))


class MetricLearningLoss(ContrastiveLoss):
    """A loss of pytorch-metric-learning, given the batch's triplets or its classes.

    `name` is that of a class in ``pytorch_metric_learning.losses``. With ``pairs="triplets"`` anchors, positives and
    negatives are ours (InfoNCE, NT-Xent: the positives of an anchor against its negatives); with ``"classes"`` every
    two charts of a difficulty are a positive pair (SupCon), which knows nothing of the radar.
    """

    def __init__(
        self,
        name: str = "NTXentLoss",
        pairs: str = "triplets",
        temperature: float = 0.1,
        normalize: bool = False,
        pooled_weight: float = 0.0,
    ) -> None:
        """Instantiate the loss `name` with `temperature`."""
        from pytorch_metric_learning import losses

        super().__init__(normalize, pooled_weight)
        available = [found for found in dir(losses) if found.endswith("Loss")]
        if name not in available:
            raise ConfigError(f"loss.name is '{name}': {did_you_mean(name, available)}")
        self.pairs, self.uses_triplets = pairs, pairs == "triplets"
        self.loss: Any = getattr(losses, name)(temperature=temperature)

    def objective(self, embedding: Tensor, targets: ContrastiveTargets) -> Tensor:
        """Return the library's loss."""
        if self.pairs == "classes":
            return self.loss(embedding, targets.label)
        if len(targets.triplets) == 0:
            return embedding.sum() * 0.0
        anchor, positive, negative = targets.triplets.unbind(dim=1)
        pairs = (anchor, positive, anchor, negative)
        return self.loss(embedding, torch.arange(len(embedding), device=embedding.device), pairs)
