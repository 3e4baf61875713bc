"""From text to notes, against `simfile`'s own slow and obvious parser, by hand where StepMania differs."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simfile.notes import NoteData

from groove.charts.chart import Notes
from groove.charts.simfile.notes import parse_notes
from tests.builders import chart_of, measures, ssc_text

LETTERS = {1: "1", 2: "2", 3: "3", 4: "4", 5: "M", 6: "L", 7: "F", 8: "K"}


def as_list(notes: Notes) -> list[tuple[Fraction, int, str]]:
    """Return (beat, column, symbol) of every note."""
    fields = zip(notes.numerator, notes.denominator, notes.column, notes.kind, strict=True)
    return [(Fraction(int(n), int(d)), int(column), LETTERS[int(kind)]) for n, d, column, kind in fields]


def slow_list(text: str) -> list[tuple[Fraction, int, str]]:
    return [(Fraction(note.beat), note.column, note.note_type.value) for note in NoteData(text)]


def note_text(symbols: str, columns: int):
    line = st.text(alphabet=symbols, min_size=columns, max_size=columns)
    measure = st.lists(line, min_size=1, max_size=13).map("\n".join)
    return st.lists(measure, min_size=1, max_size=5).map("\n,\n".join)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([4, 8]).flatmap(lambda columns: st.tuples(st.just(columns), note_text("0001MLFK", columns))))
def test_notes_equal_notedata(case: tuple[int, str]) -> None:
    columns, text = case
    assert as_list(parse_notes(text, columns)) == slow_list(text)


def test_equal_beats_look_equal() -> None:
    # Beat 2 as line 2 of 4, line 4 of 8 and line 3 of 6 of the next measures is 2, 6 and 10, all over 1.
    notes = parse_notes(
        measures(
            "0000 0000 1000 0000",
            "0000 0000 0000 0000 1000 0000 0000 0000",
            "0000 0000 0000 1000 0000 0000",
        ),
        4,
    )
    assert notes.numerator.tolist() == [2, 6, 10] and notes.denominator.tolist() == [1, 1, 1]


def test_rows_that_do_not_divide_192() -> None:
    notes = parse_notes(measures("0000 1000 0000 0000 0000 0000 0000"), 4)
    assert as_list(notes) == [(Fraction(4, 7), 0, "1")]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1[12]000\n0M[3]00", "1000\n0M00"),  # 1: keysound indices
        ("1[2]\n0100", "1000\n0100"),  # 2: a line that is as wide with its bracket as it should be without
        ("1{drunk:3}000\n01<potion>00\nA0[1]A0", "1000\n0100\n0000"),  # 3: attacks and items are none
        ("10\n0100", "1000\n0100"),  # 4: short lines are padded
        ("100011\n0100", "1000\n0100"),  # 5: long lines are cut
        ("  1000\t\n\n0100 ", "1000\n0100"),  # 6: space around, empty lines
        ("1?é0\n0100", "1000\n0100"),  # 7: unknown symbols are no notes
        ("1000010000100001", "1000"),  # 8: a measure without its line breaks is one line
        ("1000\n,,\n0100", "1000\n,\n0100"),  # 9: nothing between two commas is no measure
        ("1000\n,\n,\n0100", "1000\n,\n0000\n,\n0100"),  # 10: white space is an empty measure
        (",\n0100", "0100"),  # 11: not even at the start, where an .sm file has lost the line break
        ("\n,\n0100", "0000\n,\n0100"),  # 12: and here an .ssc file has not
    ],
)
def test_untidy_lines_are_read_as_stepmania_does(text: str, plain: str) -> None:
    assert as_list(parse_notes(text, 4)) == slow_list(plain)


def test_keysounds_equal_notedata() -> None:
    text = "1[0]00K[12]\n0000\n0L[1]00\n000F[3]"
    assert as_list(parse_notes(text, 4)) == slow_list(text)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("2003", "2003"),  # 1: balanced
        ("4003", "4003"),  # 2: a roll
        ("2000", "0000"),  # 3: head without tail
        ("0030", "0000"),  # 4: tail without head
        ("2023", "0023"),  # 5: a head while a hold is open
        ("2033", "2030"),  # 6: two tails
        ("2103", "0100"),  # 7: a tap within
        ("2M03", "0M00"),  # 8: a mine within
        ("2K03", "2K03"),  # 9: a keysound does not matter
        ("2300", "2300"),  # 10: shortest
        ("3232", "0230"),  # 11: mixed
    ],
)
def test_holds_are_balanced(column: str, expected: str) -> None:
    # The cases run down column 1; column 0 and 2 hold other holds that must not matter.
    text = "\n".join(f"{a}{symbol}{b}0" for a, symbol, b in zip("2003", column, "0230", strict=True))
    notes = parse_notes(text, 4)
    found = ["0"] * 4
    for beat, place, symbol in as_list(notes):
        if place == 1:
            found[int(beat)] = symbol
    assert "".join(found) == expected
    assert [n for n in as_list(notes) if n[1] == 0] == [(0, 0, "2"), (3, 0, "3")]


@settings(max_examples=100, deadline=None)
@given(note_text("00001234M", 4))
def test_random_holds_are_balanced(text: str) -> None:
    open_head: dict[int, bool] = {}
    for _, column, symbol in as_list(parse_notes(text, 4)):
        assert (symbol == "3") == open_head.get(column, False)
        open_head[column] = symbol in "24"
    assert not any(open_head.values())


def test_no_notes() -> None:
    assert len(parse_notes("", 4)) == len(parse_notes("\n,\n,\n", 4)) == len(parse_notes("0000", 4)) == 0


def test_200_000_rows_take_seconds(tmp_path) -> None:
    rng = np.random.default_rng(0)
    symbols = np.array(list("00012M3"))[rng.integers(0, 7, (200_000, 4))]
    lines = ["".join(row) for row in symbols]
    text = "\n,\n".join("\n".join(lines[start : start + 192]) for start in range(0, len(lines), 192))
    stops = ",".join(f"{beat}=0.01" for beat in range(4000))
    start = time.perf_counter()
    chart = chart_of(tmp_path, ssc_text([("Hard", 15, text)], stops=stops))
    chart.timing.judged(chart.notes.beats)
    assert len(chart.notes) > 200_000
    assert time.perf_counter() - start < 10
