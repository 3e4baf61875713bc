"""Single moves whose cost can be added up by hand; 0.25 s after the row before unless said otherwise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from groove.charts.technique.feet import Stance, stance_after
from groove.charts.technique.move_cost import Moves, move_cost, time_features
from groove.charts.technique.pad import BACKWARDS, FAR, SIDEWAYS, centres
from groove.charts.technique.step_rows import StepRow

L, D, U, R = range(4)
DIAGONAL = 6 * math.sqrt(2)
"""The way from a side panel to a middle one, times its weight."""
STILL = (False,) * 4
TURNED = 2 * 2 * 100 * 0.5**3.6
"""Heels and toes on a diagonal that faces away: cos(45 degrees) to the power 4 * 1.8."""


def cost(
    before: tuple[int, ...],
    hits: tuple[int, ...],
    *,
    stepped: tuple[bool, ...] = STILL,
    seconds: float = 0.25,
    held: int = 0,
    mines: int = 0,
    tied: bool = False,
) -> float:
    """Return the cost of pressing `hits` from the panels `before`, of which the parts `stepped` moved a row ago."""
    stance = Stance(before, stepped, STILL)
    after = stance_after(stance, hits, held)
    moves = Moves(*(np.array([values]) for values in (*stance, hits, *after)))
    arrows = sum(1 << panel for panel in hits if panel >= 0 and not held >> panel & 1)
    weights = move_cost(moves, StepRow(arrows, held, mines, tied))[0]
    return float(weights @ time_features(np.array([0, seconds]))[1])


def test_a_step_costs_its_way_by_its_time():
    assert cost((L, -1, R, -1), (-1, -1, D, -1)) == pytest.approx(DIAGONAL / 0.25)
    assert cost((L, -1, R, -1), (-1, -1, D, -1), seconds=0.5) == pytest.approx(DIAGONAL / 0.5)
    assert cost((L, -1, R, -1), (-1, -1, R, -1)) == 0


def test_the_same_foot_elsewhere_is_a_doublestep_unless_the_other_was_tied():
    right = (False, False, True, False)
    assert cost((L, -1, R, -1), (-1, -1, D, -1), stepped=right) == pytest.approx(DIAGONAL / 0.25 + 850)
    assert cost((L, -1, R, -1), (-1, -1, D, -1), stepped=right, tied=True) == pytest.approx(DIAGONAL / 0.25)
    after_a_jump = (True, False, True, False)
    assert cost((L, -1, R, -1), (-1, -1, D, -1), stepped=after_a_jump) == pytest.approx(DIAGONAL / 0.25)


def test_crossed_feet_turn_the_body():
    assert cost((U, -1, D, -1), (-1, -1, L, -1)) == pytest.approx(DIAGONAL / 0.25 + TURNED)
    assert cost((R, -1, D, -1), (-1, -1, L, -1)) == pytest.approx(DIAGONAL / 0.25 + 2 * 2 * 100)


def test_a_jack_costs_nothing_until_it_is_quick():
    right = (False, False, True, False)
    jack = {"before": (L, -1, R, -1), "hits": (-1, -1, R, -1), "stepped": right}
    assert cost(**jack) == 0
    assert cost(**jack, seconds=0.1) == 0  # 16ths at 150 BPM are not quicker than 16ths at 150 BPM
    assert cost(**jack, seconds=0.075) == pytest.approx((1 / 0.025 - 10) * 30)
    assert cost(**jack, seconds=0.1 - 1e-5) == pytest.approx((1e5 - 10) * 30, rel=1e-3)
    assert cost(**jack, mines=1 << U) == 500


def test_a_switch_costs_more_the_slower_and_on_the_sides():
    switch = {"before": (D, -1, R, -1), "hits": (-1, -1, D, -1), "stepped": (True, False, False, False)}
    assert cost(**switch, seconds=0.15) == pytest.approx(DIAGONAL / 0.15)
    assert cost(**switch, seconds=0.25) == pytest.approx(DIAGONAL / 0.25 + 325 * 0.05 / 0.25)
    assert cost(**switch, seconds=0.4) == pytest.approx(DIAGONAL / 0.4)
    assert cost(**switch, seconds=0.25, mines=1 << D) == pytest.approx(DIAGONAL / 0.25 + 10_000)
    side = cost((R, -1, U, -1), (-1, -1, R, -1), stepped=(True, False, False, False), seconds=0.15)
    assert side == pytest.approx(DIAGONAL / 0.15 + 130)


def test_a_bracket_is_a_short_way_but_slow_ones_are_jumps():
    bracket = cost((L, -1, R, -1), (-1, -1, D, R), seconds=0.1)
    assert bracket == pytest.approx(0)  # the toe stays where the heel was
    assert cost((L, -1, R, -1), (-1, -1, D, R), seconds=0.25) == pytest.approx(300 * 0.1)
    again = cost((L, -1, D, R), (-1, -1, D, R), seconds=0.1, stepped=(False, False, True, True))
    assert again == pytest.approx(20)


def test_toes_behind_the_heel_only_when_crossed():
    assert cost((L, -1, R, -1), (-1, -1, R, D), seconds=0.1) > 100_000
    assert cost((R, -1, D, -1), (-1, -1, L, D), seconds=0.1) > 100_000  # a foot that hits nothing is in the corner,
    assert cost((D, -1, R, -1), (L, D, -1, -1), seconds=0.1) < 100_000  # so that the left one always seems crossed


def test_spinning_is_worse_than_crossing():
    # Right on left, in front of or behind the left foot; that goes on from up to down, and the body turns round.
    assert cost((U, -1, L, -1), (D, -1, -1, -1)) == pytest.approx(12 / 0.25 + TURNED + 1000)
    assert cost((U, -1, R, -1), (D, -1, -1, -1)) == pytest.approx(12 / 0.25)
    assert cost((U, -1, -1, -1), (D, -1, -1, -1)) == pytest.approx(12 / 0.25)  # both below the corner


def test_a_hold_is_given_up_to_the_other_foot_at_a_price():
    kept = cost((L, -1, R, -1), (L, -1, D, -1), held=1 << L)
    assert kept == pytest.approx(DIAGONAL / 0.25)
    switched = cost((L, -1, D, -1), (R, -1, L, -1), held=1 << L)
    crossed = 2 * 2 * 100
    # 55 times the way of the foot that takes over, both ways, standing crossed, on a side that was not left early
    assert switched == pytest.approx(55 * math.sqrt(2) + (12 + DIAGONAL) / 0.25 + crossed + 325 * 0.05 / 0.25)


def test_a_tap_beside_a_hold_of_the_same_foot_costs_more_the_quicker():
    hit = {"before": (L, -1, R, -1), "hits": (D, L, -1, -1), "held": 1 << L}
    fresh = {**hit, "stepped": (True, False, False, False)}
    assert cost(**fresh) - cost(**hit) == pytest.approx(400 / 0.25 - 400)


def test_features_of_any_time_are_finite():
    features = time_features(np.array([0.0, 1e-6, 0.1, 0.2, 0.5, 1e6]))
    assert np.isfinite(features).all()
    assert features[:, 1].max() == pytest.approx(1e6)
    assert features[0].tolist() == pytest.approx([1, 1, 0.85, 0, 0])  # a second before the first row


def test_the_pad_is_a_cross():
    assert FAR[L, R] == FAR[D, U] == 2
    assert FAR[L, D] == pytest.approx(math.sqrt(2))
    assert SIDEWAYS[L, R] == BACKWARDS[D, U] == 0
    assert SIDEWAYS[R, L] == BACKWARDS[U, D] == 100
    assert SIDEWAYS[R, U] == SIDEWAYS[D, L] == pytest.approx(100 * 0.5**3.6)
    assert FAR[-1].max() == SIDEWAYS[-1].max() == 0
    x, y = centres(np.array([[L, D, -1, -1], [-1, U, R, -1]]))
    assert (x[0, 0], y[0, 0]) == (0.5, 0.5) and np.isnan(x[0, 1])
    assert (x[1, 0], y[1, 0]) == (1, 2)
