"""Embeddings for other programs: numpy arrays with the charts' metadata, readable without pickle.

Dimension letters: N charts, D pooled features, E embedding size, R radar axes.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from groove.charts.columns import DETAILS, SHOWN
from groove.charts.radar.groove_radar import FAMILIES, RADAR_AXES
from groove.embedding.embedded import EmbeddedLibrary


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
    for name in (*SHOWN, *DETAILS, "split"):
        is_text = pa.types.is_string(library.table.schema.field(name).type)
        arrays[name] = np.array(library.column(name), dtype=np.str_ if is_text else None)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()
