"""The map of a library: every chart's vector as a point in the plane, charts that lie close staying close.

t-SNE (van der Maaten & Hinton, 2008, "Visualizing data using t-SNE") keeps neighborhoods and little else: far apart on
the map says hardly how far apart. It starts from the two principal components, as Kobak & Berens (2019, "The art of
using t-SNE for single-cell transcriptomics") advise, so that the coarse layout means something and a seed repeats it.
PCA keeps the largest variances instead. Dimension letters: N charts, E size of a vector.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from groove.retrieval.search import nearest, nearest_of_other_songs
from groove.styles.clusters import principal_coordinates

PERPLEXITY = 30.0
SAMPLE = 20_000
"""Of more charts than these, t-SNE places a random sample and the others go between their nearest ones of it."""
COUNTED = 10
_ANCHORS = 3
_FEWEST = 5  # below, t-SNE has no neighborhoods to keep
_START_STD = 1e-4  # of the first coordinate: what scikit-learn and openTSNE scale a start to
Vectors = NDArray[np.float32]
Places = NDArray[np.float64]


def map_of(
    vectors: Vectors, method: str = "tsne", seed: int = 0, threads: int = 1, sample: int = SAMPLE
) -> tuple[Places, str]:
    """Return where `vectors` (N, E) lie on the map, and a sentence on how it was made and how far to trust it.

    The places (N, 2) are between 0 and 1, both coordinates on one scale; a `seed` repeats them on one machine.

    Raises:
        RunError: if a vector is not finite, as those of a diverged model are.
    """
    how = "the two largest principal components (PCA)"
    with threadpool_limits(threads):
        xy = principal_coordinates(vectors)[0][:, :2]
        if method == "tsne" and (len(vectors) < _FEWEST or xy[:, 0].std() == 0):
            how = "the two largest principal components (PCA; too few charts, or all alike, for t-SNE)"
        elif method == "tsne":
            xy, how = _tsne(vectors, xy, seed, threads, sample)
    low, high = xy.min(axis=0), xy.max(axis=0)
    places = 0.5 + (xy - (low + high) / 2) / (float((high - low).max()) or 1.0)
    kept = neighbors_kept(vectors, xy, threads)
    return places, f"{how}. Of the {COUNTED} nearest of each chart it keeps {kept:.0%} near"


def neighbors_kept(vectors: Vectors, xy: Places, threads: int = 1) -> float:
    """Return the mean share of the `COUNTED` nearest of `vectors` (N, E) kept so by `xy` (N, 2); NaN for one chart."""
    k = min(COUNTED, len(vectors) - 1)
    if k < 1:
        return float("nan")
    itself = np.arange(len(vectors))
    true, near = (nearest_of_other_songs(space, itself, k, threads).rows for space in (vectors, xy))
    return float((true[:, :, None] == near[:, None, :]).any(axis=2).mean())


def _tsne(vectors: Vectors, start: Places, seed: int, threads: int, sample: int) -> tuple[Places, str]:
    """Return places by t-SNE from `start` on; of more than `sample` charts the rest lies between their nearest ones."""
    how = "t-SNE: near on the map is near for the model, far apart says little"
    rows = np.arange(len(vectors))
    if len(vectors) > sample:
        rows = np.sort(np.random.default_rng(seed).choice(len(vectors), sample, replace=False))
        others = f"the others between their {_ANCHORS} nearest of those"
        how += f" ({sample:,} of {len(vectors):,} charts by t-SNE, {others})"
    chosen = np.ascontiguousarray(vectors[rows], dtype=np.float32)
    init = (start[rows] / start[rows, 0].std() * _START_STD).astype(np.float32)
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init=init, random_state=seed, n_jobs=threads)
    placed = tsne.fit_transform(chosen).astype(np.float64)
    if len(rows) == len(vectors):
        return placed, how
    anchors, distance = nearest(vectors, chosen, min(_ANCHORS, len(rows)), threads=threads)
    weight = 1 / np.maximum(distance, 1e-9)
    xy = (placed[anchors] * (weight / weight.sum(axis=1, keepdims=True))[:, :, None]).sum(axis=1)
    xy[rows] = placed
    return xy, how
