"""What people write of a chart in few signs: the step artist's tech notation, and the breakdown of its streams.

Dimension letters: R rows, M measures.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Timing
from groove.charts.rows import BEATS_PER_MEASURE, EPSILON, SHORTEST_S, run_lengths

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


class Measures(NamedTuple):
    """The M measures of a chart that hold a row, in order."""

    number: NDArray[np.int64]  # (M,) from 0
    rows: NDArray[np.int64]  # (M,) rows in it

    @property
    def stream(self) -> NDArray[np.int64]:
        """Return the numbers of those that are stream."""
        return self.number[self.rows >= STREAM_ROWS]


def measures_of(beats: NDArray[np.float64]) -> Measures:
    """Return the measures that hold any of the rows at `beats` (R,), sorted."""
    return Measures(*run_lengths(np.floor(beats / BEATS_PER_MEASURE + EPSILON).astype(np.int64)))


def stream_runs(measures: Measures) -> tuple[list[int], list[int]]:
    """Return the lengths in measures of the streams, and of the breaks between them."""
    stream = measures.stream
    first = np.flatnonzero(np.diff(stream, prepend=-2) != 1)
    lengths = np.diff(first, append=len(stream))
    ends = stream[first] + lengths
    return lengths.tolist(), (stream[first[1:]] - ends[:-1]).tolist()


def breakdown(measures: Measures) -> str:
    """Return the streams and, in parentheses, the breaks between them in measures: ``16 (4) 32``; empty without any."""
    streams, breaks = stream_runs(measures)
    return " ".join(f"{run} ({rest})" for run, rest in zip(streams, [*breaks, 0], strict=False)).removesuffix(" (0)")


def peak_nps(measures: Measures, timing: Timing) -> float:
    """Return the most rows per second of any measure; measures without time do not count."""
    first_beat = BEATS_PER_MEASURE * measures.number.astype(np.float64)
    seconds = timing.time_at(first_beat + BEATS_PER_MEASURE) - timing.time_at(first_beat)
    lasts = seconds >= SHORTEST_S
    return float((measures.rows[lasts] / seconds[lasts]).max(initial=0.0))
