"""`python -m groove.export`: what it writes, what it says, and what a user's mistake looks like."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from groove import export
from groove.config.schema import RunConfig
from groove.embedding.embedded import load, save
from groove.embedding.library import embedded
from groove.embedding.trained import load_safetensors
from groove.errors import ConfigError, LibraryError
from groove.export import ExportConfig, run, wanted
from groove.exporting.onnx_encoder import OnnxCheck
from tests import training_runs
from tests.builders import write_song
from tests.embedding.exports import run_folder
from tests.embedding.libraries import embedded_library

LIGHT_FILES = [
    *("embeddings.npz", "embeddings.parquet", "model.json", "model.safetensors"),
    *("projection.faiss", "radar.csv", "radar.lua"),
]


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "groove.export", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return run_folder(tmp_path / "run")


def test_everything_but_onnx(trained, tmp_path, capsys):
    out = tmp_path / "out"
    run(ExportConfig(run=str(trained), out=str(out), what=["embeddings", "radar", "model"]))
    assert sorted(path.name for path in out.iterdir()) == LIGHT_FILES
    text = capsys.readouterr().out
    assert all(name in text for name in LIGHT_FILES) and f"7 files in {out}" in text
    assert (out / "embeddings.parquet").read_bytes() == (trained / "embeddings.parquet").read_bytes()
    with np.load(out / "embeddings.npz", allow_pickle=False) as arrays:
        assert arrays["chart_id"].tolist() == load(trained / "embeddings.parquet").column("chart_id")
    sums = json.loads((out / "model.json").read_text())["files"]
    assert sums["model.safetensors"]["sha256"] == hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()
    assert load_safetensors(out).module_names


def test_only_what_is_asked_for_is_read_and_written(trained, tmp_path):
    (trained / "embeddings.parquet").unlink()  # the model alone needs no library
    run(ExportConfig(run=str(trained), out=str(tmp_path / "out"), what="model"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model.json", "model.safetensors"]


def test_an_exported_folder_can_be_exported_again(trained, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    run(ExportConfig(run=str(trained), out=str(first), what=["embeddings", "radar", "model"]))
    run(ExportConfig(run=str(first), out=str(second), what=["embeddings", "radar", "model"]))
    for name in LIGHT_FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_files_are_made_in_one_order():
    assert wanted(["model", "radar"]) == ["radar", "model"]


def test_without_its_packages_onnx_is_left_out_or_an_error(monkeypatch, capsys):
    monkeypatch.setattr(export, "ONNX_PACKAGES", ("onnx", "no_such_package"))
    assert wanted(None) == ["embeddings", "radar", "model"]
    (line,) = capsys.readouterr().out.splitlines()
    assert "encoder.onnx needs no_such_package" in line or "encoder.onnx needs onnx, no_such_package" in line
    assert "'.[onnx]'" in line
    with pytest.raises(ConfigError, match=r"no_such_package, not installed here: pip install .*\[onnx\]"):
        wanted(["onnx"])
    assert wanted(["model"]) == ["model"]


def test_nothing_is_written_where_something_cannot_be_made(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "ONNX_PACKAGES", ())
    songs = tmp_path / "no songs here"
    out = tmp_path / "out"
    with pytest.raises(LibraryError, match=r"what=\[embeddings,radar,model\] does not"):
        run(ExportConfig(run=str(trained), out=str(out), what="onnx", songs=str(songs), store=str(tmp_path / "store")))
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["out=x"], "run"),
        (["run=nowhere", "out=x"], "run=nowhere does not exist"),
        (["run=run", "out=x", "what=[modl]"], "got 'modl'; did you mean 'model'?"),
        (["run=run", "out=x", "what=3"], "what must be a list: what=[3]"),
        (["run=run", "out=x", "what=[3]"], "what.0 must be"),
        (["run=run", "out=x", "what=[]"], "what must be a list of 1 or more, got []"),
        (["run=run", "out=run"], "out=run is a run folder"),
        (["run=run", "out=run/metrics.csv"], "is a file; it must be a folder"),
        (["run=run", "out=x", "wat=1"], "did you mean 'what'"),
    ],
)
def test_a_mistake_is_one_line(trained, tmp_path, arguments, text):
    done = call(tmp_path, *arguments)
    assert done.returncode == 1 and text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_written_is_one_line(trained, tmp_path):
    (tmp_path / "file").write_text("x")
    done = call(tmp_path, "run=run", "out=file/out", "what=radar")
    assert done.returncode == 1 and "out=file/out cannot be written: Not a directory" in done.stderr


def test_embeddings_of_another_library_beside_a_model_do_not_tell_what_it_has_seen(trained, tmp_path):
    exported = tmp_path / "exported"
    run(ExportConfig(run=str(trained), out=str(exported), what="model"))
    card = json.loads((exported / "model.json").read_text())
    card["config"]["data"]["songs"] = "elsewhere"  # trained on songs of the user, not on generated ones
    (exported / "model.json").write_text(json.dumps(card))
    write_song(tmp_path / "Songs")
    library = embedded_library(20)
    cfg = RunConfig(run=str(exported), songs=str(tmp_path / "Songs"), store=str(tmp_path / "store"), workers=1)
    for named, expected in (("library", "unseen"), ("another", "unknown")):
        save(replace(library, provenance=replace(library.provenance, library=named)), exported)
        shutil.rmtree(exported / "libraries", ignore_errors=True)
        assert embedded(cfg)[0].column("split") == [expected]


def test_the_agreement_says_which_number_is_relative():
    check = OnnxCheck(50, (481, 4352), {"pooled": 1.9e-06, "logits": 3e-06}, {"pooled": 5e-07, "logits": 2e-07})
    expected = (
        "50 charts of 481 to 4,352 frames, largest difference: relative to the output's "
        "largest number 5.0e-07 (must be <= 1e-04); absolute: pooled 1.9e-06, logits 3.0e-06"
    )
    assert str(check) == expected


@pytest.mark.slow
def test_a_real_run_as_a_user(tmp_path):
    songs = training_runs.write_library(tmp_path / "Songs")
    folder = training_runs.run(tmp_path, songs, "c", "experiment=c", "experiment.epochs=3")
    store = f"store={tmp_path / 'store'}"
    done = call(tmp_path, f"run={folder}", "out=out", store)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == sorted([*LIGHT_FILES, "encoder.onnx", "level.json"])
    card = json.loads((out / "model.json").read_text())
    assert card["onnx"]["charts"] == 50 and max(card["onnx"]["relative"].values()) < 1e-4
    assert card["results"]["retrieval"]["charts"] == card["data"]["charts"]["val"]
    shutil.copytree(songs / "Pack", tmp_path / "Moved" / "Another pack")  # so that the vectors are made anew
    done = subprocess.run(
        [sys.executable, "-m", "groove.embed", "run=out", "songs=Moved", store, "workers=1"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0 and "its own library" in done.stdout, done.stderr
    (kept,) = out.glob("libraries/*/embeddings.parquet")
    own, again = load(folder / "embeddings.parquet"), load(kept)
    for name in own.vectors:
        np.testing.assert_allclose(again.vectors[name], own.vectors[name], rtol=1e-4, atol=1e-5)
