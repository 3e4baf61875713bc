"""What the feet do in the charts of an embedded library, counted in its simfiles: labels that no training saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groove.charts.simfile.reader import read_simfile
from groove.charts.technique.counting import RATES, STEPS_TYPE, technique, technique_rates
from groove.embedding.embedded import EmbeddedLibrary


def rates_of(library: EmbeddedLibrary, songs: Path) -> NDArray[np.float64]:
    """Return `groove.charts.technique.counting.technique_rates` of every chart, (N, L).

    Only their own simfiles are read. A chart of another steps type, or no longer in the folder `songs`, has NaN.
    """
    wanted = {chart_id: row for row, chart_id in enumerate(library.column("chart_id"))}
    rates = np.full((len(library), len(RATES)), np.nan)
    there = (songs / name for name in sorted(set(library.column("simfile"))))
    for simfile in filter(Path.is_file, there):
        for chart in read_simfile(simfile, songs)[0]:
            row = wanted.get(chart.chart_id)
            if row is not None and chart.steps_type == STEPS_TYPE:
                rates[row] = technique_rates(technique(chart))
    return rates
