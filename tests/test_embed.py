"""Embedding a library with a finished run: its own, another one, and what a user may get wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.schema import EmbedConfig, RunConfig
from groove.embed import run
from groove.embedding.embedded import EMBEDDINGS_FILE, load
from groove.embedding.library import about, embedded
from groove.embedding.trained import load_trained
from groove.errors import CheckpointError, ConfigError, GrooveError, LibraryError, RunError
from groove.runs.layout import LEVEL_FILE
from tests.builders import measures, write_song


def settings(finished: Path, run: Path | None = None, songs: Path | None = None) -> RunConfig:
    where = str(songs) if songs else None
    return RunConfig(run=str(run or finished / "run"), songs=where, store=str(finished / "store"), workers=1)


@pytest.fixture
def run_copy(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished / "run", tmp_path / "run"))


def test_its_own_library_is_there_after_training(finished):
    library, path = embedded(settings(finished))
    assert path == finished / "run" / EMBEDDINGS_FILE and len(library) == 80
    assert library.provenance.own and set(library.column("split")) == {"train", "val"}
    assert "on its own library" in about(library) and "80 charts" in about(library)


def test_the_same_charts_elsewhere_get_the_same_vectors(finished, run_copy, tmp_path):
    own, kept = embedded(settings(finished, run_copy, finished / "songs"))
    assert kept == run_copy / EMBEDDINGS_FILE  # just what is there already
    moved = tmp_path / "Moved"
    shutil.copytree(finished / "songs" / "Pack", moved / "Another pack")
    again, path = embedded(settings(finished, run_copy, moved))
    assert path.parent.parent == run_copy / "libraries" and again.provenance.own
    assert again.column("pack") == ["Another pack"] * 80 and again.column("split") == own.column("split")
    for name in own.vectors:
        np.testing.assert_allclose(again.space(name), own.space(name), atol=1e-5)
    stamp = path.stat().st_mtime_ns
    assert embedded(settings(finished, run_copy, moved))[1].stat().st_mtime_ns == stamp


def test_another_library_is_unseen_but_for_songs_that_were_trained_on(finished, run_copy, tmp_path):
    songs = tmp_path / "other"
    shutil.copytree(finished / "songs" / "Pack" / "Song03", songs / "Renamed" / "Folder")
    write_song(songs, "New", "Fresh", [("Hard", 9, measures("1000 0100 0010 0001", "0001 0010 0100 1000"))])
    library, _ = embedded(settings(finished, run_copy, songs))
    own = load(finished / "run" / EMBEDDINGS_FILE)
    known = {
        simfile.split("/")[1]: split for simfile, split in zip(own.column("simfile"), own.column("split"), strict=True)
    }
    found = {(row["pack"], row["split"]) for row in library.table.to_pylist()}
    assert found == {("Renamed", known["Song03"]), ("New", "unseen")}
    assert not library.provenance.own and "1 never seen" in about(library)
    np.testing.assert_array_equal(library.scaler.center, own.scaler.center)  # the model's, not the library's


def test_a_library_that_is_embedded_is_found_without_torch(finished, run_copy, tmp_path):
    songs = tmp_path / "Moved"
    shutil.copytree(finished / "songs" / "Pack", songs / "Another pack")
    first, path = embedded(settings(finished, run_copy, songs))
    code = """
