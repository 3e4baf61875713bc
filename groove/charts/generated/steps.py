"""Steps of a generated chart: rows chosen where the music has onsets; `arrows.py` puts arrows on them.

How a chart comes about. Its hardness h (Beginner about 0, Challenge about 4; continuous, so that neighbouring
difficulties overlap) and its step style give `Targets`: rows a minute, the share of jumps and of held beats, how far
rhythms may stray from the beat. Each beat then takes the rhythm `CELLS` entry that fits the music best; one number
added per note is solved for, so that the chart has as many rows as its target says.

Ticks are 12 a beat. Dimension letters: B beats, K cells, N rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.generated.arrows import RowPlan, choose_holds, choose_jumps, walk
from groove.charts.generated.song import SECTIONS, TICKS, Song

STEP_STYLES = ("mixed", "stream", "jumps", "freezes", "chaos", "bursts")
CELLS: tuple[tuple[int, ...], ...] = (
    (), (0,), (6,), (0, 6), (0, 9), (0, 6, 9), (0, 3, 6), (6, 9), (0, 3, 6, 9), (3, 9), (0, 3), (9,),
    (0, 8), (0, 4, 8), (4, 8), (0, 2, 4, 6, 8, 10),
)  # fmt: skip
KINDS = (
    ("quarter",) * 2 + ("eighth",) * 2 + ("gallop",) * 4 + ("run",) + ("offbeat",) * 3 + ("triplet",) * 3 + ("fine",)
)
"""The kind of each of `CELLS`."""
SWING_KINDS = ("quarter",) * 2 + ("foreign",) * 10 + ("eighth", "run", "gallop", "fine")
"""The kind of each of `CELLS` in a song that swings: its beats divide into three."""
SIZES = np.array([len(cell) for cell in CELLS])
HARDNESS = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
ROWS_PER_MINUTE = (24.0, 50.0, 104.0, 168.0, 240.0, 320.0, 390.0)
FASTEST_S = (0.6, 0.4, 0.26, 0.16, 0.11, 0.085, 0.07)
"""Rows a minute, and the shortest comfortable gap in seconds, at each of `HARDNESS`."""
WEIGHTS = {  # log weight of a kind of cell at each of HARDNESS
    "quarter": (0, 0, 0, 0, 0, 0, 0),
    "eighth": (-6, -4, -2, 0, 0.4, 0.6, 0.6),
    "gallop": (-30, -12, -6, -3.2, -1.0, -0.3, 0),
    "run": (-30, -12, -7, -3.5, -1.0, 0.2, 0.6),
    "offbeat": (-30, -14, -9, -4.5, -2.6, -1.5, -1),
    "triplet": (-20, -9, -6, -4, -3.2, -2.6, -2.2),
    "foreign": (-30, -14, -9, -6, -4, -3, -3),
    "fine": (-40, -30, -20, -14, -9, -6.5, -5),
}
STYLE_WEIGHTS = {
    "stream": {"run": 1.6, "gallop": -0.6, "offbeat": -1},
    "chaos": {"gallop": 1.2, "offbeat": 2.2, "triplet": 1.2, "fine": 3, "run": -0.6},
    "jumps": {"run": -1.5, "gallop": -0.5},
    "freezes": {"run": -1.0},
    "bursts": {"run": 1.2, "gallop": 0.6},
}
STYLE_ROWS = {"stream": 1.12, "jumps": 0.93, "freezes": 0.92, "chaos": 1.02, "bursts": 0.98}
SALIENCE = np.array([0.5, 0.6, 0.15, 0.3, 0.2, 0.9, 0.0])
"""How strongly each `Layer` draws rows: melody and drums, not chords."""
GRID_THRESHOLDS = (1.0, 2.2)
"""Hardness (with noise) from which a chart leaves the beat, and from which it uses 16ths and the like."""


class Targets(NamedTuple):
    """What a chart is to have: shares are of rows that jump, of beats that are held, of holds and of single taps."""

    style: str
    hardness: float
    fastest_s: float
    rows_per_minute: float
    jump_share: float
    hold_share: float
    roll_share: float
    mine_share: float
    grid: int
    contrast: float
    pulse: float
    burst: float


def draw_targets(hardness: float, style: str, jumps: float, holds: float, rng: np.random.Generator) -> Targets:
    """Return the targets of a chart of this hardness and step style, with so much of the usual jumps and holds."""
    rows = np.exp(np.interp(hardness, HARDNESS, np.log(ROWS_PER_MINUTE)) + rng.normal(0, 0.18))
    jump = np.interp(hardness, (0, 1, 2, 3), (0.045, 0.08, 0.07, 0.075)) * jumps * np.exp(rng.normal(0, 0.5))
    hold = np.interp(hardness, (0, 1, 2, 3), (0.075, 0.11, 0.135, 0.145)) * holds * np.exp(rng.normal(0, 0.55))
    if rng.random() < np.interp(hardness, (0, 1, 2, 3), (0.2, 0.12, 0.06, 0.02)):
        jump = 0.0
    if rng.random() < np.interp(hardness, (0, 1), (0.3, 0.04)):
        hold = 0.0
    noisy = hardness + rng.normal(0, 0.35)
    return Targets(
        style=style,
        hardness=hardness,
        fastest_s=float(np.interp(hardness, HARDNESS, FASTEST_S)),
        rows_per_minute=float(rows * STYLE_ROWS.get(style, 1.0)),
        jump_share=float(min(jump * {"jumps": 1.9, "stream": 0.5}.get(style, 1.0), 0.4)),
        hold_share=float(min(hold * {"freezes": 2.1, "stream": 0.6}.get(style, 1.0), 0.6)),
        roll_share=0.3 if rng.random() < 0.12 else 0.0,
        mine_share=0.08 if hardness > 1.5 and rng.random() < 0.15 else 0.0,
        grid=1 + int(np.searchsorted(GRID_THRESHOLDS, noisy)),
        contrast=float(rng.uniform(0.3, 2.8) * (1.6 if style == "bursts" else 1.0)),
        pulse=float(rng.uniform(0.0, 3.0)),
        burst=float(abs(rng.normal(0, 1.2)) + (2.0 if style == "bursts" else 0.0)),
    )


def step_chart(song: Song, targets: Targets, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the chart as characters of the simfile format (``0 1 2 3 4 M``), shape (ticks of the song, 4).

    Mines come half a beat after some single taps, in the column just left, where nothing else is.
    """
    ticks = choose_rows(song, targets, rng)
    rows = RowPlan(ticks, song.timing.time_at(ticks / TICKS), salience(song).ravel()[ticks], targets.fastest_s)
    jumps = choose_jumps(rows, targets.jump_share, rng)
    holds = choose_holds(rows, jumps, targets.hold_share, rng)
    columns = walk(rows, jumps, holds, rng)
    grid = np.full((song.beats * TICKS, 4), ord("0"), dtype=np.uint8)
    rolls = rng.random(len(ticks)) < targets.roll_share
    for tick, row, hold, roll in zip(ticks.tolist(), columns, holds, rolls.tolist(), strict=True):
        grid[tick, row] = ord("1" if not hold else "4" if roll else "2")
        if hold:
            grid[tick + hold, row] = ord("3")
    mines = rng.random(len(ticks) - 1) < targets.mine_share if targets.mine_share else ()
    for i in np.flatnonzero(mines).tolist():
        tick = ticks[i] + TICKS // 2
        single = not holds[i] and len(columns[i]) == 1
        if single and ticks[i + 1] > tick and (grid[tick] == ord("0")).all():
            grid[tick, columns[i][0]] = ord("M")
    return grid


