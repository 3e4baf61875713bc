"""The notes of charts as the page draws them: when, on which panel, what kind, how long, by which foot.

A chart is one deflated block in base64, about 2 kB; the page unpacks the one that it shows. N notes; little-endian,
after their number (u4) one array after the other: milliseconds since the note before (N u4), milliseconds held (N u4),
and a code (N u2): panel + 4 * kind (`KINDS`) + 32 * fineness (`FINENESS`) + 512 * foot (0 unknown, 1 left, 2 right).
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart, NoteKind
from groove.charts.rows import hold_pairs, is_arrow, judged_notes
from groove.charts.simfile.reader import read_simfile
from groove.charts.technique.body import footing_of
from groove.charts.technique.counting import STEPS_TYPE
from groove.charts.technique.step_rows import SAME_INSTANT_S
from groove.embedding.embedded import EmbeddedLibrary
from groove.errors import GrooveError
from groove.io.processes import OnStep, process_pool, silent, usable_workers

KINDS = (NoteKind.TAP, NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD, NoteKind.MINE, NoteKind.LIFT)
FINENESS = (4, 8, 12, 16, 24, 32, 48, 64, 192)
"""A note is the coarsest of these parts of a whole note, as the game colours it; the last one also what is finer."""
LIMIT_BYTES = 16_000_000
"""Notes in one page, in base64: about 8,000 charts. A larger page opens slowly; what is beyond is left out, counted."""


def notes_of_charts(
    library: EmbeddedLibrary, songs: Path, workers: int = 1, on_step: OnStep = silent
) -> tuple[list[str], int]:
    """Return the packed notes of each chart of `library`, whose simfiles lie in `songs`, and how many have none.

    "" stands for a chart that cannot be read there any more, that is not danced on four panels, or that is beyond
    `LIMIT_BYTES`.
    """
    wanted: dict[str, dict[int, int]] = {}
    for row, (simfile, index) in enumerate(zip(library.column("simfile"), library.column("index"), strict=True)):
        wanted.setdefault(simfile, {})[index] = row
    found, size = [""] * len(library), 0
    with process_pool(usable_workers(workers)) if workers > 1 and len(wanted) > 50 else nullcontext() as pool:
        read = (pool.map if pool else map)(partial(_of_simfile, songs), wanted, [[*each] for each in wanted.values()])
        for done, (rows, packed) in enumerate(zip(wanted.values(), read, strict=True), start=1):
            for index, text in packed.items():
                if size + len(text) <= LIMIT_BYTES:
                    found[rows[index]] = text
                    size += len(text)
            on_step("simfiles read", done, len(wanted))
    return found, found.count("")


def _of_simfile(songs: Path, simfile: str, indices: Sequence[int]) -> dict[int, str]:
    """Return the packed notes of the charts `indices` of one simfile, nothing if it cannot be read."""
    try:
        charts, _ = read_simfile(songs / simfile, songs)
    except (OSError, GrooveError):
        return {}
    return {chart.index: packed_notes(chart) for chart in charts if chart.index in indices and is_single(chart)}


def is_single(chart: Chart) -> bool:
    """Return whether `chart` is danced on the four panels that the page draws."""
    return chart.steps_type == STEPS_TYPE


def packed_notes(chart: Chart) -> str:
    """Return the judged notes of `chart` (dance-single) as the page reads them; see the module."""
    notes = judged_notes(chart)
    seconds, held = chart.timing.time_at(notes.beats), np.zeros(len(notes))
    head, tail = hold_pairs(notes)
    held[head] = seconds[tail] - seconds[head]
    shown = np.isin(notes.kind, KINDS)
    notes, seconds, held = notes.select(shown), seconds[shown], held[shown]
    order = np.argsort(seconds, kind="stable")
    kind = np.searchsorted(np.array(KINDS), notes.kind)
    code = notes.column + 4 * kind + 32 * fineness(notes.denominator) + 512 * _feet(chart, seconds, notes.column)
    code[~is_arrow(notes)] &= 511  # no foot steps on a mine
    when = np.round(1000 * (seconds[order] - min(0.0, seconds.min(initial=0.0)))).astype(np.int64)
    arrays = (
        np.array([len(notes)], "<u4"),
        np.diff(when, prepend=0).astype("<u4"),
        np.round(1000 * np.maximum(held[order], 0)).astype("<u4"),
        code[order].astype("<u2"),
    )
    return base64.b64encode(zlib.compress(b"".join(array.tobytes() for array in arrays), 9)).decode()


def fineness(denominator: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index in `FINENESS` of notes whose beat has this reduced `denominator`, (N,)."""
    parts = 4 * denominator
    finest = len(FINENESS) - 1
    return np.select([part % parts == 0 for part in FINENESS[:-1]], range(finest), finest)


def _feet(chart: Chart, seconds: NDArray[np.float64], column: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the foot (N,) that hits each note: 1 left, 2 right, 0 where no foot is known."""
    rows, feet = footing_of(chart)
    if len(rows) == 0 or len(seconds) == 0:
        return np.zeros(len(seconds), dtype=np.int64)
    row = np.searchsorted(rows.seconds, seconds.astype(np.float32) + SAME_INSTANT_S, side="right") - 1
    hits = feet[np.maximum(row, 0)] == column[:, None]
    return np.where(hits.any(axis=1), 1 + hits.argmax(axis=1) // 2, 0)
