"""One positive and one negative for every chart that has them, in a library too large for a matrix of all pairs.

The charts of a group (one class, or all of them) are put into random order and compared with the same order moved by a
random number of places, again and again: each move shows every chart one other chart, in memory order. The few charts
that no move served are searched exactly: a KD-tree (Bentley, 1975, "Multidimensional binary search trees used for
associative searching") for the nearest, and for the farthest all charts that are far enough from the centre. So a chart
is without a partner only if there is none. Distances are differences in float64; `PairRule.masks` multiplies matrices
and differs in the last digits, so a pair exactly on a bound may be of two minds.

Dimension letters: N charts, G charts of a group, A charts that look for a partner, R radar axes, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from groove.data.triplets import ChartLabels, PairRule

NONE = -1
"""The partner of a chart that has none."""
DENSE_CHARTS = 4096
"""Up to here a matrix of all pairs is as quick, and gives the numbers that earlier runs have."""
_MOVES = 256
_PART = 65536
"""Charts are compared with the others of a random part of their group that large: arrays that stay in the cache."""
_NEIGHBORS = 8
_CHUNK = 2048
_REFRESH = 8
"""Charts that are served leave the comparison every so many moves."""


@dataclass(frozen=True)
class Group:
    """Charts that may be pairs, in random order.

    Attributes:
        rows: (G,) which charts of the library.
        radar: (R, G).
        song: (G,).
        nearest: radar distance up to which a pair is positive.
        farthest: from which it is negative.
    """

    rows: NDArray[np.intp]
    radar: NDArray[np.float64]
    song: NDArray[np.int64]
    nearest: float
    farthest: float

    def __len__(self) -> int:
        return len(self.rows)

    def parts(self) -> Iterator[tuple[slice, Group]]:
        """Yield random parts of the group, as equal as can be, small enough for the cache, and their places."""
        bounds = np.linspace(0, len(self), 1 - (-len(self) // _PART)).astype(int).tolist()
        for cut in map(slice, bounds, bounds[1:]):
            yield cut, replace(self, rows=self.rows[cut], radar=self.radar[:, cut], song=self.song[cut])

    def compare(self, one: NDArray[np.intp], other: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which pairs of places (their shapes broadcast) are positive and which negative."""
        squared: Any = 0.0
        for axis in self.radar:  # axis by axis in memory order: several times faster than rows of five
            squared = squared + (axis.take(one) - axis.take(other)) ** 2
        allowed = self.song.take(one) != self.song.take(other)
        positive = squared <= self.nearest**2
        negative = (squared >= self.farthest**2) & ~positive
        return positive & allowed, negative & allowed


def groups(rule: PairRule, charts: ChartLabels, generator: np.random.Generator) -> Iterator[Group]:
    """Yield the groups of `charts` that have bounds in `rule`, each in a new random order."""
    classes = range(len(rule.nearest)) if rule.same_difficulty_only else range(1)
    for c in classes:
        members = charts.label == c if rule.same_difficulty_only else charts.label >= 0
        rows = generator.permutation(np.flatnonzero(members))
        if len(rows) > 1 and not np.isnan(rule.nearest[c]):
            part = charts.take(rows)
            yield Group(
                rows, np.ascontiguousarray(part.radar.T), part.song, float(rule.nearest[c]), float(rule.farthest[c])
            )


