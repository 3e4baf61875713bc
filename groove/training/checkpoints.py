"""What is kept of a run: the last epoch, and the best by accuracy, by retrieval gain and by both.

A checkpoint is written whole or not at all, whenever the process is killed. Lightning's own plugin writes into the
system's temporary folder and moves the file from there, which copies it where that is another file system: a kill in
the middle leaves half a checkpoint under its final name.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import CheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from groove.io.files import write_bytes
from groove.runs import metric_columns as columns

BEST = {
    "best_accuracy": columns.ACCURACY,
    "best_retrieval": columns.gain("pooled"),
    "best_combined": columns.BEST_COMBINED,
}


class AtomicCheckpointIO(CheckpointIO):
    """A temporary file beside the checkpoint, forced onto the disk, then renamed; reads nothing but weights and data.

    A killed writer leaves its temporary file behind: `groove.io.files.remove_parts` removes it.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path`.

        Raises:
            OSError: with `path` as its file name; the checkpoint that was there stays.
        """
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_bytes(Path(path), buffer.getbuffer(), durable=True)

    def load_checkpoint(self, path: Any, map_location: Any | None = None, weights_only: bool | None = None) -> Any:
        """Return the checkpoint at `path`; code in it is never run, whatever `weights_only` says."""
        return torch.load(Path(path), map_location=map_location or "cpu", weights_only=True)

    def remove_checkpoint(self, path: Any) -> None:
        """Remove the checkpoint at `path`, if it is there."""
        Path(path).unlink(missing_ok=True)


class MovableCheckpoint(ModelCheckpoint):
    """A `ModelCheckpoint` whose best file follows a run that is resumed into another folder.

    Lightning forgets the best so far when the folder changes; then a resumed run would keep another best than an
    uninterrupted one.

    Attributes:
        resumed_from: folder of the checkpoint that the run goes on from, where the best file is if that folder moved.
    """

    resumed_from: Path | None = None

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from `state_dict`, with the best file copied into this run's folder."""
        best, folder = Path(state_dict["best_model_path"]), Path(str(self.dirpath))
        here = folder / best.name
        beside = self.resumed_from / best.name if self.resumed_from else best
        source = beside if beside.is_file() else best
        if source.is_file() and best != here:
            if source != here:
                write_bytes(here, source.read_bytes(), durable=True)
            state_dict = _moved(state_dict, str(best), str(here)) | {"dirpath": self.dirpath}
        super().load_state_dict(state_dict)


def _moved(value: Any, old: str, new: str) -> Any:
    """Return `value` with the path `old` replaced by `new`, inside dicts too."""
    if isinstance(value, dict):
        return {_moved(key, old, new): _moved(inner, old, new) for key, inner in value.items()}
    return new if value == old else value


def checkpoint_callbacks(folder: Path) -> list[ModelCheckpoint]:
    """Return callbacks that write ``last.ckpt`` and the best ones of `BEST` into `folder` after every epoch.

    All save at the end of the training epoch, so that a checkpoint holds the epoch's row and resumes at the next one.
    """
    common: dict[str, Any] = {"dirpath": folder, "save_on_train_epoch_end": True, "enable_version_counter": False}
    best = [MovableCheckpoint(filename=name, monitor=metric, mode="max", **common) for name, metric in BEST.items()]
    return [*best, MovableCheckpoint(filename="last", monitor=None, **common)]
