"""Triplets of a whole split without a matrix of all pairs: time and memory grow with the number of charts.

Every chart that has a positive and a negative is an anchor. Candidates come at random, as in `groove.data.partners`, so
positives and negatives are spread over all that the rule allows. A few extreme charts are negatives of nearly everyone,
and central charts of hardly anyone: drawn evenly, an extreme one would be used 12 to 14 times as often as the mean. So
negatives are rationed: nobody may be used more than `_MOST` times its fair share, and the ration rises slowly from
nothing, so those that are seldom possible are used first.

The *fair share* of a negative: the triplets asked for in its class, divided by the charts of the class that are
someone's negative. Where no way of drawing could keep the ration (a few charts are the only negatives of all others),
anchors get fewer triplets: 1 in 100 is missing on log-normal radars of shape 0.5, 1 in 10 on those of shape 1.

Dimension letters: N charts, G charts of a group, M triplets, T triplets per anchor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.data.partners import DENSE_CHARTS, NONE, Group, group_partners, groups, moved, moves
from groove.data.triplets import ChartLabels, PairRule, draw_triplets

_MOST = 8.0
"""No negative is used more often than its fair share times this."""
_MOVES = 192
_MOVES_PER_TRIPLET = 80
_RISE = 0.5
"""The ration is whole after this part of the moves."""
_REFRESH = 8
_MOST_TRIPLETS = 1_000_000


def split_triplets(
    rule: PairRule, charts: ChartLabels, per_anchor: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return the triplets of a split, (M, 3): from all pairs of a small one, mined from a large one.

    Of a large one there are at most `_MOST_TRIPLETS`, or one per anchor.
    """
    if len(charts) <= DENSE_CHARTS:
        return draw_triplets(*rule.masks(charts), per_anchor, generator)
    return mine_triplets(rule, charts, max(1, min(per_anchor, _MOST_TRIPLETS // len(charts))), generator)


def mine_triplets(
    rule: PairRule, charts: ChartLabels, per_anchor: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw up to `per_anchor` triplets of every chart that has a positive and a negative.

    Args:
        rule: which pairs are positive or negative.
        charts: N charts, all of one split.
        per_anchor: triplets per anchor. The negatives of an anchor differ; its positives repeat if there are too few.
        generator: source of randomness.

    Returns:
        (M, 3) rows of anchor, positive, negative, in the order of the anchors.
    """
    found = [np.zeros((0, 3), dtype=np.int64)]
    for group in groups(rule, charts, generator):
        places = _in_group(group, per_anchor, generator)
        found.append(group.rows[places].astype(np.int64))
    drawn = np.concatenate(found)
    return drawn[np.argsort(drawn[:, 0], kind="stable")]


def _in_group(group: Group, per_anchor: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return the triplets of one group, as places in it."""
    known = group_partners(group, generator)
    anchors = (known != NONE).all(axis=1)
    possible = int((known[:, 1] != NONE).sum())
    ration = max(1, int(_MOST * per_anchor * anchors.sum() / max(possible, 1)))
    found = _Found.nothing(len(group), per_anchor)
    for cut, part in group.parts():
        _draw(part, np.flatnonzero(anchors[cut]), found.part(cut), ration, generator)
        found.places[:, cut][found.places[:, cut] != NONE] += cut.start
    _add_known(found, np.flatnonzero(anchors), known, ration)
    count = found.number[1]
    owner = np.repeat(np.arange(len(group)), count)
    turn = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    positive = found.places[0, owner, turn % found.number[0, owner]]
    return np.stack([owner, positive, found.places[1, owner, turn]], axis=1)


class _Found(NamedTuple):
    """What the charts of a group have found so far.

    Attributes:
        places: (2, G, T) of their positives and of their negatives, `NONE` where not yet.
        number: (2, G) how many of each.
        used: (G,) how often they are a negative of others.
    """

    places: NDArray[np.int32]
    number: NDArray[np.int32]
    used: NDArray[np.int32]

    @classmethod
    def nothing(cls, size: int, per_anchor: int) -> _Found:
        return cls(
            np.full((2, size, per_anchor), NONE, dtype=np.int32),
            np.zeros((2, size), dtype=np.int32),
            np.zeros(size, dtype=np.int32),
        )

    def part(self, cut: slice) -> _Found:
        """Return the arrays of some of the charts; what is written there is written here."""
        return _Found(self.places[:, cut], self.number[:, cut], self.used[cut])


def _draw(part: Group, anchors: NDArray[np.intp], found: _Found, ration: int, generator: np.random.Generator) -> None:
    """Fill `found` with positives and negatives of `anchors`, places in `part`, within the ration."""
    per_anchor = found.places.shape[2]
    all_moves = moves(part, _MOVES + _MOVES_PER_TRIPLET * per_anchor, generator)
    for turn, move in enumerate(all_moves):
        if turn % _REFRESH == 0:
            anchors = anchors[(found.number[:, anchors] < per_anchor).any(axis=0)]
        other = moved(anchors, move, len(part))
        positive, negative = part.compare(anchors, other)
        negative &= found.used.take(other) < min(ration, 1 + int(ration * turn / (_RISE * len(all_moves))))
        for places, count, hit in zip(found.places, found.number, (positive, negative), strict=True):
            hit &= count.take(anchors) < per_anchor
            who = anchors[hit]
            places[who, count[who]] = other[hit]
            count[who] += 1
        found.used[other[negative]] += 1


def _add_known(found: _Found, anchors: NDArray[np.intp], known: NDArray[np.intp], ration: int) -> None:
    """Give `anchors` that found none of a kind the one that is `known` (G, 2), negatives within the ration."""
    alone = anchors[found.number[0, anchors] == 0]
    found.places[0, alone, 0], found.number[0, alone] = known[alone, 0], 1
    alone = anchors[found.number[1, anchors] == 0]
    alone = alone[np.argsort(known[alone, 1], kind="stable")]
    negative = known[alone, 1]
    earlier = np.arange(len(alone)) - np.searchsorted(negative, negative)
    alone = alone[found.used[negative] + earlier < ration]
    found.places[1, alone, 0], found.number[1, alone] = known[alone, 1], 1
