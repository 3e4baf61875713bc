"""What people write of a chart in few signs: the step artist's tech notation, and the breakdown of its streams.

Dimension letter: R rows.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Timing
from groove.charts.rows import BEATS_PER_MEASURE, EPSILON, SHORTEST_S

_TAGS_MEAN = """XO crossovers, FS footswitches, SS sideswitches, BR brackets, DS doublesteps, JA jacks, JU jumps,
SJ side jumps, BU bursts, RH rhythms, KS kickstep, BT bracket taps, BXF brackets and crossovers and footswitches,
MD mine dodges, HS hold switches, FL flow, STR stream, NOTECH no tech"""
TAGS = dict(entry.split(maxsplit=1) for entry in _TAGS_MEAN.split(","))
"""The tech notation of tournament packs: the codes that are read, and what they mean."""
STREAM_ROWS = 16
"""Rows with an arrow from which on a measure is stream, whatever their quantisation (Simply Love's rule)."""
_BETWEEN = re.compile(r"[\s,;:/()\[\]\"']+")
_CODE = re.compile(rf"({'|'.join(TAGS)})[-+]*")


def tags_of(*texts: str) -> str:
    """Return the `TAGS` in `texts` (description, credit, chart name), each once, sorted, with a space between.

    A tag is a whole word but for the signs of strength after it: ``FS-`` is footswitches, ``JUFS`` and ``Mines`` are
    none. The words "no tech" count as ``NOTECH``.
    """
    words = _BETWEEN.split(re.sub(r"\bNO TECH\b", "NOTECH", "\n".join(texts).upper()))
    return " ".join(sorted({found[1] for word in words if (found := _CODE.fullmatch(word))}))


def measures_of(beats: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of the measures that hold any of the rows at `beats` (R,), and how many rows each holds."""
    return np.unique(np.floor(beats / BEATS_PER_MEASURE + EPSILON).astype(np.int64), return_counts=True)


def stream_runs(beats: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Return the lengths in measures of the streams of rows at `beats` (R,), and of the breaks between them."""
    measure, rows = measures_of(beats)
    stream = measure[rows >= STREAM_ROWS]
    starts = np.flatnonzero(np.diff(stream, prepend=-2) != 1)
    lengths = np.diff(starts, append=len(stream))
    ends = stream[starts] + lengths
    return lengths.tolist(), (stream[starts[1:]] - ends[:-1]).tolist()


def breakdown(beats: NDArray[np.float64]) -> str:
    """Return the streams and, in parentheses, the breaks between them in measures: ``16 (4) 32``; empty without any."""
    streams, breaks = stream_runs(beats)
    return " ".join(f"{run} ({rest})" for run, rest in zip(streams, [*breaks, 0], strict=False)).removesuffix(" (0)")


def peak_nps(beats: NDArray[np.float64], timing: Timing) -> float:
    """Return the most rows per second of any measure, of rows at `beats` (R,); measures without time do not count."""
    measure, rows = measures_of(beats)
    start_s, end_s = (timing.time_at(BEATS_PER_MEASURE * at.astype(np.float64)) for at in (measure, measure + 1))
    seconds = end_s - start_s
    lasts = seconds >= SHORTEST_S
    return float((rows[lasts] / seconds[lasts]).max(initial=0.0))
