"""The one scaler of radar space: what the miner, the adaptive margin and the evaluation measure distances in.

Raw konami values have very different spreads (on real charts chaos has a standard deviation near 18 where freeze has
29), so a distance on raw values is a distance in one or two axes. Dimension letters: N charts, R radar axes (5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BOUND = 6.0
"""Where scaled values end, on both sides: one chart with a chaos of 21,283 is else most of all distances."""
_NORMAL_SPREAD = 2.563
"""Distance between the 10th and 90th percentile of a normal distribution of unit deviation."""


@dataclass(frozen=True)
class RadarScaler:
    """Centre and scale of each radar axis, shape (R,) each; fitted on the training split only."""

    center: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, radar: NDArray[np.float64]) -> RadarScaler:
        """Fit on `radar` (N, R): median, and the 10-90 percentile range as that of a normal distribution.

        An axis whose range is 0 (most charts have no freeze) falls back to its standard deviation, then to 1.
        """
        low, center, high = np.percentile(radar, [10, 50, 90], axis=0)
        scale = (high - low) / _NORMAL_SPREAD
        scale = np.where(scale > 1e-9, scale, radar.std(axis=0))
        return cls(center, np.where(scale > 1e-9, scale, 1.0))

    def __call__(self, radar: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `radar` (N, R) in scaled units, bounded at `BOUND`."""
        return np.clip(self._unbounded(radar), -BOUND, BOUND)

    def outliers(self, radar: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the indices of charts with an axis beyond `BOUND`."""
        return np.flatnonzero((np.abs(self._unbounded(radar)) > BOUND).any(axis=1))

    def _unbounded(self, radar: NDArray[np.float64]) -> NDArray[np.float64]:
        return (radar - self.center) / self.scale

    def state(self) -> dict[str, list[float]]:
        """Return plain lists, for a checkpoint."""
        return {"center": self.center.tolist(), "scale": self.scale.tolist()}


def radar_distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Euclidean distances of scaled radars, (N, R) against (M, R) -> (N, M)."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * a @ b.T
    return np.sqrt(np.maximum(squared, 0.0))
