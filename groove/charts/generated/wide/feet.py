"""Arrows of a wide chart, placed foot by foot: a walker that has habits.

The feet alternate unless a habit says otherwise: the same panel again (a jack, a slow repeat), the other foot on the
panel where one stands (a footswitch, on left and right a sideswitch), the same foot elsewhere (a double step), one
foot on two panels (a bracket), both feet (a jump), three or four panels (a hand, a quad). Phrases that players have
names for (drills, stairs, crossovers, candles) run for a while. While a foot holds, the other one plays alone.
Panels count from 0: left, down, up, right. Feet: 0 left, 1 right. Ticks are 48 a beat. N rows.
"""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.generated.wide.habits import Habits
from groove.charts.generated.wide.music import BAR, TICKS

DOWN_UP, HOME = (1, 2), (0, 3)
PHRASES = {  # panels by turns, as a left foot begins; mirrored for a right one
    "stairs": ((0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 2, 3, 2, 1), (0, 2, 1, 3, 1, 2), (2, 1, 0, 3), (0, 3, 1, 2)),
    "crossing": ((0, 1, 3, 1), (0, 2, 3, 2), (0, 1, 3, 2), (0, 1, 3, 1, 0, 2, 3, 2), (0, 2, 3, 1, 0, 3)),
    "candles": ((1, 3, 2, 3), (2, 3, 1, 3), (0, 1, 0, 2), (1, 3, 2, 3, 0, 3)),
}
JUMPS = ((0, 3), (0, 1), (0, 2), (1, 3), (2, 3), (1, 2), (2, 1))
JUMP_ODDS = (0.36, 0.15, 0.15, 0.13, 0.13, 0.04, 0.04)
BRACKETS = ((0, 1), (0, 2), (1, 3), (2, 3))
HANDS = ((0, 1, 3), (0, 2, 3), (0, 1, 2), (1, 2, 3), (0, 1, 2, 3))
JACK_S, SWITCH_S, RUN_S = 0.176, 0.3, 0.4
"""A same arrow sooner than this is a jack; a switch is one only if it is as quick; phrases are for runs."""
HOLD_TICKS = (12, 24, 36, 48, 72, 96, 144, 192, 384)
HOLD_ODDS = (0.04, 0.16, 0.06, 0.28, 0.1, 0.2, 0.06, 0.08, 0.02)
NEAREST = 6
"""Ticks between the end of a hold and a row that both feet need."""


class Rows(NamedTuple):
    """The N rows of a chart: ticks, seconds, strengths, and a number that is the same where a motif comes again."""

    ticks: NDArray[np.int64]
    times: NDArray[np.float64]
    strength: NDArray[np.float64]
    place: NDArray[np.int64]
    fastest_s: float


class Step(NamedTuple):
    """One row: its panels, and until which tick each of them is held, 0 for a tap."""

    tick: int
    panels: tuple[int, ...]
    ends: tuple[int, ...]


def walk(rows: Rows, habits: Habits, known: dict[int, tuple[int, ...]], copying: float, seed: int) -> list[Step]:
    """Return the steps of a chart; `known` panels of a harder chart by tick are taken over with chance `copying`.

    `seed` decides all; what a motif is danced like is much the same when it comes again.
    """
    rng = np.random.default_rng(seed)
    jumps = _jumps(rows, habits["jump"], rng)
    hands = jumps & (rng.random(len(jumps)) < habits["hand"] / max(habits["jump"], 0.02))
    shared = rng.random((int(rows.place.max(initial=0)) + 1, 4))
    fresh = rng.random((len(jumps), 4))
    draws = np.where(rng.random((len(jumps), 1)) < 0.35, fresh, shared[rows.place])
    draws[:, 3] = fresh[:, 3]
    walker = _Walker(rows, habits, known, copying, rng)
    return walker.steps(jumps.tolist(), hands.tolist(), draws.tolist())


