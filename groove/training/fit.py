"""One fit: the model made, epoch 0 measured, phases run, everything a report needs written into the run folder."""

from __future__ import annotations

import copy
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
from lightning.pytorch.profilers import AdvancedProfiler, SimpleProfiler
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor

from groove.config.schema import LossConfig, TrainConfig
from groove.data.datamodule import GrooveDataModule
from groove.data.trees import tree_references
from groove.errors import ConfigError, GrooveError, NonFiniteLossError, one_line
from groove.features.audio import AUDIO_FEATURES
from groove.features.store import finite_array
from groove.io.files import write_json
from groove.model.fusion import LateFusionClassifier
from groove.runs.folder import RunInfo
from groove.runs.layout import CHECKPOINTS, EPOCH_0, INFO_FILE, PROFILE
from groove.training.checkpoints import AtomicCheckpointIO, checkpoint_callbacks
from groove.training.distributed import Ranks, first_rank
from groove.training.finite import FiniteGuard
from groove.training.loggers.base import make_logger
from groove.training.module import GrooveModule
from groove.training.monitor import DiagnosticsMonitor
from groove.training.phases import PhaseScheduler, resolve_phases
from groove.training.resume import check_resumable, data_identity, make_ready

log = logging.getLogger(__name__)

_NOISE = (
    *("does not have many workers", "exists and is not empty", "smaller than the logging interval", "LeafSpec"),
    "It is recommended to use `self.log",
)
"""What Lightning warns of in vain; the last one of a group of one process."""
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


def audio_statistics(data: GrooveDataModule) -> tuple[Tensor, Tensor]:
    """Return mean and deviation (F,) of the audio features of training charts; 0 and 1 where none has audio."""
    paths = list(dict.fromkeys(path for path in data.train.audio_path if path))  # the charts' order: names are hashes
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, min(len(paths), _AUDIO_SAMPLE)).astype(int)]
    if not chosen:
        return torch.zeros(len(AUDIO_FEATURES)), torch.ones(len(AUDIO_FEATURES))
    frames = np.concatenate([finite_array(data.store, path).astype(np.float32) for path in chosen])
    std = np.maximum(frames.std(axis=0), 1e-3)
    return torch.from_numpy(frames.mean(axis=0)), torch.from_numpy(std)


def starting_models(
    cfg: TrainConfig, data: GrooveDataModule, start: Path | None
) -> tuple[LateFusionClassifier, LateFusionClassifier]:
    """Return the model that is trained, with the weights of `start`, and an untrained one to compare it with.

    Both know the training split's audio statistics, and its counts where they read any.
    """
    untrained = build_model(cfg, len(data.classes))  # seeds torch: a new projection head of the other depends on it
    untrained.set_audio_statistics(*audio_statistics(data))
    if untrained.counts:
        chosen = np.unique(np.linspace(0, len(data.train) - 1, min(len(data.train), _COUNT_SAMPLE)).astype(int))
        untrained.fit_counts(data.evaluation_loader(data.train.take(chosen)))
    if start is None:
        return copy.deepcopy(untrained), untrained
    sizes = cfg.model.arguments | {"classes": len(data.classes), "frames_per_beat": cfg.features.frames_per_beat}
    model, report = LateFusionClassifier.from_pretrained(start, **sizes)
    log.info("\n".join([f"starting from {start}", *report.lines()]))
    return model, untrained


