"""Embeddings for other programs: numpy arrays with the charts' metadata, readable without pickle.

Dimension letters: N charts, D pooled features, E embedding size, R radar axes.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groove.charts.radar.groove_radar import FAMILIES, RADAR_AXES
from groove.embedding.embedded import EmbeddedLibrary

TEXT_COLUMNS = (
    *("chart_id", "simfile", "pack", "title", "artist"),
    *("steps_type", "difficulty", "description", "identity", "split"),
)
NUMBER_COLUMNS = ("meter", "has_audio", "length_s", "bpm", "steps")


def embeddings_npz(library: EmbeddedLibrary) -> bytes:
    """Return a ``.npz`` file of `library`: ``numpy.load(path, allow_pickle=False)`` reads it.

    Arrays: ``pooled`` (N, D), ``projection`` (N, E), ``radar`` (N, R) of the family that the model learned, both
    families as ``konami`` and ``stepmania``, ``radar_scaled`` in the scaler's units, ``radar_axes`` (R,), and one array
    (N,) per column of metadata.
    """
    arrays: dict[str, NDArray[Any]] = dict(library.vectors)
    arrays["radar"], arrays["radar_scaled"] = library.radar, library.scaled_radar
    for family in FAMILIES:
        arrays[family] = np.stack([library.table[f"{family}_{axis}"].to_numpy() for axis in RADAR_AXES], axis=1)
    arrays["radar_axes"] = np.array(RADAR_AXES)
    arrays |= {name: np.array(library.column(name), dtype=np.str_) for name in TEXT_COLUMNS}
    arrays |= {name: np.array(library.column(name)) for name in NUMBER_COLUMNS}
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()
