"""Which foot hits which arrow of a dance-single chart: the cheapest way through all rows.

A dynamic programme over rows: the state is where both feet are and what they just did (`stances.py`), a step costs what
`move_cost.py` says. After most rows 20 to 60 stances are possible, and the same rows recur, so all moves between two
sets of stances are worked out once. Dimension letters: R rows, M moves, A stances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from groove.charts.technique.move_cost import pace
from groove.charts.technique.stances import NOWHERE, START, Moves, Task, moves
from groove.charts.technique.step_rows import StepRows

_MIRRORED_PANEL = np.array([3, 1, 2, 0, NOWHERE], dtype=np.int8)
_MIRRORED_PART = [2, 3, 0, 1]


def assign_feet(rows: StepRows) -> NDArray[np.int8]:
    """Return the panel (R, 4) on which left heel, left toe, right heel and right toe hit an arrow, -1 for none.

    A part that only goes on holding hits no arrow. A mirrored chart gets the mirrored feet, also where two ways cost
    the same: of the two images the one that is worked out is that with the lower panels where they first differ.
    """
    if len(rows) == 0:
        return np.zeros((0, 4), dtype=np.int8)
    mirror = rows.mirrored()
    if _is_before(mirror, rows):
        return _MIRRORED_PANEL[assign_feet(mirror)[:, _MIRRORED_PART]]
    hits = _cheapest(rows)
    arrow = np.right_shift(rows.arrows[:, None], np.maximum(hits, 0)) & 1 == 1
    return np.where(arrow, hits, NOWHERE).astype(np.int8)


def _is_before(one: StepRows, other: StepRows) -> bool:
    """Return whether `one` has the lower panels where the two first differ."""
    panels = [np.column_stack([rows.arrows, rows.held, rows.mines]).ravel() for rows in (one, other)]
    differ = np.flatnonzero(panels[0] != panels[1])
    return len(differ) > 0 and bool(panels[0][differ[0]] < panels[1][differ[0]])


def _cheapest(rows: StepRows) -> NDArray[np.int8]:
    """Return the panels (R, 4) that the parts press on the cheapest way, held ones included."""
    features = pace(rows.seconds)
    tasks = zip(*(values.tolist() for values in (rows.arrows, rows.held, rows.mines, rows.tied)), strict=True)
    stances, cost = START, np.zeros(1)
    way: list[tuple[Moves, NDArray[np.float64]]] = []
    for task, feature in zip(tasks, features, strict=True):
        step = moves(stances, Task(*task))
        way.append((step, cost))
        cost = np.minimum.reduceat(cost[step.source] + step.cost @ feature, step.first[:-1])
        stances = step.after
    return _trace(way, features, int(cost.argmin()))


def _trace(way: list[tuple[Moves, NDArray[np.float64]]], features: NDArray[np.float64], last: int) -> NDArray[np.int8]:
    """Return the panels (R, 4) pressed on the way to stance `last`; `way` has the moves and the cost before them."""
    hits = np.empty((len(way), 4), dtype=np.int8)
    stance = last
    for row in range(len(way) - 1, -1, -1):
        step, before = way[row]
        into = slice(step.first[stance], step.first[stance + 1])
        best = into.start + (before[step.source[into]] + step.cost[into] @ features[row]).argmin()
        hits[row] = step.hits[best]
        stance = step.source[best]
    return hits
