"""One fit: epoch 0 measured, phases run, everything a report needs written into the run folder."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor

from groove.config.schema import TrainConfig
from groove.data.datamodule import GrooveDataModule
from groove.errors import ConfigError, NonFiniteLossError, one_line
from groove.features.audio import AUDIO_FEATURES
from groove.features.store import finite_array
from groove.model.chart_counts import chart_counts
from groove.model.fusion import LateFusionClassifier
from groove.model.heads import CountedHead
from groove.runs import metric_columns as columns
from groove.runs.layout import CHECKPOINTS, EPOCH_0, TENSORBOARD
from groove.training.checkpoints import AtomicCheckpointIO, checkpoint_callbacks
from groove.training.distributed import Ranks, check_world, first_rank
from groove.training.finite import CrashSaver, FiniteGuard
from groove.training.module import GrooveModule
from groove.training.monitor import DiagnosticsMonitor
from groove.training.phases import PhaseScheduler, resolve_phases
from groove.training.results import EventLogger, write_run_json
from groove.training.resume import DataIdentity, check_resumable, make_ready

log = logging.getLogger(__name__)

_NOISE = (
    "does not have many workers",
    "exists and is not empty",
    "smaller than the logging interval",
    "LeafSpec",
    "You have overridden `transfer_batch_to_device`",
    "The dirpath has changed",
    "It is recommended to use `self.log",  # of a group of one process
)
_REMEDY = "Remove the folders of these files: their features are computed again. "
_AUDIO_SAMPLE = 200
"""Charts that the mean and deviation of the audio features are measured on."""
_COUNT_SAMPLE = 4096
"""Charts by whose counts the counts of every chart are ranked."""


def build_model(cfg: TrainConfig, classes: int) -> LateFusionClassifier:
    """Return an untrained model of `cfg.model`, its weights a function of `cfg.seed`.

    Raises:
        ConfigError: for an argument that the model does not have.
    """
    L.seed_everything(cfg.seed, verbose=False)
    try:
        model = instantiate(cfg.model.model_dump(), classes=classes, frames_per_beat=cfg.features.frames_per_beat)
    except Exception as error:  # Hydra wraps whatever the constructor raised
        raise ConfigError(f"model: {one_line(error.__cause__ or error)}") from error
    if not isinstance(model, LateFusionClassifier):
        raise ConfigError(f"model._target_ must be a LateFusionClassifier, got {cfg.model.target}")
    if model.radar_in_projection:
        warnings.warn("model.radar_in_projection=true: the label leaks into the embedding (ablation)", stacklevel=2)
    return model


class Fit:
    """One run folder being made: `run` trains and writes what the report reads.

    Attributes:
        folder: the run folder.
        module: the `GrooveModule` that is trained.
        monitor: the diagnostics of the run.
    """

    def __init__(
        self, cfg: TrainConfig, model: LateFusionClassifier, data: GrooveDataModule, folder: Path, ranks: Ranks
    ) -> None:
        """Prepare trainer and callbacks for `cfg.experiment` in `folder`; `ranks` are those that train with this one.

        Raises:
            ConfigError: for phases that do not fit the model, or more processes than training charts.
        """
        self.cfg, self.folder, self.data = cfg, folder, data
        folder.mkdir(parents=True, exist_ok=True)
        self.phases = resolve_phases(cfg.experiment, model)
        weights = class_weights(data) if cfg.optimizer.class_weights else None
        self.module = GrooveModule(model, cfg, data.classes, data.scaler.state(), weights)
        scheduler = PhaseScheduler(self.phases, cfg.optimizer.schedule)
        self.monitor = DiagnosticsMonitor(folder, data, scheduler, cfg.diagnostics.gradient_charts)
        self.identity, self.crash = DataIdentity(data), CrashSaver(folder / CHECKPOINTS)
        self.logger = EventLogger(folder, name=TENSORBOARD, version="", default_hp_metric=False)
        callbacks = [
            scheduler,
            EpochSeed(cfg.seed),
            self.monitor,
            FiniteGuard(lambda: self.monitor.newest_norms),
            EpochLine(self.monitor, cfg.experiment.epochs),
            self.identity,
            self.crash,
            *checkpoint_callbacks(folder / CHECKPOINTS),
        ]
        ranks.start()
        self.trainer = make_trainer(cfg, folder, callbacks, self.logger)
        check_world(min(len(data.train), len(data.val)), self.trainer.world_size)

    def run(self, ckpt_path: str | None = None) -> None:
        """Measure epoch 0 and train; with `ckpt_path` go on from there.

        Raises:
            CheckpointError: if `ckpt_path` cannot be resumed with these settings or this data.
            NonFiniteLossError: naming where it began, the charts of the batch, and what to try.
            OSError: if the run folder cannot be written.
        """
        if ckpt_path:
            checkpoint = check_resumable(Path(ckpt_path), self.module, self.identity)
            self.logger.purge_from(checkpoint.content["epoch"] + 2)  # counted from 0, and that one was finished
            for callback in self.trainer.checkpoint_callbacks:
                callback.resumed_from = Path(ckpt_path).resolve().parent  # type: ignore[attr-defined]
        if first_rank():
            make_ready(self.folder, Path(ckpt_path) if ckpt_path else None)
            write_run_json(self.folder, self.cfg, self.module, self.data, self.phases)
        try:
            if not ckpt_path:
                self.trainer.validate(self.module, self.data, verbose=False)
                self.trainer.save_checkpoint(self.folder / CHECKPOINTS / EPOCH_0, weights_only=True)
                log.info(epoch_line(self.monitor.rows[-1], self.cfg.experiment.epochs))
            self.trainer.fit(self.module, datamodule=self.data, ckpt_path=ckpt_path, weights_only=True)
            self.monitor.write()  # a finished run that is resumed trains no epoch that would write its rows
        except NonFiniteLossError as error:
            raise self._explained(error) from error

    def _explained(self, error: NonFiniteLossError) -> NonFiniteLossError:
        table = self.data.tables[error.split]
        charts = [table.chart_id[i] for i in error.charts]
        damaged = [f"{table.chart_id[i]} ({self.data.store / table.chart_path[i]})" for i in error.bad_inputs]
        outliers = [self.data.train.chart_id[i] for i in self.data.scaler.outliers(self.data.train.radar)]
        return NonFiniteLossError(
            f"{error}{' of ' if damaged else ''}{', '.join(damaged)}: training stopped before the step; "
            f"{self.crash.kept}. {_REMEDY if damaged else ''}Try trainer.gradient_clip_val=1.0, "
            f"optimizer.lr={self.cfg.optimizer.lr / 10:g}, contrastive weight 1.0. Radar outliers: "
            f"{', '.join(outliers[:10]) or 'none'}. Charts of the batch: {', '.join(charts)}",
            error.charts,
            error.split,
            error.bad_inputs,
        )


class EpochSeed(L.Callback):
    """Seeds torch at every epoch start, so that a resumed epoch draws the same dropout as an uninterrupted one."""

    def __init__(self, seed: int) -> None:
        """Derive every epoch's seed from `seed`."""
        self.seed = seed

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Seed with a function of (seed, epoch, rank)."""
        torch.manual_seed(hash((self.seed, trainer.current_epoch, trainer.global_rank)) % 2**31)


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
        log.info(f"{epoch_line(row, self.epochs)}  {per_epoch:.1f} s/epoch, {left / 60:.1f} min left")


def epoch_line(row: dict, epochs: int) -> str:
    """Return the numbers of one row that tell whether the representation moves."""
    parts = [f"epoch {row[columns.EPOCH]:>2}/{epochs} {row[columns.PHASE]:<9}"]
    parts += [f"{title} {row[name]:.3f}" for name, title in columns.IN_EPOCH_LINE.items() if name in row]
    return "  ".join(parts)


def make_trainer(cfg: TrainConfig, folder: Path, callbacks: Sequence[L.Callback], logger: Any) -> L.Trainer:
    """Return the Lightning trainer of `cfg.trainer`."""
    silence()
    torch.set_num_threads(cfg.trainer.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    progress = cfg.trainer.progress_bar and os.isatty(2)
    # phases freeze modules after DDP has wrapped the model
    strategy = "ddp_find_unused_parameters_true" if cfg.trainer.strategy == "ddp" else cfg.trainer.strategy
    try:
        return L.Trainer(
            **cfg.trainer.model_dump(exclude={"threads", "progress_bar", "strategy"}),
            strategy=strategy,
            max_epochs=cfg.experiment.epochs,
            default_root_dir=folder,
            callbacks=[*callbacks, *([TQDMProgressBar(leave=False)] if progress else [])],
            plugins=[AtomicCheckpointIO()],
            logger=logger,
            enable_progress_bar=progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,  # the samplers know rank and world size
            reload_dataloaders_every_n_epochs=1,
            inference_mode=False,  # the monitor takes gradients on a probe batch during validation
            log_every_n_steps=1,
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        given = f"trainer.accelerator={cfg.trainer.accelerator} trainer.precision={cfg.trainer.precision}"
        raise ConfigError(f"trainer: {one_line(error)} ({given}; trainer=default works everywhere)") from error


def silence() -> None:
    """Drop the messages of Lightning that do not concern a user of groove; everything else stays."""
    for text in _NOISE:
        warnings.filterwarnings("ignore", message=f".*{text}.*")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.accelerators.cuda").setLevel(logging.WARNING)


def class_weights(data: GrooveDataModule) -> Tensor:
    """Return weights inverse to class frequency in the training split, mean 1, shape (C,)."""
    count = np.bincount(data.train.labels.label, minlength=len(data.classes)).clip(min=1)
    return torch.tensor(count.sum() / (len(count) * count), dtype=torch.float32)


def audio_statistics(data: GrooveDataModule) -> tuple[Tensor, Tensor]:
    """Return mean and deviation (F,) of the audio features of training charts; 0 and 1 where none has audio."""
    paths = sorted({path for path in data.train.audio_path if path})
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, min(len(paths), _AUDIO_SAMPLE)).astype(int)]
    if not chosen:
        return torch.zeros(len(AUDIO_FEATURES)), torch.ones(len(AUDIO_FEATURES))
    frames = np.concatenate([finite_array(data.store, path).astype(np.float32) for path in chosen])
    std = np.maximum(frames.std(axis=0), 1e-3)
    return torch.from_numpy(frames.mean(axis=0)), torch.from_numpy(std)


def training_counts(data: GrooveDataModule, frames_per_beat: int) -> Tensor:
    """Return what is counted of each training chart (N, K), of evenly chosen ones where there are many."""
    chosen = np.unique(np.linspace(0, len(data.train) - 1, min(len(data.train), _COUNT_SAMPLE)).astype(int))
    batches = data.evaluation_loader(data.train.take(chosen))
    return torch.cat([chart_counts(batch.chart, batch.lengths, frames_per_beat) for batch in batches])


def untrained_model(cfg: TrainConfig, data: GrooveDataModule) -> LateFusionClassifier:
    """Return an untrained model that knows the training split's audio statistics, and its counts where it reads any."""
    model = build_model(cfg, len(data.classes))
    model.set_audio_statistics(*audio_statistics(data))
    if isinstance(model.classifier_head, CountedHead):
        model.classifier_head.ranks.fit(training_counts(data, model.frames_per_beat))
    return model
