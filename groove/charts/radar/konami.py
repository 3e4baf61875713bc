"""The groove radar of the arcade game, 2013 and later; never published, reverse-engineered by players."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from groove.charts.chart import Chart, Timing
from groove.charts.radar.song_end import last_row
from groove.charts.rows import BEATS_PER_MEASURE, EPSILON, SHORTEST_S, Holds, Rows, played_beats

VOLTAGE_WINDOW = 4.0
"""Beats; the end of the window is left out."""
CHAOS_COLOUR = {1: 0.0, 2: 0.5, 4: 1.0}
"""Weight of a row by the denominator of its beat: 4th, 8th, 16th; every finer or odder one weighs 1.25."""
OTHER_COLOUR = 1.25


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


def konami_radar(chart: Chart, rows: Rows, holds: Holds) -> tuple[dict[str, float], dict[str, float]]:
    """Return the konami radar by axis and its elements; all zero without rows or without time.

    T ends at `Chart.song_end`, without one at the last row.
    """
    end = last_row(chart) if chart.song_end is None else chart.song_end
    start_s, end_s = chart.timing.time_at(np.array([0.0, end]))
    seconds = float(end_s - start_s)
    song_beats = round(float(played_beats(np.array([end]), chart.timing)[0]))
    pieces = KONAMI_PIECES[chart.steps_type]
    x = dict.fromkeys(pieces, 0)
    peak = _peak_rows(rows)
    base = _chaos_base(rows)
    tempo_change = _tempo_change(chart.timing, end)
    freeze_beats = _freeze_beats(holds, chart.timing)
    shocks, jumps, steps = int(rows.shock.sum()), int((rows.arrows >= 2).sum()), int((rows.arrows > 0).sum())
    average_bpm = 60 * song_beats / seconds if seconds >= SHORTEST_S else 0.0
    if len(rows) and seconds >= SHORTEST_S:
        degree = base * (1 + (60 * tempo_change / seconds) / 1500)
        x["stream"] = _floor(60 * (steps + shocks) / seconds)
        x["voltage"] = _floor(average_bpm * peak / 4)
        x["air"] = _floor(60 * (jumps + shocks) / seconds)
        x["freeze"] = _floor(10000 * freeze_beats / song_beats) if song_beats else 0
        x["chaos"] = _floor(100 * degree / seconds)
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
    return {axis: piece(x[axis]) for axis, piece in pieces.items()}, elements


def _floor(x: float) -> int:
    return math.floor(x + EPSILON)


def _peak_rows(rows: Rows) -> int:
    """Return the most rows within any 4 consecutive beats, the end of the window left out."""
    ends = np.searchsorted(rows.played, rows.played + VOLTAGE_WINDOW - EPSILON, side="left")
    return int((ends - np.arange(len(rows))).max(initial=0))


def _freeze_beats(holds: Holds, timing: Timing) -> float:
    """Return the summed beats of the rows that start freezes, each until the last of its freezes is released."""
    if len(holds.head) == 0:
        return 0.0
    first = np.flatnonzero(np.append(True, np.diff(holds.head) > EPSILON))
    released = np.maximum.reduceat(holds.tail, first)
    return float((played_beats(released, timing) - played_beats(holds.head[first], timing)).sum())


def _chaos_base(rows: Rows) -> float:
    """Return the sum over rows after the first of arrows * colour / (measures since the previous row); a shock is 4."""
    arrows = np.where(rows.shock, 4, rows.arrows)
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
