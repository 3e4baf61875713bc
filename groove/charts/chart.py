"""What a chart is: notes on exact beats, timing that maps beats to seconds, and where both came from.

Conventions: a beat is exact (numerator / denominator, beat 0 is the first row of the note data), times are float
seconds of the audio file (beat 0 is at ``-OFFSET``), columns count from 0 at the left. A row is all notes of one beat.
Dimension letters: N notes, K queried beats, S timing segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DIFFICULTIES = ("Beginner", "Easy", "Medium", "Hard", "Challenge", "Edit")
PANELS = {"dance-single": 4, "dance-double": 8}
ROWS_PER_BEAT = 48
"""StepMania's own resolution: rows finer than this share a row in the engine."""


class NoteKind(IntEnum):
    """The note types of the simfile format."""

    TAP = 1
    HOLD_HEAD = 2
    TAIL = 3
    ROLL_HEAD = 4
    MINE = 5
    LIFT = 6
    FAKE = 7
    KEYSOUND = 8


@dataclass(frozen=True)
class Notes:
    """N notes, sorted by beat, then column; beats are reduced fractions. All arrays have shape (N,)."""

    numerator: NDArray[np.int64]
    denominator: NDArray[np.int64]
    column: NDArray[np.int8]
    kind: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.column)

    @cached_property
    def beats(self) -> NDArray[np.float64]:
        """Beats as floats, shape (N,)."""
        return self.numerator / self.denominator

    def select(self, mask: NDArray[np.bool_]) -> Notes:
        """Return the notes where `mask` (N,) is true."""
        return Notes(self.numerator[mask], self.denominator[mask], self.column[mask], self.kind[mask])


@dataclass(frozen=True)
class Timing:
    """Beats to seconds through BPM changes, stops, delays and warps: S linear segments, built in `simfile/timing.py`.

    Segment i holds for beats in ``(start_beat[i], start_beat[i + 1]]`` (the first also for every earlier beat), so that
    a note on the beat of a stop sounds when the stop begins. ``time = start_time[i] + (beat - start_beat[i]) *
    seconds_per_beat[i]``; a warp is a segment of 0 seconds per beat. A delay comes before the notes of its beat, which
    no such segment can say: its seconds are added to that one beat. The first segment ends where it starts, at beat 0.
    Negative and extreme tempos and negative stops of an `.sm` file are warps, too. Spans are (n, 2) rows of (first
    beat, last beat), half open, sorted and merged.
    """

    start_beat: NDArray[np.float64]  # (S,) beats at which segments begin
    start_time: NDArray[np.float64]  # (S,) seconds at which they begin (after the stop, if one lies there)
    seconds_per_beat: NDArray[np.float64]  # (S,) slope, 0 inside a warp
    bpms: NDArray[np.float64]  # (n, 2) of (beat, BPM), sorted, the first moved to beat 0, those that play
    stops: NDArray[np.float64]  # (n, 2) of (beat, seconds), delays included, sorted
    warps: NDArray[np.float64]  # spans in which no time passes, but at stops
    unjudged: NDArray[np.float64]  # spans in which notes do not count
    delays: NDArray[np.float64]  # (n, 2) of (beat, seconds) by which a note on exactly this beat is hit later

    def time_at(self, beats: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the seconds at `beats` (K,): when a note there is to be hit (after a delay, before a stop)."""
        index = np.maximum(np.searchsorted(self.start_beat, beats, side="left") - 1, 0)
        times = self.start_time[index] + (beats - self.start_beat[index]) * self.seconds_per_beat[index]
        if len(self.delays):
            place = np.minimum(np.searchsorted(self.delays[:, 0], beats), len(self.delays) - 1)
            times += np.where(self.delays[place, 0] == beats, self.delays[place, 1], 0.0)
        return times

    def judged(self, beats: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether notes at `beats` (K,) count: in no fake segment, in no warp unless on the beat of a stop.

        As in the engine it is the row of 1/48 nearest to a note that decides.
        """
        if len(self.unjudged) == 0:  # nearly always, and this is asked often
            return np.ones(len(beats), dtype=bool)
        return ~inside(np.round(beats * ROWS_PER_BEAT) / ROWS_PER_BEAT, self.unjudged)


def inside(beats: NDArray[Any], spans: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which `beats` (K,) lie in any half-open span of `spans` (n, 2), sorted and disjoint."""
    index = np.searchsorted(spans[:, 0], beats, side="right") - 1
    ends = np.append(spans[:, 1], -np.inf)  # a beat before every span has index -1, the sentinel
    return beats < ends[index]


class LeftOut(NamedTuple):
    """Something that was not read: `chart` is empty where the whole file is meant; `path` is relative to the root."""

    path: str
    chart: str
    reason: str


def chart_label(index: int, steps_type: str, difficulty: str, meter: int) -> str:
    """Return how ``left_out.csv`` calls a chart, beside its simfile."""
    return f"#{index} {steps_type} {difficulty} {meter}"


@dataclass(frozen=True)
class Chart:
    """One chart of a simfile. Paths are relative to the library's root, with ``/``."""

    simfile: str  # path of the simfile
    index: int  # position among all charts of its simfile
    pack: str  # the folder above the song's
    title: str  # as the game shows it: with the subtitle; without a title the name of the song's folder
    artist: str
    steps_type: str  # ``dance-single``, ``dance-double``
    difficulty: str  # one of `DIFFICULTIES`
    meter: int
    description: str  # the chart's name or author field, often empty
    notes: Notes
    timing: Timing
    music: str | None = None  # path of the audio file, None if there is none
    music_length_s: float | None = None  # the ``#MUSICLENGTH`` tag
    stored_radar: tuple[float, ...] = ()  # as written in the simfile, possibly all zeros: a cross-check only
    step_artist: str = ""  # ``#CREDIT`` of the chart, else of the song
    chart_name: str = ""  # ``#CHARTNAME``
    chart_style: str = ""  # ``#CHARTSTYLE`` as written
    groovestats_hash: str = ""  # `simfile/chart_hash.py`
    song_end: float | None = None  # beat at which the song ends by all charts of the simfile (`radar/song_end.py`)

    @property
    def chart_id(self) -> str:
        """Return ``simfile#index``: unique in a library."""
        return f"{self.simfile}#{self.index}"

    @property
    def label(self) -> str:
        """Return how ``left_out.csv`` calls the chart, beside its simfile."""
        return chart_label(self.index, self.steps_type, self.difficulty, self.meter)
