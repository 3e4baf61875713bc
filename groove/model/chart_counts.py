"""What can be counted of a chart as a whole: amounts, rates, shares, and how dense its passages are.

A convolution sees a few beats and a mean forgets which of them came together; how long the densest eight beats are, or
what the median beat is like, has to be counted. Every number comes from the frames that the model sees, so it knows
no more than they do. Only the head `counted` reads it: nothing of it reaches the embedding.
Dimension letters: B charts, T frames, P beats, A amounts, K = `len(COUNTS)` numbers, M members, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from groove.features.frames import CHART_FEATURES, PADS
from groove.model.encoders import MIN_SECONDS, position_mask, sums_ahead, sums_per_beat

_WINDOWS = (1, 2, 4, 8, 16, 32)
"""Lengths in beats of the passages whose densities are counted; powers of 2."""
_QUANTILES = (0.25, 0.5, 0.75, 0.9, 1.0)
_SAMPLED = 65
"""How many quantiles of the training charts each number is ranked by."""
_COLUMNS = ("mines", "rows", "jumps", *(f"quantisation_{name}" for name in ("4th", "8th", "16th", "finer")))
_AMOUNTS = ("arrows", "hold_heads", "hold_beats", *_COLUMNS, "rows_in_holds", "jacks_16th", "jacks_8th", "jacks_4th")
COUNTS = (
    *_AMOUNTS,
    *(f"{name}_per_second" for name in _AMOUNTS),
    *(f"{name}_per_row" for name in _AMOUNTS if name != "rows"),
    *("beats", "seconds", "beats_per_second", "longest_beat", "shortest_beat"),
    *(f"rows_per_second_{window}_beats_q{round(100 * q)}" for window in _WINDOWS for q in _QUANTILES),
    *(f"most_{name}_per_second_{window}_beats" for name in ("jumps", "fine") for window in _WINDOWS),
)
_PLACE = {name: index for index, name in enumerate(CHART_FEATURES)}
_JACKS = (1, 2, 4)
"""Quarters of a beat after which the same panel comes again."""
_LOGISTIC = 1.7
"""The logistic distribution so much narrower is nearly the normal one (and needs no inverse error function)."""
MEMBERS = 8
_HIDDEN = 64
_GAIN = 10.0
"""AdamW moves every weight by about the learning rate; two shallow layers bear ten times that of the encoders, and
would learn next to nothing in the few hundred steps of a pretraining without it."""


def chart_counts(chart: Tensor, lengths: Tensor, frames_per_beat: int) -> Tensor:
    """Return `COUNTS` (B, K) of charts (B, T, 35) of `lengths` (B,) frames, in float32.

    Rates are per second of the chart, densities are rows per second of passages that begin on a beat with a row.
    """
    chart = functional.pad(chart.float(), (0, 0, 0, -chart.shape[1] % frames_per_beat))
    mask = position_mask(lengths, chart.shape[1])
    chart = chart * mask[..., None]
    beats = sums_per_beat(_amounts(chart, frames_per_beat), frames_per_beat)  # (B, A, P)
    per_beat = dict(zip(_AMOUNTS, beats.unbind(dim=1), strict=True))
    seconds = sums_per_beat(chart[..., [_PLACE["seconds"]]], frames_per_beat)[:, 0]
    real = mask[:, ::frames_per_beat]
    total, length = beats.sum(dim=2), seconds.sum(dim=1, keepdim=True).clamp(min=MIN_SECONDS)
    rows = total[:, _AMOUNTS.index("rows"), None]
    others = [index for index, name in enumerate(_AMOUNTS) if name != "rows"]
    count = real.sum(dim=1, keepdim=True)
    longest = (seconds * real).amax(dim=1, keepdim=True)
    shortest = seconds.masked_fill(real == 0, float("inf")).amin(dim=1, keepdim=True).clamp(max=1e4)

    def per_second(amount: Tensor, window: int) -> Tensor:
        return sums_ahead(amount, window) / sums_ahead(seconds, window).clamp(min=MIN_SECONDS)

    density = [_quantiles(per_second(per_beat["rows"], window), per_beat["rows"] > 0) for window in _WINDOWS]
    fine = per_beat["quantisation_16th"] + per_beat["quantisation_finer"]
    most = [per_second(x, window).amax(dim=1, keepdim=True) for x in (per_beat["jumps"], fine) for window in _WINDOWS]
    shares = (total, total / length, total[:, others] / rows.clamp(min=1))
    return torch.cat([*shares, count, length, count / length, longest, shortest, *density, *most], dim=1)


def _amounts(chart: Tensor, frames_per_beat: int) -> Tensor:
    """Return `_AMOUNTS` per frame, (B, T, A)."""
    attacks, holds, hold_beats = (
        chart[..., [_PLACE[f"{name}_{panel}"] for panel in range(PADS)]] for name in ("attacks", "holds", "hold_beats")
    )
    heads = hold_beats.gt(0).float().sum(dim=2)
    amounts = [attacks.sum(dim=2), heads, hold_beats.sum(dim=2)]
    amounts += [chart[..., _PLACE[name]] for name in _COLUMNS]
    amounts.append(chart[..., _PLACE["rows"]] * (holds.sum(dim=2) > heads))  # held by a hold that began before
    for quarters in _JACKS:
        after, between = divmod(quarters * frames_per_beat, 4)
        again = functional.pad(attacks[:, after:], (0, 0, 0, min(after, attacks.shape[1])))
        # a grid that lacks the quarter cannot tell
        amounts.append(torch.zeros_like(heads) if between else (attacks * again).gt(0).float().sum(dim=2))
    return torch.stack(amounts, dim=2)


def _quantiles(x: Tensor, where: Tensor) -> Tensor:
    """Return `_QUANTILES` of `x` (B, P) over the positions that `where` (B, P) holds, a column each; 0 without any."""
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
        super().__init__()

        def small(inputs: int, outputs: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(MEMBERS, inputs, outputs).uniform_(-1, 1) / (_GAIN * inputs**0.5))

        self.hidden = small(counts, _HIDDEN)  # `_GAIN` times it has the usual size
        self.hidden_bias = nn.Parameter(torch.zeros(MEMBERS, 1, _HIDDEN))
        self.out = small(_HIDDEN, classes)
        self.out_bias = nn.Parameter(torch.zeros(MEMBERS, 1, classes))
        self.dropout_in, self.dropout = nn.Dropout(0.1), nn.Dropout(0.2)

    def forward(self, ranks: Tensor) -> Tensor:
        """Return every member's logits of `ranks` (B, K)."""
        given = self.dropout_in(ranks.expand(MEMBERS, *ranks.shape))
        hidden = functional.gelu(_GAIN * (given @ self.hidden + self.hidden_bias))
        return _GAIN * (self.dropout(hidden) @ self.out + self.out_bias).transpose(0, 1)
