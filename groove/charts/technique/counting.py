"""What the body does in a chart: crossovers, footswitches, jacks, brackets, candles, doublesteps, stream.

Only `experiment=feel` learns from it (`model.body`, the parts' labels); for all other models it serves as labels that
training never saw. The counts and their time limits are those of ITGmania's tech counts (`TechCounts.cpp`, 2025), on
feet assigned as there (`feet.py`). Candles are those of the stamina community: up and down by one foot, a side panel by
the other in between. Streams are those of Simply Love (`SL-ChartParser.lua`): a stream measure has at least 16 rows
with an arrow, whatever their quantisation.
Dimension letters: R rows, M measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart
from groove.charts.notation import measures_of, stream_runs
from groove.charts.technique import pad
from groove.charts.technique.feet import assign_feet
from groove.charts.technique.step_rows import StepRows, step_rows
from groove.errors import SimfileError

STEPS_TYPE = "dance-single"
JACK_S = 0.176
"""An 8th at 170 BPM; slower repetitions are no jacks."""
FOOTSWITCH_S = 0.3
"""A 4th at 200 BPM."""
DOUBLESTEP_S = 0.235
"""An 8th at 128 BPM."""


@dataclass(frozen=True)
class Technique:
    """Counts of one chart; all zero without rows."""

    steps: int  # rows with an arrow
    alternations: int  # rows hit by one foot after a row hit by the other one
    jacks: int  # single arrows hit by the part of a foot that hit the same panel one row (less than 0.176 s) before
    doublesteps: int  # single arrows hit by the part that hit another panel one row (less than 0.235 s) before
    crossovers: int  # rows on which a foot steps past the other one, which stepped on the row before
    footswitches: int  # panels down and up hit by one foot and less than 0.3 s later by the other
    sideswitches: int  # the same on left and right
    brackets: int  # two panels hit by one foot at once
    candles: int  # down and up by one foot (either order), the row between a side panel by the other; single arrows
    measures: int  # from the measure of the first row to that of the last
    stream_measures: int  # those of at least `STREAM_ROWS` rows
    longest_stream: int  # the most stream measures in a row
    break_measures: int  # other measures between the first and the last stream measure


TECHNIQUES = ("jacks", "doublesteps", "crossovers", "footswitches", "sideswitches", "brackets", "candles")
"""What is counted by the row; the names of attributes of `Technique`."""
MOVES = ("alternations", *TECHNIQUES)
"""The names of `moves_of`."""
RATES = (*TECHNIQUES, "alternations", "stream", "broken_stream", "longest_stream")
"""The names of `technique_rates`."""


def technique(chart: Chart) -> Technique:
    """Return the counts of `chart`.

    Raises:
        SimfileError: if the chart is not dance-single; the feet of other pads would need other floors.
    """
    if chart.steps_type != STEPS_TYPE:
        raise SimfileError(
            f"technique is counted for {STEPS_TYPE} charts, this one is '{chart.steps_type}': {chart.chart_id}"
        )
    rows = step_rows(chart)
    return technique_of(rows, assign_feet(rows))


def technique_of(rows: StepRows, feet: NDArray[np.int8]) -> Technique:
    """Return the counts of `rows`, of which `feet` (R, 4) hit the arrows as `assign_feet` returns them."""
    moves = {name: int(where.sum()) for name, where in moves_of(rows, feet).items()}
    return Technique(steps=len(rows), **moves, **_streams(rows))


def moves_of(rows: StepRows, feet: NDArray[np.int8]) -> dict[str, NDArray[np.int64]]:
    """Return how many of each of `MOVES` happen on every row of `rows` (R,); see `Technique`.

    What takes two rows or three (a jack, a candle) happens on the last of them.
    """
    used = pad.any_part(feet >= 0)  # (R, 2): which foot hits
    alone = used[:, 0] != used[:, 1]
    single = rows.arrows & (rows.arrows - 1) == 0
    again = single[1:] & single[:-1] & ((feet[1:] >= 0) & (feet[:-1] >= 0)).any(axis=1)  # a part hits twice in a row
    on_one_panel = ((feet[1:] >= 0) & (feet[1:] == feet[:-1])).any(axis=1)
    switches = _switches(rows, feet)
    found = {
        "alternations": alone[1:] & alone[:-1] & (used[1:, 0] != used[:-1, 0]),
        "jacks": again & on_one_panel & _sooner(rows, JACK_S),
        "doublesteps": again & ~on_one_panel & _sooner(rows, DOUBLESTEP_S),
        "crossovers": _crossovers(feet),
        "footswitches": switches[:, [pad.DOWN, pad.UP]].sum(axis=1),
        "sideswitches": switches[:, list(pad.SIDE_PANELS)].sum(axis=1),
        "brackets": pad.both_parts(feet >= 0).sum(axis=1),
        "candles": _candles(feet, used, single),
    }
    return {name: _on_last_rows(where, len(rows)) for name, where in found.items()}


def _on_last_rows(where: NDArray[Any], rows: int) -> NDArray[np.int64]:
    """Return what is counted of the last rows for all of them (R,), 0 on the first ones."""
    return np.append(np.zeros(rows - len(where), dtype=np.int64), where.astype(np.int64))


def technique_rates(counts: Technique) -> NDArray[np.float64]:
    """Return shares (len(RATES),) in the order of `RATES`, for use as labels; 0 where there is nothing to share.

    The techniques and alternations are per step (brackets up to 2), the rest from 0 to 1: stream measures per measure,
    breaks per measure from the first stream measure to the last, the longest stream per stream measure.
    """
    pairs = [(getattr(counts, name), counts.steps) for name in (*TECHNIQUES, "alternations")]
    pairs.append((counts.stream_measures, counts.measures))
    pairs.append((counts.break_measures, counts.break_measures + counts.stream_measures))
    pairs.append((counts.longest_stream, counts.stream_measures))
    return np.array([part / whole if whole else 0.0 for part, whole in pairs])


def _sooner(rows: StepRows, limit_s: float) -> NDArray[np.bool_]:
    """Return which rows but the first (R - 1,) come less than `limit_s` after the row before."""
    return np.diff(rows.seconds) < np.float32(limit_s)


def _switches(rows: StepRows, feet: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return for every row but the first, and every panel (R - 1, 4), whether one foot hits it after the other one."""
    on = feet[:, :, None] == np.arange(pad.PANEL_COUNT)
    hits = on[:, pad.HEELS] | on[:, pad.TOES]  # (R, 2 feet, 4 panels)
    switched = (hits[:-1] & hits[1:, ::-1]).any(axis=1)
    return (switched & _sooner(rows, FOOTSWITCH_S)[:, None]).astype(np.int64)


