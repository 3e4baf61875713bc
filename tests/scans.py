"""A library read the plain way, chart by chart and all at once: what the scan's table is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from groove.charts.chart import Chart, chart_label
from groove.charts.library.identity import identities, song_traits
from groove.charts.library.walk import LeftOut, walk
from groove.charts.simfile.reader import read_simfile


@dataclass(frozen=True)
class PlainLibrary:
    """Charts (of `.sm` files beside `.ssc` files too), and what could not be read."""

    charts: list[Chart]
    left_out: list[LeftOut]


def plain_scan(root: Path, steps_types: Sequence[str] = ("dance-single",)) -> PlainLibrary:
    """Return every chart of `steps_types` below `root`, and everything that was left out."""
    tree = walk(root)
    paths = [root / folder.path / name for folder in tree.folders for name in folder.simfiles]
    read = [read_simfile(path, root) for path in sorted(paths)]
    charts = [chart for found, _ in read for chart in found]
    left_out = [entry for _, refused in read for entry in refused] + tree.left_out
    for chart in charts:
        if chart.steps_type not in steps_types:
            reason = f"steps type '{chart.steps_type}' is not among steps_types"
            label = chart_label(chart.index, chart.steps_type, chart.difficulty, chart.meter)
            left_out.append(LeftOut(chart.simfile, label, reason))
    used = [chart for chart in charts if chart.steps_type in steps_types]
    return PlainLibrary(sorted(used, key=lambda chart: (chart.simfile, chart.index)), sorted(left_out))


def song_identities(charts: Sequence[Chart], audio_digests: dict[str, str] | None = None) -> list[str]:
    """Return `identities` of the charts' traits."""
    return identities([song_traits(chart) for chart in charts], audio_digests or {})
