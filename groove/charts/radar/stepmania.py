"""The groove radar of StepMania 5.1, `NoteDataUtil::CalculateRadarValues`."""

from __future__ import annotations

import math

import numpy as np

from groove.charts.chart import ROWS_PER_BEAT, Chart, NoteKind, Notes
from groove.charts.rows import BEATS_PER_MEASURE, EPSILON, SHORTEST_S, is_arrow, run_lengths

VOLTAGE_BEATS = 8
"""Width of the window; both its ends count."""


def measure_end(chart: Chart, judged: Notes) -> float:
    """Return the seconds from beat 0 to the end of the measure that holds the last row."""
    if len(judged) == 0:
        return 0.0
    end = (math.floor(judged.beats.max() / BEATS_PER_MEASURE + EPSILON) + 1) * BEATS_PER_MEASURE
    start_s, end_s = chart.timing.time_at(np.array([0.0, float(end)]))
    return float(end_s - start_s)


def stepmania_radar(judged: Notes, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """Return the stepmania radar by axis and its elements, at the engine's resolution; all zero without time.

    Chaos counts rows with any note, mines as well: the engine does (stored values of 513 charts agree only so). It also
    counts rows in warps and fake segments there; here no axis does. Builds before 5.1 count hold heads twice in stream.
    """
    tick = np.round(judged.beats * ROWS_PER_BEAT).astype(np.int64)
    rows, arrows = run_lengths(tick[is_arrow(judged)])
    holds = int((judged.kind == NoteKind.HOLD_HEAD).sum())
    arrows_until = np.append(0, np.cumsum(arrows))
    window_end = np.searchsorted(rows, rows + VOLTAGE_BEATS * ROWS_PER_BEAT, side="right")
    peak = int((arrows_until[window_end] - arrows_until[:-1]).max(initial=0))
    all_rows, _ = run_lengths(tick[judged.kind != NoteKind.TAIL])
    fine_rows = int((all_rows % (ROWS_PER_BEAT // 2) != 0).sum())
    last_beat = float(judged.beats.max(initial=0.0))
    values = dict.fromkeys(("stream", "voltage", "air", "freeze", "chaos"), 0.0)
    if seconds >= SHORTEST_S and len(rows):
        values["stream"] = arrows.sum() / seconds / 7
        values["voltage"] = peak / VOLTAGE_BEATS * (last_beat / seconds) / 10
        values["air"] = int((arrows >= 2).sum()) / seconds
        values["freeze"] = holds / seconds
        values["chaos"] = 0.5 * fine_rows / seconds
    elements = {
        "stepmania_stream_before_5_1": (arrows.sum() + holds) / seconds / 7 if seconds >= SHORTEST_S else 0.0,
        "stepmania_peak_arrows": peak,
        "stepmania_fine_rows": fine_rows,
        "stepmania_last_beat": last_beat,
        "stepmania_t_s": seconds,
    }
    return values, elements
