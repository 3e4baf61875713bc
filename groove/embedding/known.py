"""Which libraries a model has embedded already, found without loading the model: torch takes seconds.

Beside a run lie ``libraries/<key>/embeddings.parquet`` (the key names the weights and the library's content), and a
note ``libraries/<digest of the weights' file>.json`` of what must be known of the weights to find them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from groove.config.base import Settings
from groove.config.schema import DataConfig, FeaturesConfig
from groove.embedding.embedded import EmbeddedLibrary, load
from groove.features.catalogue import Catalogue
from groove.io.files import write_bytes
from groove.runs.layout import EMBEDDINGS_FILE, LIBRARIES, run_folder

_DIGITS = 16


class KnownModel(Settings):
    """What is known of a file of weights.

    Attributes:
        digest: of the weights (`TrainedModel.digest`).
        data: the settings of the library that it was trained on.
        features: the settings of its features.
    """

    digest: str
    data: DataConfig
    features: FeaturesConfig


def recall(weights: Path) -> KnownModel | None:
    """Return what was noted of the file `weights`, if that is its content still."""
    try:
        return KnownModel.model_validate_json(_note(weights).read_bytes())
    except (OSError, ValidationError):
        return None


def remember(weights: Path, known: KnownModel) -> None:
    """Note what is `known` of the file `weights`; a folder that cannot be written costs only time."""
    try:
        write_bytes(_note(weights), known.model_dump_json().encode())
    except OSError:
        pass


def _note(weights: Path) -> Path:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:_DIGITS]
    return run_folder(weights) / LIBRARIES / f"{digest}.json"


def own_library(folder: Path) -> EmbeddedLibrary | None:
    """Return the library that the run in `folder` was trained on, embedded at its end, if it is there."""
    kept = folder / EMBEDDINGS_FILE
    own = load(kept) if kept.is_file() else None
    return own if own is not None and own.provenance.own else None  # beside an exported model may lie another's


def embedded_before(folder: Path, digest: str, catalogue: Catalogue) -> tuple[EmbeddedLibrary, Path] | None:
    """Return `catalogue` as embedded by the weights of `digest`, and its file, if the run in `folder` has it."""
    own = own_library(folder)
    if own is not None and _is_of(own, digest, catalogue):
        return own, folder / EMBEDDINGS_FILE
    path = library_folder(folder, digest, catalogue) / EMBEDDINGS_FILE
    return (load(path), path) if path.is_file() else None


def library_folder(folder: Path, digest: str, catalogue: Catalogue) -> Path:
    """Return where the embeddings of `catalogue` lie: the same if and only if all of them would be the same."""
    charts, identities = (catalogue.table[name].to_pylist() for name in ("chart_id", "identity"))
    parts = [digest, catalogue.fingerprint, *charts, *identities]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_DIGITS]
    return folder / LIBRARIES / key


def _is_of(library: EmbeddedLibrary, digest: str, catalogue: Catalogue) -> bool:
    origin = library.provenance
    same = (origin.checkpoint_digest, origin.library) == (digest, catalogue.fingerprint)
    return same and all(library.table[name].equals(catalogue.table[name]) for name in ("chart_id", "identity"))
