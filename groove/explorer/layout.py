"""The map of a library: every chart's vector as a point in the plane, charts that lie close staying close.

t-SNE (van der Maaten & Hinton, 2008, "Visualizing data using t-SNE") keeps neighborhoods and little else: far apart on
the map says hardly how far apart. It starts from the two principal components, as Kobak & Berens (2019, "The art of
using t-SNE for single-cell transcriptomics") advise, so that the coarse layout means something and a seed repeats it.
PCA keeps the largest variances instead. Dimension letters: N charts, E size of a vector, S charts that were placed
by t-SNE itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.errors import RunError
from groove.retrieval.search import nearest, nearest_of_other_songs

PERPLEXITY = 30.0
SAMPLE = 20_000
"""Of more charts than these, t-SNE places a random sample and the others go between their nearest ones of it."""
COUNTED = 10
_ANCHORS = 3
_FEWEST = 5  # below, t-SNE has no neighborhoods to keep
_START_STD = 1e-4  # of the first coordinate: what scikit-learn and openTSNE scale a start to


class MapOfCharts(NamedTuple):
    """Where charts lie.

    Attributes:
        xy: (N, 2), between 0 and 1, both coordinates on one scale.
        kept: the share of the `COUNTED` nearest of each chart that are among its nearest on the map too, on average.
        how: how it was made and how far it can be trusted, for the reader of the map.
    """

    xy: NDArray[np.float64]
    kept: float
    how: str


def map_of(
    vectors: NDArray[np.float32], method: str = "tsne", seed: int = 0, threads: int = 1, sample: int = SAMPLE
) -> MapOfCharts:
    """Return the map of `vectors` (N, E), the same for the same arguments on one machine.

    Raises:
        RunError: if a vector is not finite, as those of a diverged model are.
    """
    from threadpoolctl import threadpool_limits

    broken = int((~np.isfinite(vectors)).any(axis=1).sum())
    if broken:
        raise RunError(f"{broken} of {len(vectors)} charts have vectors that are not finite: the model has diverged")
    with threadpool_limits(threads):
        xy, how = _placed(vectors, method, seed, threads, sample)
    kept = neighbors_kept(vectors, xy, threads)
    return MapOfCharts(
        _in_unit_square(xy), kept, f"{how}. Of the {COUNTED} nearest of each chart it keeps {kept:.0%} near"
    )


def neighbors_kept(vectors: NDArray[np.float32], xy: NDArray[np.float64], threads: int = 1) -> float:
    """Return how much of the neighborhoods of `vectors` (N, E) the map `xy` (N, 2) keeps, 0 to 1 (NaN: one chart)."""
    k = min(COUNTED, len(vectors) - 1)
    if k < 1:
        return float("nan")
    itself = np.arange(len(vectors))
    true, near = (nearest_of_other_songs(space, itself, k, threads).rows for space in (vectors, xy))
    return float((true[:, :, None] == near[:, None, :]).any(axis=2).mean())


def _placed(
    vectors: NDArray[np.float32], method: str, seed: int, threads: int, sample: int
) -> tuple[NDArray[np.float64], str]:
    """Return coordinates (N, 2) and how they were made."""
    flat = principal_components(vectors)
    if method == "pca":
        return flat, "the two largest principal components (PCA)"
    if len(vectors) < _FEWEST or flat[:, 0].std() == 0:
        return flat, "the two largest principal components (PCA; too few charts, or all alike, for t-SNE)"
    return _sampled_tsne(vectors, flat, seed, threads, sample)


def principal_components(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the coordinates (N, 2) along the two directions of largest variance, zeros where there are fewer."""
    centerd = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centerd.T @ centerd)  # ascending variance
    directions = directions[:, ::-1][:, :2]
    largest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[largest, np.arange(directions.shape[1])])  # an eigenvector's sign is arbitrary
    found = centerd @ (directions * signs)
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


def _sampled_tsne(
    vectors: NDArray[np.float32], flat: NDArray[np.float64], seed: int, threads: int, sample: int
) -> tuple[NDArray[np.float64], str]:
    how = "t-SNE: near on the map is near for the model, far apart says little"
    if len(vectors) <= sample:
        return _tsne(vectors, flat, seed, threads), how
    rows = np.sort(np.random.default_rng(seed).choice(len(vectors), sample, replace=False))
    placed = _tsne(vectors[rows], flat[rows], seed, threads)
    xy = _between(vectors, vectors[rows], placed, threads)
    xy[rows] = placed
    note = f"{sample:,} of {len(vectors):,} charts by t-SNE, the others between their {_ANCHORS} nearest of those"
    return xy, f"{how} ({note})"


def _tsne(vectors: NDArray[np.float32], flat: NDArray[np.float64], seed: int, threads: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    start = flat / flat[:, 0].std() * _START_STD
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init=start.astype(np.float32), random_state=seed, n_jobs=threads)
    return tsne.fit_transform(np.ascontiguousarray(vectors, dtype=np.float32)).astype(np.float64)


def _between(
    vectors: NDArray[np.float32], sample: NDArray[np.float32], placed: NDArray[np.float64], threads: int
) -> NDArray[np.float64]:
    """Return a place (N, 2) for each of `vectors`: between its nearest of `sample` (S, E), weighted by 1 / distance."""
    rows, distance = nearest(vectors, sample, min(_ANCHORS, len(sample)), threads=threads)
    weight = 1 / np.maximum(distance, 1e-9)
    return (placed[rows] * (weight / weight.sum(axis=1, keepdims=True))[:, :, None]).sum(axis=1)


def _in_unit_square(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `xy` moved and scaled, both axes alike, into the middle of the unit square."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    extent = float((high - low).max())
    return 0.5 + (xy - (low + high) / 2) / (extent or 1.0)
