"""Where a song ends, as far as its charts can tell: the free quantity T of the konami radar.

No simfile says when the arcade song ends. It is one moment a song, nearly always on a measure line. On the 543 charts
whose official values are known, the best line of each song explains 98 % of them; which line it is has no visible
rule, but a song goes on for a while after its last row, longer after a step than after the release of a freeze. The
two durations were fitted on one of the two packs that have official values and checked on the other (docs/radar.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from groove.charts.chart import Chart, Timing
from groove.charts.rows import BEATS_PER_MEASURE, EPSILON, is_arrow, judged_notes

AFTER_RELEASE_S = 1.2
AFTER_STEP_S = 2.1
"""Seconds that a song goes on, in the middle, after its last release or step."""
FARTHEST_S = 8.0
"""A measure line that is farther from there than this says nothing (tempos of next to 0 exist)."""
MOST_LINES = 1024


def last_row(chart: Chart) -> float:
    """Return the beat of the chart's last judged row, tails included; 0 without one."""
    return float(judged_notes(chart).beats.max(initial=0.0))


def with_song_end(charts: Sequence[Chart]) -> list[Chart]:
    """Return the charts of one simfile with `Chart.song_end` set: the same moment for all, each on its own beats."""
    rows, ends, steps = [], [], []
    for chart in charts:
        notes = judged_notes(chart)
        times = chart.timing.time_at(notes.beats)
        rows.append(float(notes.beats.max(initial=0.0)))
        ends += times[-1:].tolist()
        steps += times[is_arrow(notes)][-1:].tolist()
    last_s = max(ends, default=math.inf)
    if not math.isfinite(last_s):
        return list(charts)
    ends_with_step = max(steps, default=-math.inf) >= last_s - EPSILON
    expected = last_s + (AFTER_STEP_S if ends_with_step else AFTER_RELEASE_S)
    return [
        replace(chart, song_end=_measure_line(chart.timing, row, last_s, expected))
        for chart, row in zip(charts, rows, strict=True)
    ]


def _measure_line(timing: Timing, row: float, earliest: float, expected: float) -> float:
    """Return the measure line from beat `row` on, not before `earliest` (seconds), that is nearest to `expected`."""
    first = math.ceil(row / BEATS_PER_MEASURE - EPSILON)
    lines = BEATS_PER_MEASURE * (first + np.arange(MOST_LINES, dtype=np.float64))
    times = timing.time_at(lines)
    distance = np.where(times >= earliest - EPSILON, np.abs(times - expected), np.inf)
    nearest = int(distance.argmin())
    return float(lines[nearest]) if distance[nearest] <= FARTHEST_S else row
