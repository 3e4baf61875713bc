"""Clouds of points with known clusters in them, and charts that lie as they do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.data.scaler import RadarScaler
from groove.embedding.embedded import EmbeddedLibrary
from tests.embedding.libraries import embedded_library


def planted(points: int, clusters: int, apart: float = 8.0, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Return points (N, clusters) around equally distant centers, deviation 1, and the cluster of each (N,)."""
    random = np.random.default_rng(seed)
    truth = np.arange(points) % clusters
    return np.eye(clusters)[truth] * apart / np.sqrt(2) + random.normal(size=(points, clusters)), truth


def library_of(radar: NDArray, difficulty: str = "Easy", **columns: list) -> EmbeddedLibrary:
    """Return a library of one class with these radars (N, 5); the embedding is the scaled radar, each chart a song."""
    library = embedded_library(len(radar))
    scaler = RadarScaler(np.median(radar, axis=0), np.full(len(RADAR_AXES), 5.0))  # a fitted one shrinks what is apart
    count = range(len(radar))
    columns |= {f"konami_{axis}": radar[:, index].tolist() for index, axis in enumerate(RADAR_AXES)}
    columns |= {"difficulty": [difficulty] * len(radar), "title": [f"Song {i}" for i in count]}
    columns |= {"chart_id": [f"Pack/Song {i:04}/s.ssc#0" for i in count], "identity": [str(i) for i in count]}
    table = library.table
    for name, values in columns.items():
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, pa.array(values))
    vectors = {"projection": scaler(radar).astype(np.float32), "pooled": radar.astype(np.float32)}
    return replace(library, table=table, vectors=vectors, scaler=scaler)