import sys
from pathlib import Path
from groove.config.schema import RunConfig
from groove.embedding.library import embedded
run, songs, store = sys.argv[1:]
library, path = embedded(RunConfig(run=run, songs=songs, store=store, workers=1))
print(path, len(library), {"torch", "lightning", "simfile", "librosa"} & set(sys.modules))
"""
    command = [sys.executable, "-W", "ignore", "-c", code, str(run_copy), str(songs), str(finished / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{path} {len(first)} set()"
    shutil.copyfile(run_copy / "checkpoints" / "epoch0.ckpt", run_copy / "checkpoints" / "last.ckpt")
    other, _ = embedded(settings(finished, run_copy, songs))  # other weights under the same name
    assert not np.allclose(other.space("pooled"), first.space("pooled"))


def test_an_earlier_checkpoint_has_vectors_of_its_own(finished, run_copy):
    library, path = embedded(settings(finished, run_copy / "checkpoints" / "epoch0.ckpt"))
    own = load(finished / "run" / EMBEDDINGS_FILE)
    assert path != run_copy / EMBEDDINGS_FILE
    assert library.provenance.checkpoint_digest != own.provenance.checkpoint_digest
    assert not np.allclose(library.space("projection"), own.space("projection"))


def test_a_checkpoint_alone_does_not_know_what_it_was_trained_on(finished, tmp_path):
    shutil.copyfile(finished / "run" / "checkpoints" / "last.ckpt", tmp_path / "last.ckpt")
    library, path = embedded(settings(finished, tmp_path / "last.ckpt"))
    assert set(library.column("split")) == {"unknown"} and path.is_relative_to(tmp_path)
    assert "on a library (" in about(library) and "80 possibly trained on" in about(library)


def test_the_digest_names_the_weights(finished, run_copy):
    first = load_trained(finished / "run")
    assert load_trained(run_copy / "checkpoints" / "last.ckpt").digest == first.digest
    assert load(finished / "run" / EMBEDDINGS_FILE).provenance.checkpoint_digest == first.digest
    assert load_trained(run_copy / "checkpoints" / "epoch0.ckpt").digest != first.digest


def test_mistakes_name_what_is_there(finished, tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        embedded(settings(finished, tmp_path / "none"))
    with pytest.raises(RunError, match=r"is not a run folder: .*there are runs in it: run"):
        embedded(settings(finished, finished))
    (tmp_path / "x.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        embedded(settings(finished, tmp_path / "x.ckpt"))
    with pytest.raises(GrooveError, match="does not exist"):
        embedded(settings(finished, None, tmp_path / "no songs"))


COLUMNS = ("simfile", "difficulty", "pack", "description", "meter", "bpm", "length_s", "identity")


def test_other_tools_read_the_file_without_groove(finished, run_copy, tmp_path):
    where = {"run": str(run_copy), "songs": str(finished / "songs"), "store": str(finished / "store"), "workers": 1}
    kept = run_copy / EMBEDDINGS_FILE
    before = kept.read_bytes()
    out = tmp_path / "new folder" / "all.parquet"
    run(EmbedConfig(**where, out=str(out)))
    assert kept.read_bytes() == before
    table = pq.read_table(out)
    radar = {f"{family}_{axis}" for family in ("konami", "stepmania") for axis in RADAR_AXES}
    assert {*COLUMNS, *radar, "pooled", "projection", "level"} <= set(table.column_names) and len(table) == 80
    vectors, projection = load(kept).space("projection"), np.array(table["projection"].to_pylist())
    np.testing.assert_array_equal(projection, vectors)
    assert np.array(table["pooled"].to_pylist()).shape == load(kept).space("pooled").shape
    about = json.loads(table.schema.metadata[b"groove"])
    assert about["parts"] == {"radar": [0, projection.shape[1]]}
    assert len(set(zip(table["simfile"].to_pylist(), table["difficulty"].to_pylist(), strict=True))) == 80


def test_a_library_elsewhere_has_the_level_of_the_run(finished, run_copy, tmp_path):
    songs = tmp_path / "other"
    shutil.copytree(finished / "songs" / "Pack" / "Song03", songs / "Renamed" / "Folder")
    library, _ = embedded(settings(finished, run_copy, songs))
    own = load(finished / "run" / EMBEDDINGS_FILE)
    known = {r["difficulty"]: r["level"] for r in own.table.to_pylist() if r["simfile"].startswith("Pack/Song03/")}
    assert {row["difficulty"]: row["level"] for row in library.table.to_pylist()} == known
    assert library.level_error is None  # one pack says nothing of others
    (run_copy / LEVEL_FILE).unlink()
    write_song(songs, "New", "Fresh", [("Hard", 9, measures("1000 0100 0010 0001", "0001 0010 0100 1000"))])
    without, _ = embedded(settings(finished, run_copy, songs))
    assert without.column("level") == [None] * 5 and without.level_error is None


def test_levels_are_measured_beside_other_ways(finished, tmp_path, capsys):
    where = {"run": str(finished / "run"), "store": str(finished / "store"), "workers": 1}
    out = tmp_path / "levels.json"
    run(EmbedConfig(**where, levels=str(out)))
    content = json.loads(out.read_text())
    level = json.loads((finished / "run" / LEVEL_FILE).read_text())
    assert content["level"] == {"held_out": level["held_out"], "other_packs": None}
    shown = capsys.readouterr().out
    assert all(name in shown for name in content) and f"{level['held_out']['mean']:.2f}" in shown


@pytest.mark.parametrize("wrong", [{"out": "x.csv"}, {"out": "parquet"}, {"levels": "x.parquet"}])
def test_a_file_of_another_kind_is_refused_first(wrong):
    ((key, name),) = wrong.items()
    with pytest.raises(ConfigError, match=rf"^{key}={name} must end in \.(parquet|json)$"):
        run(EmbedConfig(run="nowhere", **wrong))


def test_levels_are_not_measured_on_another_library(finished, run_copy, tmp_path):
    shutil.copytree(finished / "songs" / "Pack" / "Song03", tmp_path / "other" / "Pack" / "Song03")
    where = {"run": str(run_copy), "songs": str(tmp_path / "other"), "store": str(finished / "store"), "workers": 1}
    with pytest.raises(LibraryError, match=r"levels=.*needs the library that the run was trained on, this one is"):
        run(EmbedConfig(**where, levels=str(tmp_path / "x.json")))
