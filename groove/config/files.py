"""The files that the command line of training names, looked at before torch is imported."""

from __future__ import annotations

from pathlib import Path

from groove.charts.library.walk import check_folder
from groove.config.schema import TrainConfig
from groove.errors import CheckpointError

LAST_WORD = "last"
"""``ckpt_path=last``: the last checkpoint of the run folder itself, which `groove.training.resume` looks up."""


def check_files(cfg: TrainConfig) -> None:
    """Check that the songs and checkpoints that `cfg` names are there.

    Raises:
        GrooveError: for the first that is not.
    """
    for key, value in (("pretrained", cfg.pretrained), ("ckpt_path", cfg.ckpt_path)):
        if value and value != LAST_WORD and not Path(value).is_file():
            raise CheckpointError(_no_checkpoint(key, Path(value)))
    if cfg.data.songs:
        check_folder(Path(cfg.data.songs))


def _no_checkpoint(key: str, path: Path) -> str:
    """Return the line for a `path` that is no file; of a run folder it names the last checkpoint."""
    last = next((file for file in (path / "checkpoints" / "last.ckpt", path / "last.ckpt") if file.is_file()), None)
    if last is not None:
        return f"{key}={path} is a folder; write {key}={last}, its last checkpoint"
    return f"no checkpoint at {path}: give a .ckpt file that groove.train wrote"
