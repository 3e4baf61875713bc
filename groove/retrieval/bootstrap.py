"""How sure a mean over queries is: percentile intervals of a bootstrap over songs (Efron, 1979).

The charts of one song are alike, so songs are drawn, not charts.
Dimension letters: Q queries, S songs, B draws, V sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
_PERCENTILES = (2.5, 97.5)
_CELLS = 4_000_000
"""Songs times draws at once: 32 MB."""


class Interval(NamedTuple):
    """A value and the 95 % interval around it; NaN where there is nothing to measure."""

    value: float
    low: float
    high: float


_NOTHING = Interval(*[float("nan")] * 3)


def ratio_interval(
    above: NDArray[np.float64], below: NDArray[np.float64], song: NDArray[np.int64], draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Return sum(above) / sum(below) over queries with its interval over songs.

    Args:
        above: (Q,) what is summed above the line.
        below: (Q,) and below it; ones for a mean.
        song: (Q,) which song each query is of.
        draws: B, how often as many songs are drawn with replacement.
        seed: of the draws.
    """
    return ratio_intervals([(above, below)], song, draws, seed)[0]


def ratio_intervals(
    ratios: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    song: NDArray[np.int64],
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Interval]:
    """Return `ratio_interval` of several pairs of sums over the same queries, from the same draws."""
    if not len(song):
        return [_NOTHING for _ in ratios]
    _, place = np.unique(song, return_inverse=True)
    sums = np.stack([np.bincount(place, values) for pair in ratios for values in pair], axis=1).astype(np.float64)
    drawn = _drawn_sums(sums, draws, seed)
    return [_interval(*pair, drawn[:, 2 * i], drawn[:, 2 * i + 1]) for i, pair in enumerate(ratios)]


def _drawn_sums(sums: NDArray[np.float64], draws: int, seed: int) -> NDArray[np.float64]:
    """Return the column sums of `sums` (S, V) over songs drawn with replacement -> (B, V); in blocks, for memory."""
    songs, generator = len(sums), np.random.default_rng(seed)
    blocks = np.diff([*range(0, draws, max(1, _CELLS // songs)), draws])
    parts = [generator.multinomial(songs, np.full(songs, 1 / songs), size=size) @ sums for size in blocks]
    return np.concatenate(parts)


def _interval(
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    drawn_above: NDArray[np.float64],
    drawn_below: NDArray[np.float64],
) -> Interval:
    if abs(below.sum()) < 1e-12:
        return _NOTHING
    ratios = drawn_above / np.where(np.abs(drawn_below) < 1e-12, np.nan, drawn_below)
    low, high = np.nanpercentile(ratios, _PERCENTILES)
    return Interval(float(above.sum() / below.sum()), float(low), float(high))


def mean_interval(values: NDArray[np.float64], song: NDArray[np.int64], draws: int = DRAWS, seed: int = 0) -> Interval:
    """Return the mean of `values` (Q,) with its interval over the songs (Q,) of the queries."""
    return ratio_interval(values, np.ones(len(values)), song, draws, seed)
