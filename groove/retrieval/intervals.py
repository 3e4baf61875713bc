"""How sure a mean over queries is: 95 % percentile intervals of a bootstrap over songs (Efron, 1979).

The charts of one song are alike, so songs are drawn, not charts. Dimension letters: Q queries, S songs, V ratios.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

DRAWS = 1000
_PERCENTILES = (2.5, 97.5)
_CELLS = 4_000_000
"""Numbers drawn at once: 32 MB."""


class Interval(NamedTuple):
    """A value and the 95 % interval around it; NaN where there is nothing to measure."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


def ratio_intervals(
    ratios: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    song: NDArray[np.int64],
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Interval]:
    """Return sum(above) / sum(below) over queries (Q,) with its interval, for V pairs, from the same draws of songs."""
    if not len(song):
        return [Interval(float("nan")) for _ in ratios]
    names, place = np.unique(song, return_inverse=True)
    above, below = (np.stack([np.bincount(place, pair[side]) for pair in ratios]).astype(np.float64) for side in (0, 1))
    found = [Interval(value, value, value) for value in _ratio(above, below).tolist()]
    some = [row for row, interval in enumerate(found) if not np.isnan(interval.value)]
    if len(names) > 1 and some:
        sums, batch = (above[some], below[some]), max(1, _CELLS // above.size)
        drawn = bootstrap(
            sums, _ratio, n_resamples=draws, batch=batch, axis=-1, paired=True, method="percentile", rng=seed
        ).bootstrap_distribution
        for row, bounds in zip(some, np.nanpercentile(drawn, _PERCENTILES, axis=-1).T.tolist(), strict=True):
            found[row] = Interval(found[row].value, *bounds)
    return found


def mean_intervals(
    values: Sequence[NDArray[np.float64]], song: NDArray[np.int64], draws: int = DRAWS, seed: int = 0
) -> list[Interval]:
    """Return the mean of each of `values` (Q,) with its interval over the songs (Q,) of the queries."""
    return ratio_intervals([(each, np.ones(len(each))) for each in values], song, draws, seed)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """Return the ratio of sums over songs, NaN where there is nothing below."""
    above, below = above.sum(axis=axis), below.sum(axis=axis)
    return above / np.where(np.abs(below) < 1e-12, np.nan, below)
