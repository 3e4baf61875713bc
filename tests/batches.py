"""Charts in memory: labels, frames, batches, tables and tiny models for the tests of data, model and training.

Everything is a function of a seed. Dimension letters: N charts, B charts of a batch, T frames, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from hydra import compose, initialize_config_dir

from groove.charts.flow import PROFILE
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.schema import CONF_DIR, TrainConfig, checked
from groove.data.dataset import ChartBatch, ChartTable
from groove.data.part_labels import PART_LABELS
from groove.data.triplets import ChartLabels, PairRule, draw_triplets
from groove.features.audio import AUDIO_FEATURES
from groove.features.catalogue import TECHNIQUE_COLUMNS
from groove.features.frames import CHART_FEATURES
from groove.model.fusion import LateFusionClassifier
from groove.training.module import GrooveModule

SLOTS = ("Beginner", "Easy", "Medium", "Hard")
TINY = {
    "pooling": "statistics",
    "audio_dim": 6,
    "chart_dim": 5,
    "fusion_dim": 8,
    "backbone_blocks": 2,
    "projection_dim": 4,
    "classifier_hidden": 7,
    "dropout": 0.3,
    "max_frames": None,
    "head": "classification",
    "radar_mlp": False,
    "radar_in_projection": False,
    "body": False,
    "parts": {"radar": 1.0},
}


def labels(n: int, classes: int = 1, songs: int | None = None, seed: int = 0) -> ChartLabels:
    """Return `n` charts with random scaled radars, `classes` classes in turn, of `songs` songs in turn (default: n)."""
    radar = np.random.default_rng(seed).normal(size=(n, len(RADAR_AXES)))
    return ChartLabels(radar, np.arange(n) % classes, np.arange(n) % (songs or n))


def part_values(n: int, seed: int = 0) -> np.ndarray:
    """Return random labels (n, L) of the embedding's other parts."""
    last = max(columns.stop for columns in PART_LABELS.values())
    return np.random.default_rng(seed).normal(size=(n, last)).astype(np.float32)


