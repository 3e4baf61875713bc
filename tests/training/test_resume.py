"""Going on after a kill: which checkpoint, what is cleared away, and results that are equal bit for bit."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from groove.errors import CheckpointError, ConfigError
from groove.training.resume import continued, difference, make_ready, with_checkpoint
from tests.training.kills import killed_at
from tests.training_runs import composed, rows, run

SETTINGS = ("experiment=c", "experiment.warmup_epochs=1")
"""Those of the run that `finished` holds."""
KEPT = ("last", "best_accuracy", "best_retrieval", "best_combined", "epoch0")


def weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def assert_equal_runs(found: Path, expected: Path) -> None:
    for name in ("metrics.csv", "retrieval.json", "verdict.json"):
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    for name in KEPT:
        ours, theirs = weights(found, name), weights(expected, name)
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours), name
    assert not list(found.rglob("*.part"))


# --- killed for real


def test_a_run_killed_inside_a_checkpoint_goes_on_to_the_same_result(finished, tmp_path, capsys):
    """The second epoch's row and best checkpoints are written, its last.ckpt is half written: two epochs are left."""
    into = tmp_path / "run"
    killed_at("last.ckpt", 2, finished, into, *SETTINGS)
    assert len(rows(into)) == 3 and not (into / "verdict.json").exists()
    assert torch.load(into / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 0
    assert list((into / "checkpoints").glob(".last.ckpt.*.part"))
    moved = shutil.copytree(into, tmp_path / "moved")
    shutil.copytree(into, tmp_path / "kept")
    time.sleep(1)  # event files of one second are read in the order of the processes' numbers, as text

    run(finished, finished / "songs", str(into), *SETTINGS, "ckpt_path=last")
    assert_equal_runs(into, finished / "run")
    events = EventAccumulator(str(into / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("val/accuracy")] == [0, 1, 2, 3]

    shutil.rmtree(into)  # the paths that the checkpoint knows are gone: the folder was moved
    run(finished, finished / "songs", str(moved), *SETTINGS, "ckpt_path=last")
    assert_equal_runs(moved, finished / "run")
    other = tmp_path / "other"
    run(finished, finished / "songs", str(other), *SETTINGS, f"ckpt_path={tmp_path / 'kept/checkpoints/last.ckpt'}")
    assert_equal_runs(other, finished / "run")


@pytest.mark.slow
def test_a_pretraining_killed_inside_a_checkpoint_goes_on_to_the_same_result(finished, tmp_path, capsys):
    folder, into = tmp_path / "own", tmp_path / "run"
    for name in ("songs", "store"):
        shutil.copytree(finished / name, folder / name)
    killed_at("last.ckpt", 2, folder, into, *SETTINGS)
    (pretrained,) = (entry for entry in (folder / "pretrained").iterdir() if entry.is_dir())
    assert list((pretrained / "checkpoints").glob(".last.ckpt.*.part")) and not (into / "metrics.csv").exists()
    run(folder, folder / "songs", str(into), *SETTINGS, "ckpt_path=last")
    assert f"ckpt_path=last: no epoch was finished in {into}" in capsys.readouterr().out
    assert_equal_runs(into, finished / "run")
    assert_equal_runs(pretrained, finished / "pretrained" / pretrained.name)


# --- which checkpoint


def test_last_means_the_folder_s_own_checkpoint_or_the_start(finished, tmp_path, capsys):
    cfg = composed(finished, finished / "songs", *SETTINGS, "ckpt_path=last")
    assert with_checkpoint(cfg, finished / "run").ckpt_path == str(finished / "run" / "checkpoints" / "last.ckpt")
    assert capsys.readouterr().out == ""
    assert with_checkpoint(cfg, tmp_path).ckpt_path is None
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and f"no epoch was finished in {tmp_path}" in out
    given = composed(finished, finished / "songs", *SETTINGS, "ckpt_path=some/last.ckpt")
    assert with_checkpoint(given, tmp_path).ckpt_path == "some/last.ckpt"


def test_a_run_does_not_replace_what_it_starts_from(finished):
    start = finished / "run" / "checkpoints" / "last.ckpt"
    cfg = composed(finished, finished / "songs", "experiment=baseline", f"pretrained={start}")
    with pytest.raises(ConfigError, match="which this run replaces"):
        with_checkpoint(cfg, finished / "run")


def test_a_start_may_stay_on_the_command_line_of_a_run_that_goes_on_in_its_folder(finished, tmp_path, capsys):
    start = finished / "run" / "checkpoints" / "last.ckpt"
    cfg = composed(finished, finished / "songs", "experiment=baseline", f"pretrained={start}")
    into = finished / "songs", str(tmp_path / "run"), "experiment=baseline", f"pretrained={start}"
    run(finished, *into)
    before = (tmp_path / "run" / "metrics.csv").read_bytes()
    (tmp_path / "run" / "verdict.json").unlink()
    assert continued(cfg, tmp_path / "run").ckpt_path == f"{tmp_path}/run/checkpoints/last.ckpt"
    run(finished, *into, "ckpt_path=last")
    assert (tmp_path / "run" / "metrics.csv").read_bytes() == before
    assert continued(cfg, tmp_path / "run") is None
    other = composed(finished, finished / "songs", *SETTINGS, f"pretrained={start}", f"ckpt_path={start}")
    with pytest.raises(ConfigError, match="both pretrained and ckpt_path are given"):
        with_checkpoint(other, tmp_path)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("data.batch_size=8", "data.batch_size=16, this run has 8"),
        ("model.dropout=0.5", "model.dropout=0.1, this run has 0.5"),
        ("trainer.gradient_clip_val=0.5", "trainer.gradient_clip_val=1.0, this run has 0.5"),
        ("data.triplets.per_anchor=2", "data.triplets.per_anchor=16, this run has 2"),
        ("seed=1", "seed=0, this run has 1"),
    ],
)
def test_what_decides_a_result_must_be_as_it_was(finished, tmp_path, override, named):
    last = finished / "run" / "checkpoints" / "last.ckpt"
    split = ("data.split_seed=0",)
    with pytest.raises(CheckpointError) as caught:
        run(finished, finished / "songs", str(tmp_path / "x"), *SETTINGS, *split, override, f"ckpt_path={last}")
    assert f"was trained with {named}" in str(caught.value) and "\n" not in str(caught.value)


