"""What a move of the feet costs: a player faces the screen, alternates the feet, and moves as little as needed.

Terms and weights are those of ITGmania's step parity (`StepParityCost`, 2025; reasons in M. Votaw, "Predicting Foot
Placement for 4-Panel Dance Games"). Two points differ, so that a chart and its mirror image cost the same and no cost
jumps with the rounding of a time. A twisted foot and a spin look at where both feet are; the engine takes the left
corner of the floor for a foot that is away. The price of a quick jack is bounded, and limits allow for rounding.

Every term is a fixed number times one feature of the time since the row before (`pace`). Dimension letters: M moves,
F features, R rows; four parts: left heel, left toe, right heel, right toe.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.technique.floor import BACKWARDS, FAR, SIDE_PANELS, SIDEWAYS, Y, centres

DOUBLESTEP, BRACKET_JACK, JACK, SLOW_BRACKET, TWISTED_FOOT = 850, 20, 30, 300, 100_000
BRACKET_TAP, HOLD_SWITCH, MINE, FOOTSWITCH, MISSED_FOOTSWITCH = 400, 55, 10_000, 325, 500
FACING, DISTANCE, SPIN, SIDESWITCH = 2, 6, 1000, 130
BRACKETING = 0.2
"""A foot that ends in a bracket moves less far than its parts."""
QUICK_JACK_S = 0.1
"""A 16th at 150 BPM; jacks get hard below."""
SLOW_BRACKET_S = 0.15
SLOW_SWITCH_S, VERY_SLOW_SWITCH_S = 0.2, 0.4
"""An 8th and a 4th at 150 BPM; a footswitch gets awkward from the one on, does not matter from the other on."""
SHORTEST_S = 1e-3
ROUNDING_S = 1e-6
"""More than times are off by rounding: 4ths at 150 BPM are 0.4 s apart, not below, and limits lie on such values."""
CONSTANT, PER_SECOND, BRACKET_TIME, SWITCH_TIME, JACK_TIME = range(5)
LEFT, RIGHT = slice(0, 2), slice(2, 4)
FEET = (LEFT, RIGHT)


class Move(NamedTuple):
    """M moves: the stance before, the panels that are pressed, the stance after; (M, 4) each, -1 for no panel."""

    was_at: NDArray[np.int8]
    had_moved: NDArray[np.bool_]
    had_held: NDArray[np.bool_]
    hits: NDArray[np.int8]
    at: NDArray[np.int8]
    moved: NDArray[np.bool_]
    holding: NDArray[np.bool_]


def pace(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the features (R, F) of the times since the row before; `seconds` (R,) are those of the rows."""
    since = np.maximum(np.diff(seconds, prepend=seconds[:1] - 1), SHORTEST_S)
    features = np.zeros((len(since), 5))
    features[:, CONSTANT] = 1
    features[:, PER_SECOND] = 1 / since
    features[:, BRACKET_TIME] = np.maximum(since - SLOW_BRACKET_S, 0)
    slow = (since >= SLOW_SWITCH_S) & (since < VERY_SLOW_SWITCH_S - ROUNDING_S)
    features[slow, SWITCH_TIME] = 1 - SLOW_SWITCH_S / since[slow]
    left_over = QUICK_JACK_S - since
    quick = left_over > ROUNDING_S
    features[quick, JACK_TIME] = 1 / np.maximum(left_over[quick], SHORTEST_S) - 1 / QUICK_JACK_S
    return features


def move_cost(move: Move, arrows: int, held: int, mines: int, tied: bool) -> NDArray[np.float64]:
    """Return the weights (M, F) of the features: a move costs ``weights @ features``. Panels are bits (`StepRows`)."""
    one_foot = _of_feet(move.moved)[0] != _of_feet(move.moved)[1]
    jacked = _jacked(move)
    cost = np.zeros((len(move.at), 5))
    cost[:, CONSTANT] = _mines(move, mines) + _facing(move) + _spin(move) + _twisted(move) + _sideswitch(move)
    cost[:, CONSTANT] += _hold_switch(move, held) + _repeats(move, jacked, one_foot, tied)
    cost[:, PER_SECOND] = _distance(move)
    for tap, feature in zip(_bracket_tap(move), (CONSTANT, PER_SECOND), strict=True):
        cost[:, feature] += tap
    any_jack = jacked.any(axis=0)
    cost[:, JACK_TIME] = JACK * (any_jack & one_foot)
    if arrows.bit_count() >= 2:
        cost[:, BRACKET_TIME] = SLOW_BRACKET * one_foot
    if mines:
        cost[:, CONSTANT] += MISSED_FOOTSWITCH * any_jack
    else:
        cost[:, SWITCH_TIME] = FOOTSWITCH * _switched(move)
    return cost


