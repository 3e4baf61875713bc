"""Do sub-styles agree with labels that no training saw: pack, step artist, artist, meter?

Labels of one chart a song (the first of the class), so that no song counts twice. For names: the share of pairs with
the same label that lie in the same sub-style, beside what it would be by chance, and the normalised mutual information
(Strehl and Ghosh 2002). For the meter: the share of its variance between sub-styles (eta squared). Chance is the mean
over random permutations of the labels (of the mutual information the exact one), and p is the share of permutations
that reach the value found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import expected_mutual_information

from groove.styles.clusters import Labels

PERMUTATIONS = 999
NAMES = {"pack": "pack", "description": "step artist", "artist": "artist"}


@dataclass(frozen=True)
class Agreement:
    """How far sub-styles and one kind of label agree, on `charts` charts that have a label.

    `value` is the share of same-label pairs (`pairs` of them) in one sub-style where `measure` is ``same``, or the
    meter's ``eta2``, which has neither pairs nor mutual information. `p` counts the value itself, too.
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


def name_agreement(label: str, names: Sequence[str], styles: Labels, seed: int) -> Agreement | None:
    """Return how `names` and `styles` agree, one of each per chart; None without two charts of one name.

    Charts without a name are left aside.
    """
    named = [name for name in names if name.strip()]
    styles = styles[[bool(name.strip()) for name in names]]
    of_name = np.unique(named, return_inverse=True)[1]
    pairs = int(_pairs(np.bincount(of_name))) if named else 0
    if pairs == 0:
        return None
    value, chance, p = _permuted(lambda order: same_share(table(of_name, order)), styles, seed)
    information = float(normalized_mutual_info_score(of_name, styles))
    by_chance = expected_information(table(of_name, styles))
    return Agreement(label, "same", len(styles), pairs, value, chance, p, information, by_chance)


def meter_agreement(meters: Sequence[int], styles: Labels, seed: int) -> Agreement | None:
    """Return how much of the variance of `meters` lies between `styles`; None where all meters are equal."""
    values = np.array(meters, dtype=np.float64)
    if len(values) < 2 or np.ptp(values) == 0:
        return None
    value, chance, p = _permuted(lambda order: between_share(values, order), styles, seed)
    return Agreement("meter", "eta2", len(values), 0, value, chance, p)


def table(names: Labels, styles: Labels) -> NDArray[np.int64]:
    """Return how many charts are of each name (rows) and style (columns)."""
    rows, columns = names.max() + 1, styles.max() + 1
    return np.bincount(names * columns + styles, minlength=rows * columns).reshape(rows, columns)


def same_share(counts: NDArray[np.int64]) -> float:
    """Return the share of pairs of one name that are of one style, from the `table` of both."""
    return _pairs(counts) / _pairs(counts.sum(axis=1))


def expected_information(counts: NDArray[np.int64]) -> float:
    """Return the normalised mutual information that random styles of the same sizes have on average."""
    mean = sum(float(entropy(counts.sum(axis=axis))) for axis in (0, 1)) / 2
    return float(expected_mutual_information(counts, int(counts.sum()))) / mean if mean > 0 else 0.0


def between_share(values: NDArray[np.float64], styles: Labels) -> float:
    """Return eta squared: the share of the variance of `values` that lies between `styles`."""
    counts = np.bincount(styles)
    means = np.bincount(styles, values) / np.maximum(counts, 1)
    mean = values.mean()
    return float((counts * (means - mean) ** 2).sum() / ((values - mean) ** 2).sum())


def _pairs(counts: NDArray[np.int64]) -> float:
    return float((counts * (counts - 1) / 2).sum())


def _permuted(measure: Callable[[Labels], float], styles: Labels, seed: int) -> tuple[float, float, float]:
    """Return the measure of `styles`, its mean over permutations, and its p-value."""
    random = np.random.default_rng(seed)
    found = measure(styles)
    by_chance = np.array([measure(random.permutation(styles)) for _ in range(PERMUTATIONS)])
    reached = int((by_chance >= found - 1e-12).sum())
    return found, float(by_chance.mean()), (1 + reached) / (1 + PERMUTATIONS)
