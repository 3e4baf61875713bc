"""A tiny library and complete training runs on it, in this process: the real recipe, a few seconds each."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

from groove.config.schema import CONF_DIR, TrainConfig, checked
from groove.train import train
from tests.builders import measures, write_song

SLOTS = ("Beginner", "Easy", "Medium", "Hard")
TINY = (
    "model.audio_dim=8",
    "model.chart_dim=8",
    "model.fusion_dim=8",
    "model.backbone_blocks=1",
    "model.projection_dim=8",
    "model.classifier_hidden=8",
    "data.batch_size=16",
    "data.workers=1",
    "data.val_fraction=0.4",
    "pretrain.epochs=2",
    "pretrain.batch_size=16",
    "experiment.epochs=3",
    "trainer.threads=1",
    "diagnostics.gradient_charts=16",
)


def write_library(root: Path, songs: int = 20) -> Path:
    """Write `songs` songs with one chart per slot; density grows with the slot and varies with the song."""
    generator = np.random.default_rng(1)
    for song in range(songs):
        densities = [0.15 + 0.2 * level + 0.01 * song for level in range(len(SLOTS))]
        charts = [(slot, i + 1, _notes(generator, densities[i])) for i, slot in enumerate(SLOTS)]
        seconds = 20.0 if song == 0 else None
        write_song(root, "Pack", f"Song{song:02d}", charts, bpms=f"0={110 + 5 * song}", music_seconds=seconds)
    return root


def _notes(generator: np.random.Generator, density: float) -> str:
    panels = np.array(["1000", "0100", "0010", "0001", "1001"])
    bars = []
    for _ in range(10):
        hit = generator.random(8) < density
        bars.append(" ".join(np.where(hit, panels[generator.integers(0, 5, 8)], "0000")))
    return measures("1000 0000 0000 0000 0000 0000 0000 0000", *bars)


def composed(folder: Path, songs: Path, *overrides: str) -> TrainConfig:
    """Return the checked configuration of a tiny run whose store and cache lie in `folder`.

    Where `overrides` name no experiment it is the baseline, whose phases fit any number of epochs.
    """
    if not any(word.startswith("experiment=") for word in overrides):
        overrides = ("experiment=baseline", *overrides)
    paths = [f"data.songs={songs}", f"data.store={folder / 'store'}", f"pretrain.root={folder / 'pretrained'}"]
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        return checked(compose("train", overrides=[*TINY, *paths, *overrides]), TrainConfig)


def run(folder: Path, songs: Path, name: str, *overrides: str) -> Path:
    """Train with `overrides` into ``folder/name`` and return that run folder."""
    cfg = composed(folder, songs, *overrides)
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        train(cfg, folder / name)
    return folder / name


def rows(run_folder: Path) -> list[dict[str, str]]:
    """Return the rows of a run's ``metrics.csv``."""
    with (run_folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))
