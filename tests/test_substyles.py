"""The entry point: what it prints and writes, and what a user's mistake looks like. No model, no song."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from groove.embedding.embedded import EmbeddedLibrary, save
from groove.styles.output import CSV_COLUMNS, csv_rows
from groove.substyles import SubstylesConfig, run
from tests.embedding.libraries import embedded_library
from tests.retrieval.planted import library_of


def two_styles(charts: int = 60) -> EmbeddedLibrary:
    """60 Easy charts in two styles; the first three are no Easy ones."""
    radar = np.random.default_rng(0).normal(60, 3, size=(charts, 5))
    radar[::2, 2] += 90
    library = library_of(radar)
    difficulty = ["Edit", "Edit", "Medium", *["Easy"] * (charts - 3)]
    table = library.table.drop_columns(["difficulty"]).append_column("difficulty", pa.array(difficulty))
    return replace(library, table=table)


@pytest.fixture
def folder(tmp_path):
    save(two_styles(), tmp_path / "run")
    return tmp_path


def settings(folder, **changes):
    return SubstylesConfig(run=str(folder / "run"), out=str(folder / "out"), largest=3, **changes)


def test_what_is_printed_and_written(folder, capsys):
    run(settings(folder))
    text = capsys.readouterr().out
    assert "60 charts" in text and "2 groups with emptier space between them" in text
    assert "Medium: too few charts (1; at least 20 are needed)" in text and "Hard: no chart" in text
    assert "2 charts are of no class (Edit) and have no sub-style" in text
    assert "very many jumps" in text or "many jumps" in text
    for name in ("substyles.csv", "substyles.json", "substyles.png", "substyles.txt"):
        assert str(folder / "out" / name) in text.replace("\n", "")
        assert (folder / "out" / name).is_file()


def test_a_row_for_every_chart(folder):
    run(settings(folder))
    rows = list(csv.DictReader((folder / "out" / "substyles.csv").open()))
    sections = [line for line in (folder / "out" / "substyles.txt").read_text().splitlines() if line.startswith("---")]
    styles = dict.fromkeys((row["class"], row["substyle"]) for row in rows if row["substyle"])
    assert sorted(sections) == sorted(f"---{name}: {style}" for name, style in styles)
    library = two_styles()
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["chart_id"] for row in rows] == library.column("chart_id")
    for index, row in enumerate(rows):
        assert row["difficulty"] == library.column("difficulty")[index]
        if row["difficulty"] == "Easy":
            assert row["class"] == "Easy" and ("many jumps" in row["substyle"]) == (index % 2 == 0)
            assert float(row["distance"]) > 0
        elif row["difficulty"] == "Edit":
            assert (row["class"], row["substyle"], row["distance"]) == ("", "", "")
        else:
            assert (row["class"], row["substyle"], float(row["distance"])) == ("Medium", "", 0.0)


def test_the_numbers(folder):
    run(settings(folder))

    def no_constant(name):
        raise AssertionError(name)

    found = json.loads((folder / "out" / "substyles.json").read_text(), parse_constant=no_constant)
    assert found["settings"] == {"space": "projection", "seed": 0, "largest": 3}
    assert list(found["classes"]) == ["Easy", "Medium", "Hard"]
    easy = found["classes"]["Easy"]
    assert (easy["charts"], easy["k"], easy["structure"]) == (57, 2, "clusters")
    assert [tried["k"] for tried in easy["tried"]] == [2, 3]
    assert easy["tried"][0]["ari_seeds"] == easy["tried"][0]["ari_subsamples"] == easy["ari_radar"] == 1
    assert [style["charts"] for style in easy["substyles"]] == [29, 28]
    library = two_styles()
    for style in easy["substyles"]:
        rows = [library.column("chart_id").index(chart) for chart in style["examples"]]
        kind = rows[0] % 2
        assert {row % 2 for row in rows} == {kind} and len(rows) == 5
        inside = library.radar[3:][np.arange(3, 60) % 2 == kind]
        assert style["radar"]["konami_air"] == pytest.approx(inside[:, 2].mean())
    assert found["classes"]["Hard"] == {
        **{"charts": 0, "structure": "undivided", "reason": "no chart", "k": 1},
        **{"tried": [], "ari_radar": None, "substyles": [], "checks": []},
    }


def test_a_second_run_writes_the_same_bytes(folder):
    written = []
    for _ in range(2):
        run(settings(folder))
        written.append([(folder / "out" / name).read_bytes() for name in ("substyles.csv", "substyles.json")])
    assert written[0] == written[1]


def test_a_library_without_a_chart_of_a_class(tmp_path, capsys):
    edits = embedded_library(40)
    save(edits.take(np.arange(4, 40, 5)), tmp_path / "run")
    run(settings(tmp_path))
    assert "8 charts are of no class (Edit)" in capsys.readouterr().out
    assert list(csv_rows(edits.take(np.zeros(0, dtype=np.intp)), [])) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["largest=1"], "largest must be >= 2, got 1"),
        (["seed=-1"], "seed must be >= 0, got -1"),
        (["space=poold"], "got 'poold'; did you mean 'pooled'?"),
        (["run=nowhere"], "run=nowhere does not exist"),
        (["out=run/embeddings.parquet/x"], "cannot be written"),
        (["larges=3"], "did you mean 'largest'?"),
    ],
)
def test_a_mistake_is_one_line(folder, arguments, text):
    command = [sys.executable, "-m", "groove.substyles", "run=run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 1
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_command_line_loads_nothing_of_training_and_needs_no_songs(folder):
    script = (
        "import runpy, sys\n"
        "runpy.run_module('groove.substyles', run_name='__main__')\n"
        "print('loaded:', sorted({'librosa', 'lightning', 'simfile'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, "run=run", "out=out", "largest=2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "loaded: []" in done.stdout
    code = "import sys, groove.substyles; print({'torch', 'sklearn', 'matplotlib'} & set(sys.modules))"
    light = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert light.stdout.strip() == "set()"
