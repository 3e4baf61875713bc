"""The model in the box: what it is, where its copy lies, and what it answers without any training."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from groove.charts.technique.counting import STEPS_TYPE
from groove.config.schema import RunConfig, checked
from groove.embedding.builtin import FILES, FOLDER, copy_of_builtin, path_of_run
from groove.embedding.library import about, embedded
from groove.errors import LibraryError, RunError
from groove.model.exported import read_card
from groove.model.weights import read_checkpoint
from tests.builders import sm_text, steady


def test_no_command_needs_a_run():
    assert checked({}, RunConfig).run == "builtin"


def test_the_box_is_small_whole_and_trained_on_generated_songs_only():
    card = read_card(FOLDER)
    assert sum((FOLDER / name).stat().st_size for name in FILES) < 3_000_000
    for name, about_file in card["files"].items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == about_file["sha256"]
    assert card["experiment"] == card["config"]["experiment"]["name"] == "builtin"
    assert card["config"]["data"]["songs"] is None
    assert card["config"]["data"]["steps_types"] == [STEPS_TYPE]


def test_the_copy_is_the_same_and_made_once(tmp_path):
    folder = copy_of_builtin(tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: (FOLDER / name).read_bytes() for name in FILES
    }
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert copy_of_builtin(tmp_path) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    (folder / "model.json").write_text(json.dumps({"cut": "short"}))
    assert read_card(copy_of_builtin(tmp_path)) == read_card(FOLDER)


def test_a_store_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(LibraryError, match=r"store.*cannot be used: "):
        copy_of_builtin(tmp_path / "store")


def test_it_has_no_songs_of_its_own(tmp_path):
    with pytest.raises(RunError, match="songs=DIR is needed: the built-in model has no songs of its own"):
        path_of_run(RunConfig(store=str(tmp_path)))
    assert path_of_run(RunConfig(run=str(tmp_path))) == tmp_path  # any other run may have


def test_a_library_is_embedded_without_a_run_and_none_of_it_was_trained_on(tmp_path):
    for song in ("One", "Two"):
        folder = tmp_path / "Songs" / "Pack" / song
        folder.mkdir(parents=True)
        folder.joinpath("song.sm").write_text(sm_text([("Hard", 9, steady(4 if song == "One" else 8, 16))], title=song))
    cfg = RunConfig(songs=str(tmp_path / "Songs"), store=str(tmp_path / "store"), workers=1)
    library, path = embedded(cfg)
    assert path.is_relative_to(tmp_path / "store")
    assert library.column("split") == ["unseen", "unseen"]
    assert about(library).startswith("the model in the box on a library (")
    assert np.isfinite(library.vectors["projection"]).all()
    assert np.isfinite(library.column("level")).all()
    again, same = embedded(cfg)
    assert same == path
    assert np.array_equal(again.vectors["projection"], library.vectors["projection"])


def test_its_weights_are_a_checkpoint_to_start_from():
    checkpoint = read_checkpoint(FOLDER / "model.safetensors")
    assert checkpoint.model_config == read_card(FOLDER)["arguments"]
    assert any(name.startswith("backbone.") for name in checkpoint.weights)
