"""The groove radar in its two definitions, computed from the exact rows of a chart.

`konami` is the arcade game's (2013 and later; never published, reverse-engineered by players), `stepmania` is
`NoteDataUtil::CalculateRadarValues` of StepMania 5.1. They share five names and are different features: every value
says which one it is. Both count only judged notes: those in warps, in fake segments, fake notes and keysounds do not
exist for them. A row is all notes of one beat; an arrow is a tap, the head of a hold or roll, or a lift, not a mine.
Beats run along the note data, "played" beats leave out the warped ones; times are seconds. Letters: N notes, R rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import PANELS, ROWS_PER_BEAT, Chart, NoteKind, Notes, Timing

RADAR_AXES = ("stream", "voltage", "air", "freeze", "chaos")
FAMILIES = ("konami", "stepmania")

BEATS_PER_MEASURE = 4
VOLTAGE_WINDOW = {"konami": 4.0, "stepmania": 8.0}
"""Beats; konami's window leaves out its end, stepmania's keeps both ends."""
CHAOS_COLOUR = {1: 0.0, 2: 0.5, 4: 1.0}
"""Weight of a row by the denominator of its beat: 4th, 8th, 16th; every finer or odder one weighs 1.25."""
OTHER_COLOUR = 1.25
_EPSILON = 1e-9
"""Closer than any two rows can be; keeps floors and window ends from falling on the wrong side of a float."""


@dataclass(frozen=True)
class Pieces:
    """Two linear pieces that meet at 100: ``x / knee * 100`` up to the knee, ``(x + shift) * 100 / span`` above it."""

    knee: float
    shift: float
    span: float

    def __call__(self, x: float) -> float:
        """Return the radar value of element `x`."""
        return x * 100 / self.knee if x <= self.knee else (x + self.shift) * 100 / self.span


KONAMI_PIECES = {
    "dance-single": {
        "stream": Pieces(300, -139, 161),
        "voltage": Pieces(600, 594, 1194),
        "air": Pieces(55, 36, 91),
        "freeze": Pieces(3500, 2484, 5984),
        "chaos": Pieces(2000, 21605, 23605),
    },
    "dance-double": {
        "stream": Pieces(300, -183, 117),
        "voltage": Pieces(600, 594, 1194),
        "air": Pieces(55, 35, 90),
        "freeze": Pieces(3500, 2246, 5746),
        "chaos": Pieces(2000, 16628, 18628),
    },
}


@dataclass(frozen=True)
class GrooveRadar:
    """Both radars of one chart.

    Attributes:
        konami: (5,) in the order of `RADAR_AXES`, 0 to about 200 and above.
        stepmania: (5,) in the same order, not clamped.
        elements: the raw numbers behind them, in a fixed order; the names say family and unit.
    """

    konami: NDArray[np.float64]
    stepmania: NDArray[np.float64]
    elements: dict[str, float]


@dataclass(frozen=True)
class Rows:
    """The R rows of a chart that hold an arrow or a shock, in order of beat. All arrays have shape (R,).

    Attributes:
        beats: place in the note data.
        played: the same less the warped beats before it.
        denominator: of the reduced beat: 1 for a 4th, 2 for an 8th, 4 for a 16th.
        arrows: arrows of the row, 0 for a shock.
        shock: whether the row is a shock arrow: a mine on every panel.
    """

    beats: NDArray[np.float64]
    played: NDArray[np.float64]
    denominator: NDArray[np.int64]
    arrows: NDArray[np.int64]
    shock: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.beats)


@dataclass(frozen=True)
class Holds:
    """The H holds and rolls of a chart, sorted by head, then column. All arrays have shape (H,)."""

    head: NDArray[np.float64]
    tail: NDArray[np.float64]
    column: NDArray[np.int8]
    roll: NDArray[np.bool_]


def groove_radar(chart: Chart, music_length_s: float | None = None) -> GrooveRadar:
    """Return both radars of `chart`.

    `music_length_s` is the length of the audio in seconds (stepmania's T); without it the ``#MUSICLENGTH`` of the
    simfile stands in, without that the end of the measure of the last row.
    """
    judged = judged_notes(chart)
    rows = chart_rows(judged, chart.timing, PANELS[chart.steps_type])
    holds = chart_holds(judged)
    counts = _counts(chart, judged, rows, holds)
    konami, konami_elements = _konami(chart, rows, holds)
    length = music_length_s or chart.music_length_s or _measure_end(chart, judged)
    stepmania, stepmania_elements = _stepmania(judged, holds, counts, length)
    return GrooveRadar(konami, stepmania, {**konami_elements, **stepmania_elements, **counts})


# ---- what is counted -----------------------------------------------------------------------------


def judged_notes(chart: Chart) -> Notes:
    """Return the notes that a player can hit or must avoid, and the tails of those holds whose heads are among them."""
    notes = chart.notes
    keep = chart.timing.judged(notes.beats)
    keep &= (notes.kind != NoteKind.FAKE) & (notes.kind != NoteKind.KEYSOUND)
    head, tail = hold_pairs(notes)
    keep[tail] = keep[head]  # the head decides
    return notes.select(keep)


def is_arrow(notes: Notes) -> NDArray[np.bool_]:
    """Return which notes (N,) are arrows."""
    return np.isin(notes.kind, (NoteKind.TAP, NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD, NoteKind.LIFT, NoteKind.ATTACK))


def chart_rows(notes: Notes, timing: Timing, panels: int) -> Rows:
    """Group `notes` into rows: those with an arrow, and those with a mine on each of `panels`."""
    arrow, mine = is_arrow(notes), notes.kind == NoteKind.MINE
    first = _row_starts(notes)
    arrows = np.add.reduceat(arrow.astype(np.int64), first) if len(first) else np.zeros(0, dtype=np.int64)
    mines = np.add.reduceat(mine.astype(np.int64), first) if len(first) else np.zeros(0, dtype=np.int64)
    shock = mines == panels
    keep = (arrows > 0) | shock
    beats = notes.beats[first][keep]
    return Rows(beats, played_beats(beats, timing), notes.denominator[first][keep], arrows[keep], shock[keep])


def _row_starts(notes: Notes) -> NDArray[np.int64]:
    """Return the index of the first note of every row; beats are reduced fractions, so equal beats look equal."""
    new = (np.diff(notes.numerator) != 0) | (np.diff(notes.denominator) != 0)
    return np.flatnonzero(np.append(True, new)) if len(notes) else np.zeros(0, dtype=np.int64)


def hold_pairs(notes: Notes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of every hold or roll head and of its tail, (H,) each, sorted by head (holds are balanced)."""
    head = np.flatnonzero((notes.kind == NoteKind.HOLD_HEAD) | (notes.kind == NoteKind.ROLL_HEAD))
    tail = np.flatnonzero(notes.kind == NoteKind.TAIL)
    head_order = head[np.argsort(notes.column[head], kind="stable")]
    tail_order = tail[np.argsort(notes.column[tail], kind="stable")]
    by_head = np.argsort(head_order)
    return head_order[by_head], tail_order[by_head]


def chart_holds(notes: Notes) -> Holds:
    """Return the holds and rolls of `notes`."""
    head, tail = hold_pairs(notes)
    beats = notes.beats
    return Holds(beats[head], beats[tail], notes.column[head], notes.kind[head] == NoteKind.ROLL_HEAD)


def played_beats(beats: NDArray[np.float64], timing: Timing) -> NDArray[np.float64]:
    """Return `beats` (K,) less the warped beats before each."""
    if len(timing.warps) == 0:
        return beats
    start, end = timing.warps.T
    before = np.append(0.0, np.cumsum(end - start))
    index = np.searchsorted(start, beats, side="right")
    last = np.maximum(index - 1, 0)
    inside = np.where(index > 0, np.maximum(end[last] - np.maximum(beats, start[last]), 0.0), 0.0)
    skipped = before[index] - inside
    return beats - np.where(np.isfinite(skipped), skipped, before[last] + beats - start[last])


def _counts(chart: Chart, judged: Notes, rows: Rows, holds: Holds) -> dict[str, float]:
    """Return the counters of a chart; `steps` are konami's (a jump is one), `jumps` and `hands` are rows."""
    return {
        "steps": int((rows.arrows > 0).sum()),
        "arrows": int(rows.arrows.sum()),
        "jumps": int((rows.arrows >= 2).sum()),
        "hands": _hands(rows, holds),
        "holds": int((~holds.roll).sum()),
        "rolls": int(holds.roll.sum()),
        "mines": int((judged.kind == NoteKind.MINE).sum()),
        "lifts": int((judged.kind == NoteKind.LIFT).sum()),
        "fakes": _fakes(chart),
        "shock_rows": int(rows.shock.sum()),
    }


def _fakes(chart: Chart) -> int:
    """Return how many notes StepMania counts as fakes: fake notes, and all notes in warps and fake segments."""
    notes = chart.notes.select((chart.notes.kind != NoteKind.TAIL) & (chart.notes.kind != NoteKind.KEYSOUND))
    return int(((notes.kind == NoteKind.FAKE) | ~chart.timing.judged(notes.beats)).sum())


def _hands(rows: Rows, holds: Holds) -> int:
    """Return the rows on which at least three panels are used: arrows, and holds that began earlier and still run."""
    begun = np.searchsorted(np.sort(holds.head), rows.beats, side="left")
    over = np.searchsorted(np.sort(holds.tail), rows.beats, side="left")
    return int(((rows.arrows > 0) & (rows.arrows + begun - over >= 3)).sum())


# ---- konami --------------------------------------------------------------------------------------


def song_end(chart: Chart) -> float:
    """Return the beat at which the konami radar's song ends: the chart's last non-empty row.

    The one free quantity of the definition, as no simfile holds the arcade's song end. This is the place to change it.
    """
    notes = judged_notes(chart)
    return float(notes.beats.max()) if len(notes) else 0.0


def _konami(chart: Chart, rows: Rows, holds: Holds) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Return the konami radar (5,) and its elements; all zero without rows or without time."""
    end = song_end(chart)
    start_s, end_s = chart.timing.time_at(np.array([0.0, end]))
    seconds = float(end_s - start_s)
    song_beats = round(float(played_beats(np.array([end]), chart.timing)[0]))
    x = dict.fromkeys(RADAR_AXES, 0)
    peak = _peak_rows(rows)
    base = _chaos_base(rows)
    tempo_change = _tempo_change(chart.timing, end)
    freeze_beats = _freeze_beats(holds, chart.timing)
    shocks, jumps, steps = int(rows.shock.sum()), int((rows.arrows >= 2).sum()), int((rows.arrows > 0).sum())
    average_bpm = 60 * song_beats / seconds if seconds > 0 else 0.0
    if len(rows) and seconds > 0:
        degree = base * (1 + (60 * tempo_change / seconds) / 1500)
        x["stream"] = _floor(60 * (steps + shocks) / seconds)
        x["voltage"] = _floor(average_bpm * peak / 4)
        x["air"] = _floor(60 * (jumps + shocks) / seconds)
        x["freeze"] = _floor(10000 * freeze_beats / song_beats) if song_beats else 0
        x["chaos"] = _floor(100 * degree / seconds)
    pieces = KONAMI_PIECES[chart.steps_type]
    elements = {
        "konami_steps_per_minute": x["stream"],
        "konami_peak_density": x["voltage"],
        "konami_jumps_per_minute": x["air"],
        "konami_freeze_share": x["freeze"],
        "konami_chaos_degree": x["chaos"],
        "konami_chaos_base": base,
        "konami_tempo_change_bpm": tempo_change,
        "konami_peak_rows": peak,
        "konami_freeze_beats": freeze_beats,
        "konami_song_beats": song_beats,
        "konami_average_bpm": average_bpm,
        "konami_t_s": seconds,
    }
    return np.array([pieces[axis](x[axis]) for axis in RADAR_AXES]), elements


def _floor(x: float) -> int:
    return math.floor(x + _EPSILON)


def _peak_rows(rows: Rows) -> int:
    """Return the most rows within any 4 consecutive beats, the end of the window left out."""
    ends = np.searchsorted(rows.played, rows.played + VOLTAGE_WINDOW["konami"] - _EPSILON, side="left")
    return int((ends - np.arange(len(rows))).max(initial=0))


def _freeze_beats(holds: Holds, timing: Timing) -> float:
    """Return the summed beats of the rows that start freezes, each until the last of its freezes is released."""
    if len(holds.head) == 0:
        return 0.0
    first = np.flatnonzero(np.append(True, np.diff(holds.head) > _EPSILON))
    released = np.maximum.reduceat(holds.tail, first)
    return float((played_beats(released, timing) - played_beats(holds.head[first], timing)).sum())


def _chaos_base(rows: Rows) -> float:
    """Return the sum over rows after the first of arrows * colour / (measures since the previous row); a shock is 4."""
    arrows = np.where(rows.shock, 4, rows.arrows)
    colour = np.full(len(rows), OTHER_COLOUR)
    for denominator, weight in CHAOS_COLOUR.items():
        colour[rows.denominator == denominator] = weight
    measures = np.diff(rows.played) / BEATS_PER_MEASURE
    apart = measures > _EPSILON  # a stop inside a warp can put two rows on one played beat
    return float((arrows * colour)[1:][apart].astype(float) @ (1 / measures[apart]))


def _tempo_change(timing: Timing, end: float) -> float:
    """Return dBPM up to beat `end`: every change of tempo, and the tempo at every stop; on one row the stop counts."""
    beat, bpm = timing.bpms[timing.bpms[:, 0] <= end].T
    stops = np.unique(timing.stops[timing.stops[:, 0] <= end, 0])
    change = np.abs(np.diff(bpm))[~np.isin(beat[1:], stops)]
    current = bpm[np.searchsorted(beat, stops, side="right") - 1]
    return float(change.sum() + current.sum())


# ---- stepmania -----------------------------------------------------------------------------------


def _measure_end(chart: Chart, judged: Notes) -> float:
    """Return the seconds from beat 0 to the end of the measure that holds the last row."""
    if len(judged) == 0:
        return 0.0
    end = (math.floor(judged.beats.max() / BEATS_PER_MEASURE + _EPSILON) + 1) * BEATS_PER_MEASURE
    start_s, end_s = chart.timing.time_at(np.array([0.0, float(end)]))
    return float(end_s - start_s)


def _stepmania(
    judged: Notes, holds: Holds, counts: dict[str, float], seconds: float
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Return the stepmania radar (5,) and its elements, at the engine's resolution; all zero without time.

    Chaos counts rows with any note, mines as well: the engine does (stored values of 513 charts agree only so). It also
    counts rows in warps and fake segments there; here no axis does.
    """
    arrow_ticks = np.round(judged.beats[is_arrow(judged)] * ROWS_PER_BEAT).astype(np.int64)
    ticks, arrows = np.unique(arrow_ticks, return_counts=True)
    window = int(VOLTAGE_WINDOW["stepmania"]) * ROWS_PER_BEAT
    running = np.append(0, np.cumsum(arrows))
    peak = int((running[np.searchsorted(ticks, ticks + window, side="right")] - running[:-1]).max(initial=0))
    noted = np.unique(np.round(judged.beats[judged.kind != NoteKind.TAIL] * ROWS_PER_BEAT).astype(np.int64))
    fine_rows = int((noted % (ROWS_PER_BEAT // 2) != 0).sum())
    last_beat = float(judged.beats.max()) if len(judged) else 0.0
    values = np.zeros(len(RADAR_AXES))
    if seconds > 0 and len(ticks):
        values[0] = arrows.sum() / seconds / 7
        values[1] = peak / VOLTAGE_WINDOW["stepmania"] * (last_beat / seconds) / 10
        values[2] = int((arrows >= 2).sum()) / seconds
        values[3] = counts["holds"] / seconds
        values[4] = 0.5 * fine_rows / seconds
    elements = {
        "stepmania_peak_arrows": peak,
        "stepmania_fine_rows": fine_rows,
        "stepmania_last_beat": last_beat,
        "stepmania_t_s": seconds,
    }
    return values, elements
