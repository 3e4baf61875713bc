"""Composition of a generated song: style, sections, timing and note events, before any sound or step exists.

There are 12 ticks a beat (so 16ths, 12ths and 24ths are exact) and 4 beats a bar; pitches are MIDI numbers. E events.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import ROWS_PER_BEAT, Timing
from groove.charts.simfile.timing import Segments, build_timing

TICKS = 12
BAR = 4 * TICKS
LENGTH_S = (46.0, 72.0)
BPM_LIMITS = (90.0, 200.0)
MAJOR_PENTATONIC = (0, 2, 4, 7, 9)
MINOR_PENTATONIC = (0, 3, 5, 7, 10)
PROGRESSIONS = ((0, -4, 3, -2), (0, 5, -4, -2), (0, -2, -4, -5), (0, 3, 5, -2))
SECTIONS = {"intro": 0.4, "verse": 0.9, "chorus": 1.3, "break": 0.55, "outro": 0.7}
"""Section names and how busy they are, relative to the song's mean."""
ORDERS = ("verse chorus break chorus", "verse chorus verse chorus", "verse break chorus")
EVENT = np.dtype([("tick", int), ("layer", int), ("pitch", int), ("length", int), ("velocity", float)])
"""What sounds: start and length in ticks, a `Layer`, MIDI pitch (0 for drums), velocity in 0..1."""
EventRow = tuple[int, int, int, int, float]
Layer = IntEnum("Layer", "KICK SNARE HAT CRASH BASS LEAD PAD", start=0)


class MusicStyle(NamedTuple):
    """A musical style: bar patterns of 16 or 12 steps (``x`` is a hit) and the rhythm cells (ticks) of its melody."""

    name: str
    bpm: tuple[float, float]
    kick: str
    snare: str
    hat: str
    lead: tuple[tuple[int, ...], ...]
    bass: str
    voice: str

    @property
    def swings(self) -> bool:
        """Return whether a beat divides into three."""
        return len(self.hat) == 12


STYLES = (
    MusicStyle("four on the floor", (124, 150), "x...x...x...x...", "....x.......x...",
               "..x...x...x...x.", ((0,), (0, 6), (6,), (0, 6, 9), (3, 9), (0, 9)), "..x...x...x...x.", "saw"),
    MusicStyle("breakbeat", (120, 176), "x.........x.....", "....x..x.x..x..x",
               "x.x.x.x.x.x.x.x.", ((0,), (0, 6), (6,), (0, 9), (0, 3, 6), ()), "x.....x...x.....", "square"),
    MusicStyle("shuffle", (96, 168), "x.....x.....", "...x.....x..",
               "x.xx.xx.xx.x", ((0,), (0, 8), (0, 4, 8), (0, 8), ()), "x..x..x..x.x", "saw"),
    MusicStyle("ballad", (90, 124), "x.......x.......", "....x.......x...",
               "x.x.x.x.x.x.x.x.", ((0,), (0,), (0, 6), (6,), ()), "x.......x.......", "sine"),
    MusicStyle("hardcore", (164, 200), "x...x...x...x...", "..x...x...x...x.",
               "x.x.x.x.x.x.x.x.", ((0, 6), (0, 3, 6, 9), (0,), (0, 6, 9), (0, 9)), "..x...x...x...x.", "saw"),
    MusicStyle("chiptune", (130, 180), "x...x.x.x...x...", "....x.......x..x",
               "x.x.x.x.x.x.x.x.", ((0, 6), (0, 3, 6, 9), (0, 3, 6), (0,), (3, 9)), "x.x.x.x.x.x.x.x.", "square"),
    MusicStyle("half time", (136, 180), "x.....x...x.....", "........x.......",
               "x.x.x.xxx.x.x.x.", ((0,), (6,), (0, 9), (0, 3), (3, 9), ()), "x.....x...x.....", "sine"),
)  # fmt: skip


@dataclass(frozen=True)
class Song:
    """A composed song; `bpms` and `stops` hold (beat, value) as written in the simfile, `events` (E,) are `EVENT`s."""

    style: MusicStyle
    offset_s: float
    bpms: list[tuple[int, float]]
    stops: list[tuple[int, float]]
    sections: tuple[str, ...]
    events: NDArray[np.void]

    @property
    def beats(self) -> int:
        """Return the length in beats."""
        return 4 * len(self.sections)

    @property
    def timing(self) -> Timing:
        """Return the map from beats to seconds of the audio file."""
        found = Segments(self.offset_s)
        for beat, bpm in self.bpms:
            found.tempos.add(beat * ROWS_PER_BEAT, float(bpm))
        for beat, seconds in self.stops:
            found.pause(found.stops, beat, seconds)
        return build_timing(found)

    @property
    def music_length_s(self) -> float:
        """Return the length of the audio file in seconds: the last beat and a tail that rings out."""
        return float(self.timing.time_at(np.array([float(self.beats)]))[0]) + 1.5


