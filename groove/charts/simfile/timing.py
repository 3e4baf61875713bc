"""From the timing tags of a simfile to a `Timing`, by the rules of StepMania 5.1 and ITGmania (docs/reading.md).

First tags become segments, a different way in each format (`NotesLoaderSM.cpp`, `NotesLoaderSSC.cpp`), then segments
become time (`TimingData.cpp`). Segments lie on rows of 1/48 beat. Dimension letter: K knots, the rows at which anything
changes.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import ROWS_PER_BEAT, Timing, inside

DEFAULT_BPM = 60.0
"""What the game plays when a file has no ``#BPMS``."""
SLOWEST_BPM = 1e-6
LONGEST_PAUSE_S = 1e6
"""Beyond these two a value is no music, and sums of it would not stay finite."""
_LAST_BEAT = 1e9
FAST_BPM = 9_999_999.0
"""Beyond this tempo the `.sm` reader makes a warp of the segment."""
SPLIT_TIMING_VERSION = 0.7
"""From this ``#VERSION`` of an `.ssc` on charts may have a timing of their own, and warps have lengths, not ends."""
LARGEST = float(np.finfo(np.float32).max)
TIMING_TAGS = ("BPMS", "STOPS", "DELAYS", "WARPS", "FAKES", "OFFSET")
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", re.ASCII)


def leading_number(text: str | None) -> float:
    """Return the number that `text` begins with, as C's ``strtof`` reads it; 0 without one, or if 32 bits hold none."""
    found = _NUMBER.match(text or "")
    value = float(found[1]) if found else 0.0
    return value if abs(value) <= LARGEST else 0.0


def entries(text: str | None) -> list[tuple[float, float]]:
    """Return the (beat, value) of the entries ``beat=value, ...`` in their order; those without just one ``=`` are not.

    As in the game only the leading number of either side counts, and a side without one is 0.
    """
    pairs = []
    for entry in (text or "").split(","):
        sides = [side for side in entry.split("=") if side]
        if len(sides) == 2:
            beat, value = map(leading_number, sides)
            if abs(beat) < _LAST_BEAT:
                pairs.append((beat, value))
    return pairs


