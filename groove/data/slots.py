"""Joint prediction of the classes of all charts of a simfile, which holds each difficulty slot at most once.

What a chart alone cannot say, its siblings can: a song's "Medium" may be as hard as another song's "Hard", but it is
not the hardest of its own. Dimension letters: N charts, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class SimfileSlots:
    """Of N charts a number of the simfile whose slots they compete for, and the class of each slot of a simfile."""

    simfile: NDArray[np.int64]
    slots: NDArray[np.int64]

    @classmethod
    def of(cls, keys: Sequence[str], classes: Mapping[str, Sequence[str]]) -> SimfileSlots:
        """Return the slots of charts of the simfiles (and kinds of steps) `keys`; `classes` as `data.classes`."""
        _, simfile = np.unique(keys, return_inverse=True)
        return cls(simfile, np.repeat(np.arange(len(classes)), [len(slots) for slots in classes.values()]))

    def share(self, expected: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the classes (N,) that fill no slot twice and are nearest to `expected` (N,), the mean class of each.

        Nearest is the smallest sum of squared differences (the Hungarian method finds it), which keeps the order of
        `expected` within a simfile. A simfile with more charts than slots (a broken one may have a slot twice) has all
        of them as often as needed.
        """
        labels = np.empty(len(self.simfile), dtype=np.int64)
        ends = np.cumsum(np.bincount(self.simfile))
        for charts in np.split(np.argsort(self.simfile, kind="stable"), ends[:-1]):
            own = np.tile(self.slots, -(-len(charts) // len(self.slots)))
            chart, slot = linear_sum_assignment((expected[charts, None] - own) ** 2)
            labels[charts[chart]] = own[slot]
        return labels
