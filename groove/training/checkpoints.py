"""The checkpoints of a run, written so that neither a kill nor a full disk spoils them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from groove.io.files import write_bytes
from groove.runs import metric_columns as columns

BEST = {
    "best_accuracy": columns.ACCURACY,
    "best_retrieval": columns.gain("pooled"),
    "best_combined": columns.BEST_COMBINED,
}
"""The best checkpoints that are kept beside the last one, and the metric of each."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all, whenever the process is killed; reads nothing but weights and data.

    Lightning's own writes into the system's temporary folder and moves the file from there, which copies it where that
    is another file system: a kill in the middle leaves half a checkpoint under its final name.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path`.

        Raises:
            OSError: with `path` as its file name; the checkpoint that was there stays.
        """
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_bytes(Path(path), buffer.getbuffer(), durable=True)

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = None) -> Any:
        """Return the checkpoint at `path`; code in it is never run, whatever `weights_only` says."""
        return super().load_checkpoint(path, map_location, weights_only=True)


class MovableCheckpoint(ModelCheckpoint):
    """A `ModelCheckpoint` whose best so far follows a run into another folder, where Lightning would forget it.

    The files themselves are copied by `groove.training.resume.make_ready`.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from `state_dict`, with its paths moved into this run's folder."""
        super().load_state_dict(_moved(state_dict, state_dict["dirpath"], str(self.dirpath)))


def _moved(value: Any, old: str, new: str) -> Any:
    """Return `value` with the folder `old` of each path replaced by `new`, inside dicts too."""
    if isinstance(value, dict):
        return {_moved(key, old, new): _moved(inner, old, new) for key, inner in value.items()}
    return value.replace(old, new) if isinstance(value, str) else value


def checkpoint_callbacks(folder: Path) -> list[ModelCheckpoint]:
    """Return callbacks that write ``last.ckpt`` and the best ones of `BEST` into `folder` after every epoch.

    All save at the end of the training epoch, so that a checkpoint holds the epoch's row and resumes at the next one.
    """
    common: dict[str, Any] = {"dirpath": folder, "save_on_train_epoch_end": True, "enable_version_counter": False}
    best = [MovableCheckpoint(filename=name, monitor=metric, mode="max", **common) for name, metric in BEST.items()]
    return [*best, MovableCheckpoint(filename="last", monitor=None, **common)]