def frames(length: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return random chart (T, 35) and audio (T, 23) frames with plausible ranges."""
    generator = np.random.default_rng(seed)
    chart = generator.poisson(0.4, size=(length, len(CHART_FEATURES))).astype(np.float32)
    chart[:, CHART_FEATURES.index("seconds")] = generator.uniform(0.08, 0.2, length)
    return chart, generator.normal(size=(length, len(AUDIO_FEATURES))).astype(np.float32)


def batch(
    lengths: Sequence[int],
    padded: int | None = None,
    seed: int = 0,
    chart_seeds: Sequence[int] | None = None,
    classes: int = 4,
    percentiles: tuple[float, float] = (40.0, 60.0),
    has_audio: Sequence[float] | None = None,
) -> ChartBatch:
    """Return a batch of random charts of `lengths` frames, zero-padded to `padded` (default: the longest).

    Chart i's frames are a function of ``chart_seeds[i]`` (default i) and its length only: the same seed and length in
    two batches is the same chart. Labels, radars and triplets are a function of `seed`.
    """
    n, total = len(lengths), padded or max(lengths)
    chart = np.zeros((n, total, len(CHART_FEATURES)), dtype=np.float32)
    audio = np.zeros((n, total, len(AUDIO_FEATURES)), dtype=np.float32)
    for i, length in enumerate(lengths):
        chart[i, :length], audio[i, :length] = frames(length, (chart_seeds or range(n))[i])
    facts = labels(n, classes, seed=seed)
    positive, negative = PairRule.fit(facts, classes, percentiles).masks(facts)
    return ChartBatch(
        chart=torch.from_numpy(chart),
        audio=torch.from_numpy(audio),
        has_audio=torch.tensor(has_audio or [1.0] * n),
        lengths=torch.tensor(lengths),
        own=torch.arange(n),
        label=torch.from_numpy(facts.label),
        song=torch.from_numpy(facts.song),
        radar=torch.from_numpy(facts.radar.astype(np.float32)),
        parts=torch.from_numpy(part_values(n, seed)),
        index=torch.arange(n),
        triplets=torch.from_numpy(draw_triplets(positive, negative, 2, np.random.default_rng(seed))),
        positive=torch.from_numpy(positive),
        negative=torch.from_numpy(negative),
    )


def write_arrays(store: Path, lengths: Sequence[int], silent: Sequence[int] = ()) -> tuple[list[str], list[str]]:
    """Write float16 arrays of charts of `lengths` into `store`; return chart and audio paths ('' for `silent`)."""
    store.mkdir(parents=True, exist_ok=True)
    chart_paths, audio_paths = [], []
    for i, length in enumerate(lengths):
        chart, audio = frames(length, i)
        np.save(store / f"chart_{i}.npy", chart.astype(np.float16))
        chart_paths.append(f"chart_{i}.npy")
        audio_paths.append("" if i in silent else f"audio_{i}.npy")
        if i not in silent:
            np.save(store / f"audio_{i}.npy", audio.astype(np.float16))
    return chart_paths, audio_paths


def table(store: Path, lengths: Sequence[int], facts: ChartLabels, silent: Sequence[int] = ()) -> ChartTable:
    """Return a table of charts whose arrays lie in `store`; the unscaled radar is 10 x the scaled one."""
    chart_paths, audio_paths = write_arrays(store, lengths, silent)
    names = [f"chart {i}" for i in range(len(lengths))]
    parts = part_values(len(lengths))
    return ChartTable(names, chart_paths, audio_paths, np.asarray(lengths), 10 * facts.radar, facts, parts)


def catalogue(store: Path, songs: int = 12, slots: Sequence[str] = SLOTS, length: int = 10, seed: int = 0) -> pa.Table:
    """Return a catalogue of `songs` songs with one chart per slot, arrays in `store`, and random radars."""
    n = songs * len(slots)
    chart_paths, audio_paths = write_arrays(store, [length + i % 7 for i in range(n)])
    generator = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "chart_id": [f"Pack/Song{i // len(slots):02d}#{i % len(slots)}" for i in range(n)],
        "chart_path": chart_paths,
        "audio_path": audio_paths,
        "frames": [length + i % 7 for i in range(n)],
        "difficulty": [slots[i % len(slots)] for i in range(n)],
        "identity": [f"identity {i // len(slots)}" for i in range(n)],
        "simfile": [f"Pack/Song{i // len(slots):02d}" for i in range(n)],
        "steps_type": ["dance-single"] * n,
        "bpm": generator.uniform(90, 200, n),
        "length_s": generator.uniform(80, 130, n),
        "profile": generator.uniform(0, 8, (n, PROFILE)).tolist(),
    }
    columns |= {name: generator.integers(0, 99, n) for name in TECHNIQUE_COLUMNS}
    for family, scale in (("konami", 30.0), ("stepmania", 0.3)):
        columns |= {f"{family}_{axis}": scale * generator.normal(size=n) for axis in RADAR_AXES}
    return pa.table(columns)


def composed(*overrides: str, config_name: str = "train") -> Any:
    """Return the real configuration with `overrides`, not yet checked."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        return compose(config_name, overrides=list(overrides))


def train_config(*overrides: str) -> TrainConfig:
    """Return the checked configuration of ``python -m groove.train`` with `overrides`."""
    return checked(composed(*overrides), TrainConfig)


def tiny_model(classes: int = 4, seed: int = 0, **arguments: Any) -> LateFusionClassifier:
    """Return a model of a few thousand weights, in evaluation mode."""
    torch.manual_seed(seed)
    return LateFusionClassifier(classes, **{"frames_per_beat": 4, **TINY, **arguments}).eval()


def tiny_module(
    *overrides: str, weights: tuple[float, float] = (0.3, 2.0), class_weights: torch.Tensor | None = None, **model: Any
) -> GrooveModule:
    """Return a `GrooveModule` around a tiny model; `weights` are those of classification and contrastive loss."""
    cfg = train_config(*overrides)
    cfg = cfg.changed(model=cfg.model.changed(**(TINY | model)))
    scaler = {"center": [0.0] * len(RADAR_AXES), "scale": [1.0] * len(RADAR_AXES)}
    module = GrooveModule(tiny_model(**model), cfg, SLOTS, scaler, class_weights)
    module.loss_weights = dict(zip(("classification", "contrastive"), weights, strict=True))
    return module.eval()
