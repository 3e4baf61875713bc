"""Which charts of one library are of the same songs as those of another: what a model's training has seen.

`groove.charts.library.identity` decides: two songs are one if any of their charts share a key.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from groove.charts.library.identity import keys_across_libraries
from groove.embedding.embedded import SPLITS, EmbeddedLibrary

UNSEEN = "unseen"
UNKNOWN = "unknown"
"""The split of charts that may have been trained on: the model comes without its own embeddings."""


def seen_before(catalogue: pa.Table, own: EmbeddedLibrary) -> list[str]:
    """Return the split of each chart of `catalogue`: that of the song it is of, in the library trained on.

    Where both splits have the song, it was trained on. All other charts are unseen.
    """
    known: dict[Hashable, str] = {}
    for keys, split in zip(_keys(own.table), own.column("split"), strict=True):
        for key in keys:
            known[key] = min(known.get(key, split), split, key=SPLITS.index)
    songs = catalogue["identity"].to_pylist()
    seen: dict[str, str] = {}
    for song, keys in zip(songs, _keys(catalogue), strict=True):
        seen[song] = min(seen.get(song, UNSEEN), *(known.get(key, UNSEEN) for key in keys), key=SPLITS.index)
    return [seen[song] for song in songs]


def same_song(table: pa.Table, chart: pa.Table) -> NDArray[np.bool_]:
    """Return which charts of `table` are of the song of the one row of `chart`, (N,)."""
    (wanted,) = _keys(chart)
    same = np.array([any(key in wanted for key in keys) for keys in _keys(table)], dtype=bool)
    identities = np.array(table["identity"].to_pylist())
    return np.isin(identities, identities[same])


def _keys(table: pa.Table) -> list[list[Hashable]]:
    columns = (table[name].to_pylist() for name in ("content", "title", "artist"))
    return [keys_across_libraries(*values) for values in zip(*columns, strict=True)]
