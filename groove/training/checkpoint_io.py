"""Checkpoints written whole or not at all, whenever the process is killed.

Lightning's own plugin writes into the system's temporary folder and moves the file from there, which copies it where
that is another file system: a kill in the middle leaves half a checkpoint under its final name.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import CheckpointIO

from groove.io.files import write_bytes


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
