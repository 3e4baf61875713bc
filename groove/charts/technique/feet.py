"""Which foot hits which arrow of a dance-single chart: the cheapest way through all rows.

The model is that of ITGmania's step parity (M. Votaw, "Predicting Foot Placement for 4-Panel Dance Games", 2025): a
dynamic programme over rows, whose state is a `Stance`, where both feet are and what they just did; a move costs what
`move_cost.py` says. After most rows 20 to 60 stances are possible, and the same rows recur, so all moves between two
sets of stances are worked out once. Dimension letters: R rows, M moves, A stances; parts and panels as in `pad.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
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
CACHED, CACHED_MOVES = 1 << 15, 1 << 18
"""How many moves between sets of stances, and from single stances, are kept: more than a library of packs has."""

Placement = tuple[int, ...]
"""The panel that each part presses, `NOWHERE` if none."""


class Stance(NamedTuple):
    """The feet after a row; four values each, one a part."""

    at: Placement  # the panel the part stands on, `NOWHERE` if on none
    moved: tuple[bool, ...]  # whether the part stepped on this row, rather than stood or went on holding
    holding: tuple[bool, ...]  # whether the part goes on holding a panel on this row


class Stances:
    """The stances that are possible after a row; two with the same stances are one object, quick to look up."""

    def __init__(self, each: tuple[Stance, ...]) -> None:
        self.each = each


class Transitions(NamedTuple):
    """All M moves from the possible stances before a row to the A possible ones after it, sorted by the latter."""

    after: Stances
    source: NDArray[np.int64]  # (M,) index of the stance before
    first: NDArray[np.int64]  # (A,) the first move into each stance
    hits: NDArray[np.int8]  # (M, 4) the panel that each part presses on this row
    cost: NDArray[np.float64]  # (M, F) weights of `time_features`


class Move(NamedTuple):
    """One way to do a row from one stance."""

    after: Stance
    hits: Placement
    cost: tuple[float, ...]  # (F,)


START = Stance((0, NOWHERE, 3, NOWHERE), (False,) * 4, (False,) * 4)
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
    stances, cost = stances_of((START,)), np.zeros(1)
    path: list[tuple[Transitions, NDArray[np.float64]]] = []
    for row, feature in zip(rows.tolist(), features, strict=True):
        step = transitions(stances, row)
        path.append((step, cost))
        cost = np.minimum.reduceat(cost[step.source] + step.cost @ feature, step.first)
        stances = step.after
    hits = np.empty((len(path), 4), dtype=np.int8)
    stance = int(cost.argmin())
    for i, (step, cost_before) in reversed([*enumerate(path)]):
        into = slice(step.first[stance], step.first[stance + 1] if stance + 1 < len(step.first) else len(step.source))
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


@lru_cache(maxsize=CACHED)
def stances_of(each: tuple[Stance, ...]) -> Stances:
    """Return the one object that stands for the stances `each`, in their order."""
    return Stances(each)


@lru_cache(maxsize=CACHED)
def transitions(before: Stances, row: StepRow) -> Transitions:
    """Return every move from the stances `before` that does `row`, with its cost."""
    found = [(source, move) for source, moves in enumerate(_moves(before.each, row)) for move in moves]
    after = tuple(dict.fromkeys(move.after for _, move in found))  # in the order in which the engine finds them
    place = {stance: number for number, stance in enumerate(after)}
    into = np.array([place[move.after] for _, move in found])
    order = into.argsort(kind="stable")
    source, hits = np.array([source for source, _ in found]), np.array([move.hits for _, move in found], dtype=np.int8)
    cost = np.array([move.cost for _, move in found])
    first = np.searchsorted(into[order], np.arange(len(after)))
    return Transitions(stances_of(after), source[order], first, hits[order], cost[order])


_known: dict[tuple[Stance, StepRow], list[Move]] = {}


def _moves(before: tuple[Stance, ...], row: StepRow) -> list[list[Move]]:
    """Return the moves from each of the stances `before` that do `row`; the same few recur in all charts."""
    if len(_known) > CACHED_MOVES:
        _known.clear()
    new = [stance for stance in before if (stance, row) not in _known]
    for stance, moves in zip(new, _worked_out(new, row, placements(row.arrows | row.held)), strict=True):
        _known[stance, row] = moves
    return [_known[stance, row] for stance in before]


def _worked_out(before: list[Stance], row: StepRow, ways: tuple[Placement, ...]) -> Iterator[list[Move]]:
    """Yield for each stance of `before` the moves that press the panels of `ways`, all costs taken at once."""
    after = [stance_after(stance, hits, row.held) for stance in before for hits in ways]
    if not after:
        return
    was = [np.array(parts)[np.repeat(np.arange(len(before)), len(ways))] for parts in zip(*before, strict=True)]
    now = map(np.array, zip(*after, strict=True))
    pressed = np.tile(np.array(ways, dtype=np.int8), (len(before), 1))
    cost = move_cost(Moves._make([*was, pressed, *now]), row).tolist()
    for i in range(0, len(after), len(ways)):
        own = slice(i, i + len(ways))
        yield [*map(Move._make, zip(after[own], ways, map(tuple, cost[own]), strict=True))]
