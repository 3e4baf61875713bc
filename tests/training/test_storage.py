"""Full and read-only disks in the middle of a run: one line, and what was good stays good."""

from __future__ import annotations

import errno
import json
import shutil
import threading
from pathlib import Path

import pytest
import torch

import groove.io.files as files
from groove.errors import LibraryError, RunError
from groove.training.loggers.tensorboard import EventLogger
from groove.training.resume import resume_hint
from tests.training.kills import run_process
from tests.training.test_resume import SETTINGS, assert_equal_runs
from tests.training_runs import rows, run


def no_room(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def full_from(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """Let the disk be full when the file `name` gets its name for the `number`th time."""
    rename, seen = files.os.replace, []

    def replace(source, target):
        seen.extend([target] if str(target).endswith(name) else [])
        if str(target).endswith(name) and len(seen) >= number:
            no_room()
        rename(source, target)

    monkeypatch.setattr(files.os, "replace", replace)


@pytest.mark.parametrize("name", ["metrics.csv", "best_retrieval.ckpt", "last.ckpt", "retrieval.json", "verdict.json"])
def test_a_disk_that_fills_up_is_one_line_and_the_run_goes_on_later(name, finished, tmp_path, monkeypatch):
    """Whatever file of the run is the first that does not fit (metrics.csv: that of the first epoch)."""
    into = tmp_path / "run"
    with monkeypatch.context() as patch:
        full_from(patch, name, 3 if name == "metrics.csv" else 2 if name == "last.ckpt" else 1)
        with pytest.raises(RunError) as caught:
            run(finished, finished / "songs", str(into), *SETTINGS)
    text = str(caught.value)
    assert "\n" not in text and name in text and "No space left on device" in text
    kept = {"metrics.csv": 1, "last.ckpt": 1, "retrieval.json": 3, "verdict.json": 3}.get(name)
    told = f"{into}/checkpoints/last.ckpt (epoch {kept}) is intact" if kept else "no checkpoint yet"
    assert told in text and f"ckpt_path=last hydra.run.dir={into}" in text
    assert not (into / "verdict.json").exists()
    for checkpoint in (into / "checkpoints").glob("*.ckpt"):
        torch.load(checkpoint, weights_only=True)
    run(finished, finished / "songs", str(into), *SETTINGS, "ckpt_path=last")
    assert_equal_runs(into, finished / "run")


def test_a_limit_on_the_size_of_files_is_one_line_on_standard_error(finished, tmp_path):
    """For real, in a process of its own; checkpoints are the largest files."""
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
    done = run_process(limit, finished, tmp_path / "run", *SETTINGS)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("groove: ")
    assert "File too large" in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path / "run" / "checkpoints").glob("*"))


def test_tensorboard_s_disk_is_told_once_with_its_folder(tmp_path, monkeypatch, capsys):
    with pytest.raises(RunError) as caught, resume_hint(tmp_path, "it"):
        logger = EventLogger(tmp_path)
        logger.log_metrics({"a": 1.0}, 0)
        writer = logger.experiment._get_file_writer().event_writer._async_writer
        monkeypatch.setattr(writer._writer, "write", no_room)
        monkeypatch.setattr(writer._writer, "flush", no_room)
        try:
            for step in range(50):
                logger.log_metrics({"a": 1.0}, step)
        finally:
            logger.finalize("failed")
    assert str(caught.value).startswith(f"'{tmp_path}/tensorboard' cannot be written or read: No space left on device")
    assert capsys.readouterr().err == ""


def test_other_errors_keep_their_traceback(tmp_path):
    hook = threading.excepthook
    for error in (OSError(errno.ENOENT, "No such file"), ValueError("no")):
        with pytest.raises(type(error)), resume_hint(tmp_path, "it"):
            raise error
    assert threading.excepthook is hook


def test_an_array_of_the_store_that_vanishes_in_mid_run_is_one_line(finished, tmp_path, monkeypatch):
    from groove.training.module import GrooveModule

    folder, into = tmp_path / "own", tmp_path / "run"
    for name in ("songs", "store", "pretrained"):
        shutil.copytree(finished / name, folder / name)
    original, gone = GrooveModule.on_train_epoch_start, []

    def vanish(self):
        if self.current_epoch == 2:
            gone.extend((folder / "store").rglob("chart_0.npy"))
            for path in gone:
                shutil.rmtree(path.parent)
        original(self)

    monkeypatch.setattr(GrooveModule, "on_train_epoch_start", vanish)
    with pytest.raises(LibraryError) as caught:
        run(folder, folder / "songs", str(into), *SETTINGS)
    text = str(caught.value)
    assert "\n" not in text and any(str(path.parent) in text for path in gone) and "ckpt_path=last" in text
    monkeypatch.setattr(GrooveModule, "on_train_epoch_start", original)
    assert len(rows(into)) == 3
    run(folder, folder / "songs", str(into), *SETTINGS, "ckpt_path=last")  # computes it anew
    assert_equal_runs(into, finished / "run")


def test_an_edited_simfile_is_computed_again_and_refused_by_a_run_that_goes_on(finished, tmp_path, monkeypatch, capsys):
    from groove.errors import CheckpointError

    folder, into = tmp_path / "own", tmp_path / "run"
    for name in ("songs", "store", "pretrained"):
        shutil.copytree(finished / name, folder / name)
    shutil.copytree(finished / "run", into)
    (into / "verdict.json").unlink()
    simfile = next((folder / "songs" / "Pack" / "Song03").glob("*.s*"))
    before = simfile.read_text()
    simfile.write_text(before.replace("0001", "1000", 5))
    with pytest.raises(CheckpointError) as caught:
        run(folder, folder / "songs", str(into), *SETTINGS, "ckpt_path=last")
    text = str(caught.value)
    assert "trained on other data: 80 charts then, 80 now, changed: Pack/Song03" in text and "\n" not in text
    assert (into / "metrics.csv").read_bytes() == (finished / "run" / "metrics.csv").read_bytes()
    simfile.write_text(before)
    run(folder, folder / "songs", str(into), *SETTINGS, "ckpt_path=last")
    assert json.loads((into / "verdict.json").read_text()) == json.loads((finished / "run/verdict.json").read_text())


def test_a_read_only_folder_is_one_line(tmp_path: Path, monkeypatch, capsys):
    import sys

    from groove.cli.entry import run_main
    from groove.config.schema import PrepareConfig

    monkeypatch.chdir(tmp_path)
    for number in (errno.EROFS, errno.EACCES):

        def task(cfg, number=number):
            raise OSError(number, "Read-only file system", "outputs/store")

        monkeypatch.setattr(sys, "argv", ["groove.prepare"])
        with pytest.raises(SystemExit):
            run_main(task, "prepare", PrepareConfig)
        error = capsys.readouterr().err
        assert error == "groove: 'outputs/store' cannot be written or read: Read-only file system\n"
