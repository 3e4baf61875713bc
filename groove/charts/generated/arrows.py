"""Arrows of a generated chart: which rows jump or hold, and the columns, as two feet would dance them.

Feet alternate and do not cross over; while one holds, the other plays alone; rows nearer than `JACK_S` share no column.
Ticks are 12 a beat, times are seconds, N is the number of rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.generated.song import TICKS

REACH = ((0, 1, 2), (3, 2, 1))
"""Columns that the left and the right foot reach without crossing over, its own first."""
JUMP_PAIRS: tuple[tuple[int, int], ...] = ((0, 3), (0, 1), (0, 2), (1, 3), (2, 3), (1, 2))
JACK_S = 0.35
SLOWEST_JUMP_S = 0.16
HOLD_TICKS = (6, 12, 18, 24, 36)
HOLD_ODDS = (0.1, 0.3, 0.15, 0.3, 0.15)


class RowPlan(NamedTuple):
    """The N rows of a chart: ticks, seconds, strengths in the music, and the shortest comfortable gap in seconds."""

    ticks: NDArray[np.int64]
    times: NDArray[np.float64]
    strength: NDArray[np.float64]
    fastest_s: float


def choose_jumps(rows: RowPlan, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which rows jump, shape (N,): the strongest onsets, on the beat if possible, none within a fast run."""
    gaps = np.minimum(np.diff(rows.times, prepend=-9.0), np.diff(rows.times, append=1e9))
    score = rows.strength + rng.gumbel(0, 0.4, len(gaps)) - 3.0 * (rows.ticks % TICKS != 0)
    slow = gaps >= max(SLOWEST_JUMP_S, 1.3 * rows.fastest_s)
    count = min(round(share * len(gaps)), int(slow.sum()))
    jumps = np.zeros(len(gaps), dtype=bool)
    jumps[np.argsort(-np.where(slow, score, -np.inf), kind="stable")[:count]] = True
    return jumps


def choose_holds(rows: RowPlan, jumps: NDArray[np.bool_], share: float, rng: np.random.Generator) -> list[int]:
    """Return the length in ticks of the hold that starts at each row, 0 for none; `share` of the chart is held.

    There is one hold at a time. Rows under it are singles with gaps that one foot can play; a jump holds until the
    next row at most.
    """
    ticks = rows.ticks.tolist()
    holds = [0] * len(ticks)
    covered = np.zeros(len(ticks), dtype=bool)
    budget = share * (ticks[-1] + 4 * TICKS)
    for i in rng.permutation(len(ticks) - 1).tolist():
        if budget < TICKS / 2:
            break
        wanted = int(rng.choice(HOLD_TICKS, p=HOLD_ODDS))
        last = i if covered[i] else _first_row_after(i, wanted, rows, jumps, covered)
        length = min(wanted, ticks[last] - ticks[i] - 3)
        length -= length % (6 if length >= 12 else 3)
        if length >= 6:
            holds[i] = length
            covered[i:last] = True
            budget -= length
    return holds


def _first_row_after(i: int, wanted: int, rows: RowPlan, jumps: NDArray[np.bool_], covered: NDArray[np.bool_]) -> int:
    """Return the first row that has to come after the end of a hold that starts at row `i`."""
    ticks, times, one_foot_s = rows.ticks, rows.times, 1.7 * rows.fastest_s
    last = i + 1
    while last < len(ticks) - 1 and ticks[last] <= ticks[i] + wanted + 3:
        hasty = times[last + 1] - times[last] < one_foot_s
        hasty |= last > i + 1 and times[last] - times[last - 1] < one_foot_s
        if jumps[i] or jumps[last] or covered[last] or hasty:
            break
        last += 1
    return last


def walk(rows: RowPlan, jumps: NDArray[np.bool_], holds: list[int], rng: np.random.Generator) -> list[list[int]]:
    """Return the columns of each row: within reach, not where the other foot stands, rather none of a jack."""
    feet, foot, held_foot, held_until, before = [0, 3], int(rng.integers(2)), -1, -1, -9.0
    chosen: list[list[int]] = [[]]
    draws = rng.random((len(holds), 2)).tolist()
    for i, (tick, time, (where, which)) in enumerate(zip(rows.ticks.tolist(), rows.times.tolist(), draws, strict=True)):
        avoided = set(chosen[-1]) if time - before < JACK_S else set()
        if jumps[i]:
            pairs = [pair for pair in JUMP_PAIRS if not avoided & set(pair)] or JUMP_PAIRS
            feet, foot = list(pairs[int(where**1.5 * len(pairs))]), int(which < 0.5)
        else:
            same = time - before > 1.2 * JACK_S and which < 0.2
            foot = 1 - held_foot if tick <= held_until else foot if same else 1 - foot
            reach = [column for column in REACH[foot] if column != feet[1 - foot]]
            options = [column for column in reach if column not in avoided] or reach
            feet[foot] = options[int(where**1.3 * len(options))]
        if holds[i]:
            held_foot, held_until = foot, tick + holds[i]
        chosen.append(list(feet) if jumps[i] else [feet[foot]])
        before = time
    return chosen[1:]
