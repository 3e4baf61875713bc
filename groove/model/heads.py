"""Difficulty heads: what turns pooled features into classes, and the loss each is trained with.

Dimension letters: B charts, D features, C classes.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from groove.errors import ConfigError, did_you_mean


class DifficultyHead(Protocol):
    """What every head offers beside ``forward(features) -> logits``."""

    def loss(self, logits: Tensor, label: Tensor, class_weights: Tensor | None, smoothing: float) -> Tensor:
        """Return the scalar loss of `logits` for classes `label` (B,)."""

    def predict(self, logits: Tensor) -> Tensor:
        """Return the predicted class index (B,)."""

    def expected(self, logits: Tensor) -> Tensor:
        """Return the mean class index (B,): between classes where the head is in doubt."""


def _perceptron(in_dim: int, hidden: int, out_dim: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(in_dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, out_dim))


class ClassificationHead(nn.Module):
    """One logit per class, cross-entropy."""

    def __init__(self, in_dim: int, hidden: int, classes: int, dropout: float) -> None:
        """Classify `in_dim` features into `classes`."""
        super().__init__()
        self.layers = _perceptron(in_dim, hidden, classes, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, C) for `features` (B, D)."""
        return self.layers(features)

    def loss(self, logits: Tensor, label: Tensor, class_weights: Tensor | None, smoothing: float) -> Tensor:
        """Return the cross-entropy, weighted by class if weights (C,) are given."""
        return functional.cross_entropy(logits, label, weight=class_weights, label_smoothing=smoothing)

    def predict(self, logits: Tensor) -> Tensor:
        """Return the class of the largest logit."""
        return logits.argmax(dim=1)

    def expected(self, logits: Tensor) -> Tensor:
        """Return the mean class index (B,), by the probabilities of all classes."""
        return logits.softmax(dim=1) @ torch.arange(logits.shape[1], dtype=logits.dtype, device=logits.device)


class OrdinalHead(nn.Module):
    """C - 1 independent logits "harder than class k", binary cross-entropy each."""

    def __init__(self, in_dim: int, hidden: int, classes: int, dropout: float) -> None:
        """Rank `in_dim` features on `classes` ordered classes."""
        super().__init__()
        self.layers = _perceptron(in_dim, hidden, classes - 1, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, C - 1) for `features` (B, D)."""
        return self.layers(features)

    def loss(self, logits: Tensor, label: Tensor, class_weights: Tensor | None, smoothing: float) -> Tensor:
        """Return the mean binary cross-entropy of "label > k", weighted by the chart's class if weights are given."""
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
        """Return the mean class index (B,): the sum of the chances of passing each threshold."""
        return logits.sigmoid().sum(dim=1)


HEADS: dict[str, type[ClassificationHead] | type[OrdinalHead]] = {
    "classification": ClassificationHead,
    "ordinal": OrdinalHead,
}


def make_head(name: str, in_dim: int, hidden: int, classes: int, dropout: float) -> ClassificationHead | OrdinalHead:
    """Return the head called `name`."""
    if name not in HEADS:
        raise ConfigError(f"model.head is '{name}': {did_you_mean(name, HEADS)}")
    return HEADS[name](in_dim, hidden, classes, dropout)
