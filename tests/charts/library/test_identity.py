"""Which charts are one song."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from groove.charts.chart import Chart
from groove.charts.library import identity
from groove.charts.library.identity import AudioDigests, audio_digest, normalise
from tests.builders import chart_of, measures, settle, ssc_text, steady, write_song
from tests.scans import plain_scan, song_identities


@pytest.fixture
def base(tmp_path) -> Chart:
    """Return a chart of 32 rows that the cases below vary."""
    return chart_of(tmp_path, ssc_text([("Hard", 9, steady(8, 4))], title="Base", artist="Someone"))


def other_notes(chart: Chart, folder: Path, row: str = "0100", bars: int = 4) -> Chart:
    """Return `chart` with other notes, title, artist, file and audio: another song."""
    other = chart_of(folder / row, ssc_text([("Hard", 9, steady(8, bars, row))], title=f"Other {row}", artist="Else"))
    return replace(other, simfile=f"{row}/{bars}.ssc")


def test_different_songs_differ(tmp_path, base: Chart) -> None:
    rows = ("0100", "0010", "0001")
    names = song_identities([base, *(other_notes(base, tmp_path, row) for row in rows)])
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"simfile": "song.ssc"}, True),  # 1: the same file
        ({"simfile": "song.sm"}, True),  # 2: its twin
        ({"simfile": "Song.SM"}, True),  # 3: the twin in another case
        ({"simfile": "x/song.ssc"}, False),  # 4: the same name elsewhere
        ({"title": "Base", "artist": "Someone"}, True),  # 5: title and artist
        ({"title": "\uff22\uff21SE ", "artist": "some-one!"}, True),  # 6: written otherwise
        ({"title": "Base", "artist": "Another"}, False),  # 7: same title, another artist
        ({"title": "Base", "artist": ""}, True),  # 8: same title, no artist
        ({"title": "Base", "artist": "Unknown artist"}, True),  # 9: the same as none
        ({"title": "", "artist": "Someone"}, False),  # 10: no title says nothing
    ],
)
def test_what_makes_one_song(tmp_path, base: Chart, change: dict, same: bool) -> None:
    other = replace(other_notes(base, tmp_path), **change)
    first, second = song_identities([base, other])
    assert (first == second) is same


@pytest.mark.parametrize("title", ["", "!?", "Go", "Test", "Untitled", "unknown"])
def test_titles_that_say_nothing(tmp_path, base: Chart, title: str) -> None:
    one = replace(base, title=title, artist="")
    other = replace(other_notes(base, tmp_path), title=title, artist="")
    assert len(set(song_identities([one, other]))) == 2


def test_the_same_audio_is_one_song(tmp_path, base: Chart) -> None:
    one, two = replace(base, music="a.ogg"), replace(other_notes(base, tmp_path), music="b.ogg")
    assert len(set(song_identities([one, two]))) == 2
    assert len(set(song_identities([one, two], {"a.ogg": "1", "b.ogg": "2"}))) == 2
    assert len(set(song_identities([one, two], {"a.ogg": "1", "b.ogg": "1"}))) == 1
    assert len(set(song_identities([one, replace(two, music="a.ogg")]))) == 1


def test_the_same_notes_are_one_song_unless_short(tmp_path, base: Chart) -> None:
    copy = replace(base, simfile="copy.ssc", title="Copy", artist="Else")
    assert len(set(song_identities([base, copy]))) == 1
    double = replace(copy, steps_type="dance-double")
    assert len(set(song_identities([base, double]))) == 2
    short = chart_of(tmp_path, ssc_text([("Easy", 1, measures("1000 0100"))], title="Short", artist="A"))
    again = replace(short, simfile="again.ssc", title="Again", artist="B")
    assert len(set(song_identities([short, again]))) == 2


def test_identity_spreads_from_chart_to_chart(tmp_path, base: Chart) -> None:
    # a and b share the audio, b and c the title: one song of three.
    a = replace(base, music="a.ogg")
    b = replace(other_notes(base, tmp_path, "0100"), music="a.ogg")
    c = replace(other_notes(base, tmp_path, "0010"), title=b.title, artist=b.artist)
    d = other_notes(base, tmp_path, "0001")
    first, second, third, fourth = song_identities([a, b, c, d])
    assert first == second == third != fourth


def test_identity_is_made_of_content_only(tmp_path, base: Chart) -> None:
    charts = [base, *(other_notes(base, tmp_path, row) for row in ("0100", "0010"))]
    names = song_identities(charts)
    assert song_identities(charts[::-1]) == names[::-1]
    assert song_identities(charts[1:]) == names[1:]
    moved = [replace(chart, simfile=f"elsewhere/{index}.sm", pack="P") for index, chart in enumerate(charts)]
    assert song_identities(moved) == names
    assert song_identities([]) == []


def test_twins_and_copies_in_a_plain_scan(tmp_path) -> None:
    charts = [("Hard", 9, steady(8, 4))]
    for fmt in ("sm", "ssc"):
        write_song(tmp_path, "A", "Song", charts, fmt=fmt, artist="X")
    write_song(tmp_path, "B", "Copy", charts, artist="Y")
    write_song(tmp_path, "B", "Else", [("Hard", 9, steady(8, 4, "0110"))], artist="Y")
    names = song_identities(plain_scan(tmp_path).charts)
    assert names[0] == names[1] == names[2] != names[3]


def test_normalise() -> None:
    # A full-width F, sharp s, one half as one character and with a fraction slash.
    assert normalise("\uff26ull-Width ½ STRASSE") == normalise("full width 1\u20442 straße")
    assert normalise("...!") == ""


# ---- digests of audio -----------------------------------------------------------------------------

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def written(root: Path, **contents: bytes) -> Path:
    root.mkdir(exist_ok=True)
    for name, content in contents.items():
        (root / name).write_bytes(content)
        settle(root / name)
    return root


def test_the_digest_is_that_of_the_bytes(tmp_path) -> None:
    root = written(tmp_path / "songs", a=b"abc")
    assert audio_digest(root / "a") == AudioDigests(root, None).digest("a") == ABC
    with pytest.raises(OSError):
        AudioDigests(root, None).digest("none")


def test_what_is_known_is_not_read_again_unless_it_changed(tmp_path, monkeypatch) -> None:
    root = written(tmp_path / "songs", a=b"abc")
    first = AudioDigests(root, tmp_path / "cache")
    first.digest("a")
    first.save()
    with monkeypatch.context() as patch:
        patch.setattr(identity, "audio_digest", lambda path: pytest.fail("read again"))
        assert AudioDigests(root, tmp_path / "cache").digest("a") == ABC
    now = time.time_ns()
    for content in (b"abd", b"abe"):  # twice at one time
        (root / "a").write_bytes(content)
        os.utime(root / "a", ns=(now, now))
        again = AudioDigests(root, tmp_path / "cache")
        assert again.digest("a") == audio_digest(root / "a")
        again.save()


def test_only_files_of_one_size_can_be_equal(tmp_path, monkeypatch) -> None:
    root = written(tmp_path / "songs", a=b"abc", b=b"abcd", c=b"abc", d=b"xyz")
    read = []
    monkeypatch.setattr(identity, "audio_digest", lambda path: read.append(path.name) or path.read_text())
    found = AudioDigests(root, None).of_equal_sizes(["a", "b", "c", "d", "a", "gone"])
    assert found == {"a": "abc", "c": "abc", "d": "xyz"} and sorted(read) == ["a", "c", "d"]


def test_digests_of_two_processes_are_both_kept(tmp_path, monkeypatch) -> None:
    root = written(tmp_path / "songs", a=b"1", b=b"2")
    both = [AudioDigests(root, tmp_path / "cache") for _ in range(2)]
    for kept, name in zip(both, "ab", strict=True):
        kept.digest(name)
        kept.save()
    monkeypatch.setattr(identity, "audio_digest", lambda path: pytest.fail("read again"))
    third = AudioDigests(root, tmp_path / "cache")
    assert third.digest("a") != third.digest("b")


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', '{"a": ["x"]}'])
def test_a_broken_file_is_made_anew(tmp_path, content: str) -> None:
    root = written(tmp_path / "songs", a=b"abc")
    (tmp_path / "digests.json").write_text(content)
    kept = AudioDigests(root, tmp_path)
    assert kept.digest("a") == ABC
    kept.save()
    assert ABC in (tmp_path / "digests.json").read_text()
