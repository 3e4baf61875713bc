"""The generated library: checked with `simfile` and `soundfile` alone, which share no code with the generator."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import simfile
import soundfile
from numpy.typing import NDArray
from simfile.notes import NoteData, NoteType
from simfile.timing import Beat, TimingData
from simfile.timing.engine import TimingEngine

from groove.charts.generated.arrows import JACK_S
from groove.charts.generated.song import Song, compose
from groove.charts.generated.steps import STEP_STYLES
from groove.charts.generated.write import MARKER, Pack, draw_charts, notes_text, write_library, write_song
from groove.errors import LibraryError

SONGS = 3
HEADS = (NoteType.TAP, NoteType.HOLD_HEAD, NoteType.ROLL_HEAD)
PACK = Pack("Pack", "Author", jumps=1.0, holds=1.0, bias=0.0)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated") / "Songs"
    write_library(root, seed=7, songs=SONGS)
    return root


def simfiles(root: Path) -> list[Path]:
    return sorted(root.glob("*/*/*.ssc"))


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(root.glob("*/*/*"))}


def engine(path: Path) -> TimingEngine:
    return TimingEngine(TimingData(simfile.open(str(path), strict=True)))


def test_every_song_is_a_folder_of_a_simfile_and_its_audio(library: Path) -> None:
    assert len(simfiles(library)) == SONGS
    for path in simfiles(library):
        song = simfile.open(str(path), strict=True)
        assert song.title == path.stem == path.parent.name
        assert path.with_name(song.music).is_file()
        assert sorted(p.suffix for p in path.parent.iterdir()) == [".ogg", ".ssc"]


def test_charts_have_four_or_five_difficulties_in_order_and_meters_in_range(library: Path) -> None:
    slots = ["Beginner", "Easy", "Medium", "Hard", "Challenge"]
    for path in simfiles(library):
        charts = simfile.open(str(path), strict=True).charts
        order = [slots.index(chart.difficulty) for chart in charts]
        assert order == sorted(set(order)) and len(order) in (4, 5)
        assert all(1 <= int(chart.meter) <= 16 and chart.stepstype == "dance-single" for chart in charts)
        assert all(chart.chartname in STEP_STYLES for chart in charts)
        rows = [len({note.beat for note in NoteData(chart) if note.note_type in HEADS}) for chart in charts]
        assert rows[0] < rows[-1]


def test_audio_covers_every_note(library: Path) -> None:
    for path in simfiles(library):
        length = soundfile.info(path.with_suffix(".ogg")).duration
        assert 40 < length < 85
        for chart in simfile.open(str(path), strict=True).charts:
            times = [float(engine(path).time_at(note.beat)) for note in NoteData(chart)]
            assert 0 < min(times) and max(times) < length


def test_holds_are_balanced_and_hold_their_column_alone(library: Path) -> None:
    for path in simfiles(library):
        for chart in simfile.open(str(path), strict=True).charts:
            open_holds: set[int] = set()
            for note in NoteData(chart):
                assert (note.column in open_holds) == (note.note_type == NoteType.TAIL)
                if note.note_type == NoteType.TAIL:
                    open_holds.remove(note.column)
                elif note.note_type in (NoteType.HOLD_HEAD, NoteType.ROLL_HEAD):
                    open_holds.add(note.column)
            assert not open_holds


def test_fast_rows_alternate_feet(library: Path) -> None:
    for path in simfiles(library):
        for chart in simfile.open(str(path), strict=True).charts:
            rows: dict[Beat, set[int]] = {}
            for note in NoteData(chart):
                if note.note_type in HEADS:
                    rows.setdefault(note.beat, set()).add(note.column)
            beats = sorted(rows)
            times = [float(engine(path).time_at(beat)) for beat in beats]
            jacks = [b - a for a, b, x, y in zip(times, times[1:], beats, beats[1:], strict=False) if rows[x] & rows[y]]
            assert all(gap > 0.9 * JACK_S for gap in jacks)
            assert all(1 <= len(columns) <= 2 for columns in rows.values())


def test_same_seed_gives_the_same_bytes_whatever_the_workers(library: Path, tmp_path: Path) -> None:
    write_library(tmp_path / "again", seed=7, songs=SONGS, workers=2)
    again = contents(tmp_path / "again")
    assert len(again) == 2 * SONGS
    assert again == contents(library)


def test_another_seed_gives_other_songs_and_replaces_the_library(library: Path, tmp_path: Path) -> None:
    root = tmp_path / "Songs"
    write_library(root, seed=8, songs=1)
    before = contents(root)
    write_library(root, seed=9, songs=1)
    assert len(simfiles(root)) == 1
    assert not set(before.values()) & (set(contents(root).values()) | set(contents(library).values()))


def test_second_call_does_nothing(library: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in library.rglob("*")}
    calls: list[tuple[int, int]] = []
    write_library(library, seed=7, songs=SONGS, on_song=lambda done, total: calls.append((done, total)))
    assert calls == []
    assert {path: path.stat().st_mtime_ns for path in library.rglob("*")} == before


def test_progress_is_reported_and_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []

    def stop_at_two(done: int, total: int) -> None:
        calls.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_library(tmp_path / "Songs", seed=0, songs=SONGS, on_song=stop_at_two)
    assert calls == [(1, SONGS), (2, SONGS)]
    assert [path.name for path in tmp_path.iterdir()] == [".Songs.lock"]


def test_a_killed_run_shows_no_song_and_the_next_one_completes(tmp_path: Path) -> None:
    root = tmp_path / "Songs"
    code = f"import groove.charts.generated.write as s, pathlib; s.write_library(pathlib.Path({str(root)!r}), 0, 500)"
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code])
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".Songs.part/new/*/*/*.ogg")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert list(tmp_path.glob(".Songs.part/new/*/*/*.ogg")) and not root.exists()
    write_library(root, seed=0, songs=1)
    assert len(simfiles(root)) == 1
    assert not list(tmp_path.glob("*.part"))


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "My Pack").mkdir()
    with pytest.raises(LibraryError, match="My Pack"):
        write_library(tmp_path, seed=0, songs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["My Pack"]
    empty = tmp_path / "empty"
    empty.mkdir()
    write_library(empty, seed=0, songs=1)
    assert (empty / MARKER).is_file()


KINDS: dict[str, Callable[[Song], bool]] = {
    "steady": lambda song: len(song.bpms) == 1 and not song.stops,
    "tempo changes": lambda song: len(song.bpms) == 3 and not song.stops,
    "stops": lambda song: bool(song.stops),
    "beat 0 before the audio": lambda song: song.offset_s > 0.2,
    "beat 0 late": lambda song: song.offset_s < -0.7,
}


@pytest.mark.parametrize("kind", KINDS)
def test_drums_sound_at_the_times_that_the_simfile_gives_its_beats(kind: str, tmp_path: Path) -> None:
    index = next(i for i in range(200) if KINDS[kind](compose(np.random.default_rng((3, 2, i)))))
    write_song(tmp_path, 3, index, "Song", "Artist", PACK)
    song = compose(np.random.default_rng((3, 2, index)))
    path = tmp_path / "Pack" / "Song" / "Song.ssc"
    downbeats = [4 * bar for bar, name in enumerate(song.sections) if name in ("verse", "chorus")]
    times = np.array([float(engine(path).time_at(Beat(beat))) for beat in downbeats])
    samples, rate = soundfile.read(path.with_suffix(".ogg"))
    error = onset_errors(samples, rate, times)
    assert len(error) >= 8 and np.median(np.abs(error)) < 0.008
    assert np.mean(np.abs(error) < 0.015) > 0.9
    assert np.mean(np.abs(onset_errors(samples, rate, times + 0.04)) < 0.015) < 0.5  # the measure is sharp enough


def onset_errors(samples: NDArray[np.float64], rate: int, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return seconds from each of `times` to the steepest rise of loudness within 60 ms."""
    hop = rate // 500
    energy = np.convolve(samples**2, np.ones(2 * hop) / (2 * hop))[2 * hop - 1 :: hop]  # of the 2 hops from n * hop on
    rise = np.diff(np.log(energy + 1e-4))
    errors = []
    for at in times:
        frames = np.arange(max(round((at - 0.06) * rate / hop), 0), round((at + 0.06) * rate / hop))
        errors.append((frames[np.argmax(rise[frames])] + 1.5) * hop / rate - at)
    return np.array(errors)


