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
