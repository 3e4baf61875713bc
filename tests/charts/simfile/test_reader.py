"""The fields of a simfile, and what is left out of it, by StepMania's rules."""

from __future__ import annotations

import numpy as np
import pytest

from groove.charts.chart import NoteKind
from groove.charts.simfile.reader import read_simfile
from tests.builders import chart_of, measures, read_text, sm_text, ssc_text, write_song
from tests.shared import SHARED


@pytest.mark.parametrize("fmt", ["sm", "ssc"])
def test_both_formats_give_the_same_chart(tmp_path, fmt: str) -> None:
    path = write_song(
        tmp_path,
        "My Pack",
        "A Song",
        [("Easy", 3, measures("1000 0100")), ("Hard", 9, measures("2000 3000"))],
        bpms="0=150",
        offset=0.25,
        artist="Someone",
        fmt=fmt,
        music_seconds=2,
    )
    charts, left_out = read_simfile(path, tmp_path)
    assert not left_out
    assert [(c.index, c.difficulty, c.meter) for c in charts] == [(0, "Easy", 3), (1, "Hard", 9)]
    chart = charts[1]
    assert (chart.pack, chart.title, chart.artist) == ("My Pack", "A Song", "Someone")
    assert chart.simfile == f"My Pack/A Song/A Song.{fmt}" and chart.music == "My Pack/A Song/A Song.wav"
    assert chart.steps_type == "dance-single" and chart.stored_radar == (0, 0, 0, 0, 0)
    assert chart.notes.kind.tolist() == [NoteKind.HOLD_HEAD, NoteKind.TAIL]
    assert chart.timing.time_at(np.array([0.0, 2])).tolist() == pytest.approx([-0.25, 0.55])


def test_double_charts_have_eight_columns(tmp_path) -> None:
    chart = chart_of(tmp_path, ssc_text([("Hard", 9, measures("10000001"))], steps_type="dance-double"))
    assert chart.notes.column.tolist() == [0, 7]


@pytest.mark.parametrize(
    ("name", "description", "meter", "expected"),
    [
        ("Beginner", "", "1", "Beginner"),
        ("basic", "", "3", "Easy"),
        ("LIGHT", "", "3", "Easy"),
        ("another", "", "3", "Medium"),
        ("trick", "", "3", "Medium"),
        ("Standard", "", "3", "Medium"),
        ("difficult", "", "3", "Medium"),
        ("ssr", "", "3", "Hard"),
        ("Maniac", "", "3", "Hard"),
        ("HEAVY", "", "3", "Hard"),
        ("smaniac", "", "3", "Challenge"),
        ("expert", "", "3", "Challenge"),
        ("Oni", "", "3", "Challenge"),
        ("Edit", "", "3", "Edit"),
        ("Hard", "SMANIAC", "9", "Challenge"),  # as old files write Challenge
        ("Hard", "challenge", "9", "Challenge"),
        ("", "Medium", "9", "Medium"),  # from the description
        ("Whatever", "", "1", "Beginner"),  # from the meter
        ("Whatever", "", "3", "Easy"),
        ("Whatever", "", "6", "Medium"),
        ("Whatever", "", "7", "Hard"),
        ("Whatever", "", "x", "Edit"),  # from nothing
    ],
)
def test_difficulty(tmp_path, name: str, description: str, meter: str, expected: str) -> None:
    text = ssc_text([(name, 1, "1000")]).replace("#METER:1", f"#METER:{meter}")
    text = text.replace("#DESCRIPTION:", f"#DESCRIPTION:{description}")
    assert chart_of(tmp_path, text).difficulty == expected


@pytest.mark.parametrize(
    ("meter", "expected"),
    [("12", 12), ("-3", -3), (" 7 ", 7), ("9.6", 9), ("", 0), ("?", 0), ("10+", 10), ("99999999999999", 2**31 - 1)],
)
def test_meter(tmp_path, meter: str, expected: int) -> None:
    text = ssc_text([("Hard", 1, "1000")]).replace("#METER:1", f"#METER:{meter}")
    assert chart_of(tmp_path, text).meter == expected


def test_stored_numbers(tmp_path) -> None:
    text = ssc_text([("Hard", 1, "1000")], radar="0.1,0.2", extra="#MUSICLENGTH:91.5;")
    chart = chart_of(tmp_path, text)
    assert chart.stored_radar == (0.1, 0.2) and chart.music_length_s == 91.5
    chart = chart_of(tmp_path, ssc_text([("Hard", 1, "1000")], radar="a,2b", extra="#MUSICLENGTH:-1;"))
    assert chart.stored_radar == (0, 2) and chart.music_length_s is None


