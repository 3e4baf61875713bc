"""Which songs are held out: a function of the songs' content and a seed, never of directory order.

Splitting is by song identity (`groove.charts.library.identity`), so that no song, twin or copy is on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from groove.errors import LibraryError


def held_out(identities: Sequence[str], val_fraction: float, seed: int, fold: int = 0) -> NDArray[np.bool_]:
    """Return, per chart, whether its song is held out for validation, shape (N,).

    Songs are ordered by a hash of (identity, seed) and the first `val_fraction` of them (at least one) is held out, or
    the `fold`-th such part: folds 0 to 4 of 0.2 are a cross-validation.

    Raises:
        LibraryError: if there are fewer than two songs, so that nothing could be held out.
    """
    songs = sorted(set(identities), key=lambda identity: hashlib.sha256(f"{seed}:{identity}".encode()).hexdigest())
    if len(songs) < 2:
        raise LibraryError(f"{len(songs)} song with usable charts: at least two are needed, one of them to hold out")
    share = val_fraction * len(songs)
    first = round(fold * share)
    last = min(max(first + 1, round((fold + 1) * share)), len(songs) - (fold == 0))
    chosen = set(songs[first:last])
    return np.array([identity in chosen for identity in identities])
