"""The library and the model that a command's settings mean: a run's own library, or another that it embeds once.

Beside a run lie ``libraries/<key>/embeddings.parquet`` (the key names the weights and the library's content), and a
note ``libraries/<digest of the weights' file>.json`` of what must be known of the weights to find them: torch takes
seconds, and is imported only where a model is needed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from groove.charts.library.walk import check_folder
from groove.cli.console import progress
from groove.config.modules import BUILTIN
from groove.config.schema import DataConfig, FeaturesConfig, RunConfig, Settings, TrainConfig
from groove.embedding.builtin import path_of_run
from groove.embedding.embedded import EmbeddedLibrary, load, save
from groove.embedding.outside import the_simfile
from groove.embedding.seen_songs import UNKNOWN, UNSEEN
from groove.features.catalogue import Catalogue
from groove.features.preparation import prepared
from groove.io.files import write_bytes
from groove.runs.layout import EMBEDDINGS_FILE, LAST, LIBRARIES, checkpoint_path, run_folder

if TYPE_CHECKING:
    from groove.embedding.trained import TrainedModel

_DIGITS = 16


class KnownModel(Settings):
    """What is noted of a file of weights: `TrainedModel.digest`, and the settings that it was trained with."""

    digest: str
    data: DataConfig
    features: FeaturesConfig


def embedded(cfg: RunConfig) -> tuple[EmbeddedLibrary, Path]:
    """Return the library that `cfg` means, embedded by its run, and the file it is kept in.

    Raises:
        GrooveError: if there is no such run or library, or one of them cannot be used.
    """
    if cfg.songs is not None:
        check_folder(Path(cfg.songs))
    given = path_of_run(cfg)
    folder = run_folder(given)
    kept = folder / EMBEDDINGS_FILE
    if cfg.songs is None and (given == folder or given.name == LAST) and kept.is_file():
        return load(kept), kept
    try:
        known = KnownModel.model_validate_json(_note(checkpoint_path(given)).read_bytes())
    except (OSError, ValidationError):
        return embedded_catalogue(*trained_and_catalogue(cfg))
    catalogue, songs = catalogue_of(known, cfg)
    return _embedded_before(folder, known.digest, catalogue) or embedded_catalogue(model_of(cfg), catalogue, songs)


def _note(weights: Path) -> Path:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:_DIGITS]
    return run_folder(weights) / LIBRARIES / f"{digest}.json"


def trained_and_catalogue(cfg: RunConfig) -> tuple[TrainedModel, Catalogue, Path]:
    """Return the model of ``cfg.run``, the prepared library of `cfg` and its folder; torch is imported here."""
    if cfg.songs is not None:
        check_folder(Path(cfg.songs))
    trained = model_of(cfg)
    return trained, *catalogue_of(trained.settings, cfg)


def model_of(cfg: RunConfig) -> TrainedModel:
    """Return the model of ``cfg.run``; torch is imported here, and told to use ``cfg.threads``."""
    run = path_of_run(cfg)
    checkpoint_path(run)  # a run that is not there does not wait for torch
    import torch

    from groove.embedding.trained import load_trained

    torch.set_num_threads(cfg.threads)
    trained = load_trained(run)
    known = KnownModel(digest=trained.digest, data=trained.settings.data, features=trained.settings.features)
    with suppress(OSError):  # a folder that cannot be written costs only time
        write_bytes(_note(trained.path), known.model_dump_json().encode())
    return trained


def catalogue_of(trained: TrainConfig | KnownModel, cfg: RunConfig) -> tuple[Catalogue, Path]:
    """Return the library of `cfg` (by default the one of the training), prepared as the model needs it, and its folder.

    Charts without audio are kept, as the model knows how to see them.
    """
    where = {"songs": cfg.songs or trained.data.songs, "store": cfg.store, "workers": cfg.workers}
    data = trained.data.changed(**where, missing_audio="mask")
    return prepared(data, trained.features), Path(data.songs or data.generated.root)


def embedded_catalogue(trained: TrainedModel, catalogue: Catalogue, songs: Path) -> tuple[EmbeddedLibrary, Path]:
    """Return the prepared library `catalogue` as embedded by `trained` and its file; what is there is used again."""
    found = _embedded_before(trained.folder, trained.digest, catalogue)
    if found is not None:
        return found
    from groove.embedding.apply import embed_library

    with progress() as on_step:
        library = embed_library(trained, catalogue, songs, _own_library(trained.folder), on_step)
    return library, save(library, _folder_of(catalogue, trained.folder, trained.digest))


def _own_library(folder: Path) -> EmbeddedLibrary | None:
    """Return the library that the run in `folder` was trained on, embedded at its end, if it is there."""
    kept = folder / EMBEDDINGS_FILE
    own = load(kept) if kept.is_file() else None
    return own if own is not None and own.provenance.own else None  # beside an exported model may lie another's


def _embedded_before(folder: Path, digest: str, catalogue: Catalogue) -> tuple[EmbeddedLibrary, Path] | None:
    """Return `catalogue` as embedded by the weights of `digest`, and its file, if the run in `folder` has it."""
    own = _own_library(folder)
    if own is not None and (own.provenance.checkpoint_digest, own.provenance.library) == (
        digest,
        catalogue.fingerprint,
    ):
        if all(own.table[name].equals(catalogue.table[name]) for name in ("chart_id", "identity")):
            return own, folder / EMBEDDINGS_FILE
    path = _folder_of(catalogue, folder, digest) / EMBEDDINGS_FILE
    return (load(path), path) if path.is_file() else None


def _folder_of(catalogue: Catalogue, folder: Path, digest: str) -> Path:
    """Return where the embeddings of `catalogue` lie: the same if and only if all of them would be the same."""
    charts, identities = (catalogue.table[name].to_pylist() for name in ("chart_id", "identity"))
    parts = [digest, catalogue.fingerprint, *charts, *identities]
    return folder / LIBRARIES / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_DIGITS]


def embedded_simfile(cfg: RunConfig, simfile: Path, trained: TrainedModel | None = None) -> EmbeddedLibrary:
    """Return the charts of `simfile` (or of the only one in that folder), embedded by ``cfg.run`` or by `trained`."""
    simfile = the_simfile(simfile)
    trained = trained or model_of(cfg)
    from groove.embedding.apply import embed_simfile

    return embed_simfile(trained, simfile, Path(cfg.store))


def about(library: EmbeddedLibrary) -> str:
    """Return one line: whose embeddings these are, of which library, and what of it the model has seen."""
    origin = library.provenance
    counts = Counter(library.column("split"))
    words = {"train": "trained on", "val": "held out", UNSEEN: "never seen", UNKNOWN: "possibly trained on"}
    seen = ", ".join(f"{counts[split]} {word}" for split, word in words.items() if counts[split])
    other = "a library" if origin.trained_on == UNKNOWN else "another library than it was trained on"
    where = "its own library" if origin.own else other
    model = "the model in the box" if origin.experiment == BUILTIN else f"experiment {origin.experiment}"
    return f"{model} on {where} ({origin.songs}): {len(library)} charts, {seen}"
