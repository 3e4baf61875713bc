"""The body row by row, on charts small enough to play in the head."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groove.charts.rows import is_arrow
from groove.charts.technique import pad
from groove.charts.technique.body import BODY_FEATURES, LONGEST_REST_S, Footing, body_features, footing_of
from groove.charts.technique.counting import MOVES, technique_of
from tests.builders import chart_of, ssc_text, steady
from tests.charts.technique.test_counting import drawn, drawn_charts, middle, pattern, read_slowly, tempos

Y = {0: 1, 1: 0, 2: 2, 3: 1}


def footing(folder: Path, notes: str, **timing: str) -> Footing:
    return footing_of(chart_of(folder, ssc_text([("Hard", 9, notes)], **timing)))


def columns(found: Footing) -> dict[str, list[float]]:
    return dict(zip(BODY_FEATURES, body_features(*found).T.tolist(), strict=True))


def test_walking_alternates_the_feet(tmp_path):
    found = columns(footing(tmp_path, pattern("LRLR", 4)))  # 4ths at 120 BPM: half a second apart
    assert found["left_steps"] == [1, 0, 1, 0] and found["right_steps"] == [0, 1, 0, 1]
    assert found["alternations"] == [0, 1, 1, 1] and found["same_foot"] == [0, 0, 0, 0]
    assert found["crossed"] == [0, 0, 0, 0] and not any(found["turned_left"] + found["turned_right"])
    assert found["rest"] == [LONGEST_REST_S, LONGEST_REST_S, 1.0, 1.0]


def test_a_crossover_crosses_the_legs_and_turns_the_hips(tmp_path):
    # left L, right D, left R (past the right foot), right D, left L
    found = columns(footing(tmp_path, pattern("LDRDL", 8)))
    assert found["crossovers"] == [0, 0, 1, 0, 0]
    assert found["crossed"] == [0, 0, 1, 1, 0]
    # the right foot on down is behind the left one, on either side of it: a panel's depth is half of the pad
    assert found["turned_right"] == [0, 0.5, 0.5, 0.5, 0.5] and not any(found["turned_left"])


def test_the_right_foot_before_the_left_one_turns_the_hips_left(tmp_path):
    found = columns(footing(tmp_path, pattern("LURUL", 8)))  # the same crossover, up in the place of down
    assert found["turned_left"] == [0, 0.5, 0.5, 0.5, 0.5] and not any(found["turned_right"])
    assert found["crossed"] == [0, 0, 1, 1, 0]


def test_feet_on_down_and_up_turn_the_hips_all_the_way(tmp_path):
    rows, _ = footing(tmp_path, pattern("DU", 4))
    feet = np.array([[pad.DOWN, -1, -1, -1], [-1, -1, pad.UP, -1]], dtype=np.int8)
    assert columns(Footing(rows, feet))["turned_left"] == [0, 1]


def test_a_bracket_stands_between_its_panels(tmp_path):
    rows, _ = footing(tmp_path, pattern("RL", 4))
    feet = np.array([[-1, -1, 3, -1], [0, pad.UP, -1, -1]], dtype=np.int8)  # right R; left L and U: half way up
    found = columns(Footing(rows, feet))
    assert found["brackets"] == [0, 1] and found["turned_right"] == [0, 0.25]


def test_a_repeated_panel_is_the_same_foot_at_any_speed(tmp_path):
    found = columns(footing(tmp_path, pattern("LLRR", 4)))
    assert found["same_foot"] == [0, 1, 0, 1] and found["jacks"] == [0, 0, 0, 0]


def test_a_jump_is_a_step_of_both_feet_that_rest_as_long_as_the_one_that_rested_less(tmp_path):
    chart = chart_of(tmp_path, ssc_text([("Hard", 9, "1000\n0001\n0000\n1001\n")]))
    found = columns(footing_of(chart))
    assert found["left_steps"] == [1, 0, 1] and found["right_steps"] == [0, 1, 1]
    assert found["rest"] == [LONGEST_REST_S, LONGEST_REST_S, 1.0]


def test_a_chart_for_two_pads_has_no_body(tmp_path):
    double = chart_of(tmp_path, ssc_text([("Hard", 9, "10000000\n" * 4)], steps_type="dance-double"))
    assert len(footing_of(double).rows) == 0
    assert body_features(*footing_of(double)).shape == (0, len(BODY_FEATURES))


def test_a_chart_without_arrows_has_no_rows(tmp_path):
    chart = chart_of(tmp_path, ssc_text([("Hard", 9, steady(4, 1))]))
    empty = replace(chart, notes=chart.notes.select(~is_arrow(chart.notes)))
    assert body_features(*footing_of(empty)).shape == (0, len(BODY_FEATURES))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["1000", "0100", "0010", "0001", "1001", "0110", "1100", "0000", "2000", "3000"])))
def test_moves_add_up_to_the_counts_and_nothing_is_negative(tmp_path_factory, lines):
    notes = "\n".join([*lines, "0001", *["0000"] * (-(len(lines) + 1) % 16)]) + "\n"
    rows, feet = footing(tmp_path_factory.mktemp("chart"), notes)
    features = body_features(rows, feet)
    assert (features >= 0).all() and np.isfinite(features).all()
    counts, found = asdict(technique_of(rows, feet)), dict(zip(BODY_FEATURES, features.sum(axis=0), strict=True))
    assert {name: found[name] for name in MOVES} == {name: counts[name] for name in MOVES}
    used = pad.any_part(feet >= 0)
    for row in range(1, len(rows)):  # one foot alone after one foot alone: the same one or the other
        alone = used[row].sum() == used[row - 1].sum() == 1
        same, other = (features[row, BODY_FEATURES.index(name)] for name in ("same_foot", "alternations"))
        assert same + other == float(alone)
        assert bool(same) == (alone and bool((used[row] == used[row - 1]).all()))


@pytest.mark.parametrize("letters", ["LRLRDULR", "LDRULDRU"])
def test_rest_is_the_time_since_the_feet_last_stepped(tmp_path, letters):
    rows, feet = footing(tmp_path, pattern(letters))
    used, last = pad.any_part(feet >= 0), [-np.inf, -np.inf]
    for row, rest in enumerate(columns((rows, feet))["rest"]):
        since = [rows.seconds[row] - last[foot] for foot in range(2) if used[row, foot]]
        assert rest == pytest.approx(min(*since, LONGEST_REST_S), abs=1e-6)
        for foot in np.flatnonzero(used[row]):
            last[foot] = rows.seconds[row]


def body_slowly(rows: list[list[int]], seconds: list[float]) -> list[list[float]]:
    """Return `BODY_FEATURES` of rows of panels that the four parts hit, one row at a time, as they are written."""
    stands: list[list[int] | None] = [None, None]  # the panels of each foot's last row, and when that was
    when = [-np.inf, -np.inf]
    found: list[list[float]] = []
    for i, row in enumerate(rows):
        feet = [foot for foot in (0, 1) if max(row[2 * foot : 2 * foot + 2]) >= 0]
        before = [foot for foot in (0, 1) if i and max(rows[i - 1][2 * foot : 2 * foot + 2]) >= 0]
        rest = min([seconds[i] - when[foot] for foot in feet] + [LONGEST_REST_S])
        for foot in feet:
            stands[foot], when[foot] = row[2 * foot : 2 * foot + 2], seconds[i]
        turn, crossed = 0.0, False
        if stands[0] and stands[1]:
            both = [*stands[0], *stands[1]]
            crossed = middle(both, 1) < middle(both, 0)
            height = [[Y[panel] for panel in panels if panel >= 0] for panels in (stands[0], stands[1])]
            turn = (sum(height[1]) / len(height[1]) - sum(height[0]) / len(height[0])) / 2
        # what happens on a row: counted up to it, less what was counted before it
        first = max(i - 2, 0)
        until, earlier = (read_slowly(rows[first:end], seconds[first:end]) for end in (i + 1, i))
        moves = [until[name] - earlier[name] for name in MOVES]
        same = len(feet) == 1 and feet == before
        found.append([0 in feet, 1 in feet, same, *moves, max(turn, 0.0), max(-turn, 0.0), crossed, rest])
    return found


@settings(max_examples=60, deadline=None)
@given(drawn_charts, tempos)
def test_the_body_is_that_of_a_slow_reading_of_the_feet(tmp_path_factory, bars, bpms):
    rows, feet = footing_of(drawn(tmp_path_factory.mktemp("slow"), bars, bpms))
    slow = np.array(body_slowly(feet.tolist(), rows.seconds.tolist()), dtype=float)
    np.testing.assert_allclose(body_features(rows, feet), slow, atol=1e-5)