def moves(group: Group, count: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return up to `count` different numbers of places to move by; all there are if the group is no larger."""
    return 1 + generator.choice(len(group) - 1, min(count, len(group) - 1), replace=False).astype(np.intp)


def moved(places: NDArray[np.intp], move: int, size: int) -> NDArray[np.intp]:
    """Return the places after `move`, round and round in a group of `size`: never two the same."""
    after = places + move
    after[after >= size] -= size
    return after


def partners(rule: PairRule, charts: ChartLabels, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return one random positive and negative of every chart.

    Args:
        rule: which pairs are positive or negative.
        charts: N charts.
        generator: source of randomness.

    Returns:
        (N, 2) rows of `charts`, `NONE` where a chart has no positive, or no negative.
    """
    found = np.full((len(charts), 2), NONE, dtype=np.int64)
    for group in groups(rule, charts, generator):
        places = group_partners(group, generator)
        found[group.rows] = np.where(places == NONE, NONE, group.rows[places])
    return found


def usable_anchors(rule: PairRule, charts: ChartLabels) -> NDArray[np.bool_]:
    """Return which charts have both a positive and a negative, (N,); exact in libraries of every size."""
    if len(charts) <= DENSE_CHARTS:
        return rule.anchors(charts)
    return (partners(rule, charts, np.random.default_rng(0)) != NONE).all(axis=1)


def class_counts(rule: PairRule, charts: ChartLabels, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return, per class, how many charts there are and how many of them are anchors without a pair."""
    usable = usable_anchors(rule, charts)
    return {
        name: {
            "charts": int((charts.label == c).sum()),
            "without_pair": int(((charts.label == c) & ~usable).sum()),
        }
        for c, name in enumerate(classes)
    }


def group_partners(group: Group, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return the places of a random positive and negative of every chart of `group`, or `NONE` -> (G, 2)."""
    found = np.full((len(group), 2), NONE, dtype=np.intp)
    for cut, part in group.parts():
        places = _by_moves(part, generator)
        found[cut] = np.where(places == NONE, NONE, places + cut.start)
    if len(group) - 1 > _MOVES:
        for kind, search in enumerate((_near, _far)):
            missing = np.flatnonzero(found[:, kind] == NONE)
            found[missing, kind] = search(group, missing, generator)
    return found


def _by_moves(group: Group, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return what `_MOVES` moves find -> (G, 2)."""
    found = np.full((len(group), 2), NONE, dtype=np.intp)
    active = np.arange(len(group))
    for turn, move in enumerate(moves(group, _MOVES, generator)):
        if turn % _REFRESH == 0:
            active = active[(found[active] == NONE).any(axis=1)]
        other = moved(active, move, len(group))
        for kind, hit in enumerate(group.compare(active, other)):
            found[active[hit], kind] = other[hit]
    return found


def _near(group: Group, places: NDArray[np.intp], generator: np.random.Generator) -> NDArray[np.intp]:
    """Return a random one of the `_NEIGHBORS` nearest positives of each of `places` (A,), or `NONE`."""
    found = np.full(len(places), NONE, dtype=np.intp)
    tree = cKDTree(group.radar.T, balanced_tree=False, compact_nodes=False) if len(places) else None
    left, k = np.arange(len(places)), _NEIGHBORS + 1  # itself is the nearest
    while tree is not None and len(left):
        k = min(k, len(group))
        bound = group.nearest * (1 + 1e-9) + 1e-12  # the tree's bound is exclusive; `compare` decides
        nearest = tree.query(group.radar[:, places[left]].T, k=k, distance_upper_bound=bound)[1]
        exists = nearest < len(group)
        positive, _ = group.compare(places[left, None], np.where(exists, nearest, 0))
        found[left] = _pick(positive & exists, nearest, generator)
        left, k = left[(found[left] == NONE) & exists.all(axis=1) & (k < len(group))], 4 * k  # all of its own song
    return found


def _far(group: Group, places: NDArray[np.intp], generator: np.random.Generator) -> NDArray[np.intp]:
    """Return a negative of each of `places` (A,), or `NONE`, from the charts farthest from the centre on.

    By the triangle inequality a negative is at least the bound minus the chart's own distance from the centre away
    from the centre.
    """
    found = np.full(len(places), NONE, dtype=np.intp)
    radius = np.linalg.norm(group.radar - np.median(group.radar, axis=1, keepdims=True), axis=0)
    order = np.argsort(-radius, kind="stable")
    needed = (group.farthest - radius[places]) * (1 - 1e-9)
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK]
        left = np.flatnonzero((found == NONE) & (needed <= radius[chunk[0]]))
        if len(left) == 0:
            break
        for part in np.array_split(left, -(-len(left) // _CHUNK)):
            _, negative = group.compare(places[part, None], chunk[None, :])
            found[part] = _pick(negative, np.broadcast_to(chunk, negative.shape), generator)
    return found


def _pick(allowed: NDArray[np.bool_], values: NDArray[np.intp], generator: np.random.Generator) -> NDArray[np.intp]:
    """Return a random allowed value of each row of (A, K), or `NONE`."""
    keys = np.where(allowed, generator.random(allowed.shape, dtype=np.float32), np.float32(-1.0))
    column = keys.argmax(axis=1)
    rows = np.arange(len(values))
    return np.where(allowed[rows, column], values[rows, column], NONE).astype(np.intp)
