"""Embed a library with a trained model: ``python -m groove.embed run=DIR songs=DIR``.

Every chart gets its vectors, its radar and what else is known of it, in one Parquet file beside the run. The other
commands that use a run (`groove.recommend`, `groove.evaluate`, `groove.explore`, `groove.export`) do the same by
themselves. Without ``songs=`` it is the library that the run was trained on, as it was then.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from groove.cli.entry import run_main
from groove.config.ranges import PROCESSES, between
from groove.errors import ConfigError

if TYPE_CHECKING:
    from groove.embedding.embedded import EmbeddedLibrary
    from groove.embedding.trained import TrainedModel
    from groove.features.catalogue import Catalogue

LIBRARIES = "libraries"


@dataclass
class EmbedConfig:
    """Schema of `conf/embed.yaml`, and what every command that uses a run takes."""

    run: str = MISSING
    songs: str | None = None
    store: str = "outputs/store"
    workers: int = between(2, 1, PROCESSES)
    threads: int = between(1, 1, PROCESSES)


def run(cfg: EmbedConfig) -> None:
    """Embed the library and say what there is and where."""
    start = time.perf_counter()
    library, path = embedded(cfg)
    print(about(library))
    sizes = ", ".join(f"{name} ({matrix.shape[1]} numbers)" for name, matrix in library.vectors.items())
    print(f"{len(library)} charts, each with {sizes}: {path}\n{time.perf_counter() - start:.1f} s")


def embedded(cfg: Any) -> tuple[EmbeddedLibrary, Path]:
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


def trained_and_catalogue(cfg: Any) -> tuple[TrainedModel, Catalogue, Path]:
    """Return the model of ``cfg.run``, the prepared library of `cfg` and its folder; torch is imported here.

    Raises:
        GrooveError: if there is no such run or library, or one of them cannot be used.
    """
    from groove.charts.library.walk import check_folder

    if cfg.songs is not None:
        check_folder(Path(cfg.songs))
    trained = model_of(cfg)
    from groove.prepare import prepared

    data, features = library_settings(trained, cfg)
    catalogue = prepared(data, features)
    return trained, catalogue, Path(data.songs or data.generated.root)


def model_of(cfg: Any) -> TrainedModel:
    """Return the model of ``cfg.run``; torch is imported here, and told to use ``cfg.threads``."""
    from groove.runs.layout import checkpoint_path

    checkpoint_path(Path(cfg.run))  # a run that is not there does not wait for torch
    import torch

    from groove.embedding.trained import load_trained

    torch.set_num_threads(cfg.threads)
    return load_trained(Path(cfg.run))


def library_settings(trained: TrainedModel, cfg: Any) -> tuple[Any, Any]:
    """Return data and feature settings: those the model was trained with, on the library and machine of `cfg`.

    Charts without audio are kept, as the model knows how to see them.
    """
    from omegaconf import OmegaConf

    from groove.config.schema import DataConfig, FeaturesConfig

    data = OmegaConf.merge(OmegaConf.structured(DataConfig), trained.settings["data"])
    data.songs = cfg.songs or data.songs
    data.store, data.workers, data.missing_audio = cfg.store, cfg.workers, "mask"
    return data, OmegaConf.merge(OmegaConf.structured(FeaturesConfig), trained.settings["features"])


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


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn a failure to write `out` into one clear error.

    Raises:
        ConfigError: for an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(f"out={out} cannot be written: {error.strerror}") from error


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


if __name__ == "__main__":
    run_main(run, config_name="embed", schema=EmbedConfig)
