"""Phases: what is frozen, which losses weigh how much, and how fast each module learns, as a function of the epoch.

Phases are data (a list in a config file). `PhaseScheduler` keeps no state: at every epoch start it derives the phase
from ``current_epoch`` alone and sets everything again, so that it cannot be wrong after a resume (Lightning's
``BaseFinetuning`` leaves a part frozen when resumed after its unfreeze epoch, Lightning issue 21901).
Epochs are 1-based in everything a person reads; epoch 0 is the model before its first step.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import lightning as L

from groove.config.modules import LOSSES, OPTIONAL_MODULES, reached_by
from groove.config.schema import ExperimentConfig, OptimizerConfig
from groove.errors import ConfigError
from groove.model.fusion import LateFusionClassifier
from groove.runs.folder import RecordedPhase

log = logging.getLogger(__name__)

_TITLES = {"finetune": "Fine-tune"}


def resolve_phases(experiment: ExperimentConfig, model: LateFusionClassifier) -> list[RecordedPhase]:
    """Return the phases of `experiment` that have an epoch, which cover its epochs exactly.

    Raises:
        ConfigError: for a module that `model` does not have, or a phase in which nothing is trained.
    """
    resolved: list[RecordedPhase] = []
    first = 1
    for index, (phase, length) in enumerate(zip(experiment.phases, experiment.phase_lengths, strict=True)):
        where = f"phase '{phase.name}'"
        frozen = model.matching(phase.freeze, f"{where}: freeze")
        if phase.train_only:
            present = [name for name in phase.train_only if name not in OPTIONAL_MODULES or name in model.module_names]
            trained = model.matching(present, f"{where}: train_only")
            frozen = [module for module in model.module_names if module not in trained]
        weights = {loss: weight for loss, weight in phase.weights.model_dump().items() if weight or loss in LOSSES}
        trained = [module for module in model.module_names if module not in frozen]
        reached = [reached_by(loss, model.radar_in_projection) for loss, weight in weights.items() if weight]
        if not trained:
            raise ConfigError(f"{where} freezes every module: nothing is left to train")
        if not set(trained) & set().union(*reached):
            only = ", ".join(trained)
            raise ConfigError(f"{where} trains only {only}, which no loss of its weights reaches: {weights}")
        factors = {
            module: factor
            for name, factor in phase.lr_factor.items()
            for module in model.matching([name], f"{where}: lr_factor")
        }
        if length:
            span = {"first_epoch": first, "last_epoch": first + length - 1}
            resolved.append(
                RecordedPhase(**span, index=index, name=phase.name, frozen=frozen, weights=weights, lr_factor=factors)
            )
        first += length
    return resolved


def phase_at(phases: Sequence[RecordedPhase], epoch: int) -> RecordedPhase:
    """Return the phase of the 1-based `epoch`; the first phase for epoch 0, the last beyond the end."""
    return next((phase for phase in phases if epoch <= phase.last_epoch), phases[-1])


def lr_schedule(optimizer: OptimizerConfig, progress: float) -> float:
    """Return the factor on the learning rate at `progress` (0 to 1) of the fit, ``constant`` or ``cosine``."""
    if optimizer.schedule == "constant":
        return 1.0
    rise = min(1.0, (progress + 1e-3) / optimizer.ramp) if optimizer.ramp else 1.0
    return rise * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


class PhaseScheduler(L.Callback):
    """Applies the phase of the current epoch; a pure function of the epoch, without state."""

    def __init__(self, phases: Sequence[RecordedPhase], optimizer: OptimizerConfig) -> None:
        self.phases, self.optimizer = list(phases), optimizer

    def apply(self, module: Any, epoch: int) -> RecordedPhase:
        """Freeze and weigh as the phase of the 1-based `epoch` says; return it."""
        phase = phase_at(self.phases, epoch)
        module.model.freeze(phase.frozen)
        module.loss_weights = dict(phase.weights)
        return phase

    def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        """Make everything trainable before DDP wraps it: what is frozen at the wrap never synchronises later."""
        if stage == "fit":
            pl_module.model.freeze(())

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Set the phase of this epoch and say so where one begins."""
        epoch = trainer.current_epoch + 1
        phase = self.apply(pl_module, epoch)
        if epoch == phase.first_epoch:
            self._announce(phase, pl_module)

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Set each parameter group's learning rate: base x schedule x the phase's factor of its module."""
        phase = phase_at(self.phases, trainer.current_epoch + 1)
        done = trainer.current_epoch + batch_idx / max(1, trainer.num_training_batches)
        factor = lr_schedule(self.optimizer, done / self.phases[-1].last_epoch)
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = pl_module.base_lr * factor * phase.lr_factor.get(group["name"], 1.0)

    def _announce(self, phase: RecordedPhase, module: Any) -> None:
        position = self.phases.index(phase)
        if position:
            before, now = (_TITLES.get(p.name, p.name.capitalize()) for p in (self.phases[position - 1], phase))
            log.info(f"PHASE TRANSITION: {before} → {now}")
        if phase.frozen:
            log.info(f"{phase.name.upper()} PHASE: Freezing {', '.join(phase.frozen)}")
        trainable = sum(p.numel() for p in module.model.parameters() if p.requires_grad)
        total = sum(p.numel() for p in module.model.parameters())
        weights = ", ".join(f"{name} {weight:g}" for name, weight in phase.weights.items())
        log.info(
            f"  epochs {phase.first_epoch}-{phase.last_epoch}: {trainable:,} of {total:,} parameters trainable; "
            f"loss weights: {weights}"
        )
