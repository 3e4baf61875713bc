"""The entry point: what it prints, what a user's mistake looks like, and that a second run loads nothing heavy."""

import re
import subprocess
import sys

import pytest

from groove.config.schema import DataConfig, FeaturesConfig, GeneratedConfig, PrepareConfig
from groove.features.preparation import prepared
from groove.prepare import run
from tests.builders import steady, write_song


@pytest.fixture
def songs(tmp_path):
    root = tmp_path / "Songs (a, b)"
    write_song(root, song="Loud", charts=[("Easy", 2, steady(4, 2)), ("Hard", 9, steady(32, 1))], music_seconds=4)
    write_song(root, song="Mute", charts=[("Medium", 5, steady(8, 2))])
    (root / "Pack" / "Mute" / "old.dwi").write_text("#TITLE:x;")
    return root


def settings(tmp_path, **data):
    return DataConfig(store=str(tmp_path / "store"), workers=1, **data)


def test_the_report_counts_everything(songs, tmp_path, capsys):
    run(PrepareConfig(data=settings(tmp_path, songs=str(songs))))
    text = capsys.readouterr().out
    assert "3 charts of 2 songs, 1 of the charts without audio (missing_audio=mask)" in text
    assert "1 Easy, 1 Medium, 1 Hard" in text
    assert "16 rows (28.57%) share a frame with another row, in 1 charts (33.3%)" in text
    assert "1  format DWI is not read" in text
    assert "2 simfiles computed" in text
    (catalogue,) = (tmp_path / "store").glob("catalogue-*.parquet")
    (left_out,) = (tmp_path / "store").glob("left_out-*.csv")
    assert str(catalogue) in text
    assert str(left_out) in text
    assert "old.dwi" in left_out.read_text()
    (figure,) = (tmp_path / "store").glob("library-*.png")
    assert f"figure:    {figure}" in text
    assert "konami radar, 10, 50, 90 % of the charts have at most" in text


def test_nothing_left_out_is_said_in_words(songs, tmp_path, capsys):
    (songs / "Pack" / "Mute" / "old.dwi").unlink()
    run(PrepareConfig(data=settings(tmp_path, songs=str(songs)), figure=False))
    lines = capsys.readouterr().out.splitlines()
    assert "nothing left out" in lines and not any("left out:" in line and line.endswith(":") for line in lines)


def test_the_figure_is_drawn_only_if_it_changed_and_only_if_wanted(songs, tmp_path, capsys):
    run(PrepareConfig(data=settings(tmp_path, songs=str(songs)), figure=False))
    assert not list((tmp_path / "store").glob("library-*.png"))
    assert "figure:" not in capsys.readouterr().out
    config = PrepareConfig(data=settings(tmp_path, songs=str(songs), radar="stepmania"))
    run(config)
    (figure,) = (tmp_path / "store").glob("library-*.png")
    assert "stepmania radar" in capsys.readouterr().out
    drawn = figure.stat().st_mtime_ns
    run(config)
    assert figure.stat().st_mtime_ns == drawn
    (songs / "Pack" / "Mute" / "older.dwi").write_text("#TITLE:x;")  # one more is left out: same catalogue, new picture
    run(config)
    assert list((tmp_path / "store").glob("library-*.png")) == [figure]
    assert figure.stat().st_mtime_ns > drawn


def test_prepared_writes_the_generated_library_when_no_songs_are_given(tmp_path, capsys):
    generated = GeneratedConfig(songs=2, seed=3, root=str(tmp_path / "library"))
    data = settings(tmp_path, generated=generated)
    first = prepared(data, FeaturesConfig())
    assert len(first.table) > 0
    assert all(first.table["has_audio"].to_pylist())
    assert "0 of the charts without audio" in capsys.readouterr().out
    second = prepared(data, FeaturesConfig())
    assert second.computed == 0
    assert second.fingerprint == first.fingerprint


def test_the_command_line_and_a_second_run_that_loads_no_audio_library(songs, tmp_path):
    arguments = [f"data.songs={songs}", f"data.store={tmp_path / 'store'}", "data.workers=1"]
    script = (
        "import runpy, sys\n"
        "runpy.run_module('groove.prepare', run_name='__main__')\n"
        "print('loaded:', sorted({'torch', 'librosa', 'soundfile', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    outputs = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert "2 simfiles computed" in outputs[0]
    assert "0 simfiles computed" in outputs[1]
    assert "loaded: []" in outputs[1]


def files(store):
    return {path.relative_to(store): path.read_bytes() for path in store.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_shards_side_by_side_and_as_a_sweep_and_then_a_plain_run(songs, tmp_path):
    def start(store, *arguments):
        settings = [f"data.songs={songs}", f"data.store={tmp_path / store}", "data.workers=1"]
        command = [sys.executable, "-m", "groove.prepare", *arguments, *settings]
        return subprocess.Popen(command, text=True, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    started = {
        "whole": [start("whole")],
        "side by side": [start("side by side", f"shard={shard}", "shards=2") for shard in (0, 1)],
        "sweep": [start("sweep", "-m", "shard=range(2)", "shards=2")],
    }
    printed = {store: [process.communicate() for process in found] for store, found in started.items()}
    assert {process.returncode for found in started.values() for process in found} == {0}, printed
    for store in ("side by side", "sweep"):
        lines = "".join(out for out, _ in printed[store])
        computed = [
            int(count) for count in re.findall(r"shard [01] of 2: \d of 2 simfiles, (\d) computed, 0 failed", lines)
        ]
        assert len(computed) == sum(computed) == 2
        assert not list((tmp_path / store).glob("catalogue-*"))
        out, err = start(store).communicate()
        assert "0 simfiles computed" in out, err
        assert files(tmp_path / store) == files(tmp_path / "whole")


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("data.songs=nowhere", "song folder 'nowhere' does not exist"),
        ("figure=maybe", "figure must be true or false, got 'maybe'"),
        ("data.missing_audio=msk", "must be 'mask', 'skip' or 'error', got 'msk'; did you mean 'mask'?"),
        ("features.frames_per_beat=0", "features.frames_per_beat must be >= 1, got 0"),
        ("data.missing_audio=error", "charts without audio"),
        ("shards=0", "shards must be >= 1, got 0"),
        ("shards=3", "shard is required with shards=3: shard=0 to shard=2"),
        ("shard=1", "shard must be < 1 (shards, counted from 0), got 1"),
        ("shard=x", "shard must be a whole number, got 'x'"),
    ],
)
def test_a_mistake_is_one_line(songs, tmp_path, argument, text):
    command = [sys.executable, "-m", "groove.prepare", f"data.songs={songs}", f"data.store={tmp_path / 'store'}"]
    done = subprocess.run([*command, argument], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
