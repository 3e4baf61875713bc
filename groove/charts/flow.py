"""How a chart flows: how dense it is from its first row to its last, its tempo, its breaks. Letters: R rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart
from groove.charts.rows import is_arrow, judged_notes

PROFILE = 32
"""Parts of equal time of a density profile."""


def density_profile(chart: Chart) -> NDArray[np.float64]:
    """Return the rows with an arrow per second in each of `PROFILE` equal parts of the time from first to last row.

    All zero for fewer than two rows, or where no time passes between them.
    """
    notes = judged_notes(chart)
    arrows = notes.select(is_arrow(notes))
    seconds = chart.timing.time_at(np.unique(arrows.beats))
    length = float(np.ptp(seconds)) if len(seconds) else 0.0
    if not length > 0:
        return np.zeros(PROFILE)
    counts, _ = np.histogram(seconds, bins=PROFILE, range=(seconds.min(), seconds.max()))
    return counts / (length / PROFILE)
