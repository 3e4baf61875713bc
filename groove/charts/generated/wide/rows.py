"""Which rows a wide chart has: the candidates of its song that its hardness, its author and its density let in.

Every candidate has a score: its strength in the music, the taste for its quantisation at this hardness, how busy its
section is, and luck that all charts of the song partly share. Candidates too near to a better one drop out, and the
best of the rest are taken until the chart is as dense as it should be. So an easier chart is mostly a part of the
harder one. Dimension letters: C candidates, N rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.generated.wide.music import GRIDS, Music

HARDNESS = (-1, 0, 1, 2, 3, 4, 5, 6, 7)
ROWS_PER_MINUTE = (30, 57, 114, 178, 254, 325, 450, 600, 780)
FASTEST_S = (0.62, 0.42, 0.25, 0.15, 0.1, 0.076, 0.06, 0.05, 0.04)
"""Rows a minute and the shortest gap at each of `HARDNESS`."""
TASTE = (  # of each of `GRIDS` at each of `HARDNESS`
    (0, 0, 0, 0, 0, 0, 0, 0, 0),
    (-5, -3.2, -1.4, -0.3, 0, 0.1, 0.2, 0.2, 0.2),
    (-9, -6, -4, -1.5, -0.5, 0, 0.5, 0.8, 0.9),
    (-9, -6, -4, -2, -0.9, -0.4, 0, 0, 0),
    (-14, -11, -8, -4.5, -2, -0.9, -0.4, 0, 0.2),
    (-14, -11, -8, -5, -2.4, -1.1, -0.5, -0.2, 0),
    (-14, -11, -8, -4.5, -2.2, -1.0, -0.6, -0.4, -0.2),
)
LONG_GAP_S = 2.0


class Plan(NamedTuple):
    """How a chart chooses its rows."""

    hardness: float
    rows_per_minute: float
    fastest_s: float
    contrast: float
    taste: NDArray[np.float64]  # (len(GRIDS),)


def draw_plan(hardness: float, contrast: float, rng: np.random.Generator) -> Plan:
    """Return the plan of a chart of this hardness whose author makes so much of busy and quiet sections."""
    rows = float(np.exp(np.interp(hardness, HARDNESS, np.log(ROWS_PER_MINUTE)) + rng.normal(0, 0.2)))
    fastest = float(np.interp(hardness, HARDNESS, FASTEST_S) * np.exp(rng.normal(-0.05, 0.15)))
    taste = np.array([np.interp(hardness, HARDNESS, values) for values in TASTE])
    taste[1:] += rng.normal(0, 0.35, len(GRIDS) - 1)
    return Plan(hardness, rows, fastest, contrast * float(rng.uniform(0.6, 1.4)), taste)


def luck(music: Music, spread: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return luck of each candidate (C,), equal where a motif comes again."""
    return rng.normal(0, spread, int(music.place.max(initial=0)) + 1)[music.place]


def choose_rows(music: Music, plan: Plan, chance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the candidates (N,) that are rows of the chart, in order; `chance` (C,) is added to their scores."""
    score = music.strength + plan.taste[music.grid] + plan.contrast * music.busy + chance
    kept = np.arange(len(score))
    while True:
        near = np.diff(music.times[kept]) < plan.fastest_s
        if not near.any():
            break
        first_is_worse = score[kept[:-1]] < score[kept[1:]]
        drop = np.zeros(len(kept), dtype=bool)
        drop[:-1] |= near & first_is_worse
        drop[1:] |= near & ~first_is_worse
        kept = kept[~drop]
    seconds = music.times[-1] - music.times[0]
    count = max(round(plan.rows_per_minute * seconds / 60), 8)
    best = kept[np.argsort(-score[kept], kind="stable")[:count]]
    return np.sort(best)
