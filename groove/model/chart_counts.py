"""What can be counted of a chart as a whole: amounts, rates, shares, and how dense its passages are.

A convolution sees a few beats and a mean forgets which of them came together; how long the densest eight beats are, or
what the median beat is like, has to be counted. Every number comes from the frames that the model sees, so it knows
no more than they do. Only the head `counted` reads it: nothing of it reaches the embedding.

Dimension letters: B charts, T frames, P beats, K = `len(COUNTS)` numbers, Q quantiles.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from groove.features.frames import CHART_FEATURES, PADS
from groove.model.encoders import position_mask

_WINDOWS = (1, 2, 4, 8, 16, 32)
"""Lengths in beats of the passages whose densities are counted; powers of 2."""
_QUANTILES = (0.25, 0.5, 0.75, 0.9, 1.0)
_SAMPLED = 65
"""How many quantiles of the training charts each number is ranked by."""
_AMOUNTS = (
    *("arrows", "hold_heads", "hold_beats", "mines", "rows", "jumps"),
    *("quantisation_4th", "quantisation_8th", "quantisation_16th", "quantisation_finer"),
    *("rows_in_holds", "jacks_16th", "jacks_8th", "jacks_4th"),
)
_COMMON = ("beats", "seconds", "beats_per_second", "longest_beat", "shortest_beat")
COUNTS = (
    *_AMOUNTS,
    *(f"{name}_per_second" for name in _AMOUNTS),
    *(f"{name}_per_row" for name in _AMOUNTS if name != "rows"),
    *_COMMON,
    *(f"rows_per_second_{window}_beats_q{round(100 * q)}" for window in _WINDOWS for q in _QUANTILES),
    *(f"most_{name}_per_second_{window}_beats" for name in ("jumps", "fine") for window in _WINDOWS),
)
_PLACE = {name: index for index, name in enumerate(CHART_FEATURES)}
_JACKS = (1, 2, 4)
"""Quarters of a beat after which the same panel comes again."""
_LEAST_SECONDS = 0.02
_LOGISTIC = 1.7
"""The logistic distribution so much narrower is nearly the normal one (and needs no inverse error function)."""
MEMBERS = 8
_HIDDEN = 64
_GAIN = 10.0
"""AdamW moves every weight by about the learning rate; two shallow layers bear ten times that of the encoders, and
would learn next to nothing in the few hundred steps of a pretraining without it."""


def chart_counts(chart: Tensor, lengths: Tensor, frames_per_beat: int) -> Tensor:
    """Return `COUNTS` (B, K) of charts (B, T, 20) of `lengths` (B,) frames, in float32.

    Rates are per second of the chart, densities are rows per second of passages that begin on a beat with a row.
    """
    chart = functional.pad(chart.float(), (0, 0, 0, -chart.shape[1] % frames_per_beat))
    mask = position_mask(lengths, chart.shape[1])
    chart = chart * mask[..., None]
    amounts = _amounts(chart, frames_per_beat)
    beats = amounts.unflatten(1, (-1, frames_per_beat)).sum(dim=2).transpose(1, 2)  # (B, A, P)
    seconds = chart[..., _PLACE["seconds"]].unflatten(1, (-1, frames_per_beat)).sum(dim=2)
    real = mask[:, ::frames_per_beat]
    total, length = beats.sum(dim=2), seconds.sum(dim=1, keepdim=True).clamp(min=_LEAST_SECONDS)
    rows = total[:, _AMOUNTS.index("rows"), None]
    others = [index for index, name in enumerate(_AMOUNTS) if name != "rows"]
    count = real.sum(dim=1, keepdim=True)
    common = (
        *(count, length, count / length),
        (seconds * real).amax(dim=1, keepdim=True),
        seconds.masked_fill(real == 0, float("inf")).amin(dim=1, keepdim=True).clamp(max=1e4),
    )
    per_beat = dict(zip(_AMOUNTS, beats.unbind(dim=1), strict=True))
    fine = per_beat["quantisation_16th"] + per_beat["quantisation_finer"]
    density = [_quantiles(_per_second(per_beat["rows"], seconds, w), per_beat["rows"] > 0) for w in _WINDOWS]
    most = [
        _per_second(amount, seconds, window).amax(dim=1, keepdim=True)
        for amount in (per_beat["jumps"], fine)
        for window in _WINDOWS
    ]
    return torch.cat([total, total / length, total[:, others] / rows.clamp(min=1), *common, *density, *most], dim=1)


def _amounts(chart: Tensor, frames_per_beat: int) -> Tensor:
    """Return `_AMOUNTS` per frame, (B, T, A)."""

    def panels(name: str) -> Tensor:
        return chart[..., [_PLACE[f"{name}_{panel}"] for panel in range(PADS)]]

    attacks, rows = panels("attacks"), chart[..., _PLACE["rows"]]
    held = (panels("holds").sum(dim=2) > panels("hold_beats").gt(0).sum(dim=2)).float()  # by a hold that began before
    amounts = [attacks.sum(dim=2), panels("hold_beats").gt(0).float().sum(dim=2), panels("hold_beats").sum(dim=2)]
    amounts += [chart[..., _PLACE[name]] for name in ("mines", "rows", "jumps")]
    amounts += [chart[..., _PLACE[f"quantisation_{name}"]] for name in ("4th", "8th", "16th", "finer")]
    amounts.append(rows * held)
    for quarters in _JACKS:
        after, between = divmod(quarters * frames_per_beat, 4)
        again = functional.pad(attacks[:, after:], (0, 0, 0, min(after, attacks.shape[1])))
        # a grid that lacks the quarter cannot tell
        amounts.append(torch.zeros_like(rows) if between else (attacks * again).gt(0).float().sum(dim=2))
    return torch.stack(amounts, dim=2)


def _per_second(amount: Tensor, seconds: Tensor, window: int) -> Tensor:
    """Return `amount` (B, P) per second in the `window` beats from each beat on, (B, P)."""
    return _ahead(amount, window) / _ahead(seconds, window).clamp(min=_LEAST_SECONDS)


def _ahead(x: Tensor, window: int) -> Tensor:
    """Return the sums of `x` (B, P) over `window` positions from each on, zeros after the end."""
    beats = 1
    while beats < window:
        x = x + functional.pad(x[:, beats:], (0, min(beats, x.shape[1])))
        beats *= 2
    return x


def _quantiles(x: Tensor, where: Tensor) -> Tensor:
    """Return `_QUANTILES` (B, Q) of `x` (B, P) over positions `where` (B, P) holds; 0 where none does."""
    ordered = x.masked_fill(~where, float("inf")).sort(dim=1).values
    last = where.sum(dim=1, keepdim=True).float() - 1
    place = torch.cat([(last * q).floor() for q in _QUANTILES], dim=1).clamp(min=0).long()
    return torch.where(last >= 0, ordered.gather(1, place), torch.zeros(()).to(x))


class CountRanks(nn.Module):
    """Each count as its rank among the training charts, spread like a bell: (B, K) -> (B, K).

    Counts have long tails and no common scale; ranks have neither. Fitted once (`fit`), part of the checkpoint.
    """

    quantiles: Tensor

    def __init__(self) -> None:
        """Start without training charts: 0 is in the middle of nothing."""
        super().__init__()
        self.register_buffer("quantiles", torch.zeros(len(COUNTS), _SAMPLED))

    @torch.no_grad()
    def fit(self, counts: Tensor) -> None:
        """Rank by `counts` (N, K) of the training charts."""
        at = torch.linspace(0, 1, _SAMPLED, dtype=torch.float64, device=counts.device)
        self.quantiles.copy_(torch.quantile(counts.double(), at, dim=0).T)

    def forward(self, counts: Tensor) -> Tensor:
        """Return ranks between -2.9 and 2.9, 0 in the middle; equal quantiles share the mean of their ranks."""
        below = (counts[..., None] > self.quantiles).to(counts.dtype).mean(dim=-1)
        up_to = (counts[..., None] >= self.quantiles).to(counts.dtype).mean(dim=-1)
        share = ((below + up_to) / 2).clamp(0.5 / _SAMPLED, 1 - 0.5 / _SAMPLED)
        return (share / (1 - share)).log() / _LOGISTIC


class CountPerceptrons(nn.Module):
    """A few small networks on ranks, each trained by itself: (B, K) -> logits (B, M, C).

    Their mean is steadier than any: a few hundred charts leave each some chance.
    """

    def __init__(self, counts: int, classes: int) -> None:
        """Classify `counts` ranks into `classes`, `MEMBERS` times."""
        super().__init__()
        self.hidden = nn.Parameter(_small(MEMBERS, counts, _HIDDEN))
        self.hidden_bias = nn.Parameter(torch.zeros(MEMBERS, 1, _HIDDEN))
        self.out = nn.Parameter(_small(MEMBERS, _HIDDEN, classes))
        self.out_bias = nn.Parameter(torch.zeros(MEMBERS, 1, classes))
        self.dropout_in, self.dropout = nn.Dropout(0.1), nn.Dropout(0.2)

    def forward(self, ranks: Tensor) -> Tensor:
        """Return every member's logits of `ranks` (B, K)."""
        given = self.dropout_in(ranks.expand(MEMBERS, *ranks.shape))
        hidden = functional.gelu(_GAIN * (given @ self.hidden + self.hidden_bias))
        return _GAIN * (self.dropout(hidden) @ self.out + self.out_bias).transpose(0, 1)


def _small(members: int, inputs: int, outputs: int) -> Tensor:
    """Return weights (M, I, O) that give `_GAIN` times them the usual size."""
    return torch.empty(members, inputs, outputs).uniform_(-1, 1) / (_GAIN * inputs**0.5)
