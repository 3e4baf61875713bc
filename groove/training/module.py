"""`GrooveModule`: the fusion model with both objectives; which of them counts is set by the phase callback.

In a fit of several processes each encodes its share of a batch and gathers the others' outputs, so that each pair and
triplet of the batch counts, as in one process with the whole batch. Only a process's own rows carry a gradient. DDP
averages the gradients of the W processes, so the loss is multiplied by W: the average of the parts is then the gradient
of the whole.

Dimension letters: B charts of a batch, b charts of a process, C classes, E embedding size, W processes.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
import torch
from hydra.utils import get_class, instantiate
from torch import Tensor, distributed, nn
from torch.nn import functional
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from groove.charts.radar.groove_radar import FULL_AXIS
from groove.config.modules import DRIFT, PARTS
from groove.config.schema import LossConfig, TrainConfig, plain
from groove.data.dataset import ChartBatch
from groove.data.part_labels import PART_LABELS
from groove.errors import ConfigError, GrooveError, one_line
from groove.model.fusion import LateFusionClassifier, ModelOutput, full_precision
from groove.model.losses import ContrastiveLoss, ContrastiveOutput, ContrastiveTargets
from groove.runs import metric_columns as columns
from groove.training.finite import nonfinite

PER_CHART = (columns.TRAIN_LOSS, columns.TRAIN_CLASSIFICATION_LOSS, columns.TRAIN_DRIFT_LOSS, columns.TRAIN_NORM)
PER_TRIPLET = (columns.TRAIN_CONTRASTIVE_LOSS, columns.TRAIN_ACTIVE_FRACTION, columns.TRAIN_MARGIN)
"""Numbers of a batch whose mean over an epoch weighs a batch by its charts, and by its triplets."""


def make_loss(settings: LossConfig) -> ContrastiveLoss:
    """Return the loss of `settings`; what its class does not take (a margin, say) is not passed on."""
    target = get_class(settings.target)
    accepted = inspect.signature(target).parameters
    return target(**{k: value for k, value in settings.model_dump(exclude_none=True).items() if k in accepted})


def make_objective(cfg: TrainConfig) -> tuple[ContrastiveLoss, Any]:
    """Return the contrastive loss and the miner of `cfg`.

    Raises:
        ConfigError: if one of them is no class that can be made, or the loss is none.
    """
    try:
        loss, miner = make_loss(cfg.loss), instantiate(cfg.mining.model_dump())
    except GrooveError:
        raise
    except Exception as error:  # a user's own class may raise anything; Hydra wraps it
        raise ConfigError(f"loss and mining cannot be made: {one_line(error.__cause__ or error)}") from error
    if not isinstance(loss, ContrastiveLoss):
        raise ConfigError(f"loss._target_ must be a ContrastiveLoss, got {cfg.loss.target}")
    if not callable(miner):
        raise ConfigError(f"mining._target_ must be a miner as in groove.model.mining, got {cfg.mining.target}")
    return loss, miner


class GrooveModule(L.LightningModule):
    """Classification and contrastive loss on one forward pass per batch.

    Attributes:
        loss_weights: weight of each loss, set by `PhaseScheduler` at every epoch start.
        pooled_at_0: pooled features (N, D) of the training charts at epoch 0, where a phase weighs their drift.
        train_means: the numbers of the epoch's training batches, by column.
    """

    def __init__(
        self,
        model: LateFusionClassifier,
        cfg: TrainConfig,
        classes: Sequence[str],
        scaler: Mapping[str, Sequence[float]],
        class_weights: Tensor | None = None,
    ) -> None:
        """Train `model` as `cfg` says; the checkpoint holds `classes`, `scaler` and what rebuilds the model."""
        super().__init__()
        self.model, self.cfg = model, cfg
        self.contrastive_loss, self.miner = make_objective(cfg)
        self.base_lr, self.smoothing = cfg.optimizer.lr, cfg.optimizer.label_smoothing
        self.loss_weights: dict[str, float] = {}
        self.register_buffer("class_weights", class_weights, persistent=False)
        unit = torch.tensor(scaler["scale"], dtype=torch.float32) / FULL_AXIS[cfg.data.radar]
        self.register_buffer("radar_unit", unit, persistent=False)
        self.register_buffer("pooled_at_0", None, persistent=False)
        names = (*PER_CHART, *PER_TRIPLET)
        # not "disable", which drops the weights too (torchmetrics 1.x); NaN itself stops the run elsewhere
        self.train_means = nn.ModuleDict({name: MeanMetric(nan_strategy="ignore") for name in names})
        self.train_accuracy = MulticlassAccuracy(len(classes), average="micro", validate_args=False)
        self.val_accuracy = self.train_accuracy.clone()
        self.val_loss = MeanMetric(nan_strategy="ignore")
        sizes = {"classes": len(classes), "frames_per_beat": cfg.features.frames_per_beat}
        self.save_hyperparameters(
            {
                "model": cfg.model.arguments | sizes,
                "config": plain(cfg),
                "classes": list(classes),
                "radar_scaler": {name: list(values) for name, values in scaler.items()},
            }
        )

    def forward(self, batch: ChartBatch) -> ModelOutput:
        """Encode `batch`."""
        return self.model(batch)

    def on_train_epoch_start(self) -> None:
        """Seed torch by (seed, epoch, rank): a resumed epoch draws the same dropout as an uninterrupted one."""
        torch.manual_seed(hash((self.cfg.seed, self.current_epoch, self.global_rank)) % 2**31)

    def objectives(self, output: ModelOutput, batch: ChartBatch, triplets: Tensor) -> tuple[Tensor, ContrastiveOutput]:
        """Return the classification loss and the contrastive loss of one encoded batch, unweighted."""
        weights: Any = self.class_weights
        targets = self.targets(triplets, batch.radar, batch.label)
        with full_precision(output.pooled):
            classification = self.model.classifier_head.loss(output.logits, batch.label, weights, self.smoothing)
            contrastive = self.contrastive_loss(self.radar_part(output.embedding), targets)
            others = [
                self.contrastive_loss.placed_objective(output.embedding[:, columns], self.part_targets(name, batch))
                for name, columns in list(self.model.parts.columns.items())[1:]
            ]
            loss = torch.stack([contrastive.loss, *others]).mean()
            if weight := self.contrastive_loss.pooled_weight:
                loss = loss + weight * self.contrastive_loss.placed_objective(output.pooled, targets)
            contrastive = contrastive._replace(loss=loss)
        return classification, contrastive

    def radar_part(self, embedding: Tensor) -> Tensor:
        """Return the columns of `embedding` (B, E) that are to tell the radar."""
        return embedding[:, self.model.parts.columns[PARTS[0]]]

    def part_targets(self, part: str, batch: ChartBatch) -> ContrastiveTargets:
        """Return what the loss of another part is told: its labels in place of the radar.

        Feet are compared within a class, as the radar is. Flow and song are compared among all charts; songs are
        equally far from each other, and the charts of one are in one place.
        """
        if part == "song":
            names, place = batch.song.unique(return_inverse=True)
            label = functional.one_hot(place, len(names)).float()
        else:
            label = batch.parts[:, PART_LABELS[part]]
        classes = batch.label if part == "feet" else torch.zeros_like(batch.label)
        return self.targets(batch.triplets[:0], label, classes)

    def targets(self, triplets: Tensor, radar: Tensor, label: Tensor) -> ContrastiveTargets:
        """Return what the contrastive loss is told of charts with these triplets (M, 3), scaled radars and classes."""
        unit: Any = self.radar_unit
        return ContrastiveTargets(triplets, radar, label, unit.to(radar.device))

    def drift_loss(self, pooled: Tensor, batch: ChartBatch) -> Tensor:
        """Return 1 - the mean cosine of `pooled` (B, D) with the same charts' at epoch 0; 0 before the first step."""
        reference: Any = self.pooled_at_0
        if reference is None:
            return pooled.sum() * 0.0
        with full_precision(pooled):
            return 1.0 - functional.cosine_similarity(pooled.float(), reference[batch.index], dim=1).mean()

    def weighted(self, classification: Tensor, contrastive: Tensor, drift: Tensor) -> Tensor:
        """Return the weighted sum; a loss of weight 0 contributes no gradient at all."""
        terms = {"classification": classification, "contrastive": contrastive, DRIFT: drift}
        active = [weight * terms[name] for name, weight in self.loss_weights.items() if weight > 0]
        return torch.stack(active).sum()

    def numbers(self, output: ModelOutput, batch: ChartBatch, triplets: Tensor) -> dict[str, Tensor]:
        """Return the `PER_CHART` numbers of one encoded batch, and the `PER_TRIPLET` ones where it has triplets."""
        classification, contrastive = self.objectives(output, batch, triplets)
        drift = self.drift_loss(output.pooled, batch)
        row = {
            columns.TRAIN_LOSS: self.weighted(classification, contrastive.loss, drift),
            columns.TRAIN_CLASSIFICATION_LOSS: classification,
            columns.TRAIN_NORM: output.embedding.detach().norm(dim=1).mean(),
        }
        if self.pooled_at_0 is not None:
            row[columns.TRAIN_DRIFT_LOSS] = drift
        if len(batch.triplets):
            row |= {
                columns.TRAIN_CONTRASTIVE_LOSS: contrastive.loss,
                columns.TRAIN_ACTIVE_FRACTION: contrastive.active_fraction,
                columns.TRAIN_MARGIN: contrastive.margin,
            }
        return row

    def training_step(self, batch: ChartBatch, batch_idx: int) -> Tensor:
        """Return the weighted loss of one batch; its numbers enter the means of the epoch, equal in all processes."""
        output = gather_output(self.model(batch), len(batch.label))
        numbers = self.numbers(output, batch, self.miner(output.embedding.detach(), batch))
        loss = numbers[columns.TRAIN_LOSS]
        if not torch.isfinite(loss):
            raise nonfinite(f"loss {loss.item()}", self.model, batch)
        self.train_accuracy.update(self.model.classifier_head.predict(output.logits), batch.label)
        self.log(columns.TRAIN_ACCURACY, self.train_accuracy, on_step=False, on_epoch=True, logger=False)
        for name, value in numbers.items():
            mean = self.train_means[name]
            mean.update(value.detach(), len(batch.label) if name in PER_CHART else len(batch.triplets))  # type: ignore[operator]
            self.log(name, mean, on_step=False, on_epoch=True, logger=False)  # type: ignore[arg-type]
        return loss * world_size()

    def validation_step(self, batch: ChartBatch, batch_idx: int) -> ModelOutput:  # type: ignore[override]
        """Return the outputs of held-out charts; `DiagnosticsMonitor` gathers them, for what needs them all at once."""
        output = self.model(batch)
        label = batch.label[batch.own]
        loss = self.model.classifier_head.loss(output.logits.float(), label, None, self.smoothing)
        self.val_accuracy.update(self.model.classifier_head.predict(output.logits), label)
        self.val_loss.update(loss, len(label))
        self.log(columns.ACCURACY, self.val_accuracy, logger=False)
        self.log(columns.CLASSIFICATION_LOSS, self.val_loss, logger=False)
        return output

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over all parameters from the start, one named group per module: phases only change flags and rates."""
        weights = {name: list(self.model.module(name).parameters()) for name in self.model.module_names}
        groups = [{"params": own, "name": name} for name, own in weights.items() if own]
        return torch.optim.AdamW(groups, lr=self.base_lr, weight_decay=self.cfg.optimizer.weight_decay)


def world_size() -> int:
    """Return the number of processes that train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def gather_rows(own: Tensor, charts: int) -> Tensor:
    """Return the rows of all processes in the batch's order, (B, D), of which only this one's have a gradient.

    `own` (b, D) are those of this process, at ``rank, rank + W, rank + 2 W, ...`` of the batch of `charts`.
    """
    ranks, rank = distributed.get_world_size(), distributed.get_rank()
    most = -(-charts // ranks)
    padded = own.new_zeros(most, *own.shape[1:])
    padded[: len(own)] = own.detach()
    parts = [torch.empty_like(padded) for _ in range(ranks)]
    distributed.all_gather(parts, padded.contiguous())
    parts[rank] = torch.cat([own, padded[len(own) :]])
    return torch.stack(parts, dim=1).flatten(0, 1)[:charts]  # row k * W + r is the k-th of rank r


def gather_output(output: ModelOutput, charts: int) -> ModelOutput:
    """Return `output` of a batch of `charts` as if one process had encoded it; `layers` stay this process's."""
    if world_size() == 1:
        return output
    logits, embedding, pooled = (gather_rows(x, charts) for x in (output.logits, output.embedding, output.pooled))
    return output._replace(logits=logits, embedding=embedding, pooled=pooled)


def gather_lists(own: list[Any]) -> list[Any]:
    """Return the lists of all processes joined, equal in each."""
    if world_size() == 1:
        return own
    parts: list[list[Any]] = [[] for _ in range(world_size())]
    distributed.all_gather_object(parts, own)
    return [entry for part in parts for entry in part]
