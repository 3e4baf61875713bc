"""Courses and preferred songs, read back as the game reads them."""

from __future__ import annotations

import re

import pytest
from msdparser import parse_msd

from groove.retrieval.course import (
    CourseEntry,
    course_entry,
    course_refusal,
    course_text,
    left_out,
    preferred_refusal,
    preferred_text,
)
from tests.embedding.libraries import embedded_library

PLAIN = CourseEntry("Pack/Song", "Hard", 9)


def game_song(path: str) -> tuple[str, ...]:
    """Return pack and song that the game looks for: backslashes are slashes, empty parts do not count."""
    return tuple(part for part in path.replace("\\", "/").split("/") if part)


def game_course(text: str) -> tuple[str, list[tuple[tuple[str, ...], str]]]:
    """Return name and entries as the game reads a course: no escapes; some first words and a star are no folders."""
    name, entries = "", []
    for values in parse_msd(string=text, escapes=False):
        key, *parameters = values.components
        assert key in ("COURSE", "SONG")
        if key == "COURSE":
            (name,) = parameters
            continue
        path, steps = parameters
        assert not re.match("BEST|WORST|GRADEBEST|GRADEWORST", path), "the songs most played, and so on"
        assert not path.endswith("*"), "a random song"
        assert not path.lstrip(" \t").startswith("#"), "the game takes this for the next field"
        assert steps in ("Beginner", "Easy", "Medium", "Hard", "Challenge", "Edit") or int(steps) >= 1
        entries.append((game_song(path), steps))
    return name, entries


def game_preferred(text: str) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Return the sections of a file of preferred songs."""
    sections: list[tuple[str, list[tuple[str, ...]]]] = []
    for line in text.split("\n")[:-1]:
        if line.startswith("---"):
            sections.append((line[3:].strip(), []))
        else:
            assert not line.endswith("/*"), "all songs of a pack"
            sections[-1][1].append(game_song(line))
    return sections


def test_a_course_by_hand():
    charts = [PLAIN, CourseEntry("Pack/Other", "Edit", 12), CourseEntry("Pack/Odd", "Freestyle", 7)]
    assert course_text("Like Song", charts).splitlines() == [
        "#COURSE:Like Song;",
        "#SONG:Pack/Song:Hard;",
        "// Edit charts have no names here: meant is the one of meter 12",
        "#SONG:Pack/Other:Edit;",
        "#SONG:Pack/Odd:7;",
    ]


@pytest.mark.parametrize(
    "folder",
    [
        "Pack/Song",
        "BEST OF/Song",
        "WORST/Song",
        "GRADEBEST 1/x",
        "#1 Hits/#2",
        " #odd/x",
        "Pack/Star*",
        "Pack/*",
        "---/x",
        'A, B = C/it\'s "so" #3 [x] ~ ΔMAX 東方',
        "Best of/Song",
    ],
)
def test_the_game_finds_the_folder_whatever_its_name(folder):
    chart = CourseEntry(folder, "Hard", 9)
    assert course_refusal(chart) is None and preferred_refusal(chart) is None
    pair = tuple(folder.split("/"))
    assert game_course(course_text("x", [PLAIN, chart])) == ("x", [(("Pack", "Song"), "Hard"), (pair, "Hard")])
    assert game_preferred(preferred_text({"x": [PLAIN, chart, PLAIN]})) == [
        ("x", [("Pack", "Song"), pair][: 1 if folder == "Pack/Song" else 2])
    ]


@pytest.mark.parametrize(
    ("folder", "reason", "in_preferred"),
    [
        ("Pack/Re:Song", "':' in a folder's name ends a field", True),
        ("Pa;ck/Song", "';' in a folder's name ends a field", True),
        ("Pack/a\\b", "is read as '/'", False),
        ("Pack/a\nb", "line break", False),
        ("Pack/a\rb", "line break", False),
        ("Pack/\ufffd", "not UTF-8", False),
        ("Song", "not of the form Pack/Song", False),
        ("Pack/", "not of the form Pack/Song", False),
        ("A/Pack/Song", "not of the form Pack/Song", False),
        ("", "not of the form Pack/Song", False),
    ],
)
def test_what_the_format_cannot_hold_is_left_out_with_the_reason(folder, reason, in_preferred):
    chart = CourseEntry(folder, "Hard", 9)
    assert reason in str(course_refusal(chart))
    text = course_text("x", [PLAIN, chart, PLAIN])
    assert game_course(text) == ("x", [(("Pack", "Song"), "Hard")] * 2)
    comments = [line for line in text.splitlines() if line.startswith("//")]
    assert len(text.splitlines()) == 4 and len(comments) == 1 and reason in comments[0]
    assert (preferred_refusal(chart) is None) == in_preferred
    assert len(game_preferred(preferred_text({"x": [PLAIN, chart]}))[0][1]) == 1 + in_preferred
    assert left_out([PLAIN, chart]) == [(chart, course_refusal(chart))]
    assert [entry for entry, _ in left_out([PLAIN, chart], preferred_refusal)] == [chart] * (not in_preferred)


def test_steps_that_cannot_be_named_are_left_out():
    assert course_refusal(CourseEntry("Pack/Song", "Odd", 1)) is None
    assert "neither a known difficulty ('Odd') nor a meter" in str(course_refusal(CourseEntry("Pack/Song", "Odd", 0)))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Re: it; now", "Re it now"),
        ("a // b", "a / b"),
        ("# one #2", "one #2"),
        ("two\nlines\\", "two lines"),
        (":;", "groove"),
        ("", "groove"),
        ("東方 \"x\"", "東方 \"x\""),
    ],
)  # fmt: skip
def test_a_name_never_breaks_the_file(name, shown):
    assert game_course(course_text(name, [PLAIN])) == (shown, [(("Pack", "Song"), "Hard")])


def test_no_charts_are_a_course_without_songs():
    assert course_text("x", []) == "#COURSE:x;\n"
    assert preferred_text({}) == ""
    assert preferred_text({"x\ny": []}) == "---x y\n"


def test_preferred_songs_are_in_order_and_each_once_a_section():
    charts = [CourseEntry(f"Pack/{name}", slot, 1) for name in "bac" for slot in ("Easy", "Hard")]
    assert preferred_text({"One": charts, "Two": charts[2:4]}).splitlines() == [
        *("---One", "Pack/b", "Pack/a", "Pack/c"),
        *("---Two", "Pack/a"),
    ]


def test_an_entry_is_made_of_a_librarys_row():
    row = embedded_library(20).table.to_pylist()[7]
    assert course_entry(row) == CourseEntry("Pack 1/Song 1", "Hard", 8)
    deep = row | {"simfile": "More/Pack 1/Song 1/song.ssc"}
    assert course_entry(deep).folder == "Pack 1/Song 1"  # what the game sees below its own Songs
    alone = row | {"simfile": "Song 1/song.ssc", "pack": "Pack"}  # the library is a pack: its name is the pack
    assert course_entry(alone).folder == "Pack/Song 1"
    assert course_refusal(course_entry(row | {"simfile": "song.ssc"})) == "not of the form Pack/Song"
