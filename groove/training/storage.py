"""A disk that is full or read-only in the middle of a run: one line that says which file, and how to go on."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from groove.errors import GrooveError, RunError, disk_error
from groove.model.weights import read_checkpoint
from groove.runs.layout import CHECKPOINTS, LAST


@contextmanager
def saying_how_to_go_on(folder: Path, how: str) -> Iterator[None]:
    """Turn errors of the disk while a run writes into `folder` into one line; `how` says what to do once it is well.

    Raises:
        RunError: naming the file, and the last good checkpoint.
    """
    hook = threading.excepthook
    threading.excepthook = _unless_of_disk  # TensorBoard's writer would print a traceback, and be heard here anyway
    try:
        yield
    except OSError as error:
        line = disk_error(error)
        if line is None:
            raise
        raise RunError(f"{line}; {_kept(folder)}; once there is room, go on with {how}") from error
    finally:
        threading.excepthook = hook


def how_to_go_on(folder: Path) -> str:
    """Return what a command line needs to go on with the run in `folder` (a sweep is just started again)."""
    return f"ckpt_path=last {shlex.quote(f'hydra.run.dir={folder}')}"


def _unless_of_disk(args: Any) -> None:
    if not (isinstance(args.exc_value, OSError) and disk_error(args.exc_value)):
        threading.__excepthook__(args)


def _kept(folder: Path) -> str:
    last = folder / CHECKPOINTS / LAST
    try:
        epoch = int(read_checkpoint(last).content["epoch"]) + 1
    except GrooveError:
        return "no epoch is kept yet"
    return f"{last} of epoch {epoch} is whole"


class EventLogger(TensorBoardLogger):
    """TensorBoard's files; a disk error is raised as one, with the folder in it."""

    def purge_from(self, epoch: int) -> None:
        """Let TensorBoard forget what earlier files say of `epoch` and later: a resumed run repeats it."""
        self._kwargs["purge_step"] = epoch

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Log `metrics`, and have them in the file: a kill must not take epochs that a checkpoint counts as done.

        Raises:
            OSError: if the files cannot be written (Lightning calls every failure a wrong value).
        """
        try:
            super().log_metrics(metrics, step)
            self.save()
        except (ValueError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            raise _with_name(cause, self.log_dir) or error from error

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the files; after a failure that is already told, nothing more is."""
        with suppress(*((OSError,) if status == "failed" else ())):
            super().finalize(status)


def _with_name(cause: BaseException | None, folder: str) -> OSError | None:
    if not isinstance(cause, OSError):
        return None
    return OSError(cause.errno, cause.strerror or str(cause), cause.filename or folder)
