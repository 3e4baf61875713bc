"""A model as `groove.export` writes it: weights in ``model.safetensors``, everything else in ``model.json``.

Nothing here unpickles: a safetensors file holds numbers only, the card is JSON, so a folder from a stranger can be read
without running anything of theirs::

    from groove.embedding.exported import load_safetensors
    model = load_safetensors("exported")      # a LateFusionClassifier in eval mode
"""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from groove.errors import CheckpointError, GrooveError
from groove.model.fusion import LateFusionClassifier
from groove.runs.layout import CARD_FILE, WEIGHTS_FILE

FORMAT = "groove model 1"


def load_safetensors(folder: str | Path) -> LateFusionClassifier:
    """Return the model of `folder` in eval mode, its weights bit for bit those of the run.

    Raises:
        CheckpointError: if a file is missing, damaged, or of another model or version.
    """
    card = read_card(folder)
    path = Path(folder) / WEIGHTS_FILE
    try:
        content = path.read_bytes()
        _check_sum(path, content, card["files"][WEIGHTS_FILE]["sha256"])
        model = _built(path, card["arguments"])
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
        raise CheckpointError(f"{path} has the format {found!r}; allowed: '{FORMAT}', as groove.export writes it")
    return card


def weights_bytes(model: LateFusionClassifier) -> bytes:
    """Return the weights (parameters and buffers) of `model` as a safetensors file."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return save(weights, metadata={"format": "pt"})


def _built(path: Path, arguments: dict[str, Any]) -> LateFusionClassifier:
    unknown = set(arguments) - set(inspect.signature(LateFusionClassifier).parameters)
    if unknown:
        raise CheckpointError(f"{path} is of another model: this one has no {', '.join(sorted(unknown))}")
    with torch.random.fork_rng(devices=[]):  # the initial weights are replaced; the caller's random numbers are not
        return LateFusionClassifier(**arguments)


def _check_sum(path: Path, content: bytes, expected: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise CheckpointError(
            f"{path} ({len(content)} bytes) is damaged or not the one of {CARD_FILE}: SHA-256 {found[:12]}..., "
            f"expected {expected[:12]}..."
        )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[1] if len(lines) > 1 and lines[0].startswith("Error(s) in loading") else "".join(lines[:1])
    return f"{type(error).__name__}: {text.strip()}" if not isinstance(error, GrooveError) else text
