"""How sure a mean over queries is: percentile intervals of a bootstrap over songs (Efron, 1979).

The charts of one song are alike, so songs are drawn, not charts. Dimension letters: Q queries, S songs, B draws.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
_PERCENTILES = (2.5, 97.5)


class Interval(NamedTuple):
    """A value and the 95 % interval around it; NaN where there is nothing to measure."""

    value: float
    low: float
    high: float


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
    if not len(above) or abs(below.sum()) < 1e-12:
        return Interval(*[float("nan")] * 3)
    _, place = np.unique(song, return_inverse=True)
    sums = np.stack([np.bincount(place, values) for values in (above, below)], axis=1)
    songs = len(sums)
    counts = np.random.default_rng(seed).multinomial(songs, np.full(songs, 1 / songs), size=draws)
    drawn = counts @ sums
    ratios = drawn[:, 0] / np.where(np.abs(drawn[:, 1]) < 1e-12, np.nan, drawn[:, 1])
    low, high = np.nanpercentile(ratios, _PERCENTILES)
    return Interval(float(above.sum() / below.sum()), float(low), float(high))


def mean_interval(values: NDArray[np.float64], song: NDArray[np.int64], draws: int = DRAWS, seed: int = 0) -> Interval:
    """Return the mean of `values` (Q,) with its interval over the songs (Q,) of the queries."""
    return ratio_interval(values, np.ones(len(values)), song, draws, seed)
