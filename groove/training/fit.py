"""One fit: epoch 0 measured, phases run, everything a report needs written into the run folder."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor

from groove.config.schema import plain
from groove.data.datamodule import GrooveDataModule
from groove.errors import CheckpointError, ConfigError, NonFiniteLossError, one_line
from groove.features.audio import AUDIO_FEATURES
from groove.features.store import finite_array
from groove.io.files import write_json
from groove.model.chart_counts import chart_counts
from groove.model.fusion import LateFusionClassifier, warn_of_leak
from groove.model.weights import Checkpoint, read_checkpoint
from groove.runs.layout import CHECKPOINTS, EPOCH_0, INFO_FILE, TENSORBOARD
from groove.training.checkpoint_io import AtomicCheckpointIO
from groove.training.checkpoints import CrashSaver, EpochLine, checkpoint_callbacks, epoch_line
from groove.training.data_identity import DataIdentity
from groove.training.distributed import Ranks, check_world, first_rank
from groove.training.finite import FiniteGuard
from groove.training.module import GrooveModule
from groove.training.monitor import DiagnosticsMonitor
from groove.training.phases import Phase, PhaseScheduler, resolve_phases
from groove.training.resume import check_settings_of, make_ready
from groove.training.storage import EventLogger
from groove.training.trees import tree_references

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


def build_model(cfg: Any, classes: int) -> LateFusionClassifier:
    """Return an untrained model of `cfg.model`, its weights a function of `cfg.seed`.

    Raises:
        ConfigError: for an argument that the model does not have.
    """
    L.seed_everything(cfg.seed, verbose=False)
    try:
        model = instantiate(cfg.model, classes=classes, frames_per_beat=cfg.features.frames_per_beat)
    except Exception as error:  # Hydra wraps whatever the constructor raised
        raise ConfigError(f"model: {one_line(error.__cause__ or error)}") from error
    if not isinstance(model, LateFusionClassifier):
        raise ConfigError(f"model._target_ is {cfg.model._target_}; allowed: a LateFusionClassifier")
    warn_of_leak(model)
    return model


class Fit:
    """One run folder being made: `run` trains and writes what the report reads.

    Attributes:
        folder: the run folder.
        module: the `GrooveModule` that is trained.
        monitor: the diagnostics of the run.
    """

    def __init__(
        self, cfg: Any, model: LateFusionClassifier, data: GrooveDataModule, folder: Path, ranks: Ranks | None = None
    ) -> None:
        """Prepare trainer and callbacks for `cfg.experiment` in `folder`; `ranks` are those that train with this one.

        Raises:
            ConfigError: for phases that do not fit the model, or more processes than training charts.
        """
        self.cfg, self.folder, self.data = cfg, folder, data
        folder.mkdir(parents=True, exist_ok=True)
        self.phases = resolve_phases(cfg.experiment.phases, cfg.experiment.epochs, model)
        weights = class_weights(data) if cfg.optimizer.class_weights else None
        self.module = GrooveModule(model, plain(cfg), data.classes, data.scaler.state(), weights)
        scheduler = PhaseScheduler(self.phases, cfg.optimizer.schedule)
        self.monitor = DiagnosticsMonitor(folder, data, scheduler, cfg.diagnostics.gradient_charts)
        self.identity, self.crash = DataIdentity(data), CrashSaver(folder / CHECKPOINTS)
        self.logger = EventLogger(folder, name=TENSORBOARD, version="", default_hp_metric=False)
        callbacks = [
            scheduler,
            EpochSeed(cfg.seed),
            self.monitor,
            FiniteGuard(self.monitor),
            EpochLine(self.monitor, cfg.experiment.epochs),
            self.identity,
            self.crash,
            *checkpoint_callbacks(folder / CHECKPOINTS),
        ]
        (ranks or Ranks(cfg, folder)).start()
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
            checkpoint = check_resumable(Path(ckpt_path), self.module)
            self.identity.check(checkpoint)
            self.logger.purge_from(checkpoint.content["epoch"] + 2)  # counted from 0, and that one was finished
            for callback in self.trainer.checkpoint_callbacks:
                callback.resumed_from = Path(ckpt_path).resolve().parent  # type: ignore[attr-defined]
        if first_rank():
            make_ready(self.folder, Path(ckpt_path) if ckpt_path else None)
            write_run_json(self)
        try:
            if not ckpt_path:
                self.trainer.validate(self.module, self.data, verbose=False)
                self.trainer.save_checkpoint(self.folder / CHECKPOINTS / EPOCH_0, weights_only=True)
                print(epoch_line(self.monitor.rows[-1], self.cfg.experiment.epochs), flush=True)
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


def make_trainer(cfg: Any, folder: Path, callbacks: Sequence[L.Callback], logger: Any) -> L.Trainer:
    """Return the Lightning trainer of `cfg.trainer`."""
    silence()
    torch.set_num_threads(cfg.trainer.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    extra: list[L.Callback] = [TQDMProgressBar(leave=False)] if _interactive(cfg) else []
    given = {
        key: value for key, value in plain(cfg.trainer).items() if key not in ("threads", "progress_bar", "strategy")
    }
    try:
        return L.Trainer(
            **given,
            strategy=_strategy(cfg.trainer.strategy),
            max_epochs=cfg.experiment.epochs,
            default_root_dir=folder,
            callbacks=[*callbacks, *extra],
            plugins=[AtomicCheckpointIO()],
            logger=logger,
            enable_progress_bar=bool(extra),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,  # the samplers know rank and world size
            reload_dataloaders_every_n_epochs=1,
            inference_mode=False,  # the monitor takes gradients on a probe batch during validation
            log_every_n_steps=1,
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        asked = f"trainer.accelerator={cfg.trainer.accelerator} trainer.precision={cfg.trainer.precision}"
        raise ConfigError(f"trainer: {one_line(error)} ({asked}; trainer=default works everywhere)") from error


def _interactive(cfg: Any) -> bool:
    return bool(cfg.trainer.progress_bar) and os.isatty(2)


def _strategy(name: str) -> Any:
    """Return the strategy; DDP must look for unused parameters, since phases freeze modules after the wrap."""
    return "ddp_find_unused_parameters_true" if name == "ddp" else name


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


def untrained_model(cfg: Any, data: GrooveDataModule) -> LateFusionClassifier:
    """Return an untrained model that knows the training split's audio statistics, and its counts where it reads any."""
    model = build_model(cfg, len(data.classes))
    model.set_audio_statistics(*audio_statistics(data))
    if model.classifier_head.counts:
        model.rank_counts_by(training_counts(data, model.frames_per_beat))
    return model


