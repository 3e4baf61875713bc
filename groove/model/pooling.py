"""Pooling over beats, with masks: one vector per chart.

Dimension letters: B charts, D channels, P positions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from groove.errors import ConfigError, did_you_mean


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of `x` (B, D, P) over positions where `mask` (B, P) is 1 -> (B, D)."""
    return (x * mask[:, None, :]).sum(dim=2) / mask.sum(dim=1, keepdim=True).clamp(min=1)


class MeanMaxPooling(nn.Module):
    """Mean and maximum over beats, each chart's vector then normalised: (B, D, P) -> (B, 2 D)."""

    def __init__(self, dim: int) -> None:
        """Pool `dim` channels."""
        super().__init__()
        self.out_dim = 2 * dim
        self.norm = nn.LayerNorm(self.out_dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool `x` where `mask` (B, P) is 1."""
        peak = x.masked_fill(mask[:, None, :] == 0, float("-inf")).amax(dim=2)
        return self.norm(torch.cat([masked_mean(x, mask), peak], dim=1))


class AttentionPooling(nn.Module):
    """A learned weight for every beat, one set per head: (B, D, P) -> (B, heads D)."""

    def __init__(self, dim: int, heads: int = 2) -> None:
        """Pool `dim` channels with `heads` sets of weights."""
        super().__init__()
        self.out_dim = heads * dim
        self.score = nn.Conv1d(dim, heads, kernel_size=1)
        self.norm = nn.LayerNorm(self.out_dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool `x` where `mask` (B, P) is 1."""
        scores = self.score(x).masked_fill(mask[:, None, :] == 0, float("-inf"))
        pooled = torch.einsum("bhp,bdp->bhd", scores.softmax(dim=2), x)
        return self.norm(pooled.flatten(1))


POOLINGS: dict[str, type[MeanMaxPooling] | type[AttentionPooling]] = {
    "mean_max": MeanMaxPooling,
    "attention": AttentionPooling,
}


def make_pooling(name: str, dim: int) -> MeanMaxPooling | AttentionPooling:
    """Return the pooling called `name` over `dim` channels."""
    if name not in POOLINGS:
        raise ConfigError(f"model.pooling is '{name}': {did_you_mean(name, POOLINGS)}")
    return POOLINGS[name](dim)
