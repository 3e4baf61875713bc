"""A trained model as its checkpoint keeps it: weights, settings, classes and radar scaler; nothing of the songs.

A folder that `groove.export` wrote is as good as a run folder: ``model.safetensors`` and ``model.json`` hold the same.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from groove.config.schema import TrainConfig, checked
from groove.data.scaler import RadarScaler
from groove.errors import CheckpointError, ConfigError
from groove.model.exported import first_line, read_card, read_exported
from groove.model.fusion import LateFusionClassifier
from groove.model.weights import read_checkpoint
from groove.runs.layout import CARD_FILE, WEIGHTS_FILE, checkpoint_path, run_folder

_DIGITS = 16


@dataclass(frozen=True)
class TrainedModel:
    """A model in eval mode and what it was trained with."""

    path: Path  # the checkpoint
    model: LateFusionClassifier
    settings: TrainConfig
    classes: list[str]  # names of the difficulty classes
    scaler: RadarScaler  # of the radars of the training split
    digest: str  # SHA-256 of the weights, the first 16 digits

    @property
    def folder(self) -> Path:
        """Return the run folder: where this model's embeddings of other libraries are kept."""
        return run_folder(self.path)


def load_trained(run: Path) -> TrainedModel:
    """Return the model of `run`, a run folder, a ``.ckpt`` file or a folder that `groove.export` wrote.

    Raises:
        RunError: if there are no weights.
        CheckpointError: if they cannot be read or are of another model.
    """
    path = checkpoint_path(run)
    exported = path.name == WEIGHTS_FILE
    try:
        stored = read_card(path.parent) if exported else read_checkpoint(path).content["hyper_parameters"]
        settings, classes = checked(stored["config"], TrainConfig), list(stored["classes"])
        numbers = stored["radar"]["scaler"] if exported else stored["radar_scaler"]
        scaler = RadarScaler(*(np.array(numbers[key]) for key in ("center", "scale")))
    except (KeyError, TypeError, ConfigError) as error:
        what = f"{path.parent / CARD_FILE} is not a card" if exported else f"{path} is not a checkpoint"
        raise CheckpointError(f"{what} of this version of groove: {error}") from error
    if exported:
        model = load_safetensors(path.parent)
    else:
        stride = settings.features.frames_per_beat
        model = LateFusionClassifier.from_pretrained(path, new=(), frames_per_beat=stride)[0].eval()
    return TrainedModel(path, model, settings, classes, scaler, weights_digest(model.state_dict()))


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Return the first digits of a SHA-256 of `weights`, parameters and buffers by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:_DIGITS]


def load_safetensors(folder: str | Path) -> LateFusionClassifier:
    """Return the model of `folder` in eval mode, its weights bit for bit those of the run.

    Raises:
        CheckpointError: if a file is missing, damaged, or of another model or version.
    """
    weights, card = read_exported(folder)
    path = Path(folder) / WEIGHTS_FILE
    unknown = set(card["arguments"]) - set(inspect.signature(LateFusionClassifier).parameters)
    if unknown:
        raise CheckpointError(f"{path} is of another model: this one has no {', '.join(sorted(unknown))}")
    try:
        with torch.random.fork_rng(devices=[]):  # the initial weights are replaced; the caller's random numbers are not
            model = LateFusionClassifier(**card["arguments"])
        model.load_state_dict(weights)
    except (TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit {CARD_FILE}: {first_line(error)}") from error
    return model.eval()


def weights_bytes(model: LateFusionClassifier) -> bytes:
    """Return the weights (parameters and buffers) of `model` as a safetensors file."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return save(weights, metadata={"format": "pt"})
