"""`DiagnosticsMonitor`: every held-out number of every epoch, from epoch 0 on, into `metrics.csv` and the logger.

Epoch 0 is measured by ``trainer.validate`` before the first step, by the same code as every later epoch. Its embeddings
and weights are the reference of every drift and travel in the checkpoint, so that a resumed run compares with the same
ones and writes the same rows.
"""

from __future__ import annotations

import copy
import logging
import time
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray
from torch import Tensor

from groove.cli.console import progress
from groove.config.modules import DRIFT
from groove.data.datamodule import GrooveDataModule
from groove.data.dataset import BatchRequest, ChartBatch
from groove.embedding.encode import encode
from groove.io.files import write_csv
from groove.model.fusion import ModelOutput
from groove.retrieval.metrics import retrieval_gain
from groove.runs import metric_columns as columns
from groove.runs.layout import METRICS_FILE
from groove.training import diagnostics
from groove.training.module import GrooveModule, gather_lists
from groove.training.phases import PhaseScheduler, phase_at

log = logging.getLogger(__name__)

_GRADIENT_SEED = 7


class DiagnosticsMonitor(L.Callback):
    """Measures, records, logs and prints a line per epoch; changes nothing that training sees.

    Attributes:
        rows: one dict per epoch, from epoch 0; what is not measured is absent.
        step_norms: the gradient norm of each module at each step of this epoch.
        reference: layer -> (N, D) outputs on the held-out charts at epoch 0.
    """

    def __init__(self, folder: Path, data: GrooveDataModule, scheduler: PhaseScheduler, gradient_charts: int) -> None:
        """Write to ``folder/metrics.csv``; gradients are measured on `gradient_charts` fixed training charts."""
        self.folder, self.data, self.scheduler = folder, data, scheduler
        self.rows: list[dict[str, Any]] = []
        self.reference: dict[str, Tensor] = {}
        self.initial: dict[str, Tensor] = {}
        self.step_norms: list[dict[str, float]] = []
        self._gathered: list[tuple[ModelOutput, Tensor]] = []
        self._held_out_row: dict[str, float] = {}
        self._start = (0.0, 0)
        order = np.random.default_rng(_GRADIENT_SEED).permutation(len(data.train))
        request = BatchRequest(np.sort(order[:gradient_charts]).tolist(), (_GRADIENT_SEED,))
        self._gradient_batch: ChartBatch = data.dataset(data.train).__getitems__(request)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to write the same rows."""
        return {"rows": self.rows, "reference": self.reference, "initial": self.initial}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the rows of a checkpoint."""
        self.rows, self.reference, self.initial = state["rows"], state["reference"], state["initial"]

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Tell the logger what a resumed run has behind it."""
        if trainer.ckpt_path:
            for logger in trainer.loggers:
                logger.go_on(self.rows)  # type: ignore[attr-defined]

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: Any, optimizer: torch.optim.Optimizer) -> None:
        """Take the norms of a step's gradients: after accumulation, before clipping."""
        self.step_norms.append(diagnostics.gradient_norms(pl_module.model))

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start a new collection; before the first epoch, freeze and weigh as epoch 1 will."""
        self._gathered = []
        if trainer.state.fn == TrainerFn.VALIDATING:
            self.scheduler.apply(pl_module, 0)
            pl_module.eval()

    def on_validation_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, *args: Any) -> None:
        """Keep the outputs of one batch."""
        self._gathered.append((outputs, batch.index))

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Compute every held-out number of this epoch."""
        outputs = self._in_table_order()
        logits = outputs.pop("logits")
        if not self.reference:
            self.reference = {name: value.clone() for name, value in outputs.items()}
            self.initial = {n: p.detach().clone().cpu() for n, p in pl_module.model.named_parameters()}
        row = self._accuracies(pl_module, logits, outputs["pooled"].double().numpy())
        row |= self._triplet_numbers(pl_module, outputs["projection"])
        for name in ("pooled", "projection"):
            row[columns.gain(name)] = retrieval_gain(outputs[name].double().numpy(), self.data.val.labels)
        for name, now in outputs.items():
            change = diagnostics.drift(self.reference[name], now)
            row |= {columns.drift(name, measure): value for measure, value in change.items()}
        initial = {n: p.to(pl_module.device) for n, p in self.initial.items()}
        row |= diagnostics.weight_change(initial, pl_module.model)
        row |= diagnostics.objective_gradients(pl_module, self._gradient_batch.to(pl_module.device))
        self._held_out_row = row
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._record(trainer, pl_module, 0, self._train_numbers_at_epoch_0(pl_module) | row)
            return
        gain = float(np.nan_to_num(row[columns.gain("pooled")], nan=-1.0))
        kept_by = {columns.gain("pooled"): gain, columns.BEST_COMBINED: row[columns.ACCURACY] + gain}
        pl_module.log_dict(kept_by, logger=False, sync_dist=trainer.world_size > 1)  # equal in all processes

    def _in_table_order(self) -> dict[str, Tensor]:
        """Return each layer's outputs, and the logits, in the order of the held-out table."""
        gathered, self._gathered = gather_lists(self._gathered), []
        order = torch.argsort(torch.cat([index for _, index in gathered]).cpu())
        parts = [o.layers | {"pooled": o.pooled, "projection": o.embedding, "logits": o.logits} for o, _ in gathered]
        return {name: torch.cat([part[name] for part in parts]).float().cpu()[order] for name in parts[0]}

    def _accuracies(self, module: GrooveModule, logits: Tensor, pooled: NDArray[np.float64]) -> dict[str, float]:
        """Return loss and accuracy of the model's own head, and the accuracies of a linear probe and of k-NN.

        The own head predicts twice: chart by chart, and jointly per simfile (each slot used once, `SimfileSlots`).
        Probe and k-NN read the pooled features; cross-validated by song on the held-out charts, they cost no encoding,
        and no feature is one that the network was fitted on.
        """
        labels = self.data.val.labels
        joint = self.data.val_slots.share(module.model.classifier_head.expected(logits).double().numpy())
        return {
            columns.CLASSIFICATION_LOSS: float(module.val_loss.compute()),
            columns.ACCURACY: float(module.val_accuracy.compute()),
            columns.JOINT_ACCURACY: float((joint == labels.label).mean()),
            columns.PROBE: diagnostics.cross_validated(diagnostics.linear_probe, pooled, labels.label, labels.song),
            columns.KNN: diagnostics.cross_validated(diagnostics.knn, pooled, labels.label, labels.song),
        }

    def _triplet_numbers(self, module: GrooveModule, embedding: Tensor) -> dict[str, float]:
        """Return the contrastive loss and the distances of `embedding` (N, E) on the fixed held-out triplets."""
        row = {columns.NORM: float(embedding.norm(dim=1).mean())}
        triplets, labels = torch.from_numpy(self.data.val_triplets), self.data.val.labels
        if len(triplets) == 0:
            return row
        targets = module.targets(triplets, torch.from_numpy(labels.radar).float(), torch.from_numpy(labels.label))
        result = module.contrastive_loss(module.radar_part(embedding), targets)
        return row | {
            columns.CONTRASTIVE_LOSS: float(result.loss),
            columns.AP_DISTANCE: float(result.ap_dist),
            columns.AN_DISTANCE: float(result.an_dist),
            columns.MARGIN: float(result.an_dist - result.ap_dist),
            columns.POSITIVE: float(result.positive_margin_fraction),
            columns.ACTIVE_FRACTION: float(result.active_fraction),
            columns.LOSS_MARGIN: float(result.margin),
        }

    @torch.no_grad()
    def _train_numbers_at_epoch_0(self, module: GrooveModule) -> dict[str, float]:
        """Return the training numbers before the first step, on the fixed gradient batch (later: means of steps)."""
        batch = self._gradient_batch.to(module.device)
        output = module(batch)
        right = module.model.classifier_head.predict(output.logits) == batch.label
        numbers = module.numbers(output, batch, batch.triplets)
        return {name: float(value) for name, value in numbers.items()} | {
            columns.TRAIN_ACCURACY: float(right.float().mean())
        }

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Start the clock; where a phase weighs the drift, encode the training charts with the weights of epoch 0."""
        self._start = (time.monotonic(), len(self.rows))
        if any(phase.weights.get(DRIFT) for phase in self.scheduler.phases):
            at_0 = copy.deepcopy(pl_module.model)
            at_0.load_state_dict(self.initial, strict=False)  # the parameters; buffers do not change
            with progress() as on_step:
                pooled = encode(at_0, self.data.train, self.data.store, on_step=on_step)["pooled"]
            pl_module.pooled_at_0 = torch.from_numpy(pooled).to(pl_module.device)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Join what the steps and the held-out charts gave into one row."""
        train = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith(columns.TRAIN)}
        steps, self.step_norms = self.step_norms, []
        names = dict.fromkeys(name for norms in steps for name in norms)
        norms = {columns.gradient(n): float(np.mean([s[n] for s in steps if n in s])) for n in names}
        row = self._held_out_row | norms | train
        self._record(trainer, pl_module, trainer.current_epoch + 1, row)

    def _record(self, trainer: L.Trainer, module: Any, epoch: int, row: dict[str, float]) -> None:
        phase = phase_at(self.scheduler.phases, epoch)
        # before the first step no weight has acted yet
        numbers = {columns.objective_weight(name): weight for name, weight in phase.weights.items()} if epoch else {}
        numbers |= {name: value for name, value in row.items() if value == value}
        numbers[columns.TRAINABLE] = float(sum(p.numel() for p in module.parameters() if p.requires_grad))
        rate = trainer.optimizers[0].param_groups[0]["lr"] if trainer.optimizers else module.base_lr
        numbers[columns.LEARNING_RATE] = float(rate)
        self.rows = [r for r in self.rows if r[columns.EPOCH] < epoch]
        self.rows.append({columns.EPOCH: epoch, columns.PHASE: phase.name if epoch else "initial"} | numbers)
        self.write()
        for logger in trainer.loggers:
            logger.log_metrics(numbers, step=epoch)
        log.info(self._line())

    def _line(self) -> str:
        """Return the numbers of the newest row that tell whether the representation moves, and how long is left."""
        row, epochs = self.rows[-1], self.scheduler.phases[-1].last_epoch
        epoch = row[columns.EPOCH]
        parts = [f"epoch {epoch:>2}/{epochs} {row[columns.PHASE]:<9}"]
        parts += [f"{title} {row[name]:.3f}" for name, title in columns.IN_EPOCH_LINE.items() if name in row]
        if epoch:
            started, before = self._start
            seconds = (time.monotonic() - started) / (len(self.rows) - before)
            parts.append(f"{seconds:.1f} s/epoch, {seconds * (epochs - epoch) / 60:.1f} min left")
        return "  ".join(parts)

    @rank_zero_only
    def write(self) -> None:
        """Write all rows to ``metrics.csv``."""
        others = dict.fromkeys(name for row in self.rows for name in row if name not in columns.LEADING)
        header = [*columns.LEADING, *sorted(others)]
        write_csv(self.folder / METRICS_FILE, header, ([row.get(name, "") for name in header] for row in self.rows))
