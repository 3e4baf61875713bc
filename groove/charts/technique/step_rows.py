"""What the feet have to do, instant by instant: panels to step on, to go on holding, to keep off.

A row here is everything that is to be hit at one moment, also where a warp or a stop of no length puts two beats
there. Panels are bits: 1 left, 2 down, 4 up, 8 right. R rows, N notes, H holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart, NoteKind
from groove.charts.rows import Holds, chart_holds, is_arrow

SAME_INSTANT_S = 1e-6
"""Far below any row a person plays, far above the rounding of times."""


class StepRow(NamedTuple):
    """What one row asks of the feet; see `StepRows`."""

    arrows: int
    held: int
    mines: int
    tied: bool


@dataclass(frozen=True)
class StepRows:
    """The R rows of a dance-single chart that hold an arrow. All arrays have shape (R,)."""

    beats: NDArray[np.float64]  # of the first arrow of the row
    seconds: NDArray[np.float32]  # when the row is to be hit
    arrows: NDArray[np.uint8]  # panels to step on: taps, lifts, heads of holds and rolls
    held: NDArray[np.uint8]  # panels of holds that began earlier and run on; the beat of the tail still counts
    mines: NDArray[np.uint8]  # panels with a mine on this row or between it and the row before
    tied: NDArray[np.bool_]  # whether a hold from before the previous row outlasts that row: a foot was not free

    def __len__(self) -> int:
        return len(self.beats)

    def tolist(self) -> list[StepRow]:
        """Return what each row asks of the feet."""
        columns = (values.tolist() for values in (self.arrows, self.held, self.mines, self.tied))
        return [StepRow(*row) for row in zip(*columns, strict=True)]


def step_rows(chart: Chart) -> StepRows:
    """Return the rows of `chart` (dance-single) that hold an arrow.

    As in the engine, times have 32 bits, and notes in warps and fake segments count: its test for fakes looks at
    another beat, and that for warps is not asked.
    """
    notes = chart.notes.select((chart.notes.kind != NoteKind.FAKE) & (chart.notes.kind != NoteKind.KEYSOUND))
    arrows, mines = notes.select(is_arrow(notes)), notes.select(notes.kind == NoteKind.MINE)
    seconds = chart.timing.time_at(arrows.beats).astype(np.float32)
    first = np.flatnonzero(np.diff(seconds, prepend=-np.inf) > SAME_INSTANT_S)
    beats = arrows.beats[first]
    panels = np.bitwise_or.reduceat(_bits(arrows.column), first)
    mined = np.zeros(len(beats) + 1, dtype=np.uint8)  # the last place: after all rows, where mines do not matter
    np.bitwise_or.at(mined, np.searchsorted(beats, mines.beats), _bits(mines.column))
    held, tied = _held(beats, chart_holds(notes))
    return StepRows(beats, seconds[first], panels, held, mined[:-1], tied)


def _bits(column: NDArray[np.int8]) -> NDArray[np.uint8]:
    return np.left_shift(1, column.astype(np.uint8), dtype=np.uint8)


def _held(beats: NDArray[np.float64], holds: Holds) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the panels held on every row (R,), and where a hold ran on from the row before (R,)."""
    held = np.zeros(len(beats), dtype=np.uint8)
    running = np.zeros(len(beats) + 1, dtype=bool)  # after each row
    first = np.searchsorted(beats, holds.head, side="right")
    ends = (np.searchsorted(beats, holds.tail, side=side) for side in ("right", "left"))
    for panel, start, until_tail, before_tail in zip(_bits(holds.column), first, *ends, strict=True):
        held[start:until_tail] |= panel
        running[start + 1 : before_tail + 1] = True
    return held, running[:-1]
