"""The groove radar in its two definitions, computed from the exact rows of a chart.

`konami` (`konami.py`) is the arcade game's, `stepmania` (`stepmania.py`) that of StepMania 5.1. They share five names
and are different features: every value says which one it is. Both count only judged notes (`groove.charts.rows`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import PANELS, Chart, NoteKind, Notes
from groove.charts.notation import breakdown, measures_of, peak_nps
from groove.charts.radar.konami import konami_radar
from groove.charts.radar.stepmania import measure_end, stepmania_radar
from groove.charts.rows import Holds, Rows, chart_holds, chart_rows, is_arrow, judged_notes, row_starts

RADAR_AXES = ("stream", "voltage", "air", "freeze", "chaos")
DIGITS = {"konami": 0, "stepmania": 2}
"""Decimals in which each family's values are shown: the arcade game shows percentages, StepMania shares of about 1."""
FULL_AXIS = {"konami": 100.0, "stepmania": 1.0}
"""The value that fills an axis, of which the source document's radar distances are counted: stream 10 to 90 is .8."""
FAMILIES = tuple(DIGITS)


@dataclass(frozen=True)
class GrooveRadar:
    """Both radars of one chart, (5,) each in the order of `RADAR_AXES`, and what else is counted."""

    konami: NDArray[np.float64]  # 0 to about 200 and above
    stepmania: NDArray[np.float64]  # not clamped
    elements: dict[str, float]  # the raw numbers behind them, in a fixed order; the names say family and unit
    breakdown: str  # the chart's streams and breaks in measures, see `notation.breakdown`


def groove_radar(chart: Chart, music_length_s: float | None = None) -> GrooveRadar:
    """Return both radars of `chart`.

    `music_length_s` is the length of the audio in seconds (stepmania's T); without it the ``#MUSICLENGTH`` of the
    simfile stands in, without that the end of the measure of the last row. konami's T ends at `Chart.song_end`.
    """
    judged = judged_notes(chart)
    rows = chart_rows(judged, chart.timing, PANELS[chart.steps_type])
    holds = chart_holds(judged)
    measures = measures_of(rows.beats[rows.arrows > 0])
    counts = _counts(chart, judged, rows, holds)
    streams = {"stream_measures": len(measures.stream), "peak_nps": peak_nps(measures, chart.timing)}
    seconds = music_length_s or chart.music_length_s or measure_end(chart, judged)
    konami, konami_elements = konami_radar(chart, rows, holds)
    stepmania, stepmania_elements = stepmania_radar(judged, seconds)
    return GrooveRadar(
        konami=np.array([konami[axis] for axis in RADAR_AXES]),
        stepmania=np.array([stepmania[axis] for axis in RADAR_AXES]),
        elements={**konami_elements, **stepmania_elements, **counts, **streams},
        breakdown=breakdown(measures),
    )


def shown(value: float, family: str, sign: str = "") -> str:
    """Return a radar value of `family` as people read it: ``86`` or ``0.43``; ``sign="+"`` writes a difference."""
    return f"{value:{sign}.{DIGITS[family]}f}"


def _counts(chart: Chart, judged: Notes, rows: Rows, holds: Holds) -> dict[str, float]:
    """Return the counters of a chart; `steps` are konami's (a jump is one), `jumps` and `hands` are rows.

    A hand is a row on which at least three panels are used: by arrows, and by holds that began earlier and still run.
    As in the engine (`CalculateRadarValues`) any note makes a row: one with nothing but mines under three held panels
    is a hand. Fakes are StepMania's: fake notes, and all notes in warps and fake segments.
    """
    notes = chart.notes.select(chart.notes.kind != NoteKind.TAIL)
    in_play = chart.timing.judged(notes.beats)
    counted = notes.select(in_play)
    first = row_starts(counted)
    beats, arrows = counted.beats[first], np.add.reduceat(is_arrow(counted).astype(np.int64), first)
    running = np.searchsorted(np.sort(holds.head), beats) - np.searchsorted(np.sort(holds.tail), beats)
    fakes = ((notes.kind == NoteKind.FAKE) | ~in_play) & (notes.kind != NoteKind.KEYSOUND)
    return {
        "steps": int((rows.arrows > 0).sum()),
        "arrows": int(rows.arrows.sum()),
        "jumps": int((rows.arrows >= 2).sum()),
        "hands": int((arrows + running >= 3).sum()),
        "holds": int((~holds.roll).sum()),
        "rolls": int(holds.roll.sum()),
        "mines": int((judged.kind == NoteKind.MINE).sum()),
        "lifts": int((judged.kind == NoteKind.LIFT).sum()),
        "fakes": int(fakes.sum()),
        "shock_rows": int(rows.shock.sum()),
    }
