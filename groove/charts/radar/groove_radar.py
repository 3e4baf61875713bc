"""The groove radar in its two definitions, computed from the exact rows of a chart.

`konami` is the arcade game's, `stepmania` that of StepMania 5.1. They share five names and are different features:
every value says which one it is. Both count only judged notes (`groove.charts.rows`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import PANELS, Chart, NoteKind, Notes
from groove.charts.radar.konami import konami_radar
from groove.charts.radar.stepmania import measure_end, stepmania_radar
from groove.charts.rows import Holds, Rows, chart_holds, chart_rows, judged_notes

RADAR_AXES = ("stream", "voltage", "air", "freeze", "chaos")
DIGITS = {"konami": 0, "stepmania": 2}
"""Decimals in which each family's values are shown: the arcade game shows percentages, StepMania shares of about 1."""
FAMILIES = tuple(DIGITS)


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


def groove_radar(chart: Chart, music_length_s: float | None = None) -> GrooveRadar:
    """Return both radars of `chart`.

    `music_length_s` is the length of the audio in seconds (stepmania's T); without it the ``#MUSICLENGTH`` of the
    simfile stands in, without that the end of the measure of the last row.
    """
    judged = judged_notes(chart)
    rows = chart_rows(judged, chart.timing, PANELS[chart.steps_type])
    holds = chart_holds(judged)
    counts = _counts(chart, judged, rows, holds)
    konami, konami_elements = konami_radar(chart, rows, holds)
    length = music_length_s or chart.music_length_s or measure_end(chart, judged)
    stepmania, stepmania_elements = stepmania_radar(judged, int(counts["holds"]), length)
    elements = {**konami_elements, **stepmania_elements, **counts}
    return GrooveRadar(_in_order(konami), _in_order(stepmania), elements)


def shown(value: float, family: str, sign: str = "") -> str:
    """Return a radar value of `family` as people read it: ``86`` or ``0.43``; ``sign="+"`` writes a difference."""
    return f"{value:{sign}.{DIGITS[family]}f}"


def _in_order(values: dict[str, float]) -> NDArray[np.float64]:
    """Return the values of one radar (5,) in the order of `RADAR_AXES`."""
    return np.array([values[axis] for axis in RADAR_AXES])


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
