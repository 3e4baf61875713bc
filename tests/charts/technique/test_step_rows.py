"""Rows as the feet see them: what to step on, what to hold, where mines lie."""

from __future__ import annotations

import numpy as np

from groove.charts.technique.step_rows import StepRows, step_rows
from tests.builders import chart_of, measures, ssc_text

L, D, U, R = 1, 2, 4, 8


def rows_of(folder, notes: str, **timing: str) -> StepRows:
    return step_rows(chart_of(folder, ssc_text([("Hard", 9, notes)], **timing)))


def test_a_hold_is_held_until_the_row_of_its_tail(tmp_path):
    rows = rows_of(tmp_path, measures("2000 0100 0010 0001", "3001 0100 0000 0000"))
    assert rows.arrows.tolist() == [L, D, U, R, R, D]
    assert rows.held.tolist() == [0, L, L, L, L, 0]
    # The hold began before the second row and outlasts it, so the third row finds a foot that was not free.
    assert rows.tied.tolist() == [False, False, True, True, True, False]
    assert rows.seconds.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]


def test_a_hold_that_ends_between_rows_ties_the_next_one(tmp_path):
    rows = rows_of(
        tmp_path, measures("2000 0000 0100 0000 0000 0000 3000 0000 0010 0000 0000 0000 0001 0000 0000 0000")
    )
    assert rows.arrows.tolist() == [L, D, U, R]
    assert rows.held.tolist() == [0, L, 0, 0]
    assert rows.tied.tolist() == [False, False, True, False]


def test_mines_belong_to_the_row_they_are_on_or_before(tmp_path):
    rows = rows_of(tmp_path, measures("1000 0M00 00M0 0001", "M100 0000 000M 0000"))
    assert rows.arrows.tolist() == [L, R, D]
    assert rows.mines.tolist() == [0, D | U, L]  # the last mine threatens nobody


def test_lifts_and_rolls_are_steps_fakes_are_not(tmp_path):
    rows = rows_of(tmp_path, measures("L000 0400 0300 F00F"))
    assert rows.arrows.tolist() == [L, D]


def test_rows_of_one_instant_are_one(tmp_path):
    # Half a beat is warped; the row on its first beat is on the beat of a stop and judged.
    rows = rows_of(tmp_path, measures("1000 0100 0001 0000"), stops="1=0.0000001", extra="#WARPS:1=1;")
    assert rows.arrows.tolist() == [L, D | R]
    assert np.allclose(rows.seconds, [0, 0.5])
