"""Heads: what turns pooled features into an embedding, and into classes with the loss that these are trained with.

Dimension letters: B charts, D features, L logits, C classes, K counts, M opinions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from groove.model.chart_counts import COUNTS, CountPerceptrons, CountRanks

COUNTED_SHARE = 2 / 3
"""How much the opinion of the counts weighs: the pooled features are surer of themselves than they are right."""


class ProjectionHead(nn.Sequential):
    """A perceptron on the pooled features, and a linear map of what the pooling counted of the chart, if it counts.

    A rate that is there as a number need not survive a bottleneck and a bend to be told: in trials the direct path
    raised what the embedding's parts know on packs that training did not see.
    """

    def __init__(self, in_dim: int, hidden: int, out_dim: int, counted: int = 0) -> None:
        super().__init__(nn.Linear(in_dim, hidden), nn.GELU(), nn.Linear(hidden, out_dim))
        self.direct = nn.Linear(counted, out_dim, bias=False) if counted else None

    def forward(self, features: Tensor, counted: Tensor | None = None) -> Tensor:
        """Return (B, E) for pooled `features` (B, D) and `counted` (B, K), which only a head with `direct` takes."""
        bent = self[2](self[1](self[0](features)))
        return bent if self.direct is None else bent + self.direct(counted)


class ClassificationHead(nn.Module):
    """One logit per class, cross-entropy; its methods are what every head offers."""

    counts = 0
    """How many of the last features are counts of the chart (`groove.model.chart_counts`)."""

    def __init__(self, in_dim: int, hidden: int, classes: int, dropout: float) -> None:
        super().__init__()
        first, last = nn.Linear(in_dim, hidden), nn.Linear(hidden, classes)
        self.layers = nn.Sequential(first, nn.GELU(), nn.Dropout(dropout), last)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, L) for `features` (B, D)."""
        return self.layers(features)

    def loss(self, logits: Tensor, label: Tensor, class_weights: Tensor | None, smoothing: float) -> Tensor:
        """Return the scalar loss of `logits` for classes `label` (B,), weighted by class if weights (C,) are given."""
        return functional.cross_entropy(logits, label, weight=class_weights, label_smoothing=smoothing)

    def predict(self, logits: Tensor) -> Tensor:
        """Return the predicted class index (B,)."""
        return logits.argmax(dim=1)

    def expected(self, logits: Tensor) -> Tensor:
        """Return the mean class index (B,): between classes where the head is in doubt."""
        return logits.softmax(dim=1) @ torch.arange(logits.shape[1], dtype=logits.dtype, device=logits.device)


class OrdinalHead(ClassificationHead):
    """C - 1 independent logits "harder than class k", binary cross-entropy each."""

    def __init__(self, in_dim: int, hidden: int, classes: int, dropout: float) -> None:
        super().__init__(in_dim, hidden, classes - 1, dropout)

    def loss(self, logits: Tensor, label: Tensor, class_weights: Tensor | None, smoothing: float) -> Tensor:
        """Return the mean binary cross-entropy of "label > k", weighted by the chart's class."""
        target = (label[:, None] > torch.arange(logits.shape[1], device=label.device)).float()
        target = target * (1 - smoothing) + 0.5 * smoothing
        per_chart = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=1)
        if class_weights is None:
            return per_chart.mean()
        weight = class_weights[label]
        return (per_chart * weight).sum() / weight.sum()

    def predict(self, logits: Tensor) -> Tensor:
        """Return how many thresholds are passed."""
        return (logits > 0).sum(dim=1)

    def expected(self, logits: Tensor) -> Tensor:
        """Return the sum of the chances of passing each threshold."""
        return logits.sigmoid().sum(dim=1)


class CountedHead(ClassificationHead):
    """Opinions that are trained each by itself: one of the pooled features, and some of what is counted of the chart.

    Both kinds err on different charts, so together they are right more often than either, and than one network that
    is given both at once: that one fits its training charts by the first alone.
    """

    counts = len(COUNTS)

    def __init__(self, in_dim: int, hidden: int, classes: int, dropout: float) -> None:
        super().__init__(in_dim - self.counts, hidden, classes, dropout)
        self.classes = classes
        self.ranks = CountRanks()
        self.counted = CountPerceptrons(self.counts, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return all opinions on `features` (B, D + K) side by side, that of the pooled first: (B, (1 + M) C)."""
        pooled, counts = features[:, : -self.counts], features[:, -self.counts :]
        return torch.cat([self.layers(pooled), self.counted(self.ranks(counts)).flatten(1)], dim=1)

    def loss(self, logits: Tensor, label: Tensor, class_weights: Tensor | None, smoothing: float) -> Tensor:
        """Return the mean cross-entropy of both kinds."""
        loss, opinions = super().loss, logits.split(self.classes, dim=1)
        pooled, *counted = (loss(opinion, label, class_weights, smoothing) for opinion in opinions)
        return (pooled + torch.stack(counted).mean()) / 2

    def predict(self, logits: Tensor) -> Tensor:
        """Return the class that all opinions jointly hold for the likeliest."""
        return super().predict(self._joint(logits))

    def expected(self, logits: Tensor) -> Tensor:
        """Return the mean class index (B,), by the probabilities of all opinions jointly."""
        return super().expected(self._joint(logits))

    def _joint(self, logits: Tensor) -> Tensor:
        """Return the weighted mean of the opinions' log probabilities, (B, C)."""
        opinions = logits.unflatten(1, (-1, self.classes)).log_softmax(dim=2)
        return (1 - COUNTED_SHARE) * opinions[:, 0] + COUNTED_SHARE * opinions[:, 1:].mean(dim=1)


HEADS: dict[str, type[ClassificationHead]] = {
    "classification": ClassificationHead,
    "ordinal": OrdinalHead,
    "counted": CountedHead,
}
