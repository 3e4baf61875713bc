"""The library that the settings name: written if it is the generated one, its features computed, its catalogue made."""

from __future__ import annotations

from pathlib import Path

from groove.cli.console import progress
from groove.config.schema import DataConfig, FeaturesConfig
from groove.features.catalogue import Catalogue, prepare_library
from groove.features.workers import OnStep
from groove.io.processes import usable_workers


def prepared(data: DataConfig, features: FeaturesConfig) -> Catalogue:
    """Return the catalogue of the library that `data` (a `DataConfig`) names, computing what its store lacks.

    One line is printed: how many charts, how many of them without audio, and how much was left out.
    """
    catalogue = prepare(data, features)
    print(f"library: {summary(catalogue)}; {len(catalogue.left_out)} left out ({catalogue.left_out_path})")
    return catalogue


def prepare(data: DataConfig, features: FeaturesConfig) -> Catalogue:
    """Return the catalogue of the library that `data` names, computing what its store lacks; nothing is printed."""
    with progress() as on_step:
        songs, workers = songs_of(data, on_step)
        store, steps_types = Path(data.store), list(data.steps_types)
        return prepare_library(songs, store, features, steps_types, data.missing_audio, workers, on_step)


def songs_of(data: DataConfig, on_step: OnStep) -> tuple[Path, int]:
    """Return the folder of songs, and the number of processes to use."""
    workers = usable_workers(data.workers)
    return Path(data.songs) if data.songs else _generated(data, workers, on_step), workers


def _generated(data: DataConfig, workers: int, on_step: OnStep) -> Path:
    """Return the folder of the generated library, which is written if it is not there."""
    from groove.charts.generated.write import write_library

    root, songs = Path(data.generated.root), data.generated.songs
    write_library(root, data.generated.seed, songs, workers, lambda *done: on_step("songs written", *done))
    return root


def summary(catalogue: Catalogue) -> str:
    """Return ``80 charts of 20 songs, 4 of the charts without audio``."""
    table = catalogue.table
    songs = len(table["identity"].unique())
    silent = table["has_audio"].to_pylist().count(False)
    return f"{len(table)} charts of {songs} songs, {silent} of the charts without audio"
