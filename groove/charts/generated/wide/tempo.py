"""The timing of a wide song, written as tags of a simfile: tempos, stops, delays, warps, fakes, negative tempos.

Most songs are steady. Others change where a section begins, drift as drummers do, slow down, or are gimmicks of dozens
of changes. What a chart is timed by is read back from the tags, by the rules of the format that they are written in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from groove.charts.chart import Timing
from groove.charts.simfile.timing import build_timing, segments

BEATS_PER_BAR = 4
SHARES = {"steady": 0.6, "sections": 0.11, "drift": 0.05, "stops": 0.1, "ramp": 0.03, "gimmick": 0.07, "warps": 0.04}
RATIOS = (0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2.0)
LIMITS = (30.0, 700.0)
Changes = list[tuple[float, float]]


@dataclass
class Tempo:
    """The timing tags of a song of `bars` bars: pairs of beat and value; `ssc` is the format that they are for."""

    kind: str
    bars: int
    ssc: bool
    offset_s: float
    bpms: Changes
    stops: Changes = field(default_factory=list)
    delays: Changes = field(default_factory=list)
    warps: Changes = field(default_factory=list)
    fakes: Changes = field(default_factory=list)

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags as text."""
        pairs = {"BPMS": self.bpms, "STOPS": self.stops, "DELAYS": self.delays, "WARPS": self.warps}
        text = {
            name: ",\n".join(f"{beat:.3f}={value:.3f}" for beat, value in sorted(values))
            for name, values in {**pairs, "FAKES": self.fakes}.items()
        }
        return {"OFFSET": f"{self.offset_s:.3f}", **text}

    @property
    def timing(self) -> Timing:
        """Return what a reader makes of the tags."""
        return build_timing(segments(self.tags, self.ssc))


def draw_bpm(usual: tuple[float, float], rng: np.random.Generator) -> float:
    """Return a tempo near `usual` (median, spread), one time in seven a very slow or a very fast one."""
    luck = rng.random()
    if luck < 0.07:
        bpm = rng.uniform(60, 112)
    elif luck < 0.15:
        bpm = float(np.exp(rng.uniform(np.log(190), np.log(400))))
    else:
        bpm = usual[0] * float(np.exp(rng.normal(0, usual[1])))
    return float(np.round(np.clip(bpm, 60, 400), 3 if rng.random() < 0.25 else 0))


def draw_tempo(bpm: float, bars: int, ssc: bool, gimmicks: float, rng: np.random.Generator) -> Tempo:
    """Return the timing of a song with this tempo; `gimmicks` multiplies the odds of gimmicks and warps."""
    odds = np.array([share * (gimmicks if kind in ("gimmick", "warps") else 1.0) for kind, share in SHARES.items()])
    kind = list(SHARES)[rng.choice(len(odds), p=odds / odds.sum())]
    tempo = Tempo(kind, bars, ssc, round(float(rng.uniform(-2.0, 0.3)), 3), [(0.0, bpm)])
    {"steady": _steady, "sections": _sections, "drift": _drift, "stops": _stops, "ramp": _ramp,
     "gimmick": _gimmick, "warps": _warps}[kind](tempo, bpm, rng)  # fmt: skip
    if kind != "steady" and rng.random() < 0.15:
        tempo.delays += [(beat, 0.1) for beat in _bars(tempo, 2, rng)]
    if ssc and rng.random() < 0.02:
        tempo.fakes += [(beat, 1.0) for beat in _bars(tempo, 2, rng)]
    return tempo


def _bars(tempo: Tempo, count: int, rng: np.random.Generator) -> list[float]:
    """Return the first beats of `count` different bars, not of the first two."""
    places = rng.choice(np.arange(2, tempo.bars), min(count, tempo.bars - 2), replace=False)
    return sorted((places * float(BEATS_PER_BAR)).tolist())


def _clipped(bpm: float) -> float:
    return round(float(np.clip(bpm, *LIMITS)), 3)


def _steady(tempo: Tempo, bpm: float, rng: np.random.Generator) -> None:
    """One tempo."""


def _sections(tempo: Tempo, bpm: float, rng: np.random.Generator) -> None:
    """Change the tempo where a few bars begin; one time in three stop there, too."""
    back = rng.random() < 0.6
    for i, beat in enumerate(_bars(tempo, int(rng.integers(1, 5)), rng)):
        tempo.bpms.append((beat, bpm if back and i % 2 else _clipped(bpm * RATIOS[rng.integers(len(RATIOS))])))
        if rng.random() < 0.3:
            tempo.stops.append((beat, round(60 / bpm, 3)))


def _drift(tempo: Tempo, bpm: float, rng: np.random.Generator) -> None:
    """Change the tempo a little all the time, as a band without a metronome does."""
    every = int(rng.choice([1, 2, 4, 8]))
    spread = float(rng.choice([0.002, 0.01, 0.03]))
    for bar in range(every, tempo.bars, every):
        tempo.bpms.append((4.0 * bar, _clipped(bpm * np.exp(rng.normal(0, spread)))))


def _stops(tempo: Tempo, bpm: float, rng: np.random.Generator) -> None:
    """Stop once or a few times, for half a beat to a bar, on a bar or a beat before it."""
    for beat in _bars(tempo, int(rng.integers(1, 7)), rng):
        tempo.stops.append((beat - float(rng.choice([0, 0, 0.5, 1])), round(60 / bpm * rng.choice([0.5, 1, 2, 4]), 3)))


def _ramp(tempo: Tempo, bpm: float, rng: np.random.Generator) -> None:
    """Become faster or slower over some bars, beat by beat."""
    start, ratio = 4 * int(rng.integers(2, max(tempo.bars // 2, 3))), float(rng.choice([0.5, 0.7, 1.4, 2.0]))
    length = min(4 * int(rng.integers(4, 24)), 4 * tempo.bars - start - 1)
    for i in range(1, length):
        tempo.bpms.append((float(start + i), _clipped(bpm * ratio ** (i / length))))


def _gimmick(tempo: Tempo, bpm: float, rng: np.random.Generator) -> None:
    """Change and stop dozens of times: halves and doubles, short bursts of enormous tempos, stuttering stops."""
    for beat in _bars(tempo, int(rng.integers(2, 14)), rng):
        for step in range(int(rng.integers(1, 5))):
            here, luck = beat + 0.5 * step, rng.random()
            if luck < 0.35:
                tempo.stops.append((here, round(60 / bpm * rng.choice([0.25, 0.5, 1]), 3)))
            elif luck < 0.5:
                tempo.bpms += [(here, _clipped(bpm * rng.choice([4, 8, 0.25]))), (here + 0.25, bpm)]
            else:
                tempo.bpms += [(here, _clipped(bpm * rng.choice([0.5, 2.0]))), (here + 0.5, bpm)]
    tempo.bpms = [(beat, value) for beat, value in dict(tempo.bpms).items()]
    tempo.stops = [(beat, value) for beat, value in dict(tempo.stops).items()]


def _warps(tempo: Tempo, bpm: float, rng: np.random.Generator) -> None:
    """Jump over some beats: by warps in an `.ssc`, by a moment of negative tempo in an `.sm`."""
    for beat in _bars(tempo, int(rng.integers(1, 8)), rng):
        length = float(rng.choice([0.5, 1, 2]))
        if tempo.ssc:
            tempo.warps.append((beat, length))
        else:
            tempo.bpms += [(beat, -bpm), (beat + length / 2, bpm)]