def test_rows_lie_where_the_music_has_onsets() -> None:
    """A row on a tick of its own beat chosen at random would sound about one time in three."""
    on_rows, anywhere = [], []
    for seed in range(6):
        song = compose(np.random.default_rng(seed))
        sounding = np.zeros(song.beats * 12, dtype=bool)
        sounding[song.events["tick"]] = True
        for chart in draw_charts(song, PACK, np.random.default_rng(seed)):
            rows = np.isin(chart.grid, [ord(c) for c in "124"]).any(axis=1)
            on_rows.append(sounding[rows].mean())
            anywhere.append(sounding.mean())
    assert np.mean(on_rows) > 0.93 and min(on_rows) > 0.6
    assert np.mean(anywhere) < 0.4


def test_difficulties_overlap_but_grow() -> None:
    """Mean rows a second rise with the difficulty, and some Medium is denser than some Hard."""
    rates: dict[str, list[float]] = {}
    for seed in range(25):
        song = compose(np.random.default_rng(seed))
        for chart in draw_charts(song, PACK, np.random.default_rng((seed, 1))):
            rows = int(np.isin(chart.grid, [ord(c) for c in "124"]).any(axis=1).sum())
            rates.setdefault(chart.difficulty, []).append(rows / song.music_length_s)
    means = [np.mean(rates[name]) for name in ("Beginner", "Easy", "Medium", "Hard", "Challenge")]
    assert means == sorted(means)
    assert max(rates["Medium"]) > min(rates["Hard"])


def test_notes_text_writes_the_fewest_lines_that_hold_the_rows() -> None:
    grid = np.full((3 * 48, 4), ord("0"), dtype=np.uint8)
    grid[0, 0] = grid[48 + 6, 3] = grid[96 + 4, 1] = ord("1")  # a 4th, an 8th, a 12th
    measures = [measure.split() for measure in notes_text(grid).split("\n,\n")]
    assert [len(lines) for lines in measures] == [4, 8, 12]
    assert measures[0][0] == "1000" and measures[1][1] == "0001" and measures[2][1] == "0100"
