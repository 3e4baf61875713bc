"""What a chart is made of, counted on its own beat grid.

Frame k covers the beats ``[k / frames_per_beat, (k + 1) / frames_per_beat)``, from beat 0 to the frame of the last
note. Everything is counted, so rows finer than a frame add up rather than vanish; `merged_rows` says how many do. Only
judged notes enter (`groove.charts.rows.judged_notes`): what lies in a warp or a fake segment is not played. The second
pad of ``dance-double`` is folded onto the first, and its feet are unknown (0). Dimension letters: N notes, H holds, T
frames, F = 35 features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart, NoteKind, Notes, Timing
from groove.charts.rows import hold_pairs, is_arrow, judged_notes
from groove.charts.technique.body import BODY_FEATURES, Footing, body_features, footing_of
from groove.errors import SimfileError

PADS = 4
MAX_FRAMES = 1_000_000  # at 4 frames a beat more than a day of music: only a broken beat number reaches it
FLOAT16_MAX = float(np.finfo(np.float16).max)
NOTE_FEATURES = (
    *(f"attacks_{panel}" for panel in range(PADS)),  # taps, hold and roll heads, lifts that start in the frame
    *(f"holds_{panel}" for panel in range(PADS)),  # fraction of the frame during which a hold or roll body is active
    *(f"hold_beats_{panel}" for panel in range(PADS)),  # length in beats of the holds and rolls whose head is here
    "mines",
    "rows",  # beats with at least one attack
    "jumps",  # rows with two attacks or more
    "quantisation_4th",  # rows on the beat, then on its half, on its quarters, and anywhere else
    "quantisation_8th",
    "quantisation_16th",
    "quantisation_finer",
    "seconds",  # duration of the frame, stops inside it included
)
CHART_FEATURES = (*NOTE_FEATURES, *BODY_FEATURES)
"""The notes, then what a player's body does with them, summed over the rows of the frame (`technique/body.py`)."""
_SAME_FRAME = 1e-6
"""Far below any row in beats, far above the rounding of a beat."""


def chart_frames(chart: Chart, frames_per_beat: int, footing: Footing | None = None) -> NDArray[np.float16]:
    """Return the features `CHART_FEATURES` of `chart`, shape (T, 35); `footing` is that of the chart, if it is known.

    A `SimfileError` is raised if no note counts, or if the grid would have over `MAX_FRAMES` frames.
    """
    notes = judged_notes(chart)
    if len(notes) == 0:
        raise SimfileError("no note that counts")
    length = int(_frame(notes, frames_per_beat).max()) + 1
    if length > MAX_FRAMES:
        raise SimfileError(f"the last note is at beat {notes.beats.max():.0f}: more than {MAX_FRAMES} frames")
    attacks = notes.select(is_arrow(notes))
    mines = notes.select(notes.kind == NoteKind.MINE)
    columns = (
        _per_panel(attacks.column, _frame(attacks, frames_per_beat), length),
        *_hold_features(notes, frames_per_beat, length),
        np.bincount(_frame(mines, frames_per_beat), minlength=length),
        _row_features(attacks, frames_per_beat, length),
        np.diff(frame_times(chart.timing, length, frames_per_beat)),
        _body(chart, frames_per_beat, length, footing or footing_of(chart)),
    )
    return finite_float16(np.column_stack(columns))


def _body(chart: Chart, frames_per_beat: int, length: int, footing: Footing) -> NDArray[np.float64]:
    """Return `BODY_FEATURES` per frame, (T, 15); the feet also step on notes in warps, which are not judged."""
    frame = np.floor(footing.rows.beats * frames_per_beat + _SAME_FRAME).astype(np.int64)
    counts = chart.timing.judged(footing.rows.beats) & (frame >= 0) & (frame < length)
    per_frame = np.zeros((length, len(BODY_FEATURES)))
    np.add.at(per_frame, frame[counts], body_features(*footing)[counts])
    return per_frame


def frame_times(timing: Timing, length: int, frames_per_beat: int) -> NDArray[np.float64]:
    """Return the seconds (of the audio) at which frames begin, and the end of the last one, shape (T + 1,).

    A stop on the first beat of a frame is part of that frame.
    """
    return timing.time_at(np.arange(length + 1) / frames_per_beat)


def merged_rows(chart: Chart, frames_per_beat: int) -> int:
    """Return how many rows of attacks share their frame with an earlier row of `chart`."""
    notes = judged_notes(chart)
    rows, _ = _rows(notes.select(is_arrow(notes)))
    return len(rows) - len(np.unique(_frame(rows, frames_per_beat)))


def finite_float16(values: NDArray[np.floating]) -> NDArray[np.float16]:
    """Return `values` as float16, with NaN as 0 and what exceeds the type clipped to its largest number."""
    return np.clip(np.nan_to_num(values, nan=0.0), -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)


def _frame(notes: Notes, frames_per_beat: int) -> NDArray[np.int64]:
    """Return the frame of each note, shape (N,), in exact arithmetic."""
    return notes.numerator * frames_per_beat // notes.denominator


def _per_panel(
    column: NDArray[np.integer], frame: NDArray[np.int64], length: int, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the sum of `weights` (N,), or the count, per frame and panel, shape (T, 4)."""
    place = frame * PADS + column.astype(np.int64) % PADS
    return np.bincount(place, weights, minlength=length * PADS).reshape(length, PADS).astype(np.float64)


def _hold_features(notes: Notes, frames_per_beat: int, length: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the active fraction per frame and panel, and the beats of the holds at their heads, each (T, 4)."""
    head, tail = hold_pairs(notes)
    start, end = notes.beats[head], notes.beats[tail]
    column = notes.column[head].astype(np.int64) % PADS
    active = _before(end * frames_per_beat, column, length) - _before(start * frames_per_beat, column, length)
    return np.maximum(active, 0.0), _per_panel(column, _frame(notes, frames_per_beat)[head], length, end - start)


def _before(point: NDArray[np.float64], column: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    """Return, summed over `point` (H,), which part (0 to 1) of each frame lies before the point, per panel, (T, 4)."""
    frame = np.minimum(np.floor(point).astype(np.int64), length - 1)
    later = _per_panel(column, frame, length)
    whole = np.cumsum(later[::-1], axis=0)[::-1] - later
    return whole + _per_panel(column, frame, length, point - frame)


def _row_features(attacks: Notes, frames_per_beat: int, length: int) -> NDArray[np.float64]:
    """Return rows, jumps and the rows of each quantisation class per frame, shape (T, 6)."""
    rows, sizes = _rows(attacks)
    frame = _frame(rows, frames_per_beat)
    parts = rows.denominator
    classes = (parts == 1, parts == 2, parts == 4, ~np.isin(parts, (1, 2, 4)))
    kinds = (np.ones(len(rows), dtype=bool), sizes >= 2, *classes)
    return np.column_stack([np.bincount(frame[kind], minlength=length) for kind in kinds]).astype(np.float64)


def _rows(attacks: Notes) -> tuple[Notes, NDArray[np.int64]]:
    """Return the first note of every row, and how many notes the row has (beats are reduced fractions)."""
    first = np.ones(len(attacks), dtype=bool)
    first[1:] = (np.diff(attacks.numerator) != 0) | (np.diff(attacks.denominator) != 0)
    return attacks.select(first), np.diff(np.append(np.flatnonzero(first), len(attacks)))