def _candles(feet: NDArray[np.int8], used: NDArray[np.bool_], single: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return on which row but the first two a part has gone from down to up or back, the other foot on a side panel."""
    if len(feet) < 3:
        return np.zeros(0, dtype=bool)
    first, last = feet[:-2], feet[2:]
    up_down = (((first == pad.UP) & (last == pad.DOWN)) | ((first == pad.DOWN) & (last == pad.UP))).any(axis=1)
    between = np.isin(feet[1:-1], pad.SIDE_PANELS).any(axis=1) & (used[1:-1, 0] != used[:-2, 0])
    return up_down & between & single[:-2] & single[1:-1] & single[2:]


def _crossovers(feet: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return how many feet cross on every row but the first.

    The foot steps with its heel, the other foot was the only one to step on the row before, the right foot is now left
    of the left one, and two rows before (if there is such a row) the foot hit another panel.
    """
    heel = feet[:, pad.HEELS]
    x, _ = pad.centres(feet)
    count = np.zeros(max(0, len(feet) - 1), dtype=np.int64)
    for foot, other, sign in ((0, 1, -1), (1, 0, 1)):
        now, before, came_from = heel[1:, foot], heel[:-1], heel[:-2, foot]
        crossed = (now >= 0) & (before[:, other] >= 0) & (before[:, foot] < 0)
        crossed &= sign * x[1:, foot] < sign * x[:-1, other]
        crossed[1:] &= (came_from >= 0) & (came_from != now[1:])
        count += crossed
    return count


def _streams(rows: StepRows) -> dict[str, int]:
    """Return the counts of measures."""
    measures = measures_of(rows.beats)
    streams, breaks = stream_runs(measures)
    return {
        "measures": int(np.ptp(measures.number)) + 1 if len(rows) else 0,
        "stream_measures": sum(streams),
        "longest_stream": max(streams, default=0),
        "break_measures": sum(breaks),
    }
