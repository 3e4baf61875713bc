"""The division of a library into sub-styles: the clusters inside each difficulty class, with names and examples.

`groove.styles.clusters` divides a class, `groove.styles.names` names the parts, `groove.styles.crosscheck` compares
them with labels that no training saw. Charts of no class (Edit) and of an undivided class have no sub-style. Neither
torch nor the songs are needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from groove.embedding.embedded import EmbeddedLibrary
from groove.styles.clusters import LARGEST, STARTS, Partition, fit, partition
from groove.styles.crosscheck import NAMES, Agreement, meter_agreement, name_agreement
from groove.styles.names import differences, style_names, trait_values

EXAMPLES = 5
COLUMN = "substyle"


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
    on_step: Callable[[str, int, int], None] = lambda what, done, total: None,
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


def nearest_of_songs(found: Partition, cluster: int, song: NDArray[np.int64]) -> list[int]:
    """Return the charts of `cluster` nearest to its center, one of each `song`, at most `EXAMPLES`."""
    members = np.flatnonzero(found.labels == cluster)
    members = members[np.argsort(found.distance[members], kind="stable")]
    first = np.unique(song[members], return_index=True)[1]
    return members[np.sort(first)[:EXAMPLES]].tolist()


def _checks(charts: EmbeddedLibrary, labels: NDArray[np.int64], seed: int) -> list[Agreement]:
    """Return the agreement of `labels` with names and meters, of the first chart of each song."""
    first = np.sort(np.unique(charts.song, return_index=True)[1])
    part, styles = charts.take(first), labels[first]
    found = [name_agreement(label, part.column(column), styles, seed) for column, label in NAMES.items()]
    return [check for check in [*found, meter_agreement(part.column("meter"), styles, seed)] if check is not None]


def style_column(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> list[str]:
    """Return the name of each chart's sub-style, empty for charts that have none, (N,)."""
    names = {row: style.name for found in classes for style in found.styles for row in style.rows.tolist()}
    return [names.get(row, "") for row in range(len(library))]


def disambiguated(classes: Sequence[ClassStyles]) -> list[ClassStyles]:
    """Return `classes` with the class before each name that several of them have: ``Hard: many freezes``."""
    counts = Counter(style.name for found in classes for style in found.styles)
    unique = []
    for found in classes:
        names = [f"{found.name}: {x.name}" if counts[x.name] > 1 else x.name for x in found.styles]
        styles = [replace(style, name=name) for style, name in zip(found.styles, names, strict=True)]
        unique.append(replace(found, styles=styles))
    return unique


def with_substyles(library: EmbeddedLibrary, space: str = "projection", seed: int = 0) -> EmbeddedLibrary:
    """Return `library` with the column ``substyle``: a name, unique in the library (`disambiguated`), or an empty text.

    Raises:
        RunError: as `substyles` does.
    """
    names = style_column(library, disambiguated(substyles(library, space, seed)))
    return replace(library, table=library.table.append_column(COLUMN, pa.array(names, pa.string())))