def _of_feet(parts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for the left and the right foot (2, M) whether it is true of a part of it."""
    return np.stack([parts[:, foot].any(axis=1) for foot in FEET])


def _stepped(move: Move) -> NDArray[np.bool_]:
    """Return which feet (2, M) stepped on the row before, more than held on."""
    return _of_feet(move.had_moved & ~move.had_held)


def _jacked(move: Move) -> NDArray[np.bool_]:
    """Return which feet (2, M) step again where they stepped on the row before, which was no jump."""
    again = (move.hits >= 0) & (move.hits == move.was_at) & ~move.holding
    stepped = _stepped(move)
    return _of_feet(again) & _of_feet(move.moved) & stepped & ~stepped.all(axis=0)


def _repeats(move: Move, jacked: NDArray[np.bool_], one_foot: NDArray[np.bool_], tied: bool) -> NDArray[np.float64]:
    """Return the cost (M,) of one foot that steps twice in a row though the other is free: elsewhere, or a bracket."""
    stepped = _stepped(move)
    free = one_foot & ~move.holding.any(axis=1) & ~stepped.all(axis=0)
    double = (_of_feet(move.moved) & stepped & ~jacked).any(axis=0) & (not tied)
    bracket = np.stack([move.moved[:, foot].all(axis=1) for foot in FEET])
    return free * (DOUBLESTEP * double + BRACKET_JACK * (jacked & bracket).sum(axis=0))


def _distance(move: Move) -> NDArray[np.float64]:
    """Return DISTANCE times the way of all parts (M,); a bracket that leaves a part of the foot in place is no way."""
    cost = np.zeros(len(move.at))
    for part, other in ((0, 1), (1, 0), (2, 3), (3, 2)):
        bracket = move.hits[:, other] >= 0
        in_place = bracket & (move.hits[:, other] == move.was_at[:, part])
        way = FAR[move.was_at[:, part], move.hits[:, part]] * np.where(bracket, BRACKETING, 1.0)
        cost += DISTANCE * way * (move.moved[:, part] & ~in_place)
    return cost


def _facing(move: Move) -> NDArray[np.float64]:
    """Return the cost (M,) of facing away from the screen, by heels and by toes, and of feet that point back."""
    heels, toes = move.at[:, [0, 2]], move.at[:, [1, 3]]
    toes = np.where(toes < 0, heels, toes)
    sideways = SIDEWAYS[heels[:, 0], heels[:, 1]] + SIDEWAYS[toes[:, 0], toes[:, 1]]
    return FACING * (sideways + BACKWARDS[heels[:, 0], toes[:, 0]] + BACKWARDS[heels[:, 1], toes[:, 1]])


def _spin(move: Move) -> NDArray[np.float64]:
    """Return the cost (M,) of turning round with crossed feet."""
    (x, y), (was_x, was_y) = centres(move.at), centres(move.was_at)
    crossed = (x[1] < x[0]) & (was_x[1] < was_x[0])
    return SPIN * (crossed & ((y[1] - y[0]) * (was_y[1] - was_y[0]) < 0))


def _twisted(move: Move) -> NDArray[np.float64]:
    """Return the cost (M,) of a bracket with the toes behind the heel, which only crossed feet can do."""
    x, _ = centres(move.at)
    back = [Y[move.hits[:, foot][:, 1]] < Y[move.hits[:, foot][:, 0]] for foot in FEET]
    return TWISTED_FOOT * ((back[0] | back[1]) & ~(x[1] < x[0]))


def _part_before(move: Move, part: int) -> NDArray[np.int64]:
    """Return which part (M,) stood on the panel that `part` presses, -1 if none or if it presses none."""
    there = (move.was_at == move.hits[:, part, None]) & (move.hits[:, part, None] >= 0)
    return np.where(there.any(axis=1), there.argmax(axis=1), -1)


def _switched(move: Move) -> NDArray[np.bool_]:
    """Return whether (M,) a foot presses a panel on which the other foot stood."""
    before = [_part_before(move, part) for part in range(4)]
    return np.any([(was >= 0) & (was // 2 != part // 2) for part, was in enumerate(before)], axis=0)


def _sideswitch(move: Move) -> NDArray[np.float64]:
    """Return the cost (M,) of stepping on a side panel on which another part stands that has not stepped away."""
    cost = np.zeros(len(move.at))
    for part in range(4):
        was = _part_before(move, part)
        stood = ~np.take_along_axis(move.moved, np.maximum(was, 0)[:, None], axis=1)[:, 0]
        side = np.isin(move.hits[:, part], SIDE_PANELS)
        cost += SIDESWITCH * (side & (was >= 0) & (was != part) & stood)
    return cost


def _hold_switch(move: Move, held: int) -> NDArray[np.float64]:
    """Return the cost (M,) of taking over a hold from the other foot, or from none, by the way of the part."""
    cost = np.zeros(len(move.at))
    if held:
        for part in range(4):
            was = _part_before(move, part)
            taken = move.holding[:, part] & ((was < 0) | (was // 2 != part // 2))
            came_from = move.was_at[:, part]
            cost += HOLD_SWITCH * taken * np.where(came_from < 0, 1.0, FAR[came_from, move.hits[:, part]])
    return cost


def _bracket_tap(move: Move) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cost (M,) of tapping with a part of a foot whose other part holds, and the same of one per second.

    It is per second where the foot stepped on the row before.
    """
    fixed, per_second = np.zeros(len(move.at)), np.zeros(len(move.at))
    for foot in FEET:
        holds = move.holding[:, foot]
        tap = BRACKET_TAP * ((move.hits[:, foot] >= 0).all(axis=1) & (holds[:, 0] != holds[:, 1]))
        again = move.had_moved[:, foot].any(axis=1)
        fixed += tap * ~again
        per_second += tap * again
    return fixed, per_second


def _mines(move: Move, mines: int) -> NDArray[np.float64]:
    """Return the cost (M,) of standing on a panel with a mine."""
    on_mine = (move.at >= 0) & (np.right_shift(mines, np.maximum(move.at, 0)) & 1 == 1)
    return MINE * on_mine.any(axis=1)
