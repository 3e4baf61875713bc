"""A trained model as its checkpoint keeps it: weights, settings, classes and radar scaler; nothing of the songs.

A folder that `groove.export` wrote is as good as a run folder: ``model.safetensors`` and ``model.json`` hold the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from groove.config.schema import TrainConfig, checked
from groove.data.scaler import RadarScaler
from groove.embedding.exported import load_safetensors, read_card
from groove.errors import CheckpointError, ConfigError
from groove.model.fusion import LateFusionClassifier
from groove.model.weights import read_checkpoint
from groove.runs.layout import CARD_FILE, WEIGHTS_FILE, checkpoint_path, run_folder

_DIGITS = 16


@dataclass(frozen=True)
class TrainedModel:
    """A model in eval mode and what it was trained with.

    Attributes:
        path: the checkpoint.
        model: the network.
        settings: the run's configuration.
        classes: the names of its difficulty classes.
        scaler: the radar scaler of its training split.
        digest: SHA-256 of the weights, the first 16 digits.
    """

    path: Path
    model: LateFusionClassifier
    settings: TrainConfig
    classes: list[str]
    scaler: RadarScaler
    digest: str

    @property
    def folder(self) -> Path:
        """Return the run folder: where this model's embeddings of other libraries are kept."""
        return run_folder(self.path)


def load_trained(run: Path) -> TrainedModel:
    """Return the model of `run`, a run folder, a ``.ckpt`` file or a folder that `groove.export` wrote.

    Raises:
        RunError: if there is no checkpoint.
        CheckpointError: if it cannot be read or is of another model.
    """
    path = checkpoint_path(run)
    if path.name == WEIGHTS_FILE:
        return _exported(path)
    checkpoint = read_checkpoint(path)
    stored = checkpoint.content["hyper_parameters"]
    try:
        settings, classes = checked(stored["config"], TrainConfig), list(stored["classes"])
        scaler = RadarScaler(*(np.array(stored["radar_scaler"][key]) for key in ("center", "scale")))
    except (KeyError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{path} is no checkpoint of this version of groove: {error}") from error
    model, _ = LateFusionClassifier.from_pretrained(path, new=(), frames_per_beat=settings.features.frames_per_beat)
    return TrainedModel(path, model.eval(), settings, classes, scaler, weights_digest(model.state_dict()))


def _exported(path: Path) -> TrainedModel:
    """Return the exported model whose weights are at `path`."""
    card = read_card(path.parent)
    try:
        settings, classes = checked(card["config"], TrainConfig), list(card["classes"])
        scaler = RadarScaler(*(np.array(card["radar"]["scaler"][key]) for key in ("center", "scale")))
    except (KeyError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{path.parent / CARD_FILE} is none of groove.export's: {error}") from error
    model = load_safetensors(path.parent)
    return TrainedModel(path, model, settings, classes, scaler, weights_digest(model.state_dict()))


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Return the first digits of a SHA-256 of `weights`, parameters and buffers by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:_DIGITS]
