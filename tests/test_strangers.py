"""Files from strangers run nothing: checkpoints, runs, arrays of a shared store."""

from __future__ import annotations

import ast
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import groove
from groove import embed, evaluate, explore, export, recommend, substyles
from groove.embedding.trained import load_trained
from groove.errors import CheckpointError, GrooveError, LibraryError
from tests.training_runs import rows, run


class Attack:
    """An object that writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.marker), "w")


def test_the_attack_is_one(tmp_path):
    pickle.loads(pickle.dumps(Attack(tmp_path / "marker"))).close()
    assert (tmp_path / "marker").exists()


def as_zip(path: Path, content: Any) -> None:
    torch.save(content, path)


def as_legacy(path: Path, content: Any) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def as_pickle(path: Path, content: Any) -> None:
    path.write_bytes(pickle.dumps(content))


def bare(attack: Attack, stored: dict[str, Any]) -> Any:
    return attack


def in_weights(attack: Attack, stored: dict[str, Any]) -> Any:
    return stored | {"state_dict": stored["state_dict"] | {"model.backbone.extra": attack}}


def in_settings(attack: Attack, stored: dict[str, Any]) -> Any:
    return stored | {"hyper_parameters": stored["hyper_parameters"] | {"config": attack}}


def in_callbacks(attack: Attack, stored: dict[str, Any]) -> Any:
    return stored | {"callbacks": {"EpochSeed": attack}}


COMMANDS: dict[str, Callable[[str, str], Any]] = {
    "embed": lambda run, songs: embed.run(embed.EmbedConfig(run=run, songs=songs, workers=1)),
    "recommend": lambda run, songs: recommend.run(
        recommend.RecommendConfig(run=run, songs=songs, workers=1, chart="Song03")
    ),
    "evaluate": lambda run, songs: evaluate.run(evaluate.EvaluateConfig(run=run, songs=songs, workers=1)),
    "substyles": lambda run, songs: substyles.run(substyles.SubstylesConfig(run=run, songs=songs, workers=1)),
    "explore": lambda run, songs: explore.run(explore.ExploreConfig(run=run, songs=songs, workers=1)),
    "export": lambda run, songs: export.run(
        export.ExportConfig(run=run, songs=songs, workers=1, out="out", what=["model"])
    ),
}


@pytest.fixture(params=[as_zip, as_legacy, as_pickle], ids=lambda write: write.__name__)
def write(request) -> Callable[[Path, Any], None]:
    return request.param


@pytest.fixture(params=[bare, in_weights, in_settings, in_callbacks], ids=lambda place: place.__name__)
def attacked(request, write, finished, tmp_path, monkeypatch) -> tuple[Path, Path]:
    """Return a run folder whose last checkpoint attacks, and the file that would show it."""
    stored = torch.load(finished / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    write(checkpoint, request.param(Attack(tmp_path / "marker"), stored))
    monkeypatch.chdir(tmp_path)
    return checkpoint, tmp_path / "marker"


def test_no_command_runs_what_a_checkpoint_holds(attacked, finished):
    checkpoint, marker = attacked
    for given in (checkpoint, checkpoint.parent.parent):
        for name, command in COMMANDS.items():
            with pytest.raises(CheckpointError, match="not a readable checkpoint") as caught:
                command(str(given), str(finished / "songs"))
            assert "\n" not in str(caught.value) and not marker.exists(), name


@pytest.mark.parametrize("key", ["pretrained", "ckpt_path"])
def test_no_training_starts_from_one(attacked, key, finished, tmp_path):
    checkpoint, marker = attacked
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        run(finished, finished / "songs", str(tmp_path / "new"), "experiment=baseline", f"{key}={checkpoint}")
    assert not marker.exists() and not (tmp_path / "new").exists()


def test_a_resumed_run_unpickles_nothing(finished, tmp_path, monkeypatch):
    """Lightning reads the checkpoint a second time."""
    original, calls = torch.load, []

    def load(*arguments, **keywords):
        calls.append(keywords.get("weights_only"))
        return original(*arguments, **keywords)

    monkeypatch.setattr(torch, "load", load)
    last = finished / "run" / "checkpoints" / "last.ckpt"
    again = run(finished, finished / "songs", str(tmp_path / "again"), "experiment=c", "experiment.warmup_epochs=1",
                f"ckpt_path={last}")  # fmt: skip
    assert rows(again) == rows(finished / "run") and len(calls) >= 2 and set(calls) == {True}


@pytest.mark.parametrize(
    "change",
    [
        {"config": {}},
        {"config": "text"},
        {"classes": 3},
        {"radar_scaler": None},
        {"model": {"classes": "many"}},
        {"model": {"classes": 4, "audio_dim": -1}},
        {"model": {"classes": 4, "_target_": "os.system"}},
    ],
)
def test_settings_that_make_no_sense_are_one_line(change, finished, tmp_path):
    stored = torch.load(finished / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    stored["hyper_parameters"] |= change
    torch.save(stored, tmp_path / "odd.ckpt")
    with pytest.raises(CheckpointError) as caught:
        load_trained(tmp_path / "odd.ckpt")
    assert "\n" not in str(caught.value)


# --- arrays


def object_array(path: Path, attack: Attack) -> None:
    array = np.empty((1, 1), dtype=object)
    array[0, 0] = attack
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=True)


def archive(path: Path, attack: Attack) -> None:
    with path.open("wb") as file:
        np.savez(file, numbers=np.zeros((2, 2)))


def plain_pickle(path: Path, attack: Attack) -> None:
    path.write_bytes(pickle.dumps(attack))


def cut_short(path: Path, attack: Attack) -> None:
    path.write_bytes(path.read_bytes()[:100])


def gone(path: Path, attack: Attack) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [object_array, archive, plain_pickle, cut_short, gone])
def test_no_array_of_a_shared_store_is_unpickled(damage, finished, tmp_path, monkeypatch):
    store, marker = tmp_path / "store", tmp_path / "marker"
    shutil.copytree(finished / "store", store)
    for path in store.rglob("*.npy"):
        damage(path, Attack(marker))
    monkeypatch.chdir(tmp_path)
    run_copy = shutil.copytree(finished / "run", tmp_path / "run")
    (run_copy / "embeddings.parquet").unlink()
    settings = {"run": str(run_copy), "songs": str(finished / "songs"), "store": str(store), "workers": 1}
    for command in (
        lambda: embed.run(embed.EmbedConfig(**settings)),
        lambda: evaluate.run(evaluate.EvaluateConfig(**settings)),
        lambda: run(tmp_path, finished / "songs", "new", "experiment=scratch", "experiment.epochs=1"),
    ):
        with pytest.raises(LibraryError, match="of the feature store cannot be read") as caught:
            command()
        assert "\n" not in str(caught.value) and not marker.exists()


@pytest.mark.parametrize("damage", [object_array, archive, plain_pickle])
def test_embeddings_that_are_none_run_nothing(damage, finished, tmp_path):
    shutil.copytree(finished / "run", tmp_path / "run")
    damage(tmp_path / "run" / "embeddings.parquet", Attack(tmp_path / "marker"))
    with pytest.raises(GrooveError, match="cannot be used") as caught:
        embed.run(embed.EmbedConfig(run=str(tmp_path / "run")))
    assert "\n" not in str(caught.value) and not (tmp_path / "marker").exists()


# --- the source


def test_the_code_has_no_other_way_to_unpickle():
    """Every `load` of torch and numpy says that nothing is unpickled; nothing imports what only unpickles."""
    found = {"torch": 0, "np": 0}
    for path in Path(groove.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.split(".")[0] for alias in node.names} | {(getattr(node, "module", "") or "")}
                assert not names & {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "yaml"}, path
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr == "load" and isinstance(called.value, ast.Name):
                safe = {"torch": ("weights_only", True), "np": ("allow_pickle", False)}.get(called.value.id)
                if safe is not None:
                    found[called.value.id] += 1
                    given = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
                    assert given.get(safe[0]) is safe[1], f"{path}:{node.lineno}"
    assert min(found.values()) >= 1