# ---- what is left out -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"\0\0\0\0", "empty file"),
        (b" \n\t", "empty file"),
        (b"#TITLE:x;\n", "no charts"),
        (b"this is no simfile", "no charts"),
        (bytes(range(256)) * 20, "no charts"),
        (b"#", "no charts"),
    ],
)
@pytest.mark.parametrize("name", ["song.sm", "song.ssc"])
def test_broken_files_are_left_out(tmp_path, content: bytes, reason: str, name: str) -> None:
    charts, left_out = read_text(tmp_path, content, name)
    assert not charts
    assert [(entry.path, entry.chart, entry.reason) for entry in left_out] == [(name, "", reason)]


def test_missing_file_and_folder(tmp_path) -> None:
    (tmp_path / "folder.sm").mkdir()
    for name in ("nothing.sm", "folder.sm"):
        assert read_simfile(tmp_path / name, tmp_path) == ([], [(name, "", "not a regular file")])


def test_charts_left_out_one_by_one(tmp_path) -> None:
    good = [("Hard", 9, "1000")]
    text = (
        sm_text(good)
        + sm_text([("Easy", 1, "0000")]).split("#STOPS:;")[1]  # 1: empty
        + sm_text([("Easy", 1, "MM00")]).split("#STOPS:;")[1]  # 2: only mines
        + sm_text(good, steps_type="pump-single").split("#STOPS:;")[1]  # 3: another game
        + "#NOTES:dance-single:too:short;\n"  # 4: malformed
        + sm_text([("Medium", 5, "0100")]).split("#STOPS:;")[1]
    )
    charts, left_out = read_text(tmp_path, text)
    assert [chart.difficulty for chart in charts] == ["Hard", "Medium"]
    reasons = sorted(entry.reason for entry in left_out)
    assert len(left_out) == 4 and all(entry.chart.startswith("#") for entry in left_out)
    assert reasons[0] == reasons[1] == "empty chart: no arrows"
    assert "malformed #NOTES" in reasons[2] and "steps type 'pump-single'" in reasons[3]


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not there: real corner cases are not checked")
@pytest.mark.parametrize("folder", ["corner_cases", "parser_cases"])
def test_real_corner_cases(folder: str) -> None:
    root = SHARED / folder
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in (".sm", ".ssc"):
            continue
        charts, left_out = read_simfile(path, root)
        assert charts or left_out, path
        for chart in charts:
            times = chart.timing.time_at(chart.notes.beats)
            assert np.isfinite(times).all() and (np.diff(times) >= -1e-9).all(), path


# ---- names and slots --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "title"),
    [
        ("#TITLE:MAX;#SUBTITLE:(remix);", "MAX (remix)"),
        ("#TITLE:MAX;#SUBTITLE: ;", "MAX"),
        ("#TITLE: ;#SUBTITLE:(remix);", "My Song"),
        ("", "My Song"),
        ("#TITLE:\u8776;#TITLETRANSLIT:Chou;", "\u8776"),
        ("#TITLETRANSLIT:Chou;", "Chou"),
    ],
)
def test_the_title_is_what_the_game_shows(tmp_path, tags: str, title: str) -> None:
    text = tags + ssc_text([("Hard", 9, "1000")]).replace("#TITLE:Song;", "")
    (chart,), _ = read_text(tmp_path / "My Song", text, "a.ssc")
    assert chart.title == title


def test_of_charts_in_one_slot_the_easiest_stays_and_the_others_are_edits(tmp_path) -> None:
    notes = ["1000", "0100", "0010", "0001", "1100"]
    slots = [("Hard", 11), ("Hard", 9), ("Edit", 10), ("Edit", 10), ("Easy", 3)]
    charts, left_out = read_text(
        tmp_path, sm_text([(name, meter, text) for (name, meter), text in zip(slots, notes, strict=True)]), "a.sm"
    )
    found = [(chart.index, chart.difficulty, chart.meter, chart.description) for chart in charts]
    assert found == [
        (0, "Edit", 11, "Hard Edit"),
        (1, "Hard", 9, ""),
        (2, "Edit", 10, ""),
        (3, "Edit", 10, ""),
        (4, "Easy", 3, ""),
    ]
    assert not left_out


def test_a_chart_given_twice_is_read_once(tmp_path) -> None:
    charts, left_out = read_text(tmp_path, sm_text([("Hard", 9, "1000")] * 2 + [("Easy", 9, "1000")]), "a.sm")
    assert [chart.index for chart in charts] == [0, 2]
    (entry,) = left_out
    assert entry.chart == "#1 dance-single Hard 9" and entry.reason.endswith("kept: #0")