class Tempos:
    """Tempos by row, as the game keeps them: one that changes nothing is not kept."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.bpm: dict[int, float] = {}

    def add(self, row: int, bpm: float) -> None:
        """Add a tempo from `row` on: it replaces one there, and begins the next one if that is equal."""
        place = bisect_right(self.rows, row)
        here = self.rows[place - 1 : place] if place else []
        before = self.rows[place - 2 : place - 1] if here == [row] and place > 1 else here
        after = self.rows[place : place + 1]
        changes = not before or self.bpm[before[0]] != bpm
        begins = bool(after) and self.bpm[after[0]] == bpm
        if begins and not place:
            return  # the first tempo holds before its row, too
        gone = [*(here if here == [row] and (changes or before != here) else []), *(after if begins else [])]
        for old in gone:
            self.rows.remove(old)
            del self.bpm[old]
        if changes:
            insort(self.rows, row)
            self.bpm[row] = bpm


@dataclass
class Segments:
    """The segments of one timing: tempos; by row the seconds of stops and delays, the rows of warps and fakes."""

    offset: float
    tempos: Tempos = field(default_factory=Tempos)
    stops: dict[int, float] = field(default_factory=dict)
    delays: dict[int, float] = field(default_factory=dict)
    warps: dict[int, int] = field(default_factory=dict)
    fakes: dict[int, int] = field(default_factory=dict)

    def pause(self, pauses: dict[int, float], beat: float, seconds: float) -> None:
        """Add to `pauses` (stops or delays) one that replaces any on its row."""
        if seconds <= LONGEST_PAUSE_S:
            pauses[_row(beat)] = seconds

    def span(self, spans: dict[int, int], beat: float, beats: float) -> None:
        """Add to `spans` (warps or fakes) one that replaces any on its row; without length it only removes that."""
        length = _row(min(beats, _LAST_BEAT))
        spans.pop(_row(beat), None)
        if length > 0:
            spans[_row(beat)] = length


def segments(tags: Mapping[str, str], ssc: bool, version: float = SPLIT_TIMING_VERSION) -> Segments:
    """Return the segments of the timing `tags` (``BPMS``, ``STOPS``, ...) of an `.ssc` or else `.sm` file.

    A tempo of next to 0, a pause and an offset of days are ignored, in either format.
    """
    offset = leading_number(tags.get("OFFSET"))
    found = Segments(offset if abs(offset) <= LONGEST_PAUSE_S else 0.0)
    bpms = [(beat, bpm) for beat, bpm in entries(tags.get("BPMS")) if abs(bpm) > SLOWEST_BPM]
    stops = entries(tags.get("STOPS"))
    if ssc:
        for beat, bpm in bpms:
            if beat >= 0 and bpm > 0:
                found.tempos.add(_row(beat), bpm)
        for beat, seconds in stops:
            if beat >= 0 and seconds > 0:
                found.pause(found.stops, beat, seconds)
        for beat, beats in entries(tags.get("WARPS")):
            if version < SPLIT_TIMING_VERSION and beats > beat:
                beats -= beat
            if beats > 0:
                found.span(found.warps, beat, beats)
        for beat, beats in entries(tags.get("FAKES")):
            if beats > 0:
                found.span(found.fakes, beat, beats)
    else:
        _Sm(found).run(bpms, [(beat, seconds) for beat, seconds in stops if 0 < abs(seconds) <= LONGEST_PAUSE_S])
    for beat, seconds in entries(tags.get("DELAYS")):
        if seconds > 0:
            found.pause(found.delays, beat, seconds)
    return found


class _Sm:
    """Turns the tempos and stops of an `.sm` file, which may be negative, into segments, which are not.

    Where time runs back a warp begins, and lasts until time is where it was; what happens inside it only shortens or
    lengthens it.
    """

    def __init__(self, found: Segments) -> None:
        self.found = found
        self.bpm = 0.0
        self.beat = 0.0  # of the last change
        self.warp: float | None = None  # where the warp began that time is in
        self.bpm_before = 0.0  # that warp
        self.gained = 0.0  # seconds since the warp began, negative until it ends

    def run(self, bpms: list[tuple[float, float]], stops: list[tuple[float, float]]) -> None:
        """Follow the changes in order of beat, tempos before stops."""
        bpms, stops = (sorted(pairs, key=lambda pair: pair[0]) for pairs in (bpms, stops))
        self.found.offset -= sum(seconds for beat, seconds in stops if beat < 0)
        first = [bpm for beat, bpm in bpms if beat <= 0] or [bpm for _, bpm in bpms[:1]] or [DEFAULT_BPM]
        self.bpm = first[-1]
        if not self._runs_back:  # the game makes no warp of a first tempo that does
            self.found.tempos.add(0, self.bpm)
        later = [(beat, 0, bpm) for beat, bpm in bpms if beat > 0] + [(beat, 1, s) for beat, s in stops if beat >= 0]
        for beat, is_stop, value in sorted(later, key=lambda change: change[:2]):
            self._pass_until(beat)
            if is_stop:
                self._stop(beat, value)
            else:
                self._change(beat, value)
        if self.warp is not None:
            self._end(_LAST_BEAT if self._runs_back else self.beat - self.gained * self.bpm / 60)

    @property
    def _runs_back(self) -> bool:
        return self.bpm < 0 or self.bpm > FAST_BPM

    def _pass_until(self, beat: float) -> None:
        """Let the time until `beat` pass, which may end a warp."""
        if self.bpm <= FAST_BPM:
            self.gained += (beat - self.beat) * 60 / self.bpm
            if self.warp is not None and self.bpm > 0 and self.gained > 0:
                self._end(beat - self.gained * self.bpm / 60)
        self.beat = beat

    def _change(self, beat: float, bpm: float) -> None:
        """Change the tempo; while time is in a warp, that shows only when it ends."""
        before, self.bpm = self.bpm, bpm
        if self.warp is None and self._runs_back:
            self.warp, self.bpm_before, self.gained = beat, before, 0.0
        elif self.warp is None:
            self.found.tempos.add(_row(beat), bpm)

    def _stop(self, beat: float, seconds: float) -> None:
        """Stop, begin a warp with a stop that turns time back, or let a stop inside a warp catch up."""
        if self.warp is None and seconds < 0:
            self.warp, self.bpm_before, self.gained = beat, self.bpm, seconds
        elif self.warp is None:
            self.found.pause(self.found.stops, beat, seconds)
        else:
            self.gained += seconds
            if seconds > 0 and self.gained > 0:
                self.found.pause(self.found.stops, beat, self.gained)
                before = self.bpm_before
                self._end(beat, tempo=not self._runs_back)
                if self._runs_back:
                    self.warp, self.bpm_before, self.gained = beat, before, 0.0

    def _end(self, beat: float, tempo: bool = True) -> None:
        """End the warp at `beat`; a tempo that changed within it holds from its beginning."""
        assert self.warp is not None
        self.found.span(self.found.warps, self.warp, beat - self.warp)
        if tempo and self.bpm != self.bpm_before and not self._runs_back:
            self.found.tempos.add(_row(self.warp), self.bpm)
        self.warp = None


def build_timing(found: Segments) -> Timing:
    """Return the timing of `found`; beat 0 is at ``-offset`` seconds.

    Within a warp no time passes but that of stops and delays; warps that overlap are one warp for time. What is judged
    is another matter (`_unjudged`): there only the last segment that began counts.
    """
    bpm_rows, bpms = _columns(found.tempos.bpm or {0: DEFAULT_BPM})
    bpm_rows[0] = 0
    warps = merged_spans(_ends(found.warps))
    parts = (np.zeros(1, np.int64), bpm_rows, *(_columns(p)[0] for p in (found.stops, found.delays)), warps.ravel())
    knots = np.unique(np.concatenate(parts))
    tempo = bpms[np.maximum(np.searchsorted(bpm_rows, knots, side="right") - 1, 0)]
    slope = np.where(inside(knots, warps), 0.0, 60.0 / tempo)
    late, stopped = (np.zeros(len(knots)) for _ in range(2))
    for at_knot, by_row in ((late, found.delays), (stopped, found.stops)):
        rows, seconds = _columns(by_row)
        at_knot[np.searchsorted(knots, rows)] = seconds
    passed = np.diff(knots) / ROWS_PER_BEAT * slope[:-1]
    before = knots[0] / ROWS_PER_BEAT * 60.0 / bpms[0] - found.offset  # of the first knot, which a warp can put below 0
    after = np.cumsum(late + stopped) + np.append(0.0, np.cumsum(passed)) + before
    delayed = late > 0
    pauses = np.concatenate([np.column_stack(_columns(p)) for p in (found.stops, found.delays)])
    pauses[:, 0] /= ROWS_PER_BEAT
    plays = bpms < FAST_BPM
    return Timing(
        start_beat=np.append(knots[0], knots) / ROWS_PER_BEAT,
        start_time=np.append(before, after),
        seconds_per_beat=np.append(60.0 / bpms[0], slope),
        bpms=np.column_stack([bpm_rows / ROWS_PER_BEAT, bpms])[plays],
        stops=pauses[np.argsort(pauses[:, 0], kind="stable")],
        delays=np.column_stack([knots / ROWS_PER_BEAT, late])[delayed],
        warps=warps / ROWS_PER_BEAT,
        unjudged=_unjudged(found) / ROWS_PER_BEAT,
    )


def _unjudged(found: Segments) -> NDArray[np.int64]:
    """Return the spans of rows (n, 2) in which notes do not count: fakes, and warps but for rows with a pause."""
    spans = [_until_next(kind) for kind in (found.warps, found.fakes)]
    paused = np.array(sorted({*found.stops, *found.delays}), dtype=np.int64)
    inner = paused[inside(paused, spans[0])]
    if len(inner):
        start, end = spans[0].T
        spans[0] = np.column_stack([np.sort(np.append(start, inner + 1)), np.sort(np.append(end, inner))])
    return merged_spans(np.concatenate(spans))


def _until_next(spans: dict[int, int]) -> NDArray[np.int64]:
    """Return the (first row, last row) of warps or fakes, each cut where the next one begins, which then decides."""
    ends = _ends(spans)
    ends[:-1, 1] = np.minimum(ends[:-1, 1], ends[1:, 0])
    return ends


def _ends(spans: dict[int, int]) -> NDArray[np.int64]:
    """Return the (first row, last row) of spans given by row and length, sorted."""
    rows, lengths = _columns(spans)
    return np.column_stack([rows, rows + lengths.astype(np.int64)])


def _columns(values: Mapping[int, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the rows and values, sorted by row."""
    rows = sorted(values)
    return np.array(rows, dtype=np.int64), np.array([values[row] for row in rows], dtype=np.float64)


def merged_spans(spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return half-open `spans` (n, 2) sorted, those that touch or overlap joined into one, empty ones dropped."""
    spans = spans[spans[:, 1] > spans[:, 0]]
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    first = np.flatnonzero(np.append(True, spans[1:, 0] > reach[:-1])[: len(spans)])
    return np.column_stack([spans[first, 0], np.maximum.reduceat(spans[:, 1], first)])


def _row(beat: float) -> int:
    return round(beat * ROWS_PER_BEAT)
