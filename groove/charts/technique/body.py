"""The body of a player, row by row: which foot steps, what it does, which way the hips turn, how long it rested.

The feet are those of `assign_feet`, what they do is counted as in `counting.py`. Dimension letters: R rows, K body
features.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart
from groove.charts.technique import pad
from groove.charts.technique.counting import MOVES, STEPS_TYPE, moves_of
from groove.charts.technique.feet import assign_feet
from groove.charts.technique.step_rows import StepRows, step_rows

BODY_FEATURES = (
    *("left_steps", "right_steps"),  # rows on which the foot hits an arrow
    "same_foot",  # rows hit by the foot alone that hit the row before alone, at any speed
    *MOVES,
    *("turned_left", "turned_right"),  # how far the hips turn, 0 to 1: the right foot before the left one, behind it
    "crossed",  # rows after which the right foot stands left of the left one
    "rest",  # seconds since the stepping foot's last row, up to `LONGEST_REST_S`; of both feet the shorter one
)
LONGEST_REST_S = 2.0


class Footing(NamedTuple):
    """The rows of a chart and the panels (R, 4) that the parts of the feet hit on each, as of `assign_feet`."""

    rows: StepRows
    feet: NDArray[np.int8]


def footing_of(chart: Chart) -> Footing:
    """Return rows and feet of `chart`; no row of a pad other than dance-single's, whose feet are not assigned."""
    if chart.steps_type != STEPS_TYPE:
        chart = replace(chart, notes=chart.notes.select(np.zeros(len(chart.notes), dtype=bool)))
    rows = step_rows(chart)
    return Footing(rows, assign_feet(rows))


def body_features(rows: StepRows, feet: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return `BODY_FEATURES` of every row, (R, K), none negative."""
    if len(rows) == 0:
        return np.zeros((0, len(BODY_FEATURES)))
    used = pad.any_part(feet >= 0)
    alone = used[:, 0] != used[:, 1]
    same = np.append(False, alone[1:] & alone[:-1] & (used[1:, 0] == used[:-1, 0]))
    moves = moves_of(rows, feet)
    x, y = pad.centres(_standing(feet))
    turn, crossed = np.nan_to_num(y[:, 1] - y[:, 0]) / 2, np.nan_to_num(x[:, 1] - x[:, 0]) < 0
    columns = [used[:, 0], used[:, 1], same, *(moves[name] for name in MOVES)]
    columns += [np.maximum(turn, 0), np.maximum(-turn, 0), crossed, _rest(rows.seconds.astype(np.float64), used)]
    return np.column_stack(columns).astype(np.float64)


def _standing(feet: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the panels (R, 4) on which each part stands after a row: those of its foot's last row, -1 before it."""
    stands = np.empty_like(feet)
    for foot in (slice(0, 2), slice(2, 4)):
        row = np.where((feet[:, foot] >= 0).any(axis=1), np.arange(len(feet)), -1)
        last = np.maximum.accumulate(row)
        stands[:, foot] = np.where(last[:, None] >= 0, feet[last, foot], pad.NOWHERE)
    return stands


def _rest(seconds: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how long (R,) the foot that steps has rested, the one that rested less where both step."""
    rest = np.full(len(seconds), LONGEST_REST_S)
    for foot in range(2):
        steps = np.flatnonzero(used[:, foot])
        rest[steps[1:]] = np.minimum(rest[steps[1:]], np.diff(seconds[steps]))
    return rest
