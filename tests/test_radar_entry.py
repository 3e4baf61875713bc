"""`python -m groove.radar`, as a user runs it, and its parts."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from groove.charts.library.index import CHART_COLUMNS, RADAR_COLUMNS
from groove.charts.library.scan import scan
from groove.charts.radar.groove_radar import groove_radar
from groove.config.schema import RadarConfig
from groove.errors import ConfigError, LibraryError
from groove.radar import report_of, run
from tests.builders import sm_text, steady, write_song
from tests.scans import plain_scan

HEADER = "simfile,difficulty,stream,voltage,air,freeze,chaos"


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "groove.radar", *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def songs(tmp_path) -> Path:
    """Return a library of two songs with a space and brackets in their names; one has 8 s of audio."""
    root = tmp_path / "My [songs]"
    write_song(root, "Pack", "One", [("Easy", 3, steady(4, 2)), ("Hard", 9, steady(8, 2))], music_seconds=8, artist="A")
    write_song(root, "Pack", "Two", [("Medium", 5, steady(4, 2, "1010"))], fmt="sm")
    (root / "Pack" / "Two" / "old.dwi").write_text("x")
    return root


def test_run_as_a_user(tmp_path, songs: Path) -> None:
    done = call(tmp_path, "songs=My [songs]", "out=results/radar.csv")
    assert done.returncode == 0, done.stderr
    assert "3 charts of 2 songs" in done.stdout and "1  format DWI" in done.stdout
    assert str(Path("results/radar.csv")) in done.stdout and str(Path("results/left_out.csv")) in done.stdout
    assert "pkg_resources" not in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["My [songs]", "outputs", "results"]  # no folders of Hydra's
    assert sorted(os.listdir(tmp_path / "results")) == ["left_out.csv", "library.png", "radar.csv"]
    assert [row["path"] for row in rows_of(tmp_path / "results" / "left_out.csv")] == ["Pack/Two/old.dwi"]

    assert "konami radar, 10, 50, 90 %" in done.stdout and "stepmania radar, 10, 50, 90 %" in done.stdout
    assert str(Path("results/library.png")) in done.stdout

    rows = rows_of(tmp_path / "results" / "radar.csv")
    charts = plain_scan(songs).charts
    assert [row["simfile"] for row in rows] == [chart.simfile for chart in charts]
    words = ["description", "step_artist", "tags", "chart_style", "breakdown", "groovestats_hash"]
    columns = [*CHART_COLUMNS, *words, *RADAR_COLUMNS]
    assert list(rows[0])[: len(columns)] == columns
    for row, chart, length in zip(rows, charts, (8.0, 8.0, None), strict=True):
        radar = groove_radar(chart, length)
        written = [float(row[column]) for column in RADAR_COLUMNS]
        assert written == pytest.approx([*radar.konami, *radar.stepmania], abs=1e-6)
        assert {name: float(row[name]) for name in radar.elements} == pytest.approx(radar.elements, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["songs=nowhere"], "'nowhere' does not exist"),
        ([], "songs"),
        (["sons=x"], "did you mean 'songs'"),
        (["songs=.", "steps_types=[dance-singel]"], "did you mean 'dance-single'"),
        (["songs=."], "holds no .sm or .ssc file"),
    ],
)
def test_mistakes_are_one_line(tmp_path, arguments: list[str], text: str) -> None:
    done = call(tmp_path, *arguments)
    assert done.returncode == 1 and done.stdout == ""
    assert text in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_no_chart_of_the_kind_says_what_there_is(tmp_path) -> None:
    write_song(tmp_path / "songs", charts=[("Hard", 9, "10000001")], steps_type="dance-double")
    cfg = RadarConfig(songs=str(tmp_path / "songs"), out=str(tmp_path / "radar.csv"))
    with pytest.raises(LibraryError, match=r"no dance-single chart .*1 x steps type 'dance-double'"):
        run(cfg)
    assert not (tmp_path / "radar.csv").exists()
    run(RadarConfig(songs=cfg.songs, out=cfg.out, steps_types=["dance-double"]))
    assert len(rows_of(tmp_path / "radar.csv")) == 1


def test_out_that_cannot_be_written(tmp_path, songs: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written"):
        run(RadarConfig(songs=str(songs), out=str(tmp_path / "file" / "radar.csv")))


def test_audio_that_cannot_be_read(tmp_path, songs: Path, capsys) -> None:
    (songs / "Pack" / "One" / "One.wav").write_bytes(b"no audio")
    run(RadarConfig(songs=str(songs), out=str(tmp_path / "radar.csv")))
    printed = capsys.readouterr().out
    assert "3 charts without audio" in printed and "1  audio whose length is not known: Error opening" in printed


def test_the_figure_shows_what_the_table_holds_and_can_be_left_out(tmp_path, songs: Path, capsys) -> None:
    run(RadarConfig(songs=str(songs), out=str(tmp_path / "radar.csv"), figure=False))
    assert "figure:" not in capsys.readouterr().out and not (tmp_path / "library.png").exists()
    library = scan(songs)
    report = report_of(library, "stepmania")
    assert report.title == "3 charts of 2 songs"
    assert report.difficulty == ["Easy", "Hard", "Medium"] and report.has_audio.tolist() == [True, True, False]
    assert report.radar[:, 2].tolist() == library.charts["stepmania_air"].to_pylist()
    assert report.left_out == {"format DWI is not read, only .sm and .ssc are": 1}


def test_imports_nothing_heavy() -> None:
    heavy = ("torch", "lightning", "librosa", "matplotlib")
    code = f"import sys, groove.radar; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_compare_prints_shares_and_causes(tmp_path, songs: Path, capsys) -> None:
    cfg = {"songs": str(songs), "out": str(tmp_path / "radar.csv"), "store": None}
    (tmp_path / "official.csv").write_text(
        "simfile,difficulty,stream,voltage,air,freeze,chaos\nPack/One/One.ssc,Easy,199,20,0,0,0\n"
        "Pack/None/x.sm,Easy,1,2,3,4,5\nPack/One/One.ssc,Challenge,1,2,3,4,5\n"
    )
    run(RadarConfig(**cfg, compare=str(tmp_path / "official.csv")))
    printed = capsys.readouterr().out
    assert "share of values: konami" in printed and "Pack, floored" in printed
    assert "Pack/One/One.ssc [Easy]: stream" in printed and "199 there (stream fit no end" in printed
    assert (
        "2 charts with official values are not in this library: Pack/None/x.sm [Easy], Pack/One/One.ssc [Ch" in printed
    )
    run(RadarConfig(**cfg, compare="stored"))
    printed = capsys.readouterr().out
    assert "no simfile holds values other than zero" in printed and "share of values" not in printed


def test_compare_names_its_rows(tmp_path, capsys) -> None:
    text = sm_text([("Hard", 9, steady(4, 8))], radar="0.5,0,0,0,0.7", extra="#MUSICLENGTH:20;")
    (tmp_path / "songs" / "One").mkdir(parents=True)
    (tmp_path / "songs" / "One" / "One.sm").write_text(text)
    run(RadarConfig(songs=str(tmp_path / "songs"), out=str(tmp_path / "a.csv"), store=None, compare="stored"))
    header, *_ = (
        line for line in capsys.readouterr().out.partition("share of values")[2].splitlines() if "charts" in line
    )
    assert "written by StepMania" in header


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("a,b\n1,2\n", "has no column"),
        (f"{HEADER}\nx,Easy,1,2,x,4,5\n", "is not a table"),
        (f"{HEADER}\nPack/None/x.sm,Easy,1,2,3,4,5\n", "none of the 1 charts"),
    ],
)
def test_a_table_that_cannot_be_used_is_said_before_anything_is_written(tmp_path, songs, content, message, monkeypatch):
    if content:
        (tmp_path / "official.csv").write_text(content)
    if "none of" not in message:
        monkeypatch.setattr("groove.radar.scan", lambda *args: pytest.fail("scanned"))
    cfg = RadarConfig(songs=str(songs), out=str(tmp_path / "a.csv"), store=None, compare=str(tmp_path / "official.csv"))
    with pytest.raises(LibraryError, match=message):
        run(cfg)
    assert not (tmp_path / "a.csv").exists() and not (tmp_path / "left_out.csv").exists()


def test_the_sm_file_beside_an_ssc_file_is_listed_chart_by_chart(tmp_path, songs: Path) -> None:
    write_song(songs, "Pack", "Two", [("Medium", 5, steady(4, 2)), ("Hard", 9, steady(8, 2))], fmt="ssc")
    run(RadarConfig(songs=str(songs), out=str(tmp_path / "a.csv"), figure=False, store=str(tmp_path / "store")))
    simfiles = [row["simfile"] for row in rows_of(tmp_path / "a.csv")]
    assert simfiles == ["Pack/One/One.ssc"] * 2 + ["Pack/Two/Two.ssc"] * 2
    first = rows_of(tmp_path / "left_out.csv")
    listed = [row for row in first if "twin" in row["reason"]]
    reason = "twin of an .ssc file, which StepMania prefers; kept: Two.ssc"
    assert listed == [{"path": "Pack/Two/Two.sm", "chart": "#0 dance-single Medium 5", "reason": reason}]
    run(RadarConfig(songs=str(songs), out=str(tmp_path / "a.csv"), figure=False, store=str(tmp_path / "store")))
    assert rows_of(tmp_path / "left_out.csv") == first and len(rows_of(tmp_path / "a.csv")) == 4
