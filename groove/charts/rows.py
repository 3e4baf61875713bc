"""What of a chart counts and how it is grouped, in exact beats: judged notes, rows, holds, played beats.

Judged notes are those that a player can hit or must avoid: notes in warps, in fake segments, fake notes and keysounds
do not exist for them. A row is all notes of one beat; an arrow is a tap, the head of a hold or roll, or a lift, not a
mine. Beats run along the note data, "played" beats leave out the warped ones. Letters: N notes, R rows, H holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart, NoteKind, Notes, Timing

BEATS_PER_MEASURE = 4
EPSILON = 1e-9
"""Closer than any two rows can be; keeps floors and window ends from falling on the wrong side of a float."""
SHORTEST_S = 1e-3
"""What is shorter has no length: a ``#MUSICLENGTH`` may be any number, and a rate over 1e-320 s is infinite."""
_IS_ARROW = np.zeros(max(NoteKind) + 1, dtype=bool)
_IS_ARROW[[NoteKind.TAP, NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD, NoteKind.LIFT]] = True


@dataclass(frozen=True)
class Rows:
    """The R rows of a chart that hold an arrow or a shock arrow, in order of beat. All arrays have shape (R,)."""

    beats: NDArray[np.float64]  # place in the note data
    played: NDArray[np.float64]  # the same less the warped beats before it
    denominator: NDArray[np.int64]  # of the reduced beat: 1 for a 4th, 2 for an 8th, 4 for a 16th
    arrows: NDArray[np.int64]  # arrows of the row, 0 for a shock arrow
    shock: NDArray[np.bool_]  # whether the row is a shock arrow: a mine on every panel

    def __len__(self) -> int:
        return len(self.beats)


@dataclass(frozen=True)
class Holds:
    """The H holds and rolls of a chart, sorted by head, then column. All arrays have shape (H,)."""

    head: NDArray[np.float64]
    tail: NDArray[np.float64]
    column: NDArray[np.int8]
    roll: NDArray[np.bool_]


def judged_notes(chart: Chart) -> Notes:
    """Return the notes that a player can hit or must avoid, and the tails of those holds whose heads are among them."""
    notes = chart.notes
    keep = chart.timing.judged(notes.beats) & (notes.kind != NoteKind.FAKE) & (notes.kind != NoteKind.KEYSOUND)
    head, tail = hold_pairs(notes)
    keep[tail] = keep[head]
    return notes.select(keep)


def is_arrow(notes: Notes) -> NDArray[np.bool_]:
    """Return which notes (N,) are arrows."""
    return _IS_ARROW[notes.kind]


def chart_rows(notes: Notes, timing: Timing, panels: int) -> Rows:
    """Group `notes` into rows: those with an arrow, and those with a mine on each of `panels`."""
    first = row_starts(notes)
    arrows = np.add.reduceat(is_arrow(notes).astype(np.int64), first)
    mines = np.add.reduceat((notes.kind == NoteKind.MINE).astype(np.int64), first)
    shock = mines == panels
    keep = (arrows > 0) | shock
    beats = notes.beats[first][keep]
    return Rows(beats, played_beats(beats, timing), notes.denominator[first][keep], arrows[keep], shock[keep])


def row_starts(notes: Notes) -> NDArray[np.int64]:
    """Return the index of the first note of every beat that `notes` have, in order."""
    return starts(notes.numerator, notes.denominator)  # beats are reduced fractions, so equal beats look equal


def starts(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices at which one of `keys`, (K,) each, is not what it was before."""
    new = np.ones(len(keys[0]), dtype=bool)
    new[1:] = False
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)


def run_lengths(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the different values of sorted `values` (K,), and how often each is there: a quick `np.unique`."""
    first = starts(values)
    return values[first], np.diff(np.append(first, len(values)))


def hold_pairs(notes: Notes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of every hold or roll head and of its tail, (H,) each, sorted by head (holds are balanced)."""
    head = np.flatnonzero((notes.kind == NoteKind.HOLD_HEAD) | (notes.kind == NoteKind.ROLL_HEAD))
    tail = np.flatnonzero(notes.kind == NoteKind.TAIL)
    head, tail = (index[np.argsort(notes.column[index], kind="stable")] for index in (head, tail))
    by_head = np.argsort(head)
    return head[by_head], tail[by_head]


def chart_holds(notes: Notes) -> Holds:
    """Return the holds and rolls of `notes`."""
    head, tail = hold_pairs(notes)
    return Holds(notes.beats[head], notes.beats[tail], notes.column[head], notes.kind[head] == NoteKind.ROLL_HEAD)


def played_beats(beats: NDArray[np.float64], timing: Timing) -> NDArray[np.float64]:
    """Return `beats` (K,) less the warped beats before each."""
    if len(timing.warps) == 0:
        return beats
    start, end = timing.warps.T
    before = np.append(0.0, np.cumsum(end - start))
    index = np.searchsorted(start, beats, side="right")
    last = np.maximum(index - 1, 0)
    ahead = np.where(index > 0, np.maximum(end[last] - np.maximum(beats, start[last]), 0.0), 0.0)
    with np.errstate(invalid="ignore"):  # a warp without end: the next line knows better
        skipped = before[index] - ahead
    return beats - np.where(np.isfinite(skipped), skipped, before[last] + beats - start[last])