def compose(rng: np.random.Generator) -> Song:
    """Return a song of a random style."""
    style = STYLES[rng.integers(len(STYLES))]
    bpm = float(np.round(rng.uniform(*style.bpm), 2 if rng.random() < 0.15 else 0))
    length_s = rng.uniform(*LENGTH_S)
    sections = _sections(int(length_s * bpm / 240), rng)
    borders = [4 * i for i in range(1, len(sections)) if sections[i] != sections[i - 1]]
    bpms, stops = [(0, bpm)], []
    if rng.random() <= 0.2 and len(borders) >= 3:  # one song in five changes its tempo where a section begins, and back
        away, back = sorted(rng.choice(borders, 2, replace=False).tolist())
        other = float(np.round(np.clip(bpm * rng.choice([0.75, 0.9, 1.1, 1.25]), *BPM_LIMITS), 3))
        bpms += [(away, other), (back, bpm)]
    if rng.random() <= 1 / 6 and len(borders) >= 2:  # one song in six stops once or twice, for one or two beats
        beats = sorted(rng.choice(borders, rng.integers(1, 3), replace=False).tolist())
        stops = [(beat, round(float(rng.choice([1, 2])) * 60 / bpm, 3)) for beat in beats]
    offset_s = float(np.round(rng.uniform(-0.9, 0.35), 3))
    return Song(style, offset_s, bpms, stops, sections, _events(style, sections, rng))


def _sections(bars: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Return the section name of each of `bars` bars."""
    middle = ORDERS[rng.integers(len(ORDERS))].split()
    intro, outro = int(rng.choice([2, 4])), 2
    each = max((bars - intro - outro) // len(middle), 2)
    names = [name for name in middle for _ in range(each)]
    return ("intro",) * intro + tuple(names) + ("outro",) * max(bars - intro - len(names), outro)


def _events(style: MusicStyle, sections: tuple[str, ...], rng: np.random.Generator) -> NDArray[np.void]:
    """Return drums, bass, melody and chords of all bars."""
    root = int(rng.integers(45, 57))
    scale = MINOR_PENTATONIC if rng.random() < 0.6 else MAJOR_PENTATONIC
    chords = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    motifs = {name: [_motif(style, scale, rng) for _ in range(4)] for name in SECTIONS}
    rows: list[EventRow] = []
    for bar, name in enumerate(sections):
        start, chord = bar * BAR, root + chords[bar % 4]
        last = bar + 1 == len(sections) or sections[bar + 1] != name
        first = bar == 0 or sections[bar - 1] != name
        rows += _drums(style, name, start, first, last)
        rows += [(start, Layer.PAD, chord + 12 + step, BAR, 0.5) for step in (0, 7, 12)]
        if name in ("verse", "chorus", "outro"):
            rows += [(start + t, Layer.BASS, chord - 12, 5, 0.8) for t in _hits(style.bass)]
        if name != "intro":
            motif = motifs[name][(0, 1, 0, 2)[bar % 4]]
            rows += [(start + tick, Layer.LEAD, root + 12 + step, length, 0.8) for tick, step, length in motif]
    return np.array(sorted(rows), dtype=EVENT)


def _motif(style: MusicStyle, scale: tuple[int, ...], rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Return one bar of melody: (tick, semitones above the root, length in ticks), a walk on the scale."""
    ticks = [beat * TICKS + t for beat in range(4) for t in style.lead[rng.integers(len(style.lead))]]
    degrees = np.clip(np.cumsum(rng.integers(-2, 3, len(ticks))) + rng.integers(0, 5), -2, 8)
    ends = [*ticks, BAR][1:]
    pitches = [scale[d % 5] + 12 * (d // 5) for d in degrees.tolist()]
    return [(t, p, min(end - t, BAR)) for t, p, end in zip(ticks, pitches, ends, strict=True)]


def _hits(pattern: str) -> list[int]:
    """Return the ticks of the hits of a bar pattern."""
    step = BAR // len(pattern)
    return [i * step for i, char in enumerate(pattern) if char == "x"]


def _drums(style: MusicStyle, name: str, start: int, first: bool, last: bool) -> list[EventRow]:
    """Return the drum events of a bar: a crash opens a section, a fill closes it, a break has only hats."""
    rows: list[EventRow] = [(start + t, Layer.HAT, 0, 3, 0.6 if t % TICKS else 0.4) for t in _hits(style.hat)]
    if name != "break":
        rows += [(start + t, Layer.KICK, 0, 6, 1.0) for t in _hits(style.kick)]
    if name not in ("intro", "break"):
        rows += [(start + t, Layer.SNARE, 0, 6, 0.9 if t % TICKS == 0 else 0.55) for t in _hits(style.snare)]
    if name == "chorus" and not style.swings:  # a quiet shaker on the 16ths between
        rows += [(start + t, Layer.HAT, 0, 3, 0.25) for t in range(3, BAR, 6)]
    if first:
        rows.append((start, Layer.CRASH, 0, BAR, 0.8))
    if last:
        step = 4 if style.swings else 3
        rows += [(start + 3 * TICKS + t, Layer.SNARE, 0, 3, 0.8) for t in range(0, TICKS, step)]
    return rows