def _jumps(rows: Rows, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which rows jump (N,): strong ones, rarely within a run unless the chart is full of jumps."""
    gaps = np.minimum(np.diff(rows.times, prepend=-9.0), np.diff(rows.times, append=rows.times[-1:] + 9.0))
    pressed = np.maximum(np.log(1.35 * rows.fastest_s / np.maximum(gaps, 1e-3)), 0)
    luck = rng.gumbel(0, 0.5, int(rows.place.max(initial=0)) + 1)[rows.place]
    score = rows.strength + luck - (6 if share < 0.2 else 1.5) * pressed
    jumps = np.zeros(len(gaps), dtype=bool)
    jumps[np.argsort(-score, kind="stable")[: round(share * len(gaps))]] = True
    return jumps


class _Walker:
    """Where the feet are, and what they do next."""

    def __init__(
        self, rows: Rows, habits: Habits, known: dict[int, tuple[int, ...]], copying: float, rng: np.random.Generator
    ) -> None:
        self.ticks, self.times, self.fastest_s = rows.ticks.tolist(), rows.times.tolist(), rows.fastest_s
        self.habits, self.known, self.copying = habits, known, copying
        self.rng = rng
        self.at = [0, 3]
        self.foot = int(rng.integers(2))
        self.queue: list[int] = []
        self.again = 0
        self.held_until = [-1, -1]
        self.until = 1e9
        self.options = {
            (foot, own, other): _options(foot, own, other, habits)
            for foot in (0, 1) for own in range(4) for other in range(4)
        }  # fmt: skip
        self.luck = iter(rng.random(16 * len(self.ticks) + 64).tolist())
        self.hold_length = float(np.exp(rng.normal(0, 0.35)))
        self.both_hold = float(rng.random() * 0.7)

    def steps(self, jumps: list[bool], hands: list[bool], draws: list[list[float]]) -> list[Step]:
        """Return the steps of all rows."""
        limits = self._limits(jumps)
        found: list[Step] = []
        before = -9.0
        for i, (tick, time) in enumerate(zip(self.ticks, self.times, strict=True)):
            gap, before = time - before, time
            busy = [until >= tick for until in self.held_until]
            if hands[i] and not any(busy):
                panels = self._hand(draws[i])
            elif jumps[i] and not any(busy):
                panels = self._jump(tick, gap, draws[i])
            else:
                panels = self._single(tick, gap, busy, draws[i])
            ends = self._ends(i, panels, busy, limits[i])
            found.append(Step(tick, panels, ends))
        return found

    def _limits(self, jumps: list[bool]) -> list[int]:
        """Return until which tick one foot can hold from each row on while the other foot plays alone."""
        slow_s = 1.6 * self.fastest_s
        limits = [0] * len(self.ticks)
        end = self.ticks[-1] + BAR
        for i in range(len(self.ticks) - 1, -1, -1):
            limits[i] = end if i + 1 < len(self.ticks) else self.ticks[-1] + BAR
            hasty = i > 0 and self.times[i] - self.times[i - 1] < slow_s
            if jumps[i] or hasty:
                end = self.ticks[i] - NEAREST
            if i > 0 and hasty and not jumps[i]:
                end = min(end, self.ticks[i] - NEAREST)
        return limits

    def _ends(self, i: int, panels: tuple[int, ...], busy: list[bool], limit: int) -> tuple[int, ...]:
        """Return until when each of the panels of row `i` is held, 0 for a tap."""
        none = (0,) * len(panels)
        share = self.habits["hold"]
        tick = self.ticks[i]
        later = self.ticks[i + 1] if i + 1 < len(self.ticks) else tick + BAR
        if any(busy) or len(panels) > 2 or share == 0:
            return none
        free_beats = min(later - tick, 2 * TICKS) / TICKS
        if next(self.luck) > 1.15 * share / (1.02 - share) * free_beats / (1.35 * self.hold_length):
            return none
        place = bisect(_HOLD_EDGES, next(self.luck))
        wanted = HOLD_TICKS[min(place, len(HOLD_TICKS) - 1)] * self.hold_length
        wanted = int(wanted) // 12 * 12 or 12
        both = len(panels) == 2 and next(self.luck) < self.both_hold
        last = min(tick + wanted, later - NEAREST if both else max(limit, later - NEAREST))
        if last > later - NEAREST and last < later:
            last = later - NEAREST
        if last - tick < 9:
            return none
        if both:
            return (last, last)
        foot = self.foot
        if last >= later:
            self.held_until[foot] = last
            self.queue.clear()
        return tuple(last if panel == self.at[foot] else 0 for panel in panels)

    def _hand(self, draw: list[float]) -> tuple[int, ...]:
        """Return a row of three panels or four."""
        self.at, self.foot = [0, 3], int(draw[2] < 0.5)
        self.queue.clear()
        return HANDS[int(draw[0] ** 1.3 * len(HANDS))]

    def _jump(self, tick: int, gap: float, draw: list[float]) -> tuple[int, ...]:
        """Return a jump; in haste one that keeps off the panel where a foot just was."""
        hint = self.known.get(tick, ())
        pair = hint if len(hint) == 2 and next(self.luck) < self.copying else ()
        tries = 0
        while not pair:
            candidate = JUMPS[min(bisect(_JUMP_EDGES, draw[0] if not tries else next(self.luck)), len(JUMPS) - 1)]
            tries += 1
            if tries > 3 or gap > self.until * 0 + 0.3 or self.at[self.foot] not in candidate:
                pair = candidate
        self.at, self.foot = list(pair), int(draw[2] < 0.5)
        self.queue.clear()
        return (min(pair), max(pair))

    def _single(self, tick: int, gap: float, busy: list[bool], draw: list[float]) -> tuple[int, ...]:
        """Return a row for one foot."""
        if any(busy):
            self.foot = 1 if busy[0] else 0
            return self._stepped(self._panel(tick, draw))
        if self.again > 0:
            self.again -= 1
            return (self.at[self.foot],)
        if not self.queue:
            special = self._special(gap, draw)
            if special:
                return special
        self.foot = 1 - self.foot
        if self.queue:
            panel = self.queue.pop()
            if panel != self.at[1 - self.foot]:
                return self._stepped(panel)
            self.queue.clear()
        return self._stepped(self._panel(tick, draw))

    def _special(self, gap: float, draw: list[float]) -> tuple[int, ...]:
        """Return the panels if one of the habits beyond alternating takes this row; ``()`` otherwise."""
        habits, luck = self.habits, draw[0]
        here = self.at[self.foot]
        quick = gap < JACK_S
        odds = (
            ("again", habits["jack"] if quick and gap > 0.75 * self.fastest_s else 0.0),
            ("again", habits["repeat"] * min(gap / 0.4, 1.6) if not quick else 0.0),
            ("switch", habits["footswitch" if here in DOWN_UP else "sideswitch"] if gap < SWITCH_S else 0.0),
            ("double", habits["double"] * (1 if gap < 0.235 else 6)),
            ("bracket", habits["bracket"] if gap > 0.9 * self.fastest_s else 0.0),
            ("drill", habits["drill"] if gap < RUN_S else 0.0),
            *((name, habits[name] if gap < RUN_S else 0.3 * habits[name]) for name in PHRASES),
        )
        for name, chance in odds:
            luck -= chance
            if luck < 0:
                return self._do(name, draw)
        return ()

    def _do(self, name: str, draw: list[float]) -> tuple[int, ...]:
        """Return what habit `name` does with this row; ``()`` if it only planned the rows from here on."""
        here, more = self.at[self.foot], next(self.luck)
        if name == "again":
            self.again = int(more < 0.25) + int(more < 0.1) + 2 * int(more < 0.04)
            return (here,)
        if name == "switch":
            self.foot = 1 - self.foot
            return self._stepped(here)
        if name == "double":
            other = self.at[1 - self.foot]
            choices = [panel for panel in range(4) if panel not in (here, other, HOME[1 - self.foot])]
            return self._stepped(choices[int(draw[1] * len(choices))]) if choices else ()
        if name == "bracket":
            self.foot = 1 - self.foot
            other, side = self.at[1 - self.foot], HOME[self.foot]
            choices2 = [pair for pair in BRACKETS if other not in pair and side in pair]
            if not choices2:
                self.foot = 1 - self.foot
                return ()
            self.at[self.foot] = side
            return choices2[int(draw[1] * len(choices2))]
        if name == "drill":
            pair = (self.at[1 - self.foot], here)
            self.queue = list(pair * int(2 + 6 * more))[::-1]
            return ()
        foot = 1 - self.foot
        phrase = PHRASES[name][int(draw[1] * len(PHRASES[name]))]
        panels = [panel if foot == 0 else 3 - panel for panel in phrase] * int(1 + 3 * more)
        self.queue = panels[::-1]
        return ()

    def _panel(self, tick: int, draw: list[float]) -> int:
        """Return where the foot steps, given where both are: as the harder chart has it, or by habit."""
        own, other = self.at[self.foot], self.at[1 - self.foot]
        hint = self.known.get(tick, ())
        if hint and next(self.luck) < self.copying:
            near = [panel for panel in hint if panel != other]
            if near:
                return near[0]
        panels, edges = self.options[self.foot, own, other]
        return panels[min(bisect(edges, draw[1] * edges[-1]), len(panels) - 1)]

    def _stepped(self, panel: int) -> tuple[int, ...]:
        """Move the foot to `panel`."""
        self.at[self.foot] = panel
        return (panel,)


def _options(foot: int, own: int, other: int, habits: Habits) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the panels that `foot` may step on and their cumulative weights; it is on `own`, the other on `other`."""
    side, far = HOME[foot], HOME[1 - foot]
    crossed = other == side
    weights = {}
    for panel in range(4):
        if panel == other:
            continue
        weight = 1.0 if panel == side else 0.85
        if panel == far:
            weight = habits["crossover"] if other in DOWN_UP else 0.02
        if crossed:
            weight = 1.0 if panel in DOWN_UP else 0.02
        if panel == own:
            weight *= habits["anchor"]
        elif panel in DOWN_UP and own in DOWN_UP:
            weight *= habits["candle"]
        weights[panel] = weight + 1e-6
    return tuple(weights), tuple(accumulate(weights.values()))


_HOLD_EDGES = tuple(accumulate(HOLD_ODDS))
_JUMP_EDGES = tuple(accumulate(JUMP_ODDS))
