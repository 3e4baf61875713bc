"""``import groove``: the README's example runs as it stands, importing is cheap, mistakes are one line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import groove
from groove.config.schema import CONF_DIR
from groove.embedding.embedded import EmbeddedLibrary

README = CONF_DIR.parent / "README.md"
EXAMPLE = re.search(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def on_the_tests_library(code: str, finished: Path) -> str:
    """Return the example `code` on the tests' run and songs instead of the demo's."""
    places = {
        "outputs/library/Arcade Hours/Amber Meadow": str(finished / "songs" / "Pack" / "Song05"),
        "outputs/library": str(finished / "songs"),
        "outputs/demo/3_c": str(finished / "run"),
        "Crimson Harbor [Hard]": "Song03 [Hard]",
        "8-10": "4-10",
    }
    for demo, ours in places.items():
        code = code.replace(demo, ours)
    return code


@pytest.fixture(scope="module")
def library(finished) -> EmbeddedLibrary:
    return groove.load_embeddings(finished / "run")


@pytest.mark.skipif(EXAMPLE is None, reason="the README has no Python example yet")
def test_the_example_of_the_readme_runs(finished, tmp_path, monkeypatch, capsys):
    assert EXAMPLE is not None
    code = EXAMPLE[1]
    assert len(code.splitlines()) <= 16
    monkeypatch.chdir(tmp_path)
    exec(compile(on_the_tests_library(code, finished), "README.md", "exec"), {})
    assert "80 (80, " in capsys.readouterr().out


def test_importing_it_is_cheap():
    heavy = ("torch", "lightning", "numpy", "scipy", "pyarrow", "faiss", "hydra")
    code = f"import sys, groove; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_function_hides_a_command():
    modules = {path.stem for path in Path(groove.__file__).parent.iterdir()}
    assert not modules & set(groove.__all__) and all(getattr(groove, name).__doc__ for name in groove.__all__)


def test_what_a_run_knows_is_read_without_its_model(library, finished):
    own = groove.embed_charts(groove.load_run(finished / "run"), store=finished / "store", workers=1)
    assert own.table.equals(library.table)
    np.testing.assert_array_equal(own.space("pooled"), library.space("pooled"))


def test_answers_are_those_of_the_search(library):
    row = library.column("title").index("Song03")
    (chart,) = [i for i in range(row, row + 4) if library.column("difficulty")[i] == "Hard"]
    answers = groove.find_neighbors(library, "Song03 [Hard]", k=4, difficulty="any")
    others = np.flatnonzero(library.song != library.song[chart])
    vectors = library.space("projection").astype(float)
    distance = np.linalg.norm(vectors[others] - vectors[chart], axis=1)
    nearest = others[np.argsort(distance, kind="stable")[:4]]
    assert [answer["chart_id"] for answer in answers] == [library.column("chart_id")[i] for i in nearest]
    assert [answer["distance"] for answer in answers] == pytest.approx(np.sort(distance)[:4], abs=1e-4)


def test_a_simfile_of_the_library_is_the_chart_itself(library, finished, tmp_path):
    folder = finished / "songs" / "Pack" / "Song05"
    song = groove.embed_charts(groove.load_run(finished / "run"), folder, tmp_path / "store", workers=1)
    found = groove.find_neighbors(library, "[Hard]", simfile=song, k=3)
    known = groove.find_neighbors(library, "Song05 [Hard]", k=3)
    assert [answer["chart_id"] for answer in found] == [answer["chart_id"] for answer in known]


def test_radars_are_those_of_the_library(library, finished):
    radars = groove.chart_radars(finished / "songs" / "Pack" / "Song05")
    rows = [row for row in library.table.to_pylist() if row["title"] == "Song05"]
    assert len(radars) == 4
    for row in rows:
        (radar,) = [radar for radar in radars if radar["difficulty"] == row["difficulty"]]
        for family in ("konami", "stepmania"):
            expected = {axis: row[f"{family}_{axis}"] for axis in radar[family]}
            assert radar[family] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda library: groove.load_run("nowhere"), "run=nowhere does not exist"),
        (lambda library: groove.load_embeddings("nowhere"), "nowhere does not exist"),
        (lambda library: groove.find_neighbors(library, "Sonk"), "no chart is called 'Sonk'"),
        (lambda library: groove.find_neighbors(library), "name a chart, a simfile or a radar"),
        (lambda library: groove.find_neighbors(library, "Song03 [Hard]", k=0), "k must be >= 1, got 0"),
        (lambda library: groove.find_neighbors(library, "Song03 [Hard]", space="poled"), "did you mean 'pooled'"),
        (lambda library: groove.find_neighbors(library, "Song03 [Hard]", metre="3-4"), "did you mean 'meter'"),
        (lambda library: groove.find_neighbors(library, "Song03 [Hard]", difficulty="Hrd"), "did you mean 'Hard'"),
        (lambda library: groove.find_neighbors(library, radar={"air": "hih"}), "one of low, medium, high"),
        (lambda library: groove.find_neighbors(library, radar={"jump": 3}), "no 'jump' in 'radar'"),
        (lambda library: groove.chart_radars("nowhere.ssc"), "does not exist"),
    ],
)
def test_a_mistake_is_one_line(library, call, text):
    with pytest.raises(groove.GrooveError) as error:
        call(library)
    assert text in str(error.value) and "\n" not in str(error.value)


def test_songs_that_are_not_there_are_one_line(finished):
    with pytest.raises(groove.GrooveError, match="nowhere"):
        groove.embed_charts(groove.load_run(finished / "run"), "nowhere", finished / "store", workers=1)
