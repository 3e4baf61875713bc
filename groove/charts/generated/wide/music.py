"""The rhythm of a wide song without its sound: where its music has onsets, how strong, and how busy each bar is.

All charts of a song choose their rows from it, so that they share a skeleton. A song is made of sections of 4 to 16
bars; a section repeats motifs of two bars; a motif is filled span by span with rhythms. Ticks are 48 a beat, the
finest that a simfile holds. Dimension letter: C candidates for rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.generated.wide.tempo import BEATS_PER_BAR, Tempo

TICKS = 48
BAR = BEATS_PER_BAR * TICKS
MOTIF = 2 * BAR
SECTIONS = {"intro": -0.9, "verse": 0.0, "build": 0.25, "chorus": 0.55, "solo": 0.7, "break": -0.8, "outro": -0.5}
"""Sections and how busy they are."""
GRIDS = (48, 24, 12, 16, 8, 6, 1)
"""Ticks between the rows of a quantisation: 4ths, 8ths, 16ths, 12ths, 24ths, 32nds, everything finer."""
METRE = (0.8, 0.35, 0.0, 0.0, -0.15, -0.25, -0.3)
"""How strong a row of each of `GRIDS` is by its place alone."""


class Rhythm(NamedTuple):
    """A way to fill a span: equal steps (`grid` ticks apart, each with a chance) or cells of a beat; a usual weight."""

    weight: float
    beats: tuple[int, ...]
    grid: float = 0
    chance: float = 1.0
    start: int = 0
    cells: tuple[tuple[float, ...], ...] = ()


RHYTHMS = {
    "fourths": Rhythm(5, (2, 4, 8), 48),
    "eighths": Rhythm(5, (2, 4, 8), 24),
    "offbeats": Rhythm(1, (2, 4), 48, start=24),
    "sixteenths": Rhythm(2.5, (1, 1, 2, 4, 8), 12),
    "gallops": Rhythm(1.6, (1, 2, 4), cells=((0, 36), (0, 24, 36), (0, 12, 24))),
    "syncopated": Rhythm(2, (2, 4, 8), 36),
    "syncopes": Rhythm(1.5, (2, 4), cells=((0, 36), (24,), (12, 36), (0, 24, 36), (12, 24), (36,))),
    "triplets": Rhythm(0.8, (1, 2, 4, 8), 16),
    "swing": Rhythm(0.5, (2, 4, 8), cells=((0, 32), (0, 16, 32), (0,), (32,))),
    "vocal": Rhythm(1.5, (4, 8), 12, 0.3),
    "words": Rhythm(1.5, (4, 8), 24, 0.6),
    "bursts": Rhythm(0.5, (1, 1, 2), 6, 0.95),
    "sixths": Rhythm(0.5, (1, 1, 2), 8, 0.95),
    "poly": Rhythm(0.25, (2, 4), cells=((0, 9.6, 19.2, 28.8, 38.4), (0, 20, 40), (0, 32), (10, 30), (0, 14, 27, 41))),
    "techno": Rhythm(0.4, (2, 4), cells=((0, 8, 16, 36), (0, 12, 18, 24), (4, 24), (12, 20, 28), (0, 6, 12, 36, 42))),
    "flams": Rhythm(0.3, (1, 2), cells=((0, 3), (0, 4, 24), (0, 24, 28), (0, 2))),
    "rest": Rhythm(1.5, (1, 2, 4), 192),
}  # fmt: skip


class Music(NamedTuple):
    """The C candidates of a song; all arrays have shape (C,)."""

    ticks: NDArray[np.int64]
    times: NDArray[np.float64]
    strength: NDArray[np.float64]  # higher where the music sounds and the metre is strong
    grid: NDArray[np.int64]  # index of `GRIDS`
    busy: NDArray[np.float64]  # of the section
    place: NDArray[np.int64]  # the same number for the same tick of the same motif
    sounds: NDArray[np.bool_]  # whether there is an onset, not a beat alone


def compose_music(tempo: Tempo, likes: dict[str, float], rng: np.random.Generator) -> Music:
    """Return the rhythm of a song with this timing; `likes` multiplies the weights of `RHYTHMS`."""
    names = _sections(tempo.bars, rng)
    mood = np.exp(rng.normal(0, 0.9, len(RHYTHMS)))
    weights = np.array([r.weight * likes.get(n, 1.0) for n, r in RHYTHMS.items()]) * mood
    motifs: dict[tuple[str, int], int] = {}
    heard: list[NDArray[np.float64]] = []
    order = (0, 0, 0, 1) if rng.random() < 0.5 else (0, 1, 0, 2)
    strength, place = [], []
    for bar, name in enumerate(names):
        key = name, order[bar // 2 % 4]
        if key not in motifs:
            motifs[key] = len(heard)
            heard.append(_motif(weights, rng))
        number = motifs[key]
        strength.append(heard[number][bar % 2 * BAR :][:BAR])
        place.append(np.arange(BAR) + number * MOTIF + bar % 2 * BAR)
    sound, grid = np.concatenate(strength), _grids(tempo.bars * BAR)
    ticks = np.flatnonzero((sound > 0) | (grid <= 1))
    ticks = ticks[(ticks >= BAR) & (ticks <= len(sound) - BAR)]
    timing = tempo.timing
    ticks = ticks[timing.judged(ticks / TICKS)]
    downbeat = 0.4 * (ticks % BAR == 0) + 0.2 * (ticks % (BAR // 2) == 0)
    quiet = np.where(grid[ticks] == 0, -0.9, -1.6)
    value = np.array(METRE)[grid[ticks]] + downbeat + np.where(sound[ticks] > 0, sound[ticks], quiet)
    busy = np.array([SECTIONS[name] for name in names])[ticks // BAR]
    places = np.concatenate(place)[ticks]
    return Music(ticks, timing.time_at(ticks / TICKS), value, grid[ticks], busy, places, sound[ticks] > 0)


def _grids(length: int) -> NDArray[np.int64]:
    """Return the index of the coarsest of `GRIDS` that each tick lies on, shape (length,)."""
    ticks = np.arange(length)
    return np.argmax([ticks % grid == 0 for grid in GRIDS], axis=0)


def _sections(bars: int, rng: np.random.Generator) -> list[str]:
    """Return the name of the section of each bar."""
    names = ["intro"] * int(rng.choice([1, 2, 4]))
    kinds = ("verse", "build", "chorus", "solo", "break")
    odds = rng.dirichlet((3.0, 1.0, 3.0, 0.8, 0.8))
    while len(names) < bars:
        names += [kinds[rng.choice(5, p=odds)]] * int(rng.choice([4, 8, 8, 16]))
    return [*names[: bars - 2], "outro", "outro"]


def _motif(weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how strongly the music sounds on each tick of two bars, shape (2 * BAR,), 0 where it does not."""
    sound = np.zeros(MOTIF)
    names, start = list(RHYTHMS), 0
    some = rng.choice(len(names), 4, p=weights / weights.sum())  # a motif is made of a few rhythms, and their rests
    while start < MOTIF:
        rhythm = RHYTHMS[names[some[rng.integers(len(some))]]]
        end = min(start + TICKS * int(rng.choice(rhythm.beats)), MOTIF)
        ticks = _filled(rhythm, start, end, rng)
        sound[ticks] = np.maximum(
            sound[ticks], np.clip(rng.normal(0.8, 0.3) + rng.normal(0, 0.12, len(ticks)), 0.05, 2)
        )
        start = end
    return sound


def _filled(rhythm: Rhythm, start: int, end: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the ticks of a rhythm from `start` to before `end`."""
    if rhythm.cells:
        beats = range(start, end, TICKS)
        one = rng.random() < 0.5  # the same cell in every beat
        chosen = rng.integers(len(rhythm.cells), size=1 if one else len(beats)).tolist() * (len(beats) if one else 1)
        ticks = [beat + t for beat, cell in zip(beats, chosen, strict=True) for t in rhythm.cells[cell]]
    else:
        ticks = [t for t in np.arange(start + rhythm.start, end, rhythm.grid) if rng.random() < rhythm.chance]
    return np.unique(np.round(np.array(ticks, dtype=float)).astype(np.int64))
