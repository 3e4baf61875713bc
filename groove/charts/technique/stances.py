"""Where the feet can be, and the moves from one row of a dance-single chart to the next.

A foot has two parts, heel and toe, so that it can cover two panels (a bracket); a foot on one panel stands there with
its heel. Panels count from 0 in the order left, down, up, right and lie in a cross on a 3 x 3 floor, the screen beyond
up. The model is that of ITGmania's step parity (M. Votaw, "Predicting Foot Placement for 4-Panel Dance Games", 2025).
Dimension letters: M moves, A stances after them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.technique.move_cost import Move, move_cost
from groove.charts.technique.step_rows import PANEL_COUNT

NOWHERE = -1
HEEL_OF = (0, 0, 2, 2)
"""Parts of the feet: 0 left heel, 1 left toe, 2 right heel, 3 right toe. The heel that each belongs to."""
OPPOSITE = 3
"""Panels of these two numbers together lie on opposite sides: no foot covers both."""
CACHED_MOVES = 8192

Placement = tuple[int, ...]


class Stance(NamedTuple):
    """The feet after a row; four values each, one a part.

    Attributes:
        at: the panel the part stands on, `NOWHERE` if on none.
        moved: whether the part stepped on this row, rather than stood or went on holding.
        holding: whether the part goes on holding a panel on this row.
    """

    at: Placement
    moved: tuple[bool, ...]
    holding: tuple[bool, ...]


class Task(NamedTuple):
    """What one row asks of the feet; the panels are bits, as in `groove.charts.technique.step_rows.StepRows`."""

    arrows: int
    held: int
    mines: int
    tied: bool


@dataclass(frozen=True, eq=False)
class Stances:
    """The stances that are possible after a row. One object for one set, so that it can be looked up by identity."""

    stances: tuple[Stance, ...]


@dataclass(frozen=True, eq=False)
class Moves:
    """All M moves from the possible stances before a row to the A possible ones after it, sorted by the latter.

    Attributes:
        after: the A stances.
        source: (M,) index of the stance before.
        first: (A + 1,) the moves into stance a are ``first[a]`` to ``first[a + 1]``.
        hits: (M, 4) the panel that each part presses on this row, `NOWHERE` if none.
        cost: (M, F) weights of the features of `groove.charts.technique.move_cost.pace`.
    """

    after: Stances
    source: NDArray[np.int64]
    first: NDArray[np.int64]
    hits: NDArray[np.int8]
    cost: NDArray[np.float64]


@cache
def _the_one(stances: tuple[Stance, ...]) -> Stances:
    return Stances(stances)


START = _the_one((Stance((0, NOWHERE, 3, NOWHERE), (False,) * 4, (False,) * 4),))
"""Before the first row the left foot stands on left, the right foot on right. In ITGmania they are nowhere, and more
charts begin with crossed feet."""


@cache
def placements(panels: int) -> tuple[Placement, ...]:
    """Return every way to press exactly `panels`: the panel of each part, no toe without its heel, no impossible foot.

    All 15 sets of panels can be pressed: three and four with one and two brackets.
    """
    pressed = [panel for panel in range(PANEL_COUNT) if panels >> panel & 1]
    found = []
    for parts in itertools.permutations(range(len(HEEL_OF)), len(pressed)):
        panel_of = dict(zip(parts, pressed, strict=True))
        placement = tuple(panel_of.get(part, NOWHERE) for part in range(len(HEEL_OF)))
        if all(_is_a_foot(placement[heel], placement[heel + 1]) for heel in (0, 2)):
            found.append(placement)
    return tuple(found)


def _is_a_foot(heel: int, toe: int) -> bool:
    return toe == NOWHERE or (heel != NOWHERE and heel + toe != OPPOSITE)


def stance_after(before: Stance, hits: Placement, held: int) -> Stance:
    """Return the stance after the parts press the panels `hits` while the panels `held` (bits) are held on.

    A part that presses nothing stays where it was, unless the other foot is there now or its own heel stepped away.
    """
    holding = tuple(panel != NOWHERE and bool(held >> panel & 1) for panel in hits)
    moved = tuple(
        panel != NOWHERE and not (holds and was == panel)
        for panel, holds, was in zip(hits, holding, before.at, strict=True)
    )
    stays = [was not in hits and not moved[heel] for was, heel in zip(before.at, HEEL_OF, strict=True)]
    at = tuple(
        panel if panel != NOWHERE else was if stay else NOWHERE
        for panel, was, stay in zip(hits, before.at, stays, strict=True)
    )
    return Stance(at, moved, holding)


@lru_cache(maxsize=CACHED_MOVES)
def moves(before: Stances, task: Task) -> Moves:
    """Return every move from the stances `before` that does `task`, with its cost."""
    found = [
        (stance_after(stance, hits, task.held), source, hits)
        for source, stance in enumerate(before.stances)
        for hits in placements(task.arrows | task.held)
    ]
    found.sort()
    into, source, hits = zip(*found, strict=True)
    after = tuple(dict.fromkeys(into))
    first = np.append(0, np.cumsum([into.count(stance) for stance in after]))
    pressed = np.array(hits, dtype=np.int8)
    move = Move(*_arrays([before.stances[i] for i in source]), pressed, *_arrays(into))
    return Moves(_the_one(after), np.array(source), first, pressed, move_cost(move, *task))


def _arrays(stances: Sequence[Stance]) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return panels, moved and holding of stances, (M, 4) each."""
    at, moved, holding = zip(*stances, strict=True)
    return np.array(at, dtype=np.int8), np.array(moved), np.array(holding)
