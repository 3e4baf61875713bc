"""The library and the model that a command's settings mean: a run's own library, or another that it embeds once.

Torch is imported only where a model is needed: a library that is already embedded is read without it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from groove.config.schema import DataConfig, EmbedConfig, FeaturesConfig
from groove.runs.layout import LIBRARIES

if TYPE_CHECKING:
    from groove.embedding.embedded import EmbeddedLibrary
    from groove.embedding.trained import TrainedModel
    from groove.features.catalogue import Catalogue


def embedded(cfg: EmbedConfig) -> tuple[EmbeddedLibrary, Path]:
    """Return the library that `cfg` (an `EmbedConfig`) means, embedded by its run, and the file it is kept in.

    Raises:
        GrooveError: if there is no such run or library, or one of them cannot be used.
    """
    from groove.runs.layout import EMBEDDINGS_FILE, LAST, run_folder

    given = Path(cfg.run)
    folder = run_folder(given)
    kept = folder / EMBEDDINGS_FILE
    of_last_epoch = given == folder or given.name == LAST
    if cfg.songs is None and of_last_epoch and kept.is_file():
        from groove.embedding.embedded import load

        return load(kept), kept
    return embedded_catalogue(*trained_and_catalogue(cfg))


def trained_and_catalogue(cfg: EmbedConfig) -> tuple[TrainedModel, Catalogue, Path]:
    """Return the model of ``cfg.run``, the prepared library of `cfg` and its folder; torch is imported here.

    Raises:
        GrooveError: if there is no such run or library, or one of them cannot be used.
    """
    from groove.charts.library.walk import check_folder

    if cfg.songs is not None:
        check_folder(Path(cfg.songs))
    trained = model_of(cfg)
    from groove.features.preparation import prepared

    data, features = library_settings(trained, cfg)
    catalogue = prepared(data, features)
    return trained, catalogue, Path(data.songs or data.generated.root)


def model_of(cfg: EmbedConfig) -> TrainedModel:
    """Return the model of ``cfg.run``; torch is imported here, and told to use ``cfg.threads``."""
    from groove.runs.layout import checkpoint_path

    checkpoint_path(Path(cfg.run))  # a run that is not there does not wait for torch
    import torch

    from groove.embedding.trained import load_trained

    torch.set_num_threads(cfg.threads)
    return load_trained(Path(cfg.run))


def library_settings(trained: TrainedModel, cfg: EmbedConfig) -> tuple[DataConfig, FeaturesConfig]:
    """Return data and feature settings: those the model was trained with, on the library and machine of `cfg`.

    Charts without audio are kept, as the model knows how to see them.
    """
    own = trained.settings.data
    where = {"songs": cfg.songs or own.songs, "store": cfg.store, "workers": cfg.workers}
    return own.changed(**where, missing_audio="mask"), trained.settings.features


def embedded_catalogue(trained: TrainedModel, catalogue: Catalogue, songs: Path) -> tuple[EmbeddedLibrary, Path]:
    """Return the prepared library `catalogue` as embedded by `trained` and its file; what is there is used again."""
    from groove.cli.console import progress
    from groove.embedding.apply import embed_library, is_of, library_key
    from groove.embedding.embedded import EMBEDDINGS_FILE, load, save

    kept = trained.folder / EMBEDDINGS_FILE
    own = load(kept) if kept.is_file() else None
    if own is not None and not own.provenance.own:  # an exported model may lie beside another library's embeddings
        own = None
    if own is not None and is_of(own, trained, catalogue):
        return own, kept
    folder = trained.folder / LIBRARIES / library_key(trained, catalogue)
    if (folder / EMBEDDINGS_FILE).is_file():
        return load(folder / EMBEDDINGS_FILE), folder / EMBEDDINGS_FILE
    with progress() as on_step:
        library = embed_library(trained, catalogue, songs, own, on_step)
    return library, save(library, folder)


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
