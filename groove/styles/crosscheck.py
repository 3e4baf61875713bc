"""Do sub-styles agree with labels that no training saw: pack, step artist, artist, meter?

Labels of one chart a song (the first of the class), so that no song counts twice. For names: the share of pairs with
the same label that lie in the same sub-style, beside what it would be by chance, and the normalised mutual information
(Strehl and Ghosh 2002). For the meter: the share of its variance between sub-styles (eta squared). Chance is the mean
over random permutations of the labels, and p is the share of permutations that reach the value found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 999
NAMES = {"pack": "pack", "description": "step artist", "artist": "artist"}
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """How far sub-styles and one kind of label agree.

    Attributes:
        label: what the labels are.
        measure: what `value` is: ``same`` (share of same-label pairs in one sub-style) or ``eta2``.
        charts: charts that have a label.
        pairs: pairs with the same label; 0 for the meter.
        value: the share found.
        chance: its mean over permutations.
        p: share of permutations (and the value itself) that reach it.
        mutual_information: normalised, 0 to 1; None for the meter.
        chance_information: its mean over permutations.
    """

    label: str
    measure: str
    charts: int
    pairs: int
    value: float
    chance: float
    p: float
    mutual_information: float | None = None
    chance_information: float | None = None


def one_chart_a_song(song: Labels) -> NDArray[np.intp]:
    """Return the first place of each song."""
    return np.sort(np.unique(song, return_index=True)[1])


def name_agreement(label: str, names: Sequence[str], styles: Labels, seed: int) -> Agreement | None:
    """Return how `names` and `styles` agree, one of each per chart; None without two charts of one name.

    Charts without a name are left aside.
    """
    named = np.array([bool(name.strip()) for name in names], dtype=bool)
    styles = styles[named]
    of_name = np.unique([name for name, is_named in zip(names, named, strict=True) if is_named], return_inverse=True)[1]
    pairs = int(_pairs(np.bincount(of_name))) if len(of_name) else 0
    if pairs == 0:
        return None

    def measures(order: Labels) -> tuple[float, float]:
        counts = table(of_name, order)
        return same_share(counts), mutual_information(counts)

    found, chance, p = _permuted(measures, styles, seed)
    return Agreement(label, "same", len(styles), pairs, found[0], chance[0], p, found[1], chance[1])


def meter_agreement(meters: Sequence[int], styles: Labels, seed: int) -> Agreement | None:
    """Return how much of the variance of `meters` lies between `styles`; None where all meters are equal."""
    values = np.array(meters, dtype=np.float64)
    if len(values) < 2 or np.ptp(values) == 0:
        return None
    found, chance, p = _permuted(lambda order: (between_share(values, order),), styles, seed)
    return Agreement("meter", "eta2", len(values), 0, found[0], chance[0], p)


def table(names: Labels, styles: Labels) -> NDArray[np.int64]:
    """Return how many charts are of each name (rows) and style (columns)."""
    rows, columns = names.max() + 1, styles.max() + 1
    return np.bincount(names * columns + styles, minlength=rows * columns).reshape(rows, columns)


def same_share(counts: NDArray[np.int64]) -> float:
    """Return the share of pairs of one name that are of one style, from the `table` of both."""
    return _pairs(counts) / _pairs(counts.sum(axis=1))


def mutual_information(counts: NDArray[np.int64]) -> float:
    """Return the mutual information of names and styles over the mean of their entropies; 0 where one is constant."""
    shares = counts / counts.sum()
    of_name, of_style = _entropy(shares.sum(axis=1)), _entropy(shares.sum(axis=0))
    common = of_name + of_style - _entropy(shares.ravel())
    return max(0.0, 2 * common / (of_name + of_style)) if min(of_name, of_style) > 0 else 0.0


def _entropy(shares: NDArray[np.float64]) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())


def between_share(values: NDArray[np.float64], styles: Labels) -> float:
    """Return eta squared: the share of the variance of `values` that lies between `styles`."""
    counts = np.bincount(styles)
    means = np.bincount(styles, values) / np.maximum(counts, 1)
    mean = values.mean()
    return float((counts * (means - mean) ** 2).sum() / ((values - mean) ** 2).sum())


def _pairs(counts: NDArray[np.int64]) -> float:
    return float((counts * (counts - 1) / 2).sum())


def _permuted(
    measures: Callable[[Labels], tuple[float, ...]], styles: Labels, seed: int
) -> tuple[tuple[float, ...], list[float], float]:
    """Return the measures of `styles`, their means over permutations, and the p-value of the first."""
    random = np.random.default_rng(seed)
    found = measures(styles)
    by_chance = np.array([measures(random.permutation(styles)) for _ in range(PERMUTATIONS)])
    reached = int((by_chance[:, 0] >= found[0] - 1e-12).sum())
    return found, by_chance.mean(axis=0).tolist(), (1 + reached) / (1 + PERMUTATIONS)
