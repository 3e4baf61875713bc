"""A checkpoint is whole or not there, and reading one never runs code."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from groove.io.files import remove_parts
from groove.training.checkpoints import AtomicCheckpointIO

KILLED = """
import os, sys
from pathlib import Path
import torch
import groove.io.files
from groove.training.checkpoints import AtomicCheckpointIO
groove.io.files.os.fsync = lambda *_: os._exit(9)
AtomicCheckpointIO().save_checkpoint({"epoch": 2}, Path(sys.argv[1]))
"""


def test_what_is_saved_is_read_and_replaced(tmp_path):
    plugin, path = AtomicCheckpointIO(), tmp_path / "checkpoints" / "last.ckpt"
    for epoch in range(2):
        plugin.save_checkpoint({"epoch": epoch, "w": torch.full((2,), float(epoch))}, path)
        found = plugin.load_checkpoint(str(path))
        assert found["epoch"] == epoch and found["w"].tolist() == [epoch, epoch]
    assert [entry.name for entry in path.parent.iterdir()] == ["last.ckpt"]
    plugin.remove_checkpoint(path)
    plugin.remove_checkpoint(path)
    assert not path.exists()


def test_a_killed_writer_leaves_the_old_checkpoint_and_a_part_that_is_removed(tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == 9
    assert AtomicCheckpointIO().load_checkpoint(path)["epoch"] == 1
    assert len(list(tmp_path.iterdir())) == 2
    remove_parts(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_checkpoint_and_names_it(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as caught:
        AtomicCheckpointIO().save_checkpoint({"epoch": 2}, path)
    assert caught.value.filename == str(path) and list(tmp_path.iterdir()) == [path]
    assert AtomicCheckpointIO().load_checkpoint(path)["epoch"] == 1


class Code:
    def __reduce__(self):
        return (os.system, ("exit 1",))


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path):
    path = tmp_path / "bad.ckpt"
    torch.save({"x": Code()}, path)
    with pytest.raises(pickle.UnpicklingError):
        AtomicCheckpointIO().load_checkpoint(path, weights_only=False)
