"""The groove radar of the arcade game, 2013 and later; never published, reverse-engineered by players."""

from __future__ import annotations

import math

import numpy as np

from groove.charts.chart import Chart, Timing
from groove.charts.radar.song_end import last_row
from groove.charts.rows import BEATS_PER_MEASURE, EPSILON, SHORTEST_S, Holds, Rows, played_beats

VOLTAGE_BEATS = 4.0
"""Width of the window in which the most rows are counted; its end is left out."""
CHAOS_COLOUR = {1: 0.0, 2: 0.5, 4: 1.0}
"""Weight of a row by the denominator of its beat: 4th, 8th, 16th; every finer or odder one weighs `OTHER_COLOUR`."""
OTHER_COLOUR = 1.25
SHOCK_ARROWS = 4
"""A shock arrow counts as so many arrows in chaos."""
KNEE = {"stream": 300, "voltage": 600, "air": 55, "freeze": 3500, "chaos": 2000}
"""The raw value of each axis that gives 100."""
SHIFT = {
    "dance-single": {"stream": -139, "voltage": 594, "air": 36, "freeze": 2484, "chaos": 21605},
    "dance-double": {"stream": -183, "voltage": 594, "air": 35, "freeze": 2246, "chaos": 16628},
}


def radar_value(x: float, steps_type: str, axis: str) -> float:
    """Return the radar value of the raw value `x`: two linear pieces that meet at 100."""
    knee, shift = KNEE[axis], SHIFT[steps_type][axis]
    return x * 100 / knee if x <= knee else (x + shift) * 100 / (knee + shift)


def konami_radar(chart: Chart, rows: Rows, holds: Holds) -> tuple[dict[str, float], dict[str, float]]:
    """Return the konami radar by axis and its elements; all zero without rows or without time.

    T, `seconds` here, ends at `Chart.song_end`, without one at the last row.
    """
    end = last_row(chart) if chart.song_end is None else chart.song_end
    start_s, end_s = chart.timing.time_at(np.array([0.0, end]))
    seconds = float(end_s - start_s)
    song_beats = round(float(played_beats(np.array([end]), chart.timing)[0]))
    average_bpm = 60 * song_beats / seconds if seconds >= SHORTEST_S else 0.0
    steps, jumps, shocks = (int(which.sum()) for which in (rows.arrows > 0, rows.arrows >= 2, rows.shock))
    window_ends = np.searchsorted(rows.played, rows.played + VOLTAGE_BEATS - EPSILON, side="left")
    peak = int((window_ends - np.arange(len(rows))).max(initial=0))
    freeze_beats = _freeze_beats(holds, chart.timing)
    base, tempo_change = _chaos_base(rows), _tempo_change(chart.timing, end)
    x: dict[str, float] = dict.fromkeys(KNEE, 0)
    if len(rows) and seconds >= SHORTEST_S:
        x["stream"] = 60 * (steps + shocks) / seconds
        x["voltage"] = average_bpm * peak / 4
        x["air"] = 60 * (jumps + shocks) / seconds
        x["freeze"] = 10000 * freeze_beats / song_beats if song_beats else 0
        x["chaos"] = 100 * (base * (1 + (60 * tempo_change / seconds) / 1500)) / seconds
    x = {axis: math.floor(value + EPSILON) for axis, value in x.items()}
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
    return {axis: radar_value(value, chart.steps_type, axis) for axis, value in x.items()}, elements


def _freeze_beats(holds: Holds, timing: Timing) -> float:
    """Return the summed beats of the rows that start freezes, each until the last of its freezes is released."""
    first = np.flatnonzero(np.diff(holds.head, prepend=-np.inf) > EPSILON)
    released = np.maximum.reduceat(holds.tail, first)
    return float((played_beats(released, timing) - played_beats(holds.head[first], timing)).sum())


def _chaos_base(rows: Rows) -> float:
    """Return the sum over rows after the first of arrows * colour / (measures since the previous row)."""
    arrows = np.where(rows.shock, SHOCK_ARROWS, rows.arrows)
    colour = np.full(len(rows), OTHER_COLOUR)
    for denominator, weight in CHAOS_COLOUR.items():
        colour[rows.denominator == denominator] = weight
    measures = np.diff(rows.played) / BEATS_PER_MEASURE
    apart = measures > EPSILON  # a stop inside a warp can put two rows on one played beat
    return float((arrows * colour)[1:][apart].astype(float) @ (1 / measures[apart]))


def _tempo_change(timing: Timing, end: float) -> float:
    """Return dBPM up to beat `end`: every change of tempo, and the tempo at every stop; on one row the stop counts."""
    beat, bpm = timing.bpms[timing.bpms[:, 0] <= end].T
    stops = np.unique(timing.stops[timing.stops[:, 0] <= end, 0])
    change = np.abs(np.diff(bpm))[~np.isin(beat[1:], stops)]
    current = bpm[np.searchsorted(beat, stops, side="right") - 1]
    return float(change.sum() + current.sum())
