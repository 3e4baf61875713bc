"""From the beats and values of the timing tags to a `Timing`, by StepMania's rules.

Beats of timing events are rounded to 1/48 of a beat, as the engine and `simfile` do. Dimension letter: K knots, the
beats at which anything changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import ROWS_PER_BEAT, Timing, inside

DEFAULT_BPM = 60.0
"""What StepMania plays when a file has no ``#BPMS``."""
SLOWEST_BPM = 1e-6
LONGEST_PAUSE_S = 1e6
"""Beyond these two a value is no music, and sums of it would not stay finite."""
_LAST_BEAT = 1e9
FAST_BPM = 9_999_999.0
"""At this tempo and above StepMania's `.sm` reader makes a warp of the segment."""


def beat_values(text: str | None) -> NDArray[np.float64]:
    """Return the entries of ``beat=value, ...`` as (n, 2), sorted by beat; entries that do not parse are skipped."""
    pairs = []
    for entry in (text or "").split(","):
        beat, _, value = entry.partition("=")
        try:
            pair = (float(beat), float(value))
        except ValueError:
            continue
        if np.isfinite(pair).all() and abs(pair[0]) < _LAST_BEAT:
            pairs.append((round(pair[0] * ROWS_PER_BEAT) / ROWS_PER_BEAT, pair[1]))
    return _pairs(sorted(pairs, key=lambda pair: pair[0]))


def build_timing(
    bpms: NDArray[np.float64],
    stops: NDArray[np.float64],
    delays: NDArray[np.float64],
    warps: NDArray[np.float64],
    fakes: NDArray[np.float64],
    offset: float,
) -> Timing:
    """Return the timing of a song whose beat 0 is at ``-offset`` seconds.

    All arrays are (n, 2) of (beat, value), sorted by beat; values are BPM, seconds, seconds, beats, beats. A tempo of
    next to 0 and a pause of days are ignored, and so is all before beat 0 but the tempo. Where a negative tempo or stop
    turns time back, the audio does not: time is the running maximum over beats, until it is caught up lies a warp.
    """
    bpms = _from_beat_0(bpms[np.abs(bpms[:, 1]) > SLOWEST_BPM])
    stops, delays = _pauses(stops), _pauses(delays)
    spans = merged_spans(_ends(warps))
    knots = np.unique(np.concatenate([[0.0], bpms[:, 0], stops[:, 0], delays[:, 0], spans.ravel()]))
    tempo = bpms[np.searchsorted(bpms[:, 0], knots, side="right") - 1, 1]  # the last of equal beats wins
    slope = np.where(inside(knots, spans) | (tempo >= FAST_BPM), 0.0, 60.0 / tempo)
    waits = [np.bincount(np.searchsorted(knots, at), seconds, len(knots)) for at, seconds in (delays.T, stops.T)]
    segments, late, caught_up = _walk(np.column_stack([knots, np.append(knots[1:], np.inf), slope, *waits]), -offset)
    start_beat, start_time, seconds_per_beat = zip((0.0, -offset, max(60.0 / bpms[0, 1], 0.0)), *segments, strict=True)
    pauses = np.concatenate([stops[stops[:, 1] > 0], delays[delays[:, 1] > 0]])
    return Timing(
        start_beat=np.array(start_beat),
        start_time=np.array(start_time),
        seconds_per_beat=np.array(seconds_per_beat),
        bpms=_from_beat_0(bpms[(bpms[:, 1] > 0) & (bpms[:, 1] < FAST_BPM)]),
        stops=pauses[np.argsort(pauses[:, 0], kind="stable")],
        delays=_pairs(late),
        warps=merged_spans(np.concatenate([spans, _pairs(caught_up)])),
        fakes=merged_spans(_ends(fakes)),
    )


def _walk(
    stretches: NDArray[np.float64], start: float
) -> tuple[list[tuple[float, float, float]], list[tuple[float, float]], list[tuple[float, float]]]:
    """Follow time along `stretches` (K, 5) of beat, end, seconds per beat, delay, stop; return segments, delays, warps.

    `raw` is time as the tags say, which may go back; `high` is its running maximum, which is what is returned.
    """
    segments, late, warps = [], [], []
    raw = high = start
    for beat, end, rate, delay, stop in stretches.tolist():
        raw += delay
        if raw > high:
            late.append((beat, raw - high))
            high = raw
        raw += stop
        high = max(high, raw)
        length = end - beat
        behind = (high - raw) / rate if rate > 0 else length  # beats until time is caught up
        if behind > 0:
            segments.append((beat, high, 0.0))
            warps.append((beat, min(beat + behind, end)))
        if behind < length:
            segments.append((beat + behind, high, rate))
        if np.isfinite(length):
            raw += rate * length
            high = max(high, raw)
    return segments, late, warps


def _pairs(rows: list[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _pauses(pauses: NDArray[np.float64]) -> NDArray[np.float64]:
    return pauses[(pauses[:, 0] >= 0) & (np.abs(pauses[:, 1]) <= LONGEST_PAUSE_S)]


def _from_beat_0(bpms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `bpms` with the one that holds at beat 0 moved there, or the default tempo if there is none."""
    if len(bpms) == 0:
        return np.array([[0.0, DEFAULT_BPM]])
    bpms = bpms[max(np.searchsorted(bpms[:, 0], 0.0, side="right") - 1, 0) :].copy()
    bpms[0, 0] = 0.0
    return bpms


def _ends(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (first beat, last beat) for rows of (beat, length), lengths rounded to 1/48."""
    beat, length = lengths[lengths[:, 0] >= 0].T
    length = np.clip(length, -_LAST_BEAT, _LAST_BEAT)
    return np.column_stack([beat, beat + np.round(length * ROWS_PER_BEAT) / ROWS_PER_BEAT])


def merged_spans(spans: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half-open `spans` (n, 2) rounded to 1/48, so that their ends compare equal to notes, and sorted.

    Those that touch or overlap are joined into one, empty ones dropped.
    """
    spans = np.round(spans * ROWS_PER_BEAT) / ROWS_PER_BEAT
    spans = spans[spans[:, 1] > spans[:, 0]]
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    first = np.flatnonzero(np.append(True, spans[1:, 0] > reach[:-1])[: len(spans)])
    return np.column_stack([spans[first, 0], np.maximum.reduceat(spans[:, 1], first)])