class Fit:
    """One run folder being made: `run` trains and writes what the report reads."""

    def __init__(
        self, cfg: TrainConfig, model: LateFusionClassifier, data: GrooveDataModule, folder: Path, ranks: Ranks
    ) -> None:
        """Prepare trainer and callbacks for `cfg.experiment` in `folder`; `ranks` are those that train with this one.

        Raises:
            ConfigError: for phases that do not fit the model.
            CheckpointError: if `cfg.ckpt_path` cannot be resumed with these settings or this data.
            GrooveError: for more processes than charts of a split.
        """
        self.cfg, self.folder, self.data = cfg, folder, data
        self.phases = resolve_phases(cfg.experiment, model)
        weights = class_weights(data) if cfg.optimizer.class_weights else None
        self.module = GrooveModule(model, cfg, data.classes, data.scaler.state(), weights)
        scheduler = PhaseScheduler(self.phases, cfg.optimizer)
        self.monitor = DiagnosticsMonitor(folder, data, scheduler, cfg.diagnostics.gradient_charts)
        self.guard = FiniteGuard(folder / CHECKPOINTS, lambda: self.monitor.step_norms[-1])
        self.module.hparams["data"] = data_identity(data)
        self.start = Path(cfg.ckpt_path) if cfg.ckpt_path else None
        again = check_resumable(self.start, self.module, data) + 1 if self.start else None  # the first epoch to train
        self.logger = make_logger(cfg.logger, folder, again)
        callbacks = [scheduler, self.monitor, self.guard, *checkpoint_callbacks(folder / CHECKPOINTS)]
        ranks.start()
        self.trainer = make_trainer(cfg, folder, callbacks, self.logger)
        charts, processes = min(len(data.train), len(data.val)), self.trainer.world_size
        if charts < processes:
            raise GrooveError(f"{charts} charts cannot be shared by {processes} processes; lower trainer.devices")

    def run(self) -> None:
        """Measure epoch 0 and train; with `cfg.ckpt_path` resume from there.

        Raises:
            NonFiniteLossError: naming where it began, the charts of the batch, and what to try.
            OSError: if the run folder cannot be written.
        """
        if first_rank():
            make_ready(self.folder, self.start)
            self._write_info()
        try:
            if self.start is None:
                self.trainer.validate(self.module, self.data, verbose=False)
                self.trainer.save_checkpoint(self.folder / CHECKPOINTS / EPOCH_0, weights_only=True)
            self.trainer.fit(self.module, datamodule=self.data, ckpt_path=self.start, weights_only=True)
            if self.cfg.trainer.profiler and first_rank():
                log.info(f"profile: {self.folder}/fit-{PROFILE}.txt")
            self.monitor.write()  # a finished run that is resumed trains no epoch that would write its rows
        except NonFiniteLossError as error:
            raise NonFiniteLossError(self._explained(error)) from error

    def _write_info(self) -> None:
        """Write ``run.json``: what a report must know beside the numbers."""
        cfg, data = self.cfg, self.data
        trees = tree_references(data, cfg.trainer.threads)
        content = {
            "experiment": cfg.experiment.name,
            "verdict": cfg.experiment.verdict,
            "seed": cfg.seed,
            "split_seed": cfg.data.split_seed,
            "fold": cfg.data.fold,
            "processes": cfg.trainer.devices * cfg.trainer.num_nodes,
            "loss": loss_name(cfg.loss),
            "loss_uses_triplets": self.module.contrastive_loss.uses_triplets,
            "loss_uses_margin": self.module.contrastive_loss.uses_margin,
            "triplet_margin": cfg.loss.triplet_margin,
            "radar_in_projection": self.module.model.radar_in_projection,
            "phases": [phase.model_dump() for phase in self.phases],
            "parameters": {"total": sum(p.numel() for p in self.module.model.parameters())},
            "data": {
                "train": len(data.train),
                "val": len(data.val),
                "train_songs": len(set(data.train.labels.song)),
                "val_songs": len(set(data.val.labels.song)),
                "pair_counts": data.pair_counts,
            },
            "references": trees.by_chart,
            "references_joint": trees.by_song,
        }
        write_json(self.folder / INFO_FILE, RunInfo.model_validate(content).model_dump())

    def _explained(self, error: NonFiniteLossError) -> str:
        table = self.data.tables[error.split]
        charts = [table.chart_id[i] for i in error.charts]
        damaged = [f"{table.chart_id[i]} ({self.data.store / table.chart_path[i]})" for i in error.bad_inputs]
        outliers = [self.data.train.chart_id[i] for i in self.data.scaler.outliers(self.data.train.radar)]
        remedy = "Remove the folders of these files: their features are computed again. " if damaged else ""
        return (
            f"{error}{' of ' if damaged else ''}{', '.join(damaged)}: training stopped before the step; "
            f"{self.guard.kept}. {remedy}Try trainer.gradient_clip_val=1.0, "
            f"optimizer.lr={self.cfg.optimizer.lr / 10:g}, contrastive weight 1.0. Radar outliers: "
            f"{', '.join(outliers[:10]) or 'none'}. Charts of the batch: {', '.join(charts)}"
        )


def loss_name(loss: LossConfig) -> str:
    """Return the name of the class of `loss`; of one of pytorch-metric-learning also what its pairs are made from."""
    if loss.name is None:
        return loss.target.rpartition(".")[2]
    return f"{loss.name} of {loss.pairs or 'triplets'}"


def class_weights(data: GrooveDataModule) -> Tensor:
    """Return weights inverse to class frequency in the training split, mean 1, shape (C,)."""
    count = np.bincount(data.train.labels.label, minlength=len(data.classes)).clip(min=1)
    return torch.tensor(count.sum() / (len(count) * count), dtype=torch.float32)


def make_trainer(cfg: TrainConfig, folder: Path, callbacks: Sequence[L.Callback], logger: Any) -> L.Trainer:
    """Return the Lightning trainer of `cfg.trainer`, without its messages that do not concern a user of groove."""
    for text in _NOISE:
        warnings.filterwarnings("ignore", message=f".*{text}.*")
    for name in ("utilities.rank_zero", "accelerators.cuda"):
        logging.getLogger(f"lightning.pytorch.{name}").setLevel(logging.WARNING)
    torch.set_num_threads(cfg.trainer.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    progress = cfg.trainer.progress_bar and os.isatty(2)
    # phases freeze modules after DDP has wrapped the model
    strategy = "ddp_find_unused_parameters_true" if cfg.trainer.strategy == "ddp" else cfg.trainer.strategy
    try:
        return L.Trainer(
            **cfg.trainer.model_dump(exclude={"threads", "progress_bar", "strategy", "profiler"}),
            strategy=strategy,
            max_epochs=cfg.experiment.epochs,
            default_root_dir=folder,
            callbacks=[*callbacks, *([TQDMProgressBar(leave=False)] if progress else [])],
            plugins=[AtomicCheckpointIO()],
            logger=logger,
            profiler=_profiler(cfg.trainer.profiler, folder),
            enable_progress_bar=progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,  # the samplers know rank and world size
            reload_dataloaders_every_n_epochs=1,
            inference_mode=False,  # the monitor takes gradients on a probe batch during validation
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        given = f"trainer.accelerator={cfg.trainer.accelerator} trainer.precision={cfg.trainer.precision}"
        raise ConfigError(f"trainer: {one_line(error)} ({given}; trainer=default works everywhere)") from error


def _profiler(kind: str | None, folder: Path) -> SimpleProfiler | AdvancedProfiler | None:
    """Return the profiler of this `kind`, which writes into `folder`: ``fit-profile.txt``, and one of epoch 0."""
    if kind is None:
        return None
    return {"simple": SimpleProfiler, "advanced": AdvancedProfiler}[kind](folder, PROFILE)
