"""The cheapest way through a chart: compared with trying every way, and with what a person would do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groove.charts.technique.feet import START, Stance, assign_feet, placements, stance_after, stances_of, transitions
from groove.charts.technique.move_cost import Moves, move_cost, time_features
from groove.charts.technique.pad import NOWHERE
from groove.charts.technique.step_rows import StepRow, StepRows

L, D, U, R = 1, 2, 4, 8
NONE = (NOWHERE,) * 4


def rows_of(arrows: list[int], seconds: float = 0.15, held: list[int] | None = None, mines: list[int] | None = None):
    """Return rows `seconds` apart; a row is tied where the row before holds something."""
    nothing = [0] * len(arrows)
    held = held or nothing
    beats = np.arange(len(arrows), dtype=float)
    panels = [np.array(bits, dtype=np.uint8) for bits in (arrows, held, mines or nothing)]
    return StepRows(
        beats, beats * seconds, *panels, np.array([False, *(bool(bits) for bits in held[:-1])][: len(arrows)])
    )


def one_move(before: Stance, hits: tuple[int, ...], row: StepRow) -> tuple[Stance, np.ndarray]:
    """Return the stance after a move and the weights of its cost, worked out for this move alone."""
    after = stance_after(before, hits, row.held)
    arrays = [np.array([values]) for values in (*before, hits, *after)]
    return after, move_cost(Moves(*arrays), row)[0]


def cost_of(rows: StepRows, way: list[tuple[int, ...]]) -> float:
    """Return what it costs to press the panels `way` row by row."""
    stance, total = START, 0.0
    for hits, feature, row in zip(way, time_features(rows.seconds), rows.tolist(), strict=True):
        stance, weights = one_move(stance, hits, row)
        total += float(weights @ feature)
    return total


def cheapest_cost(rows: StepRows) -> float:
    """Return the cost of the cheapest way by trying every one."""
    ways = itertools.product(*(placements(int(a | h)) for a, h in zip(rows.arrows, rows.held, strict=True)))
    return min(cost_of(rows, list(way)) for way in ways)


def letters(feet: np.ndarray) -> str:
    """Return which foot hits, row by row: l, r, b for both."""
    return "".join(
        {(True, False): "l", (False, True): "r"}.get((row[:2].any(), row[2:].any()), "b") for row in feet >= 0
    )


# ---- against trying everything ----------------------------------------------------------------------

panels = st.sampled_from([L, D, U, R] * 3 + [L | D, D | R, L | R, U | D, L | U | R])


@settings(max_examples=20, deadline=None)
@given(st.lists(panels, min_size=1, max_size=4), st.sampled_from([0.08, 0.1, 0.15, 0.25, 0.4]), st.integers(0, 15))
def test_no_way_is_cheaper(arrows, seconds, mine):
    rows = rows_of(arrows, seconds, mines=[0, mine, *[0] * len(arrows)][: len(arrows)])
    way = [tuple(row) for row in assign_feet(rows).tolist()]  # nothing is held: what is hit is what is pressed
    assert cost_of(rows, way) == pytest.approx(cheapest_cost(rows))


# ---- as a person would ------------------------------------------------------------------------------


def test_feet_alternate_and_stay_on_their_sides():
    assert letters(assign_feet(rows_of([L, R, L, D, L, R, L, U, L, R]))) == "lrlrlrlrlr"


def test_a_jump_takes_both_feet_and_a_bracket_one():
    feet = assign_feet(rows_of([L, R, L | R, L | D | R], 0.3))
    assert letters(feet) == "lrbb"
    assert sorted(feet[2].tolist()) == [-1, -1, 0, 3]
    assert sorted(feet[3].tolist()) == [-1, 0, 1, 3]


def test_a_held_panel_keeps_its_foot_and_is_not_hit():
    feet = assign_feet(rows_of([L, D, R, U, R], held=[0, L, L, L, L]))
    assert letters(feet) == "lrrrr"
    assert (feet[1:] >= 0).sum() == 4


def test_hands_are_hit_by_brackets():
    feet = assign_feet(rows_of([L, D | R], 0.3, held=[0, L]))
    assert letters(feet) == "lr"
    assert set(feet[1, 2:].tolist()) == {1, 3}
    assert (assign_feet(rows_of([L | D | U | R])) >= 0).all()


def test_a_mine_drives_the_foot_away():
    # right, then left and right again: with a mine on right before the last row the right foot has to have left it
    rows = rows_of([R, L, U], 0.3, mines=[0, 0, R])
    assert letters(assign_feet(rows)) == "rlr"


def test_no_rows_no_feet():
    assert assign_feet(rows_of([])).shape == (0, 4)


# ---- placements, stances, transitions ---------------------------------------------------------------------


def test_every_set_of_panels_can_be_pressed_by_possible_feet():
    assert [len(placements(bits)) for bits in (L, L | R, L | D, U | D, L | D | U, 15)] == [2, 2, 6, 2, 8, 16]
    for bits in range(1, 16):
        for placement in placements(bits):
            assert sum(1 << panel for panel in placement if panel >= 0) == bits
            for heel, toe in (placement[:2], placement[2:]):
                assert toe < 0 or {heel, toe} not in ({0, 3}, {1, 2}, {-1, toe})


def test_a_stance_keeps_what_nobody_moves():
    left_bracket = Stance((0, 1, 3, -1), (True, True, False, False), (False,) * 4)
    after = stance_after(left_bracket, (-1, -1, 2, -1), held=0)
    assert after.at == (0, 1, 2, -1)
    assert after.moved == (False, False, True, False)
    assert stance_after(left_bracket, (2, -1, -1, -1), held=0).at == (2, -1, 3, -1)  # the toe goes with its heel
    assert stance_after(left_bracket, (-1, -1, 1, -1), held=0).at == (0, -1, 1, -1)  # the right foot takes its place


def test_a_part_that_holds_on_has_not_moved():
    before = Stance((0, -1, 3, -1), (True, False, False, False), (False,) * 4)
    after = stance_after(before, (0, -1, 1, -1), held=L)
    assert after.moved == (False, False, True, False)
    assert after.holding == (True, False, False, False)
    assert stance_after(before, (1, -1, 0, -1), held=L).moved == (True, False, True, False)  # a switch on the hold


def test_all_moves_into_a_stance_lie_together():
    middle = transitions(stances_of((START,)), StepRow(D, 0, 0, False)).after
    row = StepRow(L | D, 0, U, False)
    step = transitions(middle, row)
    assert step.first[0] == 0
    assert (np.diff(step.first) > 0).all()
    assert len(step.source) == len(step.hits) == len(step.cost)
    assert len(step.first) == len(step.after.each) == len(set(step.after.each))
    into = np.searchsorted(step.first, np.arange(len(step.source)), side="right") - 1
    for move, (source, hits, cost) in enumerate(zip(step.source, step.hits, step.cost, strict=True)):
        after, alone = one_move(middle.each[source], tuple(hits.tolist()), row)
        assert after == step.after.each[into[move]]
        assert cost == pytest.approx(alone)


def test_the_same_stances_are_one_object():
    one = transitions(stances_of((START,)), StepRow(D, 0, 0, False))
    assert transitions(stances_of((START,)), StepRow(D, 0, 0, False)).after is one.after
    assert stances_of(one.after.each) is one.after
