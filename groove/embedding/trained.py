"""A trained model as its checkpoint keeps it: weights, settings, classes and radar scaler; nothing of the songs.

A folder that `groove.export` wrote is as good as a run folder: ``model.safetensors`` and ``model.json`` hold the same.
Nothing here unpickles: a safetensors file holds numbers only, the card is JSON, so a folder from a stranger can be read
without running anything of theirs.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from groove.config.schema import TrainConfig, checked
from groove.data.scaler import RadarScaler
from groove.errors import CheckpointError, ConfigError
from groove.model.fusion import LateFusionClassifier
from groove.model.weights import read_checkpoint
from groove.runs.layout import CARD_FILE, WEIGHTS_FILE, checkpoint_path, run_folder

FORMAT = "groove model 1"
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
    card = read_card(folder)
    path = Path(folder) / WEIGHTS_FILE
    try:
        content, expected = path.read_bytes(), card["files"][WEIGHTS_FILE]["sha256"]
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise CheckpointError(
                f"{path} ({len(content)} bytes) is damaged or not the one of {CARD_FILE}: SHA-256 {found[:12]}..., "
                f"expected {expected[:12]}..."
            )
        unknown = set(card["arguments"]) - set(inspect.signature(LateFusionClassifier).parameters)
        if unknown:
            raise CheckpointError(f"{path} is of another model: this one has no {', '.join(sorted(unknown))}")
        with torch.random.fork_rng(devices=[]):  # the initial weights are replaced; the caller's random numbers are not
            model = LateFusionClassifier(**card["arguments"])
        model.load_state_dict(load(content))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path} does not fit {CARD_FILE}: {_first_line(error)}") from error
    return model.eval()


def read_card(folder: str | Path) -> dict[str, Any]:
    """Return the card of the exported model in `folder`.

    Raises:
        CheckpointError: if there is none, or it is not one of this version.
    """
    path = Path(folder) / CARD_FILE
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON: {_first_line(error)}") from error
    found = card.get("format") if isinstance(card, dict) else None
    if found != FORMAT:
        raise CheckpointError(f"{path} has the format {found!r}, must be '{FORMAT}', as groove.export writes it")
    return card


def weights_bytes(model: LateFusionClassifier) -> bytes:
    """Return the weights (parameters and buffers) of `model` as a safetensors file."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return save(weights, metadata={"format": "pt"})


def _first_line(error: Exception) -> str:
    """Return the first line that says something: torch says only that there were errors, then which."""
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("Error(s) in loading")]
    return f"{type(error).__name__}: {''.join(lines[:1]).strip()}"
