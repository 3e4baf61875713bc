"""Reading a checkpoint's weights into a model, with a list of what happened to each module."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from groove.config.modules import SHARED_MODULES
from groove.errors import CheckpointError
from groove.model.exported import read_exported
from groove.runs.layout import WEIGHTS_FILE


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file: its path, the model's weights and constructor arguments, and the raw content."""

    path: Path
    weights: dict[str, Tensor]
    model_config: dict[str, Any]
    content: dict[str, Any]


@dataclass(frozen=True)
class LoadReport:
    """Names of parameters and buffers: loaded from the file, skipped in the file, new in the model."""

    loaded: list[str]
    skipped: list[str]
    new: list[str]

    def lines(self) -> list[str]:
        """Return one line for each list, by module."""
        lines = []
        for title, names in vars(self).items():
            counts = Counter(name.split(".")[0] for name in names)
            modules = ", ".join(f"{module} ({count})" for module, count in counts.items())
            lines.append(f"  {title}: {modules or 'nothing'}")
        return lines


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the ``.ckpt`` at `path`, or the ``model.safetensors`` of an exported model with the card beside it.

    Raises:
        CheckpointError: if there is no such file, it cannot be read, or it holds no `LateFusionClassifier`.
    """
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}: give a .ckpt file that groove.train wrote")
    if path.name == WEIGHTS_FILE:
        weights, card = read_exported(path.parent)
        return Checkpoint(path, weights, card["arguments"], card)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd bytes; the error below says it
            content = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # damaged bytes make the unpickler raise almost anything
        raise CheckpointError(
            f"{path} ({path.stat().st_size} bytes) is not a readable checkpoint: damaged, cut short, or another kind "
            "of file; give a .ckpt file that groove.train wrote"
        ) from error
    match content:
        case {"state_dict": dict(state), "hyper_parameters": {"model": dict(config)}}:
            weights = {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}
            if weights and config:
                return Checkpoint(path, weights, config, content)
    raise CheckpointError(f"{path} holds no groove model (needs 'state_dict' with model.* and its configuration)")


def load_weights(model: nn.Module, checkpoint: Checkpoint, new: Sequence[str] = ()) -> LoadReport:
    """Copy the checkpoint's weights into `model` where name and shape agree; modules in `new` stay as they are.

    Raises:
        CheckpointError: if a shared module of the model is missing in the file or has another shape there.
    """
    own = model.state_dict()
    stored = {name: tensor.shape for name, tensor in checkpoint.weights.items()}
    same = [name for name in own if stored.get(name) == own[name].shape]
    loaded = [name for name in same if name.split(".")[0] not in new]
    fresh = [name for name in own if name not in loaded]
    wrong = [name for name in fresh if name.split(".")[0] in SHARED_MODULES]
    if wrong:
        found = f"shape {tuple(stored[wrong[0]])}" if wrong[0] in stored else "no such weight"
        raise CheckpointError(
            f"{checkpoint.path} is of another model: {wrong[0]} has {found} there, {tuple(own[wrong[0]].shape)} here "
            f"({len(wrong)} such weights); use the model=... settings it was trained with"
        )
    model.load_state_dict({name: checkpoint.weights[name] for name in loaded}, strict=False)
    return LoadReport(loaded, [name for name in stored if name not in loaded], fresh)
