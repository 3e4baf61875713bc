"""What is kept of a run: the last epoch, the best by accuracy, retrieval gain, both; progress; what a crash leaves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from groove.errors import NonFiniteLossError
from groove.io.files import write_bytes
from groove.runs import columns
from groove.runs.layout import BEFORE_NONFINITE
from groove.training.finite import module_with_broken_weights
from groove.training.monitor import DiagnosticsMonitor

BEST = {
    "best_accuracy": columns.ACCURACY,
    "best_retrieval": columns.gain("pooled"),
    "best_combined": columns.BEST_COMBINED,
}


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
    common = {"dirpath": folder, "save_on_train_epoch_end": True, "enable_version_counter": False}
    last = MovableCheckpoint(filename="last", monitor=None, save_top_k=1, **common)  # type: ignore[arg-type]
    best = [
        MovableCheckpoint(filename=name, monitor=metric, mode="max", save_top_k=1, **common)  # type: ignore[arg-type]
        for name, metric in BEST.items()
    ]
    return [*best, last]


class EpochLine(L.Callback):
    """Prints one line per epoch: what moved, how long it took, how long is left."""

    def __init__(self, monitor: DiagnosticsMonitor, epochs: int) -> None:
        """Report the rows of `monitor`, of a fit of `epochs`."""
        self.monitor, self.epochs = monitor, epochs
        self._started = 0.0
        self._done = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    @rank_zero_only
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the newest row."""
        self._done += 1
        per_epoch = (time.monotonic() - self._started) / self._done
        left = per_epoch * (self.epochs - trainer.current_epoch - 1)
        row = self.monitor.rows[-1]
        print(f"{epoch_line(row, self.epochs)}  {per_epoch:.1f} s/epoch, {left / 60:.1f} min left", flush=True)


def epoch_line(row: dict, epochs: int) -> str:
    """Return the numbers of one row that tell whether the representation moves."""
    parts = [f"epoch {row[columns.EPOCH]:>2}/{epochs} {row[columns.PHASE]:<9}"]
    parts += [f"{title} {row[name]:.3f}" for name, title in columns.IN_EPOCH_LINE.items() if name in row]
    return "  ".join(parts)


class CrashSaver(L.Callback):
    """Keeps the weights from before the step whose loss was not finite, if they are finite themselves.

    Attributes:
        kept: what is kept, for the error's text.
    """

    def __init__(self, folder: Path) -> None:
        """Save into `folder`."""
        self.folder = folder
        self.kept = ""

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Save on a `NonFiniteLossError`: it is raised before the optimizer's step."""
        if not isinstance(exception, NonFiniteLossError):
            return
        path = self.folder / BEFORE_NONFINITE
        broken = module_with_broken_weights(pl_module.model)  # type: ignore[arg-type]
        if broken:
            self.kept = f"the weights of {broken} are not finite either and are not kept"
            return
        try:
            trainer.save_checkpoint(path)
            self.kept = f"weights are in {path}"
        except OSError as error:
            self.kept = f"weights could not be written into {path} ({error.strerror})"
