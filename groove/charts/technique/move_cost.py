"""What a move of the feet costs: a player faces the screen, alternates the feet, and moves as little as needed.

Terms, weights and order are those of ITGmania's step parity (`StepParityCost.cpp`, 2025; reasons in M. Votaw,
"Predicting Foot Placement for 4-Panel Dance Games"), with what is odd in it: a twisted foot and a spin look at the left
corner of the floor for a foot that is away, so a chart and its mirror image need not cost the same.

Every term is a fixed number times one feature of the time since the row before (`time_features`). Dimension letters: M
moves, F features, R rows; the four parts of the feet and the panels are those of `pad.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.technique import pad
from groove.charts.technique.step_rows import StepRow

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
CONSTANT, PER_SECOND, BRACKET_TIME, SWITCH_TIME, JACK_TIME = range(5)
_OTHER_PART = [1, 0, 3, 2]
_FOOT = np.array([0, 0, 1, 1])


class Moves(NamedTuple):
    """M moves: the stance before, the panels that are pressed, the stance after; (M, 4) each, -1 for no panel."""

    was_at: NDArray[np.int8]
    had_moved: NDArray[np.bool_]
    had_held: NDArray[np.bool_]
    hits: NDArray[np.int8]
    at: NDArray[np.int8]
    moved: NDArray[np.bool_]
    holding: NDArray[np.bool_]


def time_features(seconds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the features (R, F) of the times since the row before; `seconds` (R,) are those of the rows."""
    since = np.diff(seconds, prepend=seconds[:1]).astype(np.float64)
    since[:1] = 1.0
    features = np.zeros((len(since), 5))
    features[:, CONSTANT] = 1
    features[:, PER_SECOND] = 1 / since
    features[:, BRACKET_TIME] = np.maximum(since - SLOW_BRACKET_S, 0)
    slow = (since >= SLOW_SWITCH_S) & (since < VERY_SLOW_SWITCH_S)
    features[slow, SWITCH_TIME] = 1 - SLOW_SWITCH_S / since[slow]
    left_over = QUICK_JACK_S - since
    quick = left_over > 0
    features[quick, JACK_TIME] = 1 / left_over[quick] - 1 / QUICK_JACK_S
    return features