def salience(song: Song) -> NDArray[np.float64]:
    """Return how strongly each tick sounds, shape (B, 12)."""
    values = SALIENCE[song.events["layer"]] * song.events["velocity"]
    return np.bincount(song.events["tick"], values, minlength=song.beats * TICKS).astype(float).reshape(-1, TICKS)


def choose_rows(song: Song, targets: Targets, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the ticks (N,) of the rows: in each beat the best cell, with as many rows in all as the target says."""
    scores = _cell_scores(song, targets, rng)
    start_s, end_s = song.timing.time_at(np.array([0.0, song.beats]))
    wanted = targets.rows_per_minute * (end_s - start_s) / 60
    low, high = -30.0, 30.0
    for _ in range(24):
        bonus = (low + high) / 2
        choice = np.argmax(scores + bonus * SIZES, axis=1)
        low, high = (bonus, high) if SIZES[choice].sum() < wanted else (low, bonus)
    return np.array([beat * TICKS + t for beat, cell in enumerate(choice.tolist()) for t in CELLS[cell]], dtype=int)


def _cell_scores(song: Song, targets: Targets, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the score of each cell in each beat, shape (B, K): taste, music, intensity, and noise.

    The noise is the same in every second bar of a section for most beats.
    """
    names = [song.sections[beat // 4] for beat in range(song.beats)]
    busy = np.log([SECTIONS[name] for name in names])
    heard = salience(song)
    worth = np.where(heard > 0, heard - 0.3, -1.0)
    music = np.stack([worth[:, list(cell)].sum(axis=1) for cell in CELLS], axis=1)
    weights = {kind: np.interp(targets.hardness, HARDNESS, values) for kind, values in WEIGHTS.items()}
    bonus = STYLE_WEIGHTS.get(targets.style, {})
    on_grid = {1: ("quarter",), 2: ("quarter", "eighth")}.get(targets.grid, tuple(WEIGHTS))
    kinds = SWING_KINDS if song.style.swings else KINDS
    taste = np.array([weights[k] + bonus.get(k, 0.0) - (12.0 if k not in on_grid else 0.0) for k in kinds])
    scores = taste + 1.5 * music + targets.contrast * busy[:, None] * SIZES
    scores[:, 1:] += targets.pulse * np.tile((1.0, -0.6, 0.4, -0.6), song.beats // 4)[:, None]
    peaks = rng.choice(len(song.sections), 3, replace=False)
    scores += targets.burst * np.isin(np.arange(song.beats) // 4, peaks)[:, None] * SIZES
    shared = rng.gumbel(size=(len(SECTIONS), 8, len(CELLS)))
    rows = shared[[list(SECTIONS).index(name) for name in names], np.arange(song.beats) % 8]
    fresh = rng.random((song.beats, 1)) < 0.2
    scores += _haste(song, targets) + np.where(fresh, rng.gumbel(size=rows.shape), rows)
    scores[:4, 1:] = scores[-3:, 1:] = -1e6  # nothing in the first bar, nor after the last downbeat
    return scores


def _haste(song: Song, targets: Targets) -> NDArray[np.float64]:
    """Return the penalty of cells that are too fast for the hardness at the tempo of each beat, shape (B, K)."""
    edges = song.timing.time_at(np.arange(song.beats + 1.0))
    tick_s = np.minimum(np.diff(edges), 60 / 80) / TICKS
    closest = np.array([min(np.diff([*cell, TICKS]), default=TICKS) if cell else TICKS for cell in CELLS])
    return -12.0 * np.maximum(targets.fastest_s / (tick_s[:, None] * closest) - 1, 0)
