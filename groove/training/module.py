"""`GrooveModule`: the fusion model with both objectives; which of them counts is set by the phase callback.

Dimension letters: B charts, C classes, E embedding size.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
import torch
from hydra.utils import get_class, instantiate
from torch import Tensor

from groove.data.dataset import ChartBatch
from groove.errors import ConfigError, GrooveError, one_line
from groove.model.fusion import LateFusionClassifier, ModelOutput, full_precision
from groove.model.losses import ContrastiveLoss, ContrastiveOutput, ContrastiveTargets
from groove.runs import columns
from groove.training.finite import nonfinite
from groove.training.gather import gather_output, world_size


def make_loss(settings: Mapping[str, Any]) -> ContrastiveLoss:
    """Return the loss of `settings` (a `LossConfig`); what its class does not take (a margin, say) is not passed on."""
    target = get_class(settings["_target_"])
    accepted = inspect.signature(target).parameters
    return target(**{name: value for name, value in settings.items() if name in accepted and value is not None})


def make_objective(config: Mapping[str, Any]) -> tuple[ContrastiveLoss, Any]:
    """Return the contrastive loss and the miner of `config` (a `TrainConfig`, plain).

    Raises:
        ConfigError: if one of them is no class that can be made, or the loss is none.
    """
    try:
        loss, miner = make_loss(config["loss"]), instantiate(config["mining"])
    except GrooveError:
        raise
    except Exception as error:  # a user's own class may raise anything; Hydra wraps it
        raise ConfigError(f"loss and mining cannot be made: {one_line(error.__cause__ or error)}") from error
    if not isinstance(loss, ContrastiveLoss) or not callable(miner):
        what = f"loss._target_ is {config['loss']['_target_']}, mining._target_ is {config['mining']['_target_']}"
        raise ConfigError(f"{what}; allowed: a ContrastiveLoss, and a miner of groove.model.mining")
    return loss, miner


class GrooveModule(L.LightningModule):
    """Classification and contrastive loss on one forward pass per batch.

    Attributes:
        model: the `LateFusionClassifier`.
        loss_weights: weight of each loss, set by `PhaseScheduler` at every epoch start.
        base_lr: learning rate before schedule and phase factors.
    """

    def __init__(
        self,
        model: LateFusionClassifier,
        config: Mapping[str, Any],
        classes: Sequence[str],
        scaler: Mapping[str, Sequence[float]],
        class_weights: Tensor | None = None,
    ) -> None:
        """Train `model` as `config` (plain containers of a `TrainConfig`) says.

        `classes` and `scaler` go into the checkpoint, with the model's own constructor arguments.
        """
        super().__init__()
        self.model = model
        self.config = dict(config)
        self.contrastive_loss, self.miner = make_objective(self.config)
        self.base_lr: float = self.config["optimizer"]["lr"]
        self.loss_weights: dict[str, float] = {}
        self.classes = list(classes)
        self.register_buffer("class_weights", class_weights, persistent=False)
        model_config = {k: v for k, v in self.config["model"].items() if k != "_target_"}
        self.save_hyperparameters(
            {
                "model": model_config | {"classes": len(self.classes)},
                "config": self.config,
                "classes": self.classes,
                "radar_scaler": {key: list(value) for key, value in scaler.items()},
            }
        )

    def forward(self, batch: ChartBatch) -> ModelOutput:
        """Encode `batch`."""
        return self.model(batch)

    def transfer_batch_to_device(self, batch: ChartBatch, device: torch.device, dataloader_idx: int) -> ChartBatch:
        """Move a `ChartBatch` as a whole."""
        return batch.to(device)

    def objectives(self, output: ModelOutput, batch: ChartBatch, triplets: Tensor) -> tuple[Tensor, ContrastiveOutput]:
        """Return the classification loss and the contrastive loss of one encoded batch, unweighted."""
        smoothing = self.config["optimizer"]["label_smoothing"]
        weights: Any = self.class_weights
        targets = ContrastiveTargets(triplets, batch.radar, batch.label)
        with full_precision(output.pooled):
            classification = self.model.classifier_head.loss(output.logits, batch.label, weights, smoothing)
            contrastive = self.contrastive_loss(output.embedding, targets)
            if weight := self.contrastive_loss.pooled_weight:
                pooled = self.contrastive_loss.of_pooled(output.pooled, targets)
                contrastive = contrastive._replace(loss=contrastive.loss + weight * pooled)
        return classification, contrastive

    def weighted(self, classification: Tensor, contrastive: Tensor) -> Tensor:
        """Return the weighted sum; a loss of weight 0 contributes no gradient at all."""
        terms = {"classification": classification, "contrastive": contrastive}
        active = [weight * terms[name] for name, weight in self.loss_weights.items() if weight > 0]
        return torch.stack(active).sum()

    def training_step(self, batch: ChartBatch, batch_idx: int) -> Tensor:
        """Return the weighted loss of one batch and log both objectives."""
        output = gather_output(self.model(batch), len(batch.label))
        triplets = self.miner(output.embedding.detach(), batch)
        classification, contrastive = self.objectives(output, batch, triplets)
        loss = self.weighted(classification, contrastive.loss)
        if not torch.isfinite(loss):
            raise nonfinite(f"loss {loss.item()}", self.model, batch)
        accuracy = (self.model.predict(output.logits) == batch.label).float().mean()
        self._log_step(batch, loss, classification, contrastive, accuracy, output.embedding)
        return loss * world_size()  # DDP takes the mean over ranks of gradients that are parts of a sum

    def _log_step(
        self,
        batch: ChartBatch,
        loss: Tensor,
        classification: Tensor,
        contrastive: ContrastiveOutput,
        accuracy: Tensor,
        embedding: Tensor,
    ) -> None:
        """Log epoch means: per chart for the classifier, per triplet for what triplets decide.

        The numbers are of the whole batch, equal on every rank.
        """
        charts, triplets, several = len(batch.label), len(batch.triplets), world_size() > 1
        per_chart = {
            columns.TRAIN_LOSS: loss,
            columns.TRAIN_CLASSIFICATION_LOSS: classification,
            columns.TRAIN_ACCURACY: accuracy,
            columns.TRAIN_NORM: embedding.detach().norm(dim=1).mean(),
        }
        self.log_dict(per_chart, on_step=False, on_epoch=True, batch_size=charts, sync_dist=several)
        if triplets:
            per_triplet = {
                columns.TRAIN_CONTRASTIVE_LOSS: contrastive.loss,
                columns.TRAIN_ACTIVE_FRACTION: contrastive.active_fraction,
                columns.TRAIN_MARGIN: contrastive.margin,
            }
            self.log_dict(per_triplet, on_step=False, on_epoch=True, batch_size=triplets, sync_dist=several)

    def validation_step(self, batch: ChartBatch, batch_idx: int) -> ModelOutput:  # type: ignore[override]
        """Return the outputs; `DiagnosticsMonitor` gathers them and computes every held-out number."""
        return self.model(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over all parameters from the start, one named group per module: phases only change flags and rates."""
        settings = self.config["optimizer"]
        groups = [
            {"params": list(self.model.module(name).parameters()), "name": name} for name in self.model.module_names
        ]
        groups = [group for group in groups if group["params"]]
        return torch.optim.AdamW(groups, lr=settings["lr"], weight_decay=settings["weight_decay"])
