"""Encoders of chart and audio frames, and the residual blocks of the backbone.

Padding never changes an output: every layer works per position or is a convolution over positions that were set to
zero where padded. The first layer turns frames into beats (a stride of `frames_per_beat`), after which one position is
one beat. Dimension letters: B charts, T frames, P positions (beats), F features, D channels. Tensors are (B, D, P)
inside convolutions and (B, P, D) outside.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from groove.features.frames import CHART_FEATURES

SECONDS = CHART_FEATURES.index("seconds")
MIN_SECONDS = 0.02
"""What no beat or frame counts as shorter than, where something is divided by its length."""
_HOLD_BEATS = [i for i, name in enumerate(CHART_FEATURES) if name.startswith("hold_beats_")]
_NO_RATE = ("holds_", "hold_beats_", "seconds", "rest")
_RATED = [i for i, name in enumerate(CHART_FEATURES) if not name.startswith(_NO_RATE)]
_RATE_SCALE = 0.125
"""Attacks per second are divided by 8, a fast stream, so that rates are of order 1 like the counts."""


def chart_inputs(chart: Tensor) -> Tensor:
    """Return frames (B, T, F), all features or those of the notes, with rates appended, (B, T, F + rated features).

    The same notes at twice the tempo are a different feel: counts per frame do not show it, rates do. Hold lengths and
    seconds are compressed by a logarithm.
    """
    rated = [i for i in _RATED if i < chart.shape[-1]]
    rates = chart[..., rated] / chart[..., SECONDS : SECONDS + 1].clamp(min=MIN_SECONDS) * _RATE_SCALE
    counts = chart.clone()
    compressed = [*_HOLD_BEATS, SECONDS]
    counts[..., compressed] = chart[..., compressed].clamp(min=0).log1p()
    return torch.cat([counts, rates], dim=-1)


def position_mask(lengths: Tensor, positions: int) -> Tensor:
    """Return (B, positions) of 1 up to each length, 0 after."""
    return (torch.arange(positions, device=lengths.device)[None, :] < lengths[:, None]).float()


def sums_per_beat(frames: Tensor, stride: int) -> Tensor:
    """Return the sums of `frames` (B, T, F) over each beat of `stride` frames -> (B, F, P)."""
    return frames.unflatten(1, (-1, stride)).sum(dim=2).transpose(1, 2)


def sums_ahead(x: Tensor, window: int, of: int = 1) -> Tensor:
    """Return the sums of `x` (..., P) over `window` positions from each on, zeros after the end.

    Windows are powers of 2: sums of 2, 4, 8, ... positions are made of each other. `x` may be sums of `of` already.
    """
    while of < window:
        x = x + functional.pad(x[..., of:], (0, min(of, x.shape[-1])))
        of *= 2
    return x


class BeatConv(nn.Conv1d):
    """A convolution over positions of (B, D, P) that lie in memory as (B, P, D), as a 2-D one of height 1.

    So a norm over channels and a convolution share one layout and nothing is copied between them; PyTorch's 1-D
    convolution knows only the other layout.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, D', P')."""
        padding, dilation = (0, int(self.padding[0])), (1, self.dilation[0])
        weight = self.weight[:, :, None]
        return functional.conv2d(x[:, :, None], weight, self.bias, (1, self.stride[0]), padding, dilation)[:, :, 0]


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over channels of (B, D, P): no statistic over time, so padding cannot enter."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised at each position."""
        if x.dtype == torch.bfloat16 and x.device.type == "cpu":  # autocast would copy it to 32 bits and back
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.transpose(1, 2)).transpose(1, 2)
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ResidualBlock(nn.Module):
    """x + dropout(conv(gelu(conv(norm(x))))) over beats, with a dilation; (B, D, P) -> (B, D, P)."""

    def __init__(self, dim: int, dilation: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = ChannelNorm(dim)
        self.spread = BeatConv(dim, dim, kernel_size=3, padding=dilation, dilation=dilation)
        self.mix = BeatConv(dim, dim, kernel_size=1)
        self.dropout = nn.Dropout1d(dropout)  # whole channels: per-beat masks cost a fifth of the training time

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the block's output at every position where `mask` (B, P) is 1; what is elsewhere means nothing."""
        mask = mask.to(x.dtype)  # a mask of 32 bits would make all that follows 32 bits
        hidden = functional.gelu(self.spread(self.norm(x) * mask[:, None, :]))
        return x + self.dropout(self.mix(hidden))


class FrameEncoder(nn.Module):
    """Frames (B, T, F) -> beats (B, D, P): a strided convolution, then one over neighbouring beats.

    Frames are standardised with `mean` and `std`, of audio those of the training split (buffers, in the checkpoint).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, features: int, dim: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.patch = BeatConv(features, dim, kernel_size=2 * stride, stride=stride, padding=(stride + 1) // 2)
        self.norm = ChannelNorm(dim)
        self.mix = ResidualBlock(dim, dropout=dropout)

    def forward(self, frames: Tensor, frame_mask: Tensor, beat_mask: Tensor) -> Tensor:
        """Encode `frames` (B, T, F), T a multiple of the stride, with masks (B, T) and (B, P)."""
        x = (frames - self.mean) / self.std * frame_mask[..., None]
        x = self.patch(x.transpose(1, 2))[..., : beat_mask.shape[1]]
        return self.mix(functional.gelu(self.norm(x)), beat_mask)


class Backbone(nn.Module):
    """Residual blocks with dilations 1, 2, 4, 8, ...: the shared part that rigidity is about."""

    def __init__(self, dim: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(dim, 2 ** (i % 4), dropout) for i in range(blocks))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (B, D, P) for `x` (B, D, P) with `mask` (B, P)."""
        for block in self.blocks:
            x = block(x, mask)
        return x
