"""Numbers that are not finite: training stops before they reach the weights, and says where they began.

A loss is followed forwards: the first module whose weights or output are not finite. A gradient is followed backwards:
heads first, then what is in front of them; the module nearest the loss broke first, those behind it follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from groove.config.modules import HEADS
from groove.data.dataset import ChartBatch
from groove.errors import NonFiniteLossError
from groove.model.fusion import LateFusionClassifier
from groove.runs.layout import BEFORE_NONFINITE


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Return whether no tensor holds NaN or infinity."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def module_with_broken_weights(model: LateFusionClassifier) -> str | None:
    """Return the first module, in the order of the data's flow, whose weights or buffers are not finite."""
    states = {name: model.module(name).state_dict().values() for name in model.module_names}
    return next((name for name, values in states.items() if not all_finite(values)), None)


@torch.no_grad()
def where_it_began(model: LateFusionClassifier, batch: ChartBatch) -> str:
    """Return where the first non-finite number of a forward pass is: input, weights or output; the loss if in none."""
    if not all_finite((batch.chart, batch.audio)):
        return "first in the input frames"
    broken: list[str] = []

    def look(name: str, module: nn.Module, _: Any, output: Tensor) -> None:
        if not all_finite(module.state_dict().values()):
            broken.append(f"first in the weights of {name}")
        elif not all_finite([output]):
            broken.append(f"first in the output of {name}")

    handles = [model.module(name).register_forward_hook(partial(look, name)) for name in model.module_names]
    try:
        model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return broken[0] if broken else "every module's output is finite, so it began in the loss"


def nonfinite(what: str, model: LateFusionClassifier, batch: ChartBatch, split: str = "train") -> NonFiniteLossError:
    """Return the error for `what` that `batch`, of the table `split`, gave: with where it began, and the charts."""
    loaded = batch.index[batch.own].tolist()
    bad = [row for i, row in enumerate(loaded) if not all_finite((batch.chart[i], batch.audio[i]))]
    return NonFiniteLossError(f"{what}, {where_it_began(model, batch)}", batch.index.tolist(), split, bad)


def first_broken_gradient(model: LateFusionClassifier, norms: Mapping[str, float]) -> list[str]:
    """Return the modules nearest the loss whose gradient norm is not finite: both heads, or one module; [] if none."""
    broken = [name for name in reversed(model.module_names) if name in norms and not abs(norms[name]) < float("inf")]
    heads = [name for name in broken if name in HEADS]
    return heads or broken[:1]


class FiniteGuard(L.Callback):
    """Stops a fit before a step with a gradient that is not finite, and an epoch whose outputs are not.

    It must come after the callback that takes the gradient norms before every step, which `newest_norms` asks for.
    Weights from before that step go into `folder`, if they are finite themselves; `kept` says so in an error's text.
    """

    def __init__(self, folder: Path, newest_norms: Callable[[], Mapping[str, float]]) -> None:
        self.folder, self.newest_norms = folder, newest_norms
        self.kept = ""
        self._charts: list[Tensor] = []

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Remember the charts of the batches that one step accumulates."""
        self._charts.append(batch.index)

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: Any, optimizer: torch.optim.Optimizer) -> None:
        """Raise before the step if a gradient is not finite; with a loss scaler such a step is its normal business."""
        charts, self._charts = self._charts, []
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            return
        if broken := first_broken_gradient(pl_module.model, self.newest_norms()):
            text = f"gradient not finite, first in {' and '.join(broken)} (backwards)"
            raise NonFiniteLossError(text, torch.cat(charts).tolist())

    def on_validation_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, *args: Any) -> None:
        """Raise if an output on held-out charts is not finite, before an epoch with such weights is kept."""
        if not all_finite((outputs.logits, outputs.embedding, outputs.pooled)):
            raise nonfinite("outputs on held-out charts not finite", pl_module.model, batch, "val")

    def on_exception(self, trainer: L.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Save on a `NonFiniteLossError`: it is raised before the optimizer's step."""
        if not isinstance(exception, NonFiniteLossError):
            return
        path = self.folder / BEFORE_NONFINITE
        if broken := module_with_broken_weights(pl_module.model):
            self.kept = f"the weights of {broken} are not finite either and are not kept"
            return
        try:
            trainer.save_checkpoint(path)
            self.kept = f"weights are in {path}"
        except OSError as error:
            self.kept = f"weights could not be written into {path} ({error.strerror})"
