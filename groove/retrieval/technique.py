"""What the feet do in the charts of an embedded library, counted in its simfiles: labels that no training saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groove.charts.library import scan
from groove.charts.technique import RATES, STEPS_TYPE, technique, technique_rates
from groove.retrieval.embedded import EmbeddedLibrary


def rates_of(library: EmbeddedLibrary, songs: Path) -> NDArray[np.float64]:
    """Return `groove.charts.technique.technique_rates` of every chart, (N, L).

    A chart of another steps type, or that is no longer in the folder `songs`, has NaN.

    Raises:
        LibraryError: if `songs` holds no simfile.
    """
    wanted = {chart_id: row for row, chart_id in enumerate(library.column("chart_id"))}
    rates = np.full((len(library), len(RATES)), np.nan)
    for chart in scan(songs, (STEPS_TYPE,)).charts:
        row = wanted.get(chart.chart_id)
        if row is not None:
            rates[row] = technique_rates(technique(chart))
    return rates
