"""An exported model: ``model.safetensors`` (weights) and ``model.json`` (the card), as `groove.export` writes them.

Nothing here unpickles: a safetensors file holds numbers only, the card is JSON, so a folder from a stranger can be read
without running anything of theirs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from groove.errors import CheckpointError
from groove.runs.layout import CARD_FILE, WEIGHTS_FILE

FORMAT = "groove model 1"


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
        raise CheckpointError(f"{path} is not JSON: {first_line(error)}") from error
    found = card.get("format") if isinstance(card, dict) else None
    if found != FORMAT:
        raise CheckpointError(f"{path} has the format {found!r}, must be '{FORMAT}', as groove.export writes it")
    return card


def read_exported(folder: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the weights of the exported model in `folder`, and its card.

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
        if not isinstance(card["arguments"], dict):
            raise CheckpointError(f"{Path(folder) / CARD_FILE} has no arguments of a model")
        return load(content), card
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(f"{path} does not fit {CARD_FILE}: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """Return the first line that says something: torch says only that there were errors, then which."""
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("Error(s) in loading")]
    return f"{type(error).__name__}: {''.join(lines[:1]).strip()}"