def check_resumable(path: Path, module: GrooveModule) -> Checkpoint:
    """Return the checkpoint at `path`, which is of this model and these settings.

    Raises:
        CheckpointError: otherwise, with the first difference.
    """
    checkpoint = read_checkpoint(path)
    own = {name: tensor.shape for name, tensor in module.model.state_dict().items()}
    there = {name: tensor.shape for name, tensor in checkpoint.weights.items()}
    different = next((n for n in own | there if own.get(n) != there.get(n)), None)
    if different:
        raise CheckpointError(
            f"{path} is of another model: {different} is {there.get(different)} there, {own.get(different)} here; "
            "resume with the settings it was trained with"
        )
    check_settings_of(checkpoint, module.config)
    return checkpoint


def write_run_json(fit: Fit) -> None:
    """Write ``run.json``: what the report must know beside the numbers."""
    experiment = fit.cfg.experiment
    trees = tree_references(fit.data, fit.cfg.trainer.threads)
    content = {
        "experiment": experiment.name,
        "verdict": experiment.verdict,
        "seed": fit.cfg.seed,
        "split_seed": fit.cfg.data.split_seed,
        "fold": fit.cfg.data.fold,
        "lr": fit.cfg.optimizer.lr,
        "loss": loss_name(fit.cfg.loss),
        "triplet_margin": fit.cfg.loss.triplet_margin,
        "warmup_epochs": experiment.warmup_epochs,
        "radar_in_projection": fit.module.model.radar_in_projection,
        "classes": fit.data.classes,
        "modules": fit.module.model.module_names,
        "phases": [_phase_json(phase, experiment.phases) for phase in fit.phases],
        "parameters": {"total": sum(p.numel() for p in fit.module.model.parameters())},
        "data": {
            "train": len(fit.data.train),
            "val": len(fit.data.val),
            "train_songs": len(set(fit.data.train.labels.song)),
            "val_songs": len(set(fit.data.val.labels.song)),
            "pair_counts": fit.data.pair_counts,
        },
        "references": trees.by_chart,
        "references_by_song": trees.by_song,
    }
    write_json(fit.folder / INFO_FILE, content)


def loss_name(loss: Any) -> str:
    """Return the name of the class of `loss`; of one of pytorch-metric-learning also what its pairs are made from."""
    if loss.name is None:
        return str(loss._target_).rpartition(".")[2]
    return f"{loss.name} of {loss.pairs or 'triplets'}"


def _phase_json(phase: Phase, configured: Any) -> dict[str, Any]:
    """Return `phase` with its place among the `configured` ones, of which those without an epoch are not run."""
    return {
        "name": phase.name,
        "index": [other.name for other in configured].index(phase.name),
        "first_epoch": phase.first_epoch,
        "last_epoch": phase.last_epoch,
        "frozen": list(phase.frozen),
        "weights": phase.weights,
    }
