"""From bytes to text: encodings, line ends."""

from __future__ import annotations

import pytest

from groove.charts.simfile.loader import decode
from tests.builders import measures, read_text, sm_text, ssc_text


@pytest.mark.parametrize(
    ("title", "encoding"),
    [
        ("Über Café", "utf-8"),
        ("Über Café", "utf-8-sig"),
        ("さくら 夜", "utf-16"),
        ("ミコリザ", "cp932"),
        ("初音", "cp932"),
        ("사랑해", "cp949"),
        ("나는 너를 사랑해 (remix)", "cp949"),
        ("Pokémon Über Café Señorita", "cp1252"),
    ],
)
def test_encodings(tmp_path, title: str, encoding: str) -> None:
    text = ssc_text([("Hard", 9, "1000")], title=title)
    (chart,), left_out = read_text(tmp_path, text.encode(encoding), "song.ssc")
    assert chart.title == title and not left_out


def test_decode_line_ends_and_nuls() -> None:
    assert decode(b"a\r\nb\rc\n\0d") == "a\nb\nc\nd"
    assert decode(bytes(range(128, 256)))  # anything decodes


def test_cr_only(tmp_path) -> None:
    (chart,), _ = read_text(
        tmp_path, ssc_text([("Hard", 9, measures("1000 0100", "1000"))]).replace("\n", "\r"), "a.ssc"
    )
    assert chart.notes.beats.tolist() == [0, 2, 4]


def test_comments_and_escapes(tmp_path) -> None:
    notes = "1000 // first: line; with #marks\n0100\n,  // measure 2\n0010"
    (chart,), _ = read_text(tmp_path, sm_text([("Hard", 9, notes)], title="A\\:B\\;C"))
    assert chart.title == "A:B;C"
    assert chart.notes.beats.tolist() == [0, 2, 4]


NOTES = "\n     dance-single:\n     :\n     Hard:\n     9:\n     0,0,0,0,0:\n1000\n"


def test_notes2_is_a_chart_as_notes(tmp_path) -> None:
    charts, left_out = read_text(
        tmp_path, f"#BPMS:0=120;#NOTES2:{NOTES};#notes:{NOTES.replace('Hard', 'Easy')};", "a.sm"
    )
    assert [chart.difficulty for chart in charts] == ["Hard", "Easy"] and not left_out


def test_an_indented_tag_ends_one_without_its_semicolon(tmp_path) -> None:
    text = f"#TITLE:A\n \t#BPMS:0=120\n  // comment\n  #NOTES:{NOTES} \t#NOTES:{NOTES.replace('Hard', 'Easy')}"
    charts, left_out = read_text(tmp_path, text, "a.sm")
    assert [(chart.title, chart.difficulty) for chart in charts] == [("A", "Hard"), ("A", "Easy")] and not left_out


def test_a_last_backslash_escapes_nothing(tmp_path) -> None:
    charts, left_out = read_text(tmp_path, f"#NOTES:{NOTES}\\", "a.sm")
    assert len(charts) == 1 and not left_out


@pytest.mark.parametrize(
    ("text", "name", "reasons"),
    [
        ("#NOTES:dance-single:1000;", "a.sm", ["malformed #NOTES: 2 fields where 6 are needed"]),
        ("#NOTES2;", "a.sm", ["malformed #NOTES2: 0 fields where 6 are needed"]),
        ("#NOTES:1000;", "a.ssc", ["#NOTES without #NOTEDATA"]),
        ("#NOTEDATA:;#STEPSTYPE:dance-single;", "a.ssc", ["#NOTEDATA without #NOTES"]),
        (
            "#NOTEDATA:;#METER:3;#NOTEDATA:;#STEPSTYPE:dance-single;#NOTES:1000;",
            "a.ssc",
            ["#NOTEDATA without #NOTES: its tags go to the next chart, as in the game"],
        ),
    ],
)
def test_what_is_no_chart_has_a_reason(tmp_path, text: str, name: str, reasons: list[str]) -> None:
    charts, left_out = read_text(tmp_path, text, name)
    assert [entry.reason for entry in left_out] == reasons
    assert [chart.meter for chart in charts] == ([3] if "METER" in text else [])
