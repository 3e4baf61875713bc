"""The division of a library into sub-styles: the clusters inside each difficulty class, with names and examples.

`groove.styles.clusters` divides a class, `groove.styles.names` names the parts. Charts of no class (Edit) and of an
undivided class have no sub-style. Neither torch nor the songs are needed.

Sub-styles are compared with labels that no training saw, of one chart a song (the first of the class), so that no song
counts twice. For names: the share of pairs with the same label that lie in the same sub-style, beside what it would be
by chance, and the normalised mutual information (Strehl and Ghosh 2002). For the meter: the share of its variance
between sub-styles (eta squared). Chance is the mean over random permutations of the labels (of the mutual information
the exact one), and p is the share of permutations that reach the value found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import entropy
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import expected_mutual_information

from groove.embedding.embedded import EmbeddedLibrary
from groove.io.processes import OnStep, silent
from groove.styles.clusters import LARGEST, STARTS, Labels, Partition, fit, partition
from groove.styles.names import differences, style_names, trait_values

EXAMPLES = 5
COLUMN = "substyle"
NAMES = {"pack": "pack", "description": "step artist", "artist": "artist"}
PERMUTATIONS = 999


@dataclass(frozen=True)
class SubStyle:
    """One part of a class, named by what its charts have and the rest of the class has not.

    Attributes:
        rows: its charts, rows of the library.
        examples: those nearest to its center, of different songs.
        z: difference from the rest of the class of every trait, in robust spreads.
        p: p-value of each difference's rank test.
    """

    name: str
    rows: NDArray[np.intp]
    examples: list[int]
    z: Mapping[str, float]
    p: Mapping[str, float]


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


@dataclass(frozen=True)
class ClassStyles:
    """The sub-styles of one class, none where it is undivided.

    Attributes:
        name: of the class.
        rows: its charts, rows of the library; what `partition` holds is in this order.
        partition: the clusters and how well they hold.
        styles: one per cluster, the largest first.
        checks: agreement with labels that no training saw.
        ari_radar: adjusted Rand index with k-means of as many clusters on the scaled radar; None where undivided.
    """

    name: str
    rows: NDArray[np.intp]
    partition: Partition
    styles: Sequence[SubStyle]
    checks: Sequence[Agreement]
    ari_radar: float | None


def substyles(
    library: EmbeddedLibrary,
    space: str = "projection",
    seed: int = 0,
    largest: int = LARGEST,
    on_step: OnStep = silent,
) -> list[ClassStyles]:
    """Return the sub-styles of every class of `library`, at most `largest` each, in order of difficulty.

    The vectors called `space` are clustered; `on_step` is told of progress.

    Raises:
        RunError: if there is no such space, or it holds vectors that are not finite.
    """
    vectors = library.space(space)
    ids = np.array(library.column("chart_id"))
    found = []
    for index, name in enumerate(library.classes):
        rows = np.flatnonzero(library.label == index)
        rows = rows[np.argsort(ids[rows], kind="stable")]  # ties do not depend on the library's order
        parts = partition(vectors[rows], seed, largest, partial(on_step, f"clusters of {name}"))
        styles, checks, ari = [], [], None
        if parts.chosen is not None:
            charts = library.take(rows)
            styles, checks = _styles(charts, rows, parts, name), _checks(charts, parts.labels, seed)
            on_radar = fit(charts.scaled_radar, parts.k, STARTS, seed).labels_
            ari = float(adjusted_rand_score(parts.labels, on_radar))
        found.append(ClassStyles(name, rows, parts, styles, checks, ari))
    return found


def _styles(charts: EmbeddedLibrary, rows: NDArray[np.intp], found: Partition, of_class: str) -> list[SubStyle]:
    traits, values = trait_values(charts)
    differ = differences(traits, values, found.labels)
    columns = [trait.name for trait in traits]
    return [
        SubStyle(
            name=name,
            rows=rows[found.labels == cluster],
            examples=rows[nearest_of_songs(found, cluster, charts.song)].tolist(),
            z=dict(zip(columns, differ.z[cluster].tolist(), strict=True)),
            p=dict(zip(columns, differ.p[cluster].tolist(), strict=True)),
        )
        for cluster, name in enumerate(style_names(differ, of_class))
    ]


def nearest_of_songs(found: Partition, cluster: int, song: Labels) -> list[int]:
    """Return the charts of `cluster` nearest to its center, one of each `song`, at most `EXAMPLES`."""
    members = np.flatnonzero(found.labels == cluster)
    members = members[np.argsort(found.distance[members], kind="stable")]
    first = np.unique(song[members], return_index=True)[1]
    return members[np.sort(first)[:EXAMPLES]].tolist()


def _checks(charts: EmbeddedLibrary, labels: Labels, seed: int) -> list[Agreement]:
    """Return the agreement of `labels` with names and meters, of the first chart of each song."""
    first = np.sort(np.unique(charts.song, return_index=True)[1])
    part, styles = charts.take(first), labels[first]
    found = [name_agreement(label, part.column(column), styles, seed) for column, label in NAMES.items()]
    return [check for check in [*found, meter_agreement(part.column("meter"), styles, seed)] if check is not None]


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


def table(names: Labels, styles: Labels) -> Labels:
    """Return how many charts are of each name (rows) and style (columns)."""
    rows, columns = names.max() + 1, styles.max() + 1
    return np.bincount(names * columns + styles, minlength=rows * columns).reshape(rows, columns)


def same_share(counts: Labels) -> float:
    """Return the share of pairs of one name that are of one style, from the `table` of both."""
    return _pairs(counts) / _pairs(counts.sum(axis=1))


def expected_information(counts: Labels) -> float:
    """Return the normalised mutual information that random styles of the same sizes have on average."""
    mean = sum(float(entropy(counts.sum(axis=axis))) for axis in (0, 1)) / 2
    return float(expected_mutual_information(counts, int(counts.sum()))) / mean if mean > 0 else 0.0


def between_share(values: NDArray[np.float64], styles: Labels) -> float:
    """Return eta squared: the share of the variance of `values` that lies between `styles`."""
    counts = np.bincount(styles)
    means = np.bincount(styles, values) / np.maximum(counts, 1)
    mean = values.mean()
    return float((counts * (means - mean) ** 2).sum() / ((values - mean) ** 2).sum())


def _pairs(counts: Labels) -> float:
    return float((counts * (counts - 1) / 2).sum())


def _permuted(measure: Callable[[Labels], float], styles: Labels, seed: int) -> tuple[float, float, float]:
    """Return the measure of `styles`, its mean over permutations, and its p-value."""
    random = np.random.default_rng(seed)
    found = measure(styles)
    by_chance = np.array([measure(random.permutation(styles)) for _ in range(PERMUTATIONS)])
    reached = int((by_chance >= found - 1e-12).sum())
    return found, float(by_chance.mean()), (1 + reached) / (1 + PERMUTATIONS)


def style_column(library: EmbeddedLibrary, classes: Sequence[ClassStyles], unique: bool = False) -> list[str]:
    """Return the name of each chart's sub-style, empty for charts that have none, (N,).

    If names are to be `unique`, one that several classes have stands behind the class: ``Hard: many freezes``.
    """
    counts = Counter(style.name for found in classes for style in found.styles)
    names: dict[int, str] = {}
    for found in classes:
        for style in found.styles:
            name = f"{found.name}: {style.name}" if unique and counts[style.name] > 1 else style.name
            names |= dict.fromkeys(style.rows.tolist(), name)
    return [names.get(row, "") for row in range(len(library))]


def with_substyles(library: EmbeddedLibrary, space: str = "projection", seed: int = 0) -> EmbeddedLibrary:
    """Return `library` with the column ``substyle``: a name, unique in the library, or an empty text.

    Raises:
        RunError: as `substyles` does.
    """
    names = style_column(library, substyles(library, space, seed), unique=True)
    return replace(library, table=library.table.append_column(COLUMN, pa.array(names, pa.string())))
