"""Which foot hits which arrow of a dance-single chart: the cheapest way through all rows.

The model is that of ITGmania's step parity (M. Votaw, "Predicting Foot Placement for 4-Panel Dance Games", 2025): a
dynamic programme over rows, whose state is a `Stance`, where both feet are and what they just did; a move costs what
`move_cost.py` says. After most rows 20 to 60 stances are possible, and the same rows recur, so all moves between two
sets of stances are worked out once. Dimension letters: R rows, M moves, A stances; parts and panels as in `pad.py`.
"""

from __future__ import annotations

import itertools
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.technique.move_cost import Moves, move_cost, time_features
from groove.charts.technique.pad import NOWHERE, PANEL_COUNT
from groove.charts.technique.step_rows import StepRow, StepRows

PARTS = range(4)
HEEL_OF = (0, 0, 2, 2)
"""The heel that each part of the feet belongs to."""
OPPOSITE = 3
"""Panels of these two numbers together lie on opposite sides: no foot covers both."""
CACHED_TRANSITIONS = 8192

Placement = tuple[int, ...]
"""The panel that each part presses, `NOWHERE` if none."""


class Stance(NamedTuple):
    """The feet after a row; four values each, one a part."""

    at: Placement  # the panel the part stands on, `NOWHERE` if on none
    moved: tuple[bool, ...]  # whether the part stepped on this row, rather than stood or went on holding
    holding: tuple[bool, ...]  # whether the part goes on holding a panel on this row


class Transitions(NamedTuple):
    """All M moves from the possible stances before a row to the A possible ones after it, sorted by the latter."""

    after: tuple[Stance, ...]
    source: NDArray[np.int64]  # (M,) index of the stance before
    first: NDArray[np.int64]  # (A + 1,) the moves into stance a are first[a] to first[a + 1]
    hits: NDArray[np.int8]  # (M, 4) the panel that each part presses on this row
    cost: NDArray[np.float64]  # (M, F) weights of `time_features`


START: tuple[Stance, ...] = (Stance((0, NOWHERE, 3, NOWHERE), (False,) * 4, (False,) * 4),)
"""Before the first row the left foot stands on left, the right one on right. In the engine they are nowhere, and drills
begin with crossed feet; no count of a real chart that was compared depends on it."""


def assign_feet(rows: StepRows) -> NDArray[np.int8]:
    """Return the panel (R, 4) on which left heel, left toe, right heel and right toe hit an arrow, -1 for none.

    A part that only goes on holding hits no arrow. Of ways that cost the same the engine's is taken: the one that it
    finds first. So a mirrored chart need not get the mirrored feet.
    """
    if len(rows) == 0:
        return np.zeros((0, 4), dtype=np.int8)
    hits = _cheapest(rows)
    arrow = np.right_shift(rows.arrows[:, None], np.maximum(hits, 0)) & 1 == 1
    return np.where(arrow, hits, NOWHERE).astype(np.int8)


def _cheapest(rows: StepRows) -> NDArray[np.int8]:
    """Return the panels (R, 4) that the parts press on the cheapest way, held ones included."""
    features = time_features(rows.seconds)
    stances, cost = START, np.zeros(1)
    path: list[tuple[Transitions, NDArray[np.float64]]] = []
    for row, feature in zip(rows.tolist(), features, strict=True):
        step = transitions(stances, row)
        path.append((step, cost))
        cost = np.minimum.reduceat(cost[step.source] + step.cost @ feature, step.first[:-1])
        stances = step.after
    hits = np.empty((len(path), 4), dtype=np.int8)
    stance = int(cost.argmin())
    for i, (step, cost_before) in reversed([*enumerate(path)]):
        into = slice(step.first[stance], step.first[stance + 1])
        best = into.start + (cost_before[step.source[into]] + step.cost[into] @ features[i]).argmin()
        hits[i] = step.hits[best]
        stance = step.source[best]
    return hits


@cache
def placements(panels: int) -> tuple[Placement, ...]:
    """Return every way to press exactly `panels` (bits): no toe without its heel, no foot on opposite panels."""
    pressed = [panel for panel in range(PANEL_COUNT) if panels >> panel & 1]
    found = []
    for parts in itertools.permutations(PARTS, len(pressed)):
        panel_of = dict(zip(parts, pressed, strict=True))
        placement = tuple(panel_of.get(part, NOWHERE) for part in PARTS)
        feet = (placement[:2], placement[2:])
        if all(toe == NOWHERE or (heel != NOWHERE and heel + toe != OPPOSITE) for heel, toe in feet):
            found.append(placement)
    return tuple(found)


def stance_after(before: Stance, hits: Placement, held: int) -> Stance:
    """Return the stance after the parts press the panels `hits` while the panels `held` (bits) are held on.

    A part that presses nothing stays where it was, unless the other foot is there now or its own heel stepped away.
    """
    pressed = [panel != NOWHERE for panel in hits]
    holding = tuple(pressed[part] and bool(held >> hits[part] & 1) for part in PARTS)
    moved = tuple(pressed[part] and not (holding[part] and before.at[part] == hits[part]) for part in PARTS)
    stays = [before.at[part] not in hits and not moved[HEEL_OF[part]] for part in PARTS]
    at = tuple(hits[part] if pressed[part] else before.at[part] if stays[part] else NOWHERE for part in PARTS)
    return Stance(at, moved, holding)


@lru_cache(maxsize=CACHED_TRANSITIONS)
def transitions(before: tuple[Stance, ...], row: StepRow) -> Transitions:
    """Return every move from the stances `before` that does `row`, with its cost."""
    found = [
        (stance_after(stance, hits, row.held), source, hits)
        for source, stance in enumerate(before)
        for hits in placements(row.arrows | row.held)
    ]
    after = tuple(dict.fromkeys(stance for stance, _, _ in found))  # in the order in which the engine finds them
    place = {stance: number for number, stance in enumerate(after)}
    into, source, hits = zip(*sorted(found, key=lambda move: (place[move[0]], move[1])), strict=True)
    first = np.append(0, np.cumsum([into.count(stance) for stance in after]))
    pressed = np.array(hits, dtype=np.int8)
    was, now = (map(np.array, zip(*stances, strict=True)) for stances in ([before[i] for i in source], into))
    return Transitions(after, np.array(source), first, pressed, move_cost(Moves._make([*was, pressed, *now]), row))