def test_a_difference_is_named_unless_it_cannot_matter():
    there = {"seed": 0, "data": {"workers": 1, "batch": 16}, "trainer": {"threads": 1}}
    but = ("data.workers", "trainer")
    assert difference(there, {"seed": 0, "data": {"workers": 2, "batch": 16}, "trainer": {}}, but) is None
    assert difference(there, {"seed": 0, "data": {"workers": 2, "batch": 8}}, but) == "data.batch=16, this run has 8"
    assert difference({}, {"seed": 0}, ()) == "seed=None, this run has 0"
    assert difference({"seed": 0}, {}, ()) == "seed=0, this run has None"


# --- what lies in the folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def earlier(folder: Path) -> Path:
    names = (
        *("metrics.csv", "verdict.json", "retrieval.json", "notes.txt", ".verdict.json.7.part"),
        *("checkpoints/last.ckpt", "checkpoints/epoch0.ckpt", "checkpoints/.last.ckpt.x.part"),
        *("tensorboard/events.out.tfevents.1.host.2.0", "tensorboard/mine.txt"),
    )
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_a_run_from_the_start_clears_what_an_earlier_one_left_and_nothing_else(tmp_path, capsys):
    make_ready(earlier(tmp_path), None)
    assert files(tmp_path) == {"notes.txt", "tensorboard/mine.txt"}
    assert capsys.readouterr().out == f"{tmp_path} holds an earlier run: starting over, its files are replaced\n"
    make_ready(tmp_path, None)
    make_ready(tmp_path / "not there", None)
    assert capsys.readouterr().out == ""


def test_a_run_that_goes_on_keeps_all_but_the_verdict_and_half_files(tmp_path):
    folder = earlier(tmp_path / "a")
    before = files(folder)
    make_ready(folder, folder / "checkpoints" / "last.ckpt")
    assert before - files(folder) == {"verdict.json", ".verdict.json.7.part", "checkpoints/.last.ckpt.x.part"}
    make_ready(tmp_path / "b", folder / "checkpoints" / "last.ckpt")
    assert (tmp_path / "b" / "checkpoints" / "epoch0.ckpt").read_text() == "checkpoints/epoch0.ckpt"


def test_an_old_verdict_does_not_make_an_unfinished_run_look_finished(finished, tmp_path, monkeypatch):
    from groove.training.module import GrooveModule

    into = shutil.copytree(finished / "run", tmp_path / "run")
    assert json.loads((into / "verdict.json").read_text())

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(GrooveModule, "on_train_epoch_start", stop)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(finished, finished / "songs", str(into), *SETTINGS)
    assert not (into / "verdict.json").exists() and len(rows(into)) == 1
    assert {path.name for path in (into / "checkpoints").iterdir()} == {"epoch0.ckpt"}


# --- settings that cannot matter


def test_the_number_of_workers_changes_no_byte(finished, tmp_path):
    """Neither of the store nor of the metrics; and a sweep does not run a finished job again for it."""

    stores = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        shutil.copytree(finished / "songs", folder / "songs")
        run(folder, folder / "songs", "run", "experiment=scratch", f"data.workers={workers}", "experiment.epochs=2")
        store = folder / "store"
        content = {name for name in files(store) if "digests" not in name and not name.startswith("index/")}
        stores.append({name: (store / name).read_bytes() for name in content})
    assert stores[0] == stores[1] and len(stores[0]) > 20
    first, second = (tmp_path / str(workers) / "run" / "metrics.csv" for workers in (1, 2))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("override", "again"),
    [
        ("data.workers=2", False),
        ("trainer.threads=2", False),
        ("trainer.progress_bar=false", False),
        ("data.batch_size=8", True),
        ("trainer.gradient_clip_val=0.5", True),
    ],
)
def test_a_sweep_runs_a_finished_job_again_only_for_what_decides_its_result(finished, tmp_path, override, again):
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    cfg = composed(finished, finished / "songs", *SETTINGS, override)
    assert (continued(cfg, folder) is not None) == again
    assert (folder / "verdict.json").exists() != again
