"""The table of radars that is kept between runs: always what reading everything anew gives."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from groove.charts.library import index
from groove.charts.library.identity import song_identities
from groove.charts.library.index import RADAR_COLUMNS, RadarTable, radar_table
from groove.charts.library.scan import scan
from groove.charts.radar.groove_radar import groove_radar
from groove.errors import LibraryError
from tests.builders import steady, write_song


@pytest.fixture
def songs(tmp_path) -> Path:
    root = tmp_path / "songs"
    for number in range(5):
        row = f"{number + 1:04b}"
        write_song(root, f"Pack {number % 2}", f"Song {number}", [("Easy", 3, steady(4, 4, row))], artist=f"A{number}")
    write_song(root, "Pack 0", "Sound", [("Hard", 9, steady(8, 4, "1100"))], music_seconds=9, artist="B")
    (root / "Pack 1" / "Song 1" / "old.dwi").write_text("x")
    (root / "Pack 1" / "Song 3" / "empty.sm").write_text("")
    return root


def same(one: RadarTable, other: RadarTable) -> bool:
    assert one.table.select(one.shown).equals(other.table.select(other.shown))
    assert one.left_out == other.left_out
    return True


def touched(path: Path) -> None:
    """Change the time of change, as an editor would; two writes within a clock tick may share it."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


def test_rows_are_those_of_a_scan(songs: Path) -> None:
    table, library = radar_table(songs), scan(songs)
    assert table.text("simfile") == [chart.simfile for chart in library.charts]
    assert table.left_out == library.left_out
    for place, chart in enumerate(library.charts):
        radar = groove_radar(chart, 9.0 if chart.music else None)
        row = table.table.slice(place, 1).to_pylist()[0]
        assert [row[name] for name in RADAR_COLUMNS] == [*radar.konami, *radar.stepmania]
        assert {name: row[name] for name in radar.elements} == radar.elements
    assert table.text("identity") == song_identities(library.charts)


def test_a_second_run_reads_nothing(songs: Path, tmp_path, monkeypatch) -> None:
    first = radar_table(songs, cache=tmp_path / "cache")
    assert (first.read, first.folders) == (6, 6)
    monkeypatch.setattr(index, "read_folder", lambda *args: pytest.fail("read again"))
    monkeypatch.setattr(index, "write_bytes", lambda *args: pytest.fail("written again"))
    second = radar_table(songs, cache=tmp_path / "cache")
    assert second.read == 0 and same(first, second)


def test_only_what_changed_is_read(songs: Path, tmp_path) -> None:
    cache = tmp_path / "cache"
    radar_table(songs, cache=cache)

    def check(read: int) -> None:
        seen: list[tuple[int, int]] = []
        table = radar_table(songs, cache=cache, on_step=lambda done, total: seen.append((done, total)))
        assert table.read == read and same(table, radar_table(songs))
        assert seen == ([(read, read)] if read else [])

    check(0)
    touched(write_song(songs, "Pack 0", "Song 0", [("Easy", 3, steady(8, 4))], artist="A0"))
    check(1)  # a simfile changed
    shutil.rmtree(songs / "Pack 1" / "Song 1")
    check(0)  # a song is gone
    write_song(songs, "Pack 2", "New", [("Medium", 3, steady(8, 4))], artist="A2", title="Song 2")
    check(1)  # a song is new, and the same as another by its title
    (songs / "Pack 0" / "Sound" / "Sound.wav").unlink()
    check(1)  # audio is gone
    (songs / "Pack 1" / "Song 3" / "empty.sm").unlink()
    check(1)  # what was left out is gone
    (songs / "Pack 0" / "Song 2").rename(songs / "Pack 0" / "Song 2 again")
    check(1)  # moved


def test_audio_elsewhere_is_watched(songs: Path, tmp_path) -> None:
    write_song(songs, "Pack 0", "Far", [("Easy", 3, steady(4, 4, "0110"))], music="../Sound/Sound.wav", artist="C")
    cache = tmp_path / "cache"
    before = radar_table(songs, cache=cache)
    write_song(songs, "Pack 0", "Sound", [("Hard", 9, steady(8, 4, "1100"))], music_seconds=12, artist="B")
    after = radar_table(songs, cache=cache)
    assert after.read == 2 and same(after, radar_table(songs))
    assert not after.table["stepmania_stream"].equals(before.table["stepmania_stream"])


def test_workers_give_the_same(songs: Path, monkeypatch) -> None:
    one = radar_table(songs)
    monkeypatch.setattr(index, "FEW_FOLDERS", 0)
    monkeypatch.setattr(index, "FOLDERS_PER_JOB", 2)
    assert same(one, radar_table(songs, workers=2))


def test_settings_have_tables_of_their_own(songs: Path, tmp_path) -> None:
    cache = tmp_path / "cache"
    write_song(songs, "Pack 0", "Double", [("Easy", 3, steady(4, 4, "10000001"))], steps_type="dance-double")
    single = radar_table(songs, cache=cache)
    both = radar_table(songs, ["dance-single", "dance-double"], cache=cache)
    assert len(both.table) == len(single.table) + 1
    rows = radar_table(songs, song_end="last_row", cache=cache)
    charts = [replace(chart, song_end=None) for chart in scan(songs).charts]
    assert rows.table["konami_stream"].to_pylist() == [groove_radar(chart).konami[0] for chart in charts]
    assert rows.table["konami_stream"] != single.table["konami_stream"]
    assert len(os.listdir(cache)) == 3
    assert same(single, radar_table(songs, cache=cache))


def test_a_broken_cache_is_made_anew(songs: Path, tmp_path) -> None:
    first = radar_table(songs, cache=tmp_path)
    (path,) = tmp_path.glob("*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    assert same(first, radar_table(songs, cache=tmp_path))


def test_a_library_without_charts(tmp_path) -> None:
    (tmp_path / "songs" / "A").mkdir(parents=True)
    (tmp_path / "songs" / "A" / "a.sm").write_text("")
    for _ in range(2):
        table = radar_table(tmp_path / "songs", cache=tmp_path / "cache")
        assert len(table.table) == 0 and [entry.reason for entry in table.left_out] == ["empty file"]


def test_names_that_are_no_utf8_keep_their_bytes(songs: Path, tmp_path) -> None:
    os.rename(os.fsencode(songs / "Pack 0" / "Sound"), os.fsencode(songs / "Pack 0") + b"/S\xff")
    table = radar_table(songs, cache=tmp_path / "cache")
    assert any(os.fsencode(name).startswith(b"Pack 0/S\xff/") for name in table.text("simfile"))
    assert same(table, radar_table(songs, cache=tmp_path / "cache"))


def test_unknown_song_end(songs: Path) -> None:
    with pytest.raises(LibraryError, match="song_end is 'row'"):
        radar_table(songs, song_end="row")
