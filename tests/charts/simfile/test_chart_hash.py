"""The hash of ITGmania and GrooveStats, re-derived from the text that is hashed."""

from __future__ import annotations

import hashlib

import pytest

from groove.charts.simfile.chart_hash import groovestats_hash
from tests.builders import chart_of, measures, read_text, sm_text, ssc_text


def sha(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("notes", "bpms", "hashed"),
    [
        ("1000\n0000\n0100\n0000\n,\n0010\n", "0=120", "1000\n0100\n,\n00100.000=120.000"),
        ("1000\n0000\n0000\n0000\n", "0.0000=120.12345,4=90", "10000.000=120.123,4.000=90.000"),
        (" 1000 \n\n0000\n0001\n,\n0000\n0000\n0000", "0=60\n", "1000\n0000\n0001\n,\n0000\n0000\n00000.000=60.000"),
        ("1000\n0000\n0100\n", "0=60bpm,bad", "1000\n0000\n01000.000=60.000"),
        (",\n,\n", "", ",\n,"),
    ],
)
def test_what_is_hashed(notes: str, bpms: str, hashed: str) -> None:
    assert groovestats_hash(notes, bpms) == sha(hashed)


def test_a_chart_has_the_hash_of_its_own_tempo(tmp_path) -> None:
    notes = measures("1000 0000 0100 0000")
    plain = chart_of(tmp_path / "a", ssc_text([("Hard", 9, notes)], bpms="0=120"))
    assert plain.groovestats_hash == sha("1000\n01000.000=120.000")
    own = chart_of(tmp_path / "b", ssc_text([("Hard", 9, notes)], bpms="0=120", chart_extra="#BPMS:0=90;"))
    assert own.groovestats_hash == sha("1000\n01000.000=90.000")
    (sm,), _ = read_text(tmp_path / "c", sm_text([("Hard", 9, notes + "// a comment")], bpms="0=120"), "a.sm")
    assert sm.groovestats_hash == plain.groovestats_hash
