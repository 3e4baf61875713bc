"""Pooling over beats, with masks: one vector per chart.

Each is made of (channels, inputs per beat, dropout) and called with (x, mask, inputs, seconds); what it does not need
it leaves. Dimension letters: B charts, D channels, P positions (beats), I inputs per beat, S statistics.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from groove.charts.flow import PROFILE
from groove.features.frames import CHART_FEATURES
from groove.model.encoders import MIN_SECONDS, sums_ahead

_ROWS = CHART_FEATURES.index("rows")
_BOUND = 6.0
"""Where what is counted ends, on both sides, in deviations."""
_EQUAL = 1e-6
_MEASURE, _PHRASE = 4, 16
"""Lengths in beats, powers of 2, of the passages whose densest one is a statistic."""


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of `x` (B, D, P) over positions where `mask` (B, P) is 1 -> (B, D)."""
    return (x * mask[:, None, :]).sum(dim=2) / mask.sum(dim=1, keepdim=True).clamp(min=1)


def masked_max(x: Tensor, mask: Tensor) -> Tensor:
    """Return the maximum of `x` (B, D, P) over positions where `mask` (B, P) is 1 -> (B, D)."""
    return x.masked_fill(mask[:, None, :] == 0, float("-inf")).amax(dim=2)


class MeanMaxPooling(nn.Module):
    """Mean and maximum over beats, each chart's vector then normalised: (B, D, P) -> (B, 2 D)."""

    def __init__(self, dim: int, inputs: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.out_dim = 2 * dim
        self.norm = nn.LayerNorm(self.out_dim)

    def forward(self, x: Tensor, mask: Tensor, inputs: Tensor, seconds: Tensor) -> Tensor:
        """Pool `x` where `mask` (B, P) is 1."""
        return self.norm(torch.cat([masked_mean(x, mask), masked_max(x, mask)], dim=1))


class AttentionPooling(nn.Module):
    """A learned weight for every beat, one set per head: (B, D, P) -> (B, heads D)."""

    def __init__(self, dim: int, inputs: int = 0, dropout: float = 0.0, heads: int = 2) -> None:
        super().__init__()
        self.out_dim = heads * dim
        self.score = nn.Conv1d(dim, heads, kernel_size=1)
        self.norm = nn.LayerNorm(self.out_dim)

    def forward(self, x: Tensor, mask: Tensor, inputs: Tensor, seconds: Tensor) -> Tensor:
        """Pool `x` where `mask` (B, P) is 1."""
        scores = self.score(x).masked_fill(mask[:, None, :] == 0, float("-inf"))
        return self.norm(torch.einsum("bhp,bdp->bhd", scores.softmax(dim=2), x).flatten(1))


class StatisticsPooling(nn.Module):
    """Six statistics of every channel, and of what is on each beat, mixed by a small network: -> (B, 2 D).

    What a player feels of a chart is made of averages per beat and per second, of how uneven it is, and of its densest
    passages; a mean and a maximum of single beats know neither a passage nor a second. The chart's own counts per beat
    go beside the backbone's channels, so that a statistic of the notes need not survive the backbone to be used.
    """

    def __init__(self, dim: int, inputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.out_dim = 2 * dim
        count = 6 * dim + self.counted_dim(inputs)
        self.norm = nn.LayerNorm(count)
        self.mix = nn.Linear(count, self.out_dim)
        self.blocks = nn.ModuleList(_Perceptron(self.out_dim, dropout) for _ in range(2))
        self.out_norm = nn.LayerNorm(self.out_dim)

    def forward(
        self, x: Tensor, mask: Tensor, inputs: Tensor, seconds: Tensor, counted: Tensor | None = None
    ) -> Tensor:
        """Pool `x` (B, D, P) and `inputs` (B, I, P) where `mask` (B, P) is 1; `seconds` (B, P) are lengths of beats.

        What is `counted` (B, K) of `inputs` need not be counted again.
        """
        counted = self.counted(inputs, mask, seconds) if counted is None else counted
        pooled = self.mix(self.norm(torch.cat([statistics(x, mask, seconds), counted], dim=1)))
        for block in self.blocks:
            pooled = block(pooled)
        return self.out_norm(pooled)

    def counted_dim(self, inputs: int) -> int:
        """Return how many numbers `counted` gives of so many inputs."""
        return 6 * inputs

    def counted(self, inputs: Tensor, mask: Tensor, seconds: Tensor) -> Tensor:
        """Return what is counted of the chart itself, (B, K)."""
        own = statistics(inputs, mask, seconds)
        return own.sign() * own.abs().log1p()  # counts have no upper end


class ProfilePooling(StatisticsPooling):
    """The statistics, and what they do not know: tempo, length, and when the chart is dense.

    Averages forget the order of passages; the profile keeps it: rows per second in 32 equal parts of the time from
    beat 0 to the last note, as shares of their mean. All that is counted is in deviations of the training charts
    (`fit`): a crossover in a hundred steps is a small number and a large difference.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, dim: int, inputs: int, dropout: float = 0.0) -> None:
        super().__init__(dim, inputs, dropout)
        self.register_buffer("center", torch.zeros(self.counted_dim(inputs)))
        self.register_buffer("scale", torch.ones(self.counted_dim(inputs)))

    @torch.no_grad()
    def fit(self, counted: Tensor) -> None:
        """Scale by `counted` (N, K) of the training charts, as `unscaled` gives it."""
        self.center.copy_(counted.mean(dim=0))
        std = counted.std(dim=0, correction=0)
        self.scale.copy_(torch.where(std > _EQUAL, std, torch.ones_like(std)))

    def counted_dim(self, inputs: int) -> int:
        """Return how many numbers `counted` gives of so many inputs."""
        return super().counted_dim(inputs) + 2 + PROFILE

    def counted(self, inputs: Tensor, mask: Tensor, seconds: Tensor) -> Tensor:
        """Return the statistics, tempo and length, and the profile, scaled, (B, K)."""
        return ((self.unscaled(inputs, mask, seconds) - self.center) / self.scale).clamp(-_BOUND, _BOUND)

    def unscaled(self, inputs: Tensor, mask: Tensor, seconds: Tensor) -> Tensor:
        """Return the same before it is scaled."""
        own = super().counted(inputs, mask, seconds)
        seconds = seconds * mask
        total, beats = seconds.sum(dim=1, keepdim=True).clamp(min=MIN_SECONDS), mask.sum(dim=1, keepdim=True)
        tempo_and_length = torch.cat([60 * beats / total, total], dim=1).log()
        middle = (seconds.cumsum(dim=1) - seconds / 2) / total * PROFILE
        within = middle.floor().clamp(0, PROFILE - 1)[..., None] == torch.arange(PROFILE, device=mask.device)
        rows = torch.einsum("bp,bpk->bk", inputs[:, _ROWS] * mask, within.to(inputs.dtype))
        shares = rows / rows.mean(dim=1, keepdim=True).clamp(min=1e-6)
        return torch.cat([own, tempo_and_length, shares.clamp(min=0).sqrt()], dim=1)


def statistics(x: Tensor, mask: Tensor, seconds: Tensor) -> Tensor:
    """Return mean, mean per second, deviation, maximum and densest passages of `x` (B, D, P) -> (B, S D)."""
    mean = masked_mean(x, mask)
    deviation = (masked_mean((x - mean[:, :, None]).square(), mask) + 1e-5).sqrt()
    weight = seconds * mask
    per_second = (x * weight[:, None, :]).sum(dim=2) / weight.sum(dim=1, keepdim=True).clamp(min=1e-3)
    measures = sums_ahead(x * mask[:, None, :], _MEASURE)
    phrases = sums_ahead(measures, _PHRASE, of=_MEASURE)
    densest = [masked_max(sums / length, mask) for sums, length in ((measures, _MEASURE), (phrases, _PHRASE))]
    return torch.cat([mean, per_second, deviation, masked_max(x, mask), *densest], dim=1)


class _Perceptron(nn.Module):
    """x + linear(dropout(gelu(linear(norm(x)))))."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


POOLINGS: dict[str, type[MeanMaxPooling | AttentionPooling | StatisticsPooling]] = {
    "mean_max": MeanMaxPooling,
    "attention": AttentionPooling,
    "statistics": StatisticsPooling,
    "profile": ProfilePooling,
}
