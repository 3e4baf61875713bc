"""``python -m groove.recommend`` as a user calls it, on a finished run."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from groove.embedding.embedded import EMBEDDINGS_FILE, load
from tests.builders import measures, write_song


def call(folder: Path, *arguments: str, columns: int | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "groove.recommend", *arguments]
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    env |= {"COLUMNS": str(columns)} if columns else {}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=env)


def test_by_chart_with_filters_into_files(finished, tmp_path):
    run = f"run={finished / 'run'}"
    done = call(tmp_path, run, "chart=Song03 [Hard 4]", "k=3", "out=answers.csv", "meter=4-")
    assert done.returncode == 0, done.stderr
    assert "like Song03 [Hard 4]" in done.stdout and "on its own library" in done.stdout
    with (tmp_path / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 and {row["difficulty"] for row in rows} == {"Hard"}
    assert all(row["title"] != "Song03" and row["title"] in done.stdout for row in rows)
    distances = [float(row["distance"]) for row in rows]
    assert distances == sorted(distances)
    assert call(tmp_path, run, "chart=Song03 [Hard]", "k=3", "meter=4-", "out=answers.json").returncode == 0
    again = json.loads((tmp_path / "answers.json").read_text())
    assert [row["chart_id"] for row in again] == [row["chart_id"] for row in rows]


def test_the_table_fits_the_width_and_the_class_is_said(finished, tmp_path):
    given = (f"run={finished / 'run'}", "chart=Song03 [Hard]", "k=2")
    wide, narrow = call(tmp_path, *given), call(tmp_path, *given, columns=80)
    widths = [max(map(len, done.stdout.partition("nearest of")[2].splitlines())) for done in (wide, narrow)]
    assert widths[0] > 100 and widths[1] <= 80
    library = load(finished / "run" / EMBEDDINGS_FILE)
    own = next(slots for slots in library.classes.values() if "Hard" in slots)
    assert len(own) > 1
    for done in (wide, narrow):
        assert f"difficulty=same: {' and '.join(own)}, one class of the model" in done.stdout
        assert sum("[Hard 4]" in line for line in done.stdout.splitlines()) == 3  # the query and two answers
        assert "BPM" in done.stdout and "Pack" in done.stdout and "stream" in done.stdout
    assert "difficulty=same" not in call(tmp_path, *given, "difficulty=any").stdout


def test_answers_can_be_played(finished, tmp_path):
    given = (f"run={finished / 'run'}", "chart=Song03 [Hard]", "k=3")
    for name in ("a.json", "a.crs", "a.txt"):
        assert call(tmp_path, *given, f"out={name}").returncode == 0
    folders = [f"Pack/{row['title']}" for row in json.loads((tmp_path / "a.json").read_text())]
    course = (tmp_path / "a.crs").read_text()
    assert course.startswith("#COURSE:like Song03")
    assert [line for line in course.splitlines() if line.startswith("#SONG:")] == [f"#SONG:{f}:Hard;" for f in folders]
    lines = (tmp_path / "a.txt").read_text().splitlines()
    assert lines[0].startswith("---like Song03") and lines[1:] == folders


def test_by_radar_needs_no_embedding(finished, tmp_path):
    done = call(tmp_path, f"run={finished / 'run'}", "radar.stream=high", "radar.air=low", "k=2", "difficulty=Hard")
    assert done.returncode == 0, done.stderr
    assert "2 nearest of 20 candidates (space: radar)" in done.stdout


def test_by_a_simfile_that_is_not_in_the_library(finished, tmp_path):
    notes = measures("1000 0100 0010 0001 1000 0100 0010 0001", "0001 0010 0100 1000 0001 0010 0100 1000")
    write_song(tmp_path, "Mine", "New one [x]", [("Hard", 9, notes), ("Easy", 3, notes.replace("0001", "0100"))])
    (simfile,) = (tmp_path / "Mine" / "New one [x]").glob("*.s*")
    given = (f"run={finished / 'run'}", f"simfile={simfile}", "k=2")
    several = call(tmp_path, *given)
    assert several.returncode == 1 and f"{simfile.name} holds 2 charts; choose one" in several.stderr
    assert "#" not in several.stderr
    done = call(tmp_path, given[0], f"simfile={simfile.parent}", "k=2", "chart=[Easy")  # its folder will do
    assert done.returncode == 0, done.stderr
    assert (
        "like New one [x] [Easy 3]" in done.stdout and "2 nearest of 20 candidates (space: projection)" in done.stdout
    )


def test_by_a_simfile_of_the_library_its_own_song_is_not_named(finished, tmp_path):
    (simfile,) = (finished / "songs" / "Pack" / "Song03").glob("*.s*")
    given = (f"run={finished / 'run'}", f"simfile={simfile}", "chart=[Hard", "k=99", f"store={tmp_path / 'store'}")
    assert call(tmp_path, *given, "out=a.json").returncode == 0
    titles = {row["title"] for row in json.loads((tmp_path / "a.json").read_text())}
    assert len(titles) == 19 and "Song03" not in titles
    library = load(finished / "run" / EMBEDDINGS_FILE)
    assert titles == set(library.column("title")) - {"Song03"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "nothing given; search by one of"),
        (("chart=Song03", "radar.air=much"), "radar.air must be a range, got much"),
        (("chart=Song03", "technique.crossovers=many"), "technique.crossovers must be a range, got many"),
        (("chart=Song03", "technique.crossover=1-"), "did you mean 'crossovers'"),
        (("chart=Song03", "weights.foot=1"), "there is no 'foot' in 'weights'; must be one of feet, flow, radar, song"),
        (("chart=Song03", "weights.feet=-1"), "weights.feet must be >= 0"),
        (("simfile=a.sm",), "simfile=a.sm does not exist"),
        (("chart=Song03",), "matches 4 charts"),
        (("chart=Song03 [Edit]",), "'Song03' has no chart [Edit]; it has chart="),
        (("chart=Song03", "length=1:3"), "in m:ss or in seconds"),
        (("chart=Sonk",), "no chart is called 'Sonk'"),
        (("chart=Song03 [Hard]", "k=0"), "k must be >= 1, got 0"),
        (("chart=Song03 [Hard]", "space=poled"), "did you mean 'pooled'"),
        (("chart=Song03 [Hard]", "out=x.doc"), "out=x.doc must end in one of .csv, .json, .crs, .txt"),
        (("chart=Song03 [Hard]", "difficulty=Hrd"), "did you mean 'Hard'"),
        (("radar.stram=3",), "unknown key 'radar.stram'"),
        (("radar.stream=hi",), "one of low, medium, high"),
    ],
)
def test_a_mistake_is_one_line(finished, tmp_path, arguments, text):
    done = call(tmp_path, f"run={finished / 'run'}", *arguments)
    assert done.returncode == 1 and text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr


def test_a_run_that_does_not_exist_is_one_line(tmp_path):
    done = call(tmp_path, "run=none", "chart=x")
    assert done.returncode == 1 and "run=none does not exist" in done.stderr


def test_a_query_by_chart_loads_no_torch(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")  # every import is a line on standard error
    done = call(tmp_path, f"run={finished / 'run'}", "chart=Song03 [Hard]")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "like Song03" in done.stdout and "pyarrow" in imported and "torch" not in imported
