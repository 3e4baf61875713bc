"""Which charts of one library are of the same songs as those of another: what a model's training has seen.

A song is the same if it has the same notes, or the same title and artist.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from groove.charts.library.identity import GENERIC_ARTISTS, normalise
from groove.embedding.embedded import SPLITS, EmbeddedLibrary

UNKNOWN = "unknown"
"""The split of charts that may have been trained on: the model comes without its own embeddings."""


def seen_before(catalogue: pa.Table, own: EmbeddedLibrary) -> list[str]:
    """Return the split of each chart of `catalogue`: that of the song it is of, in the library trained on.

    Where both splits have the song, it was trained on. All other charts are unseen.
    """
    known: dict[object, str] = {}
    for keys, split in zip(_keys(own.table), own.column("split"), strict=True):
        for key in keys:
            known[key] = min(known.get(key, split), split, key=SPLITS.index)
    return [min((known.get(key, "unseen") for key in keys), key=SPLITS.index) for keys in _keys(catalogue)]


def same_song(table: pa.Table, chart: pa.Table) -> NDArray[np.bool_]:
    """Return which charts of `table` are of the song of the one row of `chart`, (N,)."""
    (wanted,) = _keys(chart)
    same = np.array([any(key in wanted for key in keys) for keys in _keys(table)], dtype=bool)
    identities = np.array(table["identity"].to_pylist())
    return np.isin(identities, identities[same])


def _keys(table: pa.Table) -> list[list[object]]:
    """Return what identifies each chart's song: its content, and its title and artist (normalised), if specific."""
    columns = (table[name].to_pylist() for name in ("content", "title", "artist"))
    keys: list[list[object]] = []
    for content, title, artist in zip(*columns, strict=True):
        names = normalise(title), normalise(artist)
        keys.append([content, names] if names[0] and names[1] not in GENERIC_ARTISTS else [content])
    return keys
