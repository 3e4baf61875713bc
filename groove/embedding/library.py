"""The library and the model that a command's settings mean: a run's own library, or another that it embeds once.

Torch is imported only where a model is needed: a library that is already embedded is read without it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from groove.charts.library.walk import check_folder
from groove.config.schema import DataConfig, EmbedConfig, FeaturesConfig

if TYPE_CHECKING:
    from groove.embedding.embedded import EmbeddedLibrary
    from groove.embedding.known import KnownModel
    from groove.embedding.trained import TrainedModel
    from groove.features.catalogue import Catalogue


def embedded(cfg: EmbedConfig) -> tuple[EmbeddedLibrary, Path]:
    """Return the library that `cfg` (an `EmbedConfig`) means, embedded by its run, and the file it is kept in.

    Raises:
        GrooveError: if there is no such run or library, or one of them cannot be used.
    """
    from groove.embedding.known import embedded_before, recall
    from groove.runs.layout import EMBEDDINGS_FILE, LAST, checkpoint_path, run_folder

    if cfg.songs is not None:
        check_folder(Path(cfg.songs))
    given = Path(cfg.run)
    folder = run_folder(given)
    kept = folder / EMBEDDINGS_FILE
    of_last_epoch = given == folder or given.name == LAST
    if cfg.songs is None and of_last_epoch and kept.is_file():
        from groove.embedding.embedded import load

        return load(kept), kept
    known = recall(checkpoint_path(given))
    if known is None:
        return embedded_catalogue(*trained_and_catalogue(cfg))
    catalogue, songs = catalogue_of(known, cfg)
    return embedded_before(folder, known.digest, catalogue) or embedded_catalogue(model_of(cfg), catalogue, songs)


def trained_and_catalogue(cfg: EmbedConfig) -> tuple[TrainedModel, Catalogue, Path]:
    """Return the model of ``cfg.run``, the prepared library of `cfg` and its folder; torch is imported here.

    Raises:
        GrooveError: if there is no such run or library, or one of them cannot be used.
    """
    if cfg.songs is not None:
        check_folder(Path(cfg.songs))
    trained = model_of(cfg)
    return trained, *catalogue_of(trained.known, cfg)


def catalogue_of(known: KnownModel, cfg: EmbedConfig) -> tuple[Catalogue, Path]:
    """Return the library of `cfg`, prepared as the model needs it, and its folder."""
    from groove.features.preparation import prepared

    data, features = library_settings(known, cfg)
    return prepared(data, features), Path(data.songs or data.generated.root)


def model_of(cfg: EmbedConfig) -> TrainedModel:
    """Return the model of ``cfg.run``; torch is imported here, and told to use ``cfg.threads``."""
    from groove.runs.layout import checkpoint_path

    checkpoint_path(Path(cfg.run))  # a run that is not there does not wait for torch
    import torch

    from groove.embedding.known import remember
    from groove.embedding.trained import load_trained

    torch.set_num_threads(cfg.threads)
    trained = load_trained(Path(cfg.run))
    remember(trained.path, trained.known)
    return trained


def library_settings(known: KnownModel, cfg: EmbedConfig) -> tuple[DataConfig, FeaturesConfig]:
    """Return data and feature settings: those the model was trained with, on the library and machine of `cfg`.

    Charts without audio are kept, as the model knows how to see them.
    """
    own = known.data
    where = {"songs": cfg.songs or own.songs, "store": cfg.store, "workers": cfg.workers}
    return own.changed(**where, missing_audio="mask"), known.features


def embedded_catalogue(trained: TrainedModel, catalogue: Catalogue, songs: Path) -> tuple[EmbeddedLibrary, Path]:
    """Return the prepared library `catalogue` as embedded by `trained` and its file; what is there is used again."""
    from groove.embedding.known import embedded_before, library_folder, own_library

    found = embedded_before(trained.folder, trained.digest, catalogue)
    if found is not None:
        return found
    from groove.cli.console import progress
    from groove.embedding.apply import embed_library
    from groove.embedding.embedded import save

    with progress() as on_step:
        library = embed_library(trained, catalogue, songs, own_library(trained.folder), on_step)
    return library, save(library, library_folder(trained.folder, trained.digest, catalogue))


def embedded_simfile(cfg: EmbedConfig, simfile: Path, trained: TrainedModel | None = None) -> EmbeddedLibrary:
    """Return the charts of `simfile` (or of the only one in that folder), embedded by ``cfg.run`` or by `trained`.

    Raises:
        GrooveError: if there is no such file, or none of its charts can be used.
    """
    from groove.embedding.outside import the_simfile

    simfile = the_simfile(simfile)
    trained = trained or model_of(cfg)
    from groove.embedding.apply import embed_simfile

    data, features = library_settings(trained.known, cfg)
    return embed_simfile(trained, simfile, Path(cfg.store), features, list(data.steps_types))


def about(library: EmbeddedLibrary) -> str:
    """Return one line: whose embeddings these are, of which library, and what of it the model has seen."""
    from groove.embedding.seen_songs import UNKNOWN

    origin = library.provenance
    counts = Counter(library.column("split"))
    words = {"train": "trained on", "val": "held out", "unseen": "never seen", "unknown": "unknown to have been seen"}
    seen = ", ".join(f"{counts[split]} {word}" for split, word in words.items() if counts[split])
    other = "a library" if origin.trained_on == UNKNOWN else "another library than it was trained on"
    where = "its own library" if origin.own else other
    return f"experiment {origin.experiment} on {where} ({origin.songs}): {len(library)} charts, {seen}"
