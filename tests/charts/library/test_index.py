"""What is kept between runs: always what reading everything anew gives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from groove.charts.library import index
from groove.charts.library.index import RADAR_COLUMNS, main_bpm
from groove.charts.library.scan import Library, scan
from groove.charts.radar.groove_radar import groove_radar
from groove.charts.simfile import reader
from groove.errors import LibraryError
from tests.builders import settle, steady, write_song
from tests.scans import plain_scan, song_identities


@pytest.fixture
def songs(tmp_path) -> Path:
    root = tmp_path / "songs"
    for number in range(5):
        row = f"{number + 1:04b}"
        write_song(root, f"Pack {number % 2}", f"Song {number}", [("Easy", 3, steady(4, 4, row))], artist=f"A{number}")
    write_song(root, "Pack 0", "Sound", [("Hard", 9, steady(8, 4, "1100"))], music_seconds=9, artist="B")
    (root / "Pack 1" / "Song 1" / "old.dwi").write_text("x")
    (root / "Pack 1" / "Song 3" / "empty.sm").write_text("")
    for path in root.rglob("*.*"):
        settle(path)
    return root


def same(one: Library, other: Library) -> bool:
    assert one.charts.equals(other.charts.select(one.charts.column_names))
    assert one.charts.column_names == other.charts.column_names
    assert one.left_out == other.left_out and one.identity == other.identity
    return True


def test_rows_are_those_of_the_charts(songs: Path) -> None:
    library, plain = scan(songs), plain_scan(songs)
    assert library.chart_id == [chart.chart_id for chart in plain.charts]
    assert library.left_out == plain.left_out
    for place, chart in enumerate(plain.charts):
        radar = groove_radar(chart, 9.0 if chart.music else None)
        row = library.charts.slice(place, 1).to_pylist()[0]
        assert [row[name] for name in RADAR_COLUMNS] == [*radar.konami, *radar.stepmania]
        assert {name: row[name] for name in library.elements} == radar.elements
        beats = chart.notes.beats[[0, -1]]
        assert row["length_s"] == beats[-1] / 2 and row["bpm"] == main_bpm(chart.timing, beats[-1]) == 120
    assert library.identity == song_identities(plain.charts)


def test_a_second_run_reads_nothing(songs: Path, tmp_path, monkeypatch) -> None:
    first = scan(songs, cache=tmp_path / "cache")
    assert (first.read, first.folders) == (6, 6)
    monkeypatch.setattr(reader, "read_simfile", lambda *args: pytest.fail("read again"))
    monkeypatch.setattr(index, "write_atomically", lambda *args: pytest.fail("written again"))
    second = scan(songs, cache=tmp_path / "cache")
    assert second.read == 0 and same(first, second)


def test_only_what_changed_is_read(songs: Path, tmp_path) -> None:
    cache = tmp_path / "cache"
    scan(songs, cache=cache)

    def check(read: int) -> None:
        seen: list[tuple[int, int]] = []
        table = scan(songs, cache=cache, on_step=lambda what, done, total: seen.append((done, total)))
        assert table.read == read and same(table, scan(songs))
        assert seen == ([(read, read)] if read else [])

    check(0)
    write_song(songs, "Pack 0", "Song 0", [("Easy", 3, steady(8, 4))], artist="A0")
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
    before = scan(songs, cache=cache)
    write_song(songs, "Pack 0", "Sound", [("Hard", 9, steady(8, 4, "1100"))], music_seconds=12, artist="B")
    after = scan(songs, cache=cache)
    assert after.read == 2 and same(after, scan(songs))
    assert not after.charts["stepmania_stream"].equals(before.charts["stepmania_stream"])


def test_workers_give_the_same(songs: Path, monkeypatch) -> None:
    one = scan(songs)
    monkeypatch.setattr(index, "FEW_FOLDERS", 0)
    monkeypatch.setattr(index, "FOLDERS_PER_JOB", 2)
    assert same(one, scan(songs, workers=2))


def test_settings_that_change_rows_have_an_index_of_their_own(songs: Path, tmp_path) -> None:
    cache = tmp_path / "cache"
    write_song(songs, "Pack 0", "Double", [("Easy", 3, steady(4, 4, "10000001"))], steps_type="dance-double")
    single = scan(songs, cache=cache)
    both = scan(songs, ["dance-single", "dance-double"], cache=cache)
    assert len(both.charts) == len(single.charts) + 1
    rows = scan(songs, song_end="last_row", cache=cache)
    charts = [replace(chart, song_end=None) for chart in plain_scan(songs).charts]
    assert rows.charts["konami_stream"].to_pylist() == [groove_radar(chart).konami[0] for chart in charts]
    assert rows.charts["konami_stream"] != single.charts["konami_stream"]
    assert len(list(cache.glob("*.parquet"))) == 2  # all steps types share one
    assert same(single, scan(songs, cache=cache))


@pytest.mark.parametrize("damage", ["half", "nothing", "another table"])
def test_a_broken_index_is_made_anew(songs: Path, tmp_path, damage: str) -> None:
    first = scan(songs, cache=tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.parquet")
    if damage == "another table":
        pq.write_table(pa.table({"kind": ["chart"]}), path)
    else:
        path.write_bytes(path.read_bytes()[:100] if damage == "half" else b"")
    second = scan(songs, cache=tmp_path / "cache")
    assert same(first, second) and second.read == 6


def test_a_library_without_charts(tmp_path) -> None:
    (tmp_path / "songs" / "A").mkdir(parents=True)
    (tmp_path / "songs" / "A" / "a.sm").write_text("")
    for _ in range(2):
        table = scan(tmp_path / "songs", cache=tmp_path / "cache")
        assert len(table.charts) == 0 and [entry.reason for entry in table.left_out] == ["empty file"]


def test_names_that_are_no_utf8_keep_their_bytes(songs: Path, tmp_path) -> None:
    os.rename(os.fsencode(songs / "Pack 0" / "Sound"), os.fsencode(songs / "Pack 0") + b"/S\xff")
    table = scan(songs, cache=tmp_path / "cache")
    assert any(os.fsencode(name).startswith(b"Pack 0/S\xff/") for name in table.text("simfile"))
    assert same(table, scan(songs, cache=tmp_path / "cache"))


def test_a_change_within_the_clocks_tick_is_noticed(songs: Path, tmp_path) -> None:
    """Two changes can have one time and one size; what changed just now is therefore read again next time."""
    cache = tmp_path / "cache"
    path = songs / "Pack 0" / "Song 0" / "Song 0.ssc"
    now = time.time_ns()
    os.utime(path, ns=(now, now))
    before = scan(songs, cache=cache)
    path.write_text(path.read_text().replace("0001", "1000"))
    os.utime(path, ns=(now, now))
    after = scan(songs, cache=cache)
    assert after.read == 1 and same(after, scan(songs))
    assert after.charts["content"] != before.charts["content"]
    whole = now // 1_000_000_000 * 1_000_000_000  # a file system that counts seconds
    os.utime(path, ns=(whole, whole))
    assert [scan(songs, cache=cache).read for _ in range(2)] == [1, 1]


def test_scans_side_by_side_leave_a_whole_index(songs: Path, tmp_path) -> None:
    code = "import sys; from pathlib import Path; from groove.charts.library.scan import scan\n"
    code += "scan(Path(sys.argv[1]), cache=Path(sys.argv[2])).identity"
    command = [sys.executable, "-c", code, str(songs), str(tmp_path / "cache")]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    second = scan(songs, cache=tmp_path / "cache")
    assert second.read == 0 and same(second, scan(songs))
    assert not list((tmp_path / "cache").glob(".*"))


def test_a_process_that_ends_is_one_line(songs: Path, monkeypatch) -> None:
    def broken(*args):
        raise BrokenProcessPool

    monkeypatch.setattr(index, "read_folders", broken)
    with pytest.raises(LibraryError, match="a worker process died"):
        scan(songs)
