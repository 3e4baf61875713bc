"""The tables of an evaluation: how well each space finds what is alike, with intervals over songs.

A table holds, by space, named values with their intervals. Dimension letters: N charts, Q queries, M references,
E size of a space, L labels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from groove.charts.technique.counting import RATES
from groove.data.part_labels import technique_table
from groove.data.scaler import radar_distances
from groove.data.triplets import ChartLabels
from groove.embedding.embedded import EmbeddedLibrary
from groove.retrieval.intervals import DRAWS, Interval, mean_intervals, ratio_intervals
from groove.retrieval.metrics import NEIGHBORS, QueryScores, Truth, query_scores, radar_truth, spearman

log = logging.getLogger(__name__)

Vectors = NDArray[np.float64]
Mask = NDArray[np.bool_]
Spaces = Mapping[str, Vectors]
"""Vectors (N, E) of the same N charts, by the name of the space."""
Table = dict[str, dict[str, Interval]]
KS = (1, 5, 10)
_BLOCK = 512
"""Queries at once, where all distances are measured."""


def radar_tables(spaces: Spaces, part: EmbeddedLibrary, draws: int) -> dict[str, Table]:
    """Return retrieval and rank correlations within a difficulty and across, and the gain in each difficulty."""
    labels, found = part.labels, dict[str, Table]()
    truths = {within: radar_truth(labels, within) for within in (True, False)}
    for title, within in (("within a difficulty", True), ("across difficulties", False)):
        retrieval, correlation = f"retrieval {title}", f"correlation with radar distance {title}"
        found[retrieval] = _by_space(spaces, space_scores, labels, within, KS, draws, truths[within])
        found[correlation] = _by_space(spaces, correlations, labels, within)
    classes = list(part.classes)
    found["gain in each difficulty"] = _by_space(spaces, gain_by_class, labels, classes, draws, truths[True])
    return found


def _by_space(spaces: Spaces, measure: Callable[..., dict[str, Interval]], *arguments: Any) -> Table:
    return {name: measure(vectors, *arguments) for name, vectors in spaces.items()}


def beyond_tables(spaces: Spaces, mirrors: Spaces, part: EmbeddedLibrary, draws: int) -> dict[str, Table]:
    """Return what is found that is no radar: mirror images, songs, step artists, packs."""
    labels, writers, packs = part.labels, part.column("description"), part.column("pack")
    originals = {name: finds_original(x, spaces[name], labels.song, draws) for name, x in mirrors.items()}
    return {
        "a mirrored chart finds its original": originals,
        "a chart finds another difficulty of its song": _by_space(spaces, finds_song, labels, draws),
        "neighbors share the step artist": _by_space(spaces, shares_name, labels, writers, draws),
        "neighbors share the pack": _by_space(spaces, shares_name, labels, packs, draws),
    }


def technique_tables(spaces: Spaces, part: EmbeddedLibrary, draws: int) -> dict[str, Table]:
    """Return the gain in what the feet do, each technique alone; nothing where it is counted in fewer than 2 charts."""
    rates = technique_table(part.table)
    known = np.flatnonzero(~np.isnan(rates).any(axis=1))
    log.info(f"technique counted in {len(known)} of {len(part)} charts")
    if len(known) < 2:
        return {}
    chosen = {name: vectors[known] for name, vectors in spaces.items()}
    return {"gain in technique": label_gains(chosen, rates[known], RATES, part.labels.take(known), draws)}


def space_scores(
    vectors: Vectors,
    labels: ChartLabels,
    within: bool,
    ks: Sequence[int] = KS,
    draws: int = DRAWS,
    truth: Truth | None = None,
) -> dict[str, Interval]:
    """Return gain of the 5 nearest, and recall, precision and nDCG at each of `ks`, of (N, E) with intervals.

    All charts are queries, and candidates of each other; see `groove.retrieval.metrics.query_scores`.
    """
    of_k = query_scores(vectors, labels, sorted({*ks, NEIGHBORS}), within, truth)
    wanted = {f"{name}_at_{k}": (k, getattr(of_k[k], name)) for k in ks for name in ("recall", "precision", "ndcg")}
    found = {"gain": _gain(of_k[NEIGHBORS], labels, draws)}
    for queries in {len(of_k[k].row): of_k[k].row for k in ks}.values():  # as many queries are the same queries
        same = {name: values for name, (_, values) in wanted.items() if len(values) == len(queries)}
        found |= zip(same, mean_intervals(list(same.values()), labels.song[queries], draws), strict=True)
    return {name: found[name] for name in ("gain", *wanted)}


def correlations(vectors: Vectors, labels: ChartLabels, within: bool) -> dict[str, Interval]:
    """Return Spearman's rank correlation of distances with the radar's, all axes and each; pairs give no interval."""
    found = spearman(vectors, labels, within)
    return {name.removeprefix("spearman_"): Interval(value) for name, value in found.items()}


def _gain(scores: QueryScores, labels: ChartLabels, draws: int) -> Interval:
    """Return the retrieval gain with its interval."""
    ratio = scores.random - scores.model, scores.random - scores.oracle
    return ratio_intervals([ratio], labels.song[scores.row], draws)[0]


def gain_by_class(
    vectors: Vectors, labels: ChartLabels, classes: Sequence[str], draws: int = DRAWS, truth: Truth | None = None
) -> dict[str, Interval]:
    """Return the gain within each difficulty class, by its name; NaN where a class has too few charts."""
    scores = query_scores(vectors, labels, (NEIGHBORS,), True, truth)[NEIGHBORS]
    found = {}
    for index, name in enumerate(classes):
        own = labels.label[scores.row] == index
        found[name] = _gain(QueryScores(*(column[own] for column in scores)), labels, draws)
    return found


def label_gains(
    spaces: Spaces, values: Vectors, names: Sequence[str], labels: ChartLabels, draws: int = DRAWS
) -> Table:
    """Return, by space and by name, how much more alike in labels `values` (N, L) neighbors are than random charts.

    The measure is the retrieval gain with one label in place of the radar: 0 as alike as random charts of the
    difficulty, 1 as the most alike there are. ``all`` takes the labels together, each divided by its deviation.
    """
    scaled = values / np.maximum(values.std(axis=0), 1e-12)
    kinds = {name: scaled[:, [i]] for i, name in enumerate(names)} | {"all": scaled}
    found: Table = {space: {} for space in spaces}
    for name, kind in kinds.items():
        for space, gain in alike_gains(spaces, ChartLabels(kind, labels.label, labels.song), draws).items():
            found[space][name] = gain
    return found


def alike_gains(spaces: Spaces, charts: ChartLabels, draws: int = DRAWS) -> dict[str, Interval]:
    """Return by space how much more alike neighbors are than random candidates, in what `charts` has as its radar."""
    truth = radar_truth(charts, within=True)
    scores = {name: query_scores(x, charts, (NEIGHBORS,), True, truth)[NEIGHBORS] for name, x in spaces.items()}
    return {name: _gain(found, charts, draws) for name, found in scores.items()}


def finds_original(
    mirrored: Vectors, vectors: Vectors, song: NDArray[np.int64], draws: int = DRAWS
) -> dict[str, Interval]:
    """Return how often the nearest of all charts (N, E) to a mirrored one (N, E) is the chart itself."""
    own = np.eye(len(vectors), dtype=bool)
    return _found(mirrored, vectors, own, np.ones_like(own), song, draws, k=1)


def finds_song(vectors: Vectors, labels: ChartLabels, draws: int = DRAWS) -> dict[str, Interval]:
    """Return how often another difficulty of its song is among the `NEIGHBORS` nearest of other difficulties."""
    candidates = labels.label[:, None] != labels.label[None, :]
    relevant = candidates & (labels.song[:, None] == labels.song[None, :])
    return _found(vectors, vectors, relevant, candidates, labels.song, draws)


def shares_name(vectors: Vectors, labels: ChartLabels, names: Sequence[str], draws: int = DRAWS) -> dict[str, Interval]:
    """Return how often one of the `NEIGHBORS` nearest charts of other songs of a difficulty shares a name, and chance.

    Charts without a name (a blank step artist, say) neither ask nor answer; nor do those whose name no candidate has.
    """
    _, code = np.unique([name.strip().casefold() for name in names], return_inverse=True)
    named = np.array([bool(name.strip()) for name in names])
    candidates = (labels.song[:, None] != labels.song[None, :]) & (labels.label[:, None] == labels.label[None, :])
    candidates &= named[:, None] & named[None, :]
    relevant = candidates & (code[:, None] == code[None, :])
    return _found(vectors, vectors, relevant, candidates, labels.song, draws)


def _found(
    queries: Vectors,
    references: Vectors,
    relevant: Mask,
    candidates: Mask,
    song: NDArray[np.int64],
    draws: int,
    k: int = NEIGHBORS,
) -> dict[str, Interval]:
    """Return hits among the `k` nearest, chance and mean reciprocal rank, over queries with something to find."""
    able = relevant.any(axis=1)
    queries, relevant, candidates = queries[able], relevant[able], candidates[able]
    rank = first_ranks(queries, references, relevant, candidates)
    chance = chance_hits(relevant.sum(axis=1), candidates.sum(axis=1), k)
    found = mean_intervals([(rank <= k).astype(float), chance, 1.0 / rank], song[able], draws)
    names = (f"hit_at_{k}", "chance", "reciprocal_rank")
    return dict(zip(names, found, strict=True)) | {"queries": Interval(float(able.sum()))}


def first_ranks(queries: Vectors, references: Vectors, relevant: Mask, candidates: Mask) -> NDArray[np.int64]:
    """Return at which rank, from 1 on, each query's first relevant reference comes among the candidates, (Q,).

    References at the same distance come first: a space of equal vectors finds nothing. `relevant` and `candidates`
    are (Q, M), `relevant` within `candidates` and with at least one in each row.
    """
    ranks = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(queries), _BLOCK):
        part = slice(start, start + _BLOCK)
        distance = radar_distances(queries[part], references)
        best = np.where(relevant[part], distance, np.inf).min(axis=1, keepdims=True)
        before = candidates[part] & ~relevant[part] & (distance <= best)
        ranks.append(before.sum(axis=1).astype(np.int64) + 1)
    return np.concatenate(ranks)


def chance_hits(relevant: NDArray[np.int64], candidates: NDArray[np.int64], k: int) -> Vectors:
    """Return the probability that `k` candidates drawn at random hold a relevant one, (Q,)."""
    return hypergeom.sf(0, candidates, relevant, np.minimum(k, candidates))