def move_cost(moves: Moves, row: StepRow) -> NDArray[np.float64]:
    """Return the weights (M, F) of the features of moves that do `row`: a move costs ``weights @ features``."""
    moved = pad.any_part(moves.moved)
    stepped = pad.any_part(moves.had_moved & ~moves.had_held)  # on the row before, more than held on
    one_foot = moved[:, 0] != moved[:, 1]
    again = (moves.hits >= 0) & (moves.hits == moves.was_at) & ~moves.holding
    jumped = stepped[:, :1] & stepped[:, 1:]
    jacked = pad.any_part(again) & moved & stepped & ~jumped
    any_jack = jacked.any(axis=1)
    was = _part_before(moves)
    tap_beside_hold = pad.both_parts(moves.hits >= 0) & (moves.holding[:, pad.HEELS] != moves.holding[:, pad.TOES])
    soon = pad.any_part(moves.had_moved)  # such a tap costs more the quicker it follows
    on_mine = (moves.at >= 0) & (np.right_shift(row.mines, np.maximum(moves.at, 0)) & 1 == 1)
    cost = np.zeros((len(moves.at), 5))
    cost[:, CONSTANT] = MINE * on_mine.any(axis=1) + _facing(moves) + _spin(moves) + _twisted(moves)
    cost[:, CONSTANT] += _sideswitch(moves, was)
    cost[:, CONSTANT] += _hold_switch(moves, was) + _repeats(moves, jacked, stepped, row.tied)
    cost[:, CONSTANT] += BRACKET_TAP * (tap_beside_hold & ~soon).sum(axis=1)
    cost[:, PER_SECOND] = _distance(moves) + BRACKET_TAP * (tap_beside_hold & soon).sum(axis=1)
    cost[:, JACK_TIME] = JACK * (any_jack & one_foot)
    if row.arrows.bit_count() >= 2:
        cost[:, BRACKET_TIME] = SLOW_BRACKET * one_foot
    if row.mines:
        cost[:, CONSTANT] += MISSED_FOOTSWITCH * any_jack
    else:
        cost[:, SWITCH_TIME] = FOOTSWITCH * ((was >= 0) & (was // 2 != _FOOT)).any(axis=1)
    return cost


def _part_before(moves: Moves) -> NDArray[np.int64]:
    """Return which part (M, 4) stood on the panel that each part presses, -1 if none or if it presses none."""
    there = (moves.was_at[:, None] == moves.hits[:, :, None]) & (moves.hits[:, :, None] >= 0)
    return np.where(there.any(axis=2), there.argmax(axis=2), -1)


def _repeats(moves: Moves, jacked: NDArray[np.bool_], stepped: NDArray[np.bool_], tied: bool) -> NDArray[np.float64]:
    """Return the cost (M,) of one foot that steps twice in a row though the other is free: elsewhere, or a bracket."""
    moved = pad.any_part(moves.moved)
    free = (moved[:, 0] != moved[:, 1]) & ~moves.holding.any(axis=1) & ~stepped.all(axis=1)
    double = (moved & stepped & ~jacked).any(axis=1) & (not tied)
    return free * (DOUBLESTEP * double + BRACKET_JACK * (jacked & pad.both_parts(moves.moved)).sum(axis=1))


def _distance(moves: Moves) -> NDArray[np.float64]:
    """Return DISTANCE times the way of all parts (M,); a bracket that leaves a part of the foot in place is no way."""
    other = moves.hits[:, _OTHER_PART]
    in_place = (other >= 0) & (other == moves.was_at)
    way = pad.FAR[moves.was_at, moves.hits] * np.where(other >= 0, BRACKETING, 1.0)
    return (DISTANCE * way * (moves.moved & ~in_place)).sum(axis=1)


def _facing(moves: Moves) -> NDArray[np.float64]:
    """Return the cost (M,) of facing away from the screen, by heels and by toes, and of feet that point back."""
    heels, toes = moves.at[:, pad.HEELS], moves.at[:, pad.TOES]
    toes = np.where(toes < 0, heels, toes)
    sideways = pad.SIDEWAYS[heels[:, 0], heels[:, 1]] + pad.SIDEWAYS[toes[:, 0], toes[:, 1]]
    return FACING * (sideways + pad.BACKWARDS[heels[:, 0], toes[:, 0]] + pad.BACKWARDS[heels[:, 1], toes[:, 1]])


def _spin(moves: Moves) -> NDArray[np.float64]:
    """Return the cost (M,) of turning round with crossed feet."""
    (x, y), (was_x, was_y) = pad.centres_or_corner(moves.at), pad.centres_or_corner(moves.was_at)
    crossed = (x[:, 1] < x[:, 0]) & (was_x[:, 1] < was_x[:, 0])
    return SPIN * (crossed & ((y[:, 1] - y[:, 0]) * (was_y[:, 1] - was_y[:, 0]) < 0)).astype(float)


def _twisted(moves: Moves) -> NDArray[np.float64]:
    """Return the cost (M,) of a bracket with the toes behind the heel, which only crossed feet can do."""
    x, _ = pad.centres_or_corner(moves.hits)
    back = pad.Y[moves.hits[:, pad.TOES]] < pad.Y[moves.hits[:, pad.HEELS]]
    return TWISTED_FOOT * (back.any(axis=1) & ~(x[:, 1] < x[:, 0])).astype(float)


def _sideswitch(moves: Moves, was: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cost (M,) of stepping on a side panel on which another part stands that has not stepped away."""
    stood = ~np.take_along_axis(moves.moved, np.maximum(was, 0), axis=1)
    side = np.isin(moves.hits, pad.SIDE_PANELS)
    return SIDESWITCH * (side & (was >= 0) & (was != np.arange(4)) & stood).sum(axis=1, dtype=np.float64)


def _hold_switch(moves: Moves, was: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cost (M,) of taking over a hold from the other foot, or from none, by the way of the part."""
    taken = moves.holding & ((was < 0) | (was // 2 != _FOOT))
    way = np.where(moves.was_at < 0, 1.0, pad.FAR[moves.was_at, moves.hits])
    return (HOLD_SWITCH * taken * way).sum(axis=1)
