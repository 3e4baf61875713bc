"""From steps to the note data of a simfile: holds, rolls, mines, shock arrows, lifts and fakes are put in here."""

from __future__ import annotations

import numpy as np

from groove.charts.generated.wide.feet import Step
from groove.charts.generated.wide.habits import Habits
from groove.charts.generated.wide.music import BAR

MEASURE_LINES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 192)
CLEAR = 12
"""Ticks that a mine keeps off the row before and after it."""
Grid = dict[int, bytearray]
"""The four characters of each tick on which there is anything."""


def note_grid(steps: list[Step], habits: Habits, rng: np.random.Generator) -> Grid:
    """Return the notes of a chart with these steps."""
    grid: Grid = {}
    ends = [-1] * 4
    luck = rng.random((len(steps), 4)).tolist()
    later = [step.tick for step in steps[1:]] + [steps[-1].tick + BAR]
    for step, next_tick, (roll, lift, mine, where) in zip(steps, later, luck, strict=True):
        row = grid.setdefault(step.tick, bytearray(b"0000"))
        for panel, end in zip(step.panels, step.ends, strict=True):
            if end:
                row[panel] = ord("4" if roll < habits["roll"] else "2")
                grid.setdefault(end, bytearray(b"0000"))[panel] = ord("3")
                ends[panel] = end
            else:
                row[panel] = ord("L" if lift < habits["lift"] else "1")
        _add_mines(grid, step, next_tick, ends, habits, mine, where)
    return grid


def _add_mines(
    grid: Grid, step: Step, next_tick: int, ends: list[int], habits: Habits, luck: float, where: float
) -> None:
    """Add mines, shock arrows or fakes after `step`, where the feet and holds leave room."""
    middle = step.tick + (next_tick - step.tick) // 2
    middle -= middle % 12 if next_tick - step.tick >= 24 else 0
    roomy = middle - step.tick >= CLEAR and next_tick - middle >= CLEAR
    if luck < habits["mine"]:
        if where < 0.55 and roomy:  # where the foot has just been
            _put(grid, middle, step.panels[0], "M", ends)
        elif where < 0.7 and roomy:  # several panels at once
            for panel in range(4):
                if panel not in step.panels:
                    _put(grid, middle, panel, "M", ends)
        else:  # beside an arrow
            free = [panel for panel in range(4) if panel not in step.panels]
            if free:
                _put(grid, step.tick, free[int(where * 97) % len(free)], "M", ends)
    elif luck > 1 - habits["shock"] and next_tick - step.tick >= 48 and max(ends) < middle:
        for panel in range(4):
            _put(grid, middle, panel, "M", ends)
    elif luck > 0.6 and luck < 0.6 + habits["fake"] and roomy:
        _put(grid, middle, step.panels[-1], "F", ends)


def _put(grid: Grid, tick: int, panel: int, kind: str, ends: list[int]) -> None:
    """Put a note on `panel` at `tick` unless it is held there or taken."""
    if tick > ends[panel]:
        row = grid.setdefault(tick, bytearray(b"0000"))
        if row[panel] == ord("0"):
            row[panel] = ord(kind)


def notes_text(grid: Grid) -> str:
    """Return note data of `grid`: each measure with the fewest lines that hold its rows."""
    measures = []
    by_measure: dict[int, list[int]] = {}
    for tick in grid:
        by_measure.setdefault(tick // BAR, []).append(tick % BAR)
    for measure in range(max(by_measure) + 1):
        used = by_measure.get(measure, [])
        lines = next(n for n in MEASURE_LINES if all(tick % (BAR // n) == 0 for tick in used))
        rows = [b"0000"] * lines
        for tick in used:
            rows[tick * lines // BAR] = bytes(grid[measure * BAR + tick])
        measures.append(b"\n".join(rows).decode("ascii"))
    return "\n,\n".join(measures)
