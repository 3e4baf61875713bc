"""What a library holds, as plain numbers, and its radar distributions as a table. N charts, 5 axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import DIFFICULTIES
from groove.charts.radar.groove_radar import RADAR_AXES

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.table import Table

PERCENTILES = (10, 50, 90)


@dataclass(frozen=True, eq=False)
class LibraryReport:
    """A library in numbers, of charts whose `difficulty` is one of `DIFFICULTIES`; those without a chart are not shown.

    `title` says how many charts and songs, `audio_means` what `has_audio` (N,) says, `family` whose `radar` (N, 5) it
    is; `left_out` counts files and charts by reason, the most frequent first.
    """

    title: str
    family: str
    difficulty: list[str]
    radar: NDArray[np.float64]
    has_audio: NDArray[np.bool_]
    audio_means: str
    left_out: dict[str, int]

    @classmethod
    def of(cls, charts: pa.Table, family: str, **fields: Any) -> LibraryReport:
        """Return the report of `charts`, which have columns ``difficulty`` and those of the radar of `family`."""
        difficulty = [slot.decode() if isinstance(slot, bytes) else slot for slot in charts["difficulty"].to_pylist()]
        radar = np.column_stack([charts[f"{family}_{axis}"].to_numpy() for axis in RADAR_AXES])
        return cls(family=family, difficulty=difficulty, radar=radar, **fields)

    def groups(self) -> dict[str, NDArray[np.bool_]]:
        """Return which charts (N,) are of each difficulty that occurs."""
        names = np.array(self.difficulty)
        masks = {slot: names == slot for slot in DIFFICULTIES}
        return {slot: mask for slot, mask in masks.items() if mask.any()}


def distribution_table(report: LibraryReport) -> Table:
    """Return the 10th, 50th and 90th percentile of each radar axis, a row per difficulty."""
    from rich.table import Table

    digits = 0 if np.abs(report.radar).max(initial=0.0) >= 10 else 2
    percents = ", ".join(map(str, PERCENTILES))
    table = Table("difficulty", title=f"{report.family} radar, {percents} % of the charts have at most")
    for name in ("charts", *RADAR_AXES):
        table.add_column(name, justify="right", no_wrap=True)
    for slot, mask in report.groups().items():
        columns = np.percentile(report.radar[mask], PERCENTILES, axis=0).T
        cells = [" ".join(f"{value:4.{digits}f}" for value in column) for column in columns]
        table.add_row(slot, str(int(mask.sum())), *cells)
    return table
