"""Embedded libraries made in code: N charts with chosen radars and vectors, no song and no model behind them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.data.scaler import RadarScaler
from groove.embedding.embedded import EmbeddedLibrary, Provenance
from groove.features.catalogue import PROFILES, TECHNIQUE_COLUMNS

CLASSES = {"Easy": ["Easy"], "Medium": ["Medium"], "Hard": ["Hard", "Challenge"]}
SLOTS = ("Easy", "Medium", "Hard", "Challenge", "Edit")


def embedded_library(charts: int = 20, seed: int = 0, dim: int = 3) -> EmbeddedLibrary:
    """Return `charts` charts, five slots a song, whose vectors are their scaled radar's first `dim` axes and noise."""
    random = np.random.default_rng(seed)
    radar = random.uniform(0, 150, (charts, len(RADAR_AXES)))
    scaler = RadarScaler.fit(radar)
    song = np.arange(charts) // len(SLOTS)
    columns = {
        "chart_id": [f"Pack {s % 2}/Song {s}/song.ssc#{i % 5}" for i, s in enumerate(song)],
        "simfile": [f"Pack {s % 2}/Song {s}/song.ssc" for s in song],
        "index": [i % 5 for i in range(charts)],
        "pack": [f"Pack {s % 2}" for s in song],
        "title": [f"Song {s}" for s in song],
        "artist": ["Someone"] * charts,
        "steps_type": ["dance-single"] * charts,
        "difficulty": [SLOTS[i % 5] for i in range(charts)],
        "meter": [2 + i % 5 * 3 for i in range(charts)],
        "description": [f"author {i % 3}" for i in range(charts)],
        "step_artist": [f"artist {i % 4}" for i in range(charts)],
        "tags": [("", "XO", "FS XO")[i % 3] for i in range(charts)],
        "chart_style": ["Pad"] * charts,
        "breakdown": [("", "16 (4) 32")[i % 2] for i in range(charts)],
        "groovestats_hash": [f"{i:016x}" for i in range(charts)],
        "stream_measures": [48.0 * (i % 2) for i in range(charts)],
        "peak_nps": [float(i) for i in range(charts)],
        "identity": [f"identity {s}" for s in song],
        "content": [f"content {i}" for i in range(charts)],
        "has_audio": [False] * charts,
        "length_s": random.uniform(60, 180, charts).tolist(),
        "bpm": random.uniform(90, 200, charts).round().tolist(),
        "steps": random.uniform(50, 700, charts).round().tolist(),
        "profile": pa.array(random.uniform(0, 8, (charts, 32)).tolist(), PROFILES),
    }
    columns |= {name: random.integers(0, 40, charts) for name in TECHNIQUE_COLUMNS}
    columns["technique_steps"] = random.integers(100, 600, charts)
    columns |= {f"konami_{axis}": radar[:, i] for i, axis in enumerate(RADAR_AXES)}
    columns |= {f"stepmania_{axis}": radar[:, i] / 100 for i, axis in enumerate(RADAR_AXES)}
    columns["split"] = ["unseen" if i % 5 == 4 else "val" if s % 3 == 0 else "train" for i, s in enumerate(song)]
    columns["level"] = [meter + 0.5 for meter in columns["meter"]]
    vectors = {
        "pooled": np.hstack([scaler(radar), random.normal(size=(charts, 2))]).astype(np.float32),
        "projection": scaler(radar)[:, :dim].astype(np.float32),
    }
    provenance = Provenance("run/checkpoints/last.ckpt", "d" * 16, "c", "Songs", "library", "library")
    return EmbeddedLibrary(pa.table(columns), vectors, "konami", CLASSES, scaler, provenance, {"radar": 1.0}, 0.5)
