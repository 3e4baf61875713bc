"""What a space knows of its charts, in one table: the radar, and what people mean that no training saw.

Every column is a gain or a share of the `NEIGHBORS` nearest charts. A gain is (random - found) / (random - best) of the
mean difference in what is asked: 0 as alike as random candidates, 1 as the most alike there are. Step artists, packs,
tags and tiers are labels that people wrote; they serve here only. Dimension letters: N charts, E size of a space,
L labels, G tags, P pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from groove.charts.notation import TAGS
from groove.data.part_labels import profile_shapes, technique_table
from groove.data.triplets import ChartLabels
from groove.embedding.embedded import EmbeddedLibrary
from groove.embedding.given_rows import Tier
from groove.retrieval.evaluation import Spaces, Table, Vectors, alike_gains, finds_song
from groove.retrieval.intervals import DRAWS, Interval, mean_intervals
from groove.retrieval.metrics import NEIGHBORS, retrieval_gain
from groove.retrieval.search import NONE, nearest_of_other_songs

_ALPHAS = np.logspace(-1, 4, 11)
_FOLDS = 5
_LEAST_PAIRS = 20
"""Pairs of charts below which their order is not worth a number."""
RADAR_KEPT = 0.9
_HEAVIEST, _HALVINGS = 4.0, 7


class Question(NamedTuple):
    """What neighbors are to share: labels (N, L), and which charts are candidates.

    Candidates are of one group (N,) and differ in `apart` (N,): a song, or a step artist. The bootstrap draws those.
    """

    labels: Vectors
    group: NDArray[np.int64]
    apart: NDArray[np.int64]


def known_table(
    spaces: Spaces, part: EmbeddedLibrary, draws: int = DRAWS, tiers: Mapping[int, Tier] | None = None
) -> Table:
    """Return what each of `spaces` knows of the charts of `part`; what no chart can answer is NaN.

    `tiers` are those of the rows of `part` that players have given one.
    """
    found: Table = {name: {} for name in spaces}
    for column, question in questions(part).items():
        for name, value in gains(spaces, question, draws).items():
            found[name][column] = value
    for name, vectors in spaces.items():
        found[name]["song"] = finds_song(vectors, part.labels, draws)[f"hit_at_{NEIGHBORS}"]
        found[name]["step artist"] = shares_artist(vectors, part, draws)
        if tiers is not None:
            found[name]["player tiers"] = orders_tiers(vectors, part, tiers, draws)
    return found


def beside_radar(ranks: Vectors, part: EmbeddedLibrary) -> Vectors:
    """Return the scaled radar of the charts of `part` beside `ranks` (N, K) of other counts: what no network needs.

    The counts weigh as much as leaves the radar a gain of `RADAR_KEPT`; nothing else is looked at.
    """
    light, heavy = 0.0, _HEAVIEST
    for _ in range(_HALVINGS):  # the gain falls as the counts weigh more
        middle = (light + heavy) / 2
        keeps = retrieval_gain(np.hstack([part.scaled_radar, middle * ranks]), part.labels) >= RADAR_KEPT
        light, heavy = (middle, heavy) if keeps else (light, middle)
    return np.hstack([part.scaled_radar, light * ranks])


def questions(part: EmbeddedLibrary) -> dict[str, Question]:
    """Return what is asked of a space, by the column of the table.

    ``radar`` in its scaled units; ``technique`` the rates of what the feet do, each in deviations; ``level`` the meter,
    among charts of one pack and difficulty; ``tempo`` the logarithm of the BPM; ``profile`` the shape of the density
    over the song; ``tags`` the tech notation that step artists wrote, among charts of other step artists.
    """
    of_class, song = part.label, part.song
    rates = technique_table(part.table)
    rates = np.nan_to_num(rates / np.maximum(np.nanstd(rates, axis=0), 1e-12) if len(rates) else rates)
    _, pack = np.unique(part.column("pack"), return_inverse=True)
    meter, bpm = (np.array(part.column(name), dtype=np.float64)[:, None] for name in ("meter", "bpm"))
    written = [set(tags.split()) for tags in part.column("tags")]
    tags = np.array([[float(tag in own) for tag in TAGS] for own in written]).reshape(len(part), len(TAGS))
    tagged = np.where(tags.any(axis=1), of_class, -1 - np.arange(len(part)))  # alone: neither asks nor answers
    return {
        "radar": Question(part.scaled_radar, of_class, song),
        "technique": Question(rates, of_class, song),
        "level": Question(meter, of_class * (pack.max(initial=0) + 1) + pack, song),
        "tempo": Question(np.log(np.maximum(bpm, 1.0)), of_class, song),
        "profile": Question(profile_shapes(part.table), of_class, song),
        "tags": Question(tags, tagged, _names(part.column("step_artist"))),
    }


def gains(spaces: Spaces, question: Question, draws: int = DRAWS) -> dict[str, Interval]:
    """Return by space how much more alike in the labels of `question` neighbors are than random candidates."""
    return alike_gains(spaces, ChartLabels(*question), draws)


def shares_artist(vectors: Vectors, part: EmbeddedLibrary, draws: int = DRAWS) -> Interval:
    """Return which share of the nearest charts of other songs of a difficulty is of the same step artist.

    Charts without a name neither ask nor answer, nor do those whose artist no candidate shares; the bootstrap draws
    step artists.
    """
    artist = _names(part.column("step_artist"))
    rows, hits = [], []
    for label in np.unique(part.label):
        own = np.flatnonzero((part.label == label) & (artist >= 0))
        near = nearest_of_other_songs(vectors[own], part.song[own], NEIGHBORS).rows
        same = (near != NONE) & (artist[own][near] == artist[own][:, None])
        shared = (artist[own][:, None] == artist[own]) & (part.song[own][:, None] != part.song[own])
        able = shared.any(axis=1) & (near != NONE).all(axis=1)
        rows.append(own[able])
        hits.append(same[able].mean(axis=1))
    row = np.concatenate([np.zeros(0, dtype=np.intp), *rows])
    return mean_intervals([np.concatenate([np.zeros(0), *hits])], artist[row], draws)[0]


def orders_tiers(vectors: Vectors, part: EmbeddedLibrary, tiers: Mapping[int, Tier], draws: int = DRAWS) -> Interval:
    """Return which share of the pairs of charts of one level a space orders as the players' tiers do.

    What is ordered is the level as a ridge regression on the space predicts it, each fifth of the songs from the
    others: levels are whole numbers, so nothing of a tier is learned. The mean level of the other songs is left out:
    it is lower for fifths of higher levels, and orders charts of two fifths whatever the space. Both charts of a pair
    weigh half in the bootstrap over songs; equal predictions are half right.
    """
    rows = np.array(sorted(tiers), dtype=np.intp)
    level, tier = (np.array([tiers[row][k] for row in rows.tolist()], dtype=np.float64) for k in (0, 1))
    song = part.song[rows]
    if len(np.unique(song)) < _FOLDS:
        return Interval(float("nan"))
    scaled, predicted = StandardScaler().fit_transform(vectors[rows]), np.zeros(len(rows))
    for train, test in GroupKFold(_FOLDS).split(scaled, groups=song):
        predicted[test] = scaled[test] @ RidgeCV(_ALPHAS).fit(scaled[train], level[train]).coef_
    one, other = np.nonzero(np.triu((level[:, None] == level) & (tier[:, None] != tier), k=1))
    if len(one) < _LEAST_PAIRS:
        return Interval(float("nan"))
    right = np.sign(predicted[one] - predicted[other]) * np.sign(tier[one] - tier[other]) / 2 + 0.5
    pair = np.concatenate([one, other])
    return mean_intervals([np.concatenate([right, right])], song[pair], draws)[0]


def _names(names: list[str]) -> NDArray[np.int64]:
    """Return a number per name (N,), whatever its case; a negative one of its own for each that is empty."""
    folded = [name.strip().casefold() for name in names]
    _, code = np.unique(folded, return_inverse=True)
    return np.where([not name for name in folded], -1 - np.arange(len(folded)), code).astype(np.int64)
