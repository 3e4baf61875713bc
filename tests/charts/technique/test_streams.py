"""Measures of stream; the rows of a measure are all alike, only their number matters."""

from __future__ import annotations

import numpy as np
import pytest

from groove.charts.technique.step_rows import StepRows
from groove.charts.technique.streams import Streams, streams


def rows_of(counts: list[int], bpm: float = 120, first_measure: int = 0) -> StepRows:
    """Return rows of which measure i holds ``counts[i]``, evenly spaced."""
    beats = [4 * (first_measure + i) + 4 * k / count for i, count in enumerate(counts) for k in range(count)]
    bits = np.ones(len(beats), dtype=np.uint8)
    seconds = np.array(beats) * 60 / bpm
    return StepRows(np.array(beats), seconds, bits, bits * 0, bits * 0, np.zeros(len(beats), dtype=bool))


def slowly(counts: list[int]) -> tuple[int, int, int, int]:
    """Return stream measures, the longest stream, runs and breaks by going through the measures."""
    letters = "".join("s" if count >= 16 else "b" for count in counts).strip("b")
    runs = [run for run in letters.split("b") if run]
    return letters.count("s"), max(map(len, runs), default=0), len(runs), letters.count("b")


@pytest.mark.parametrize(
    "counts",
    [[16], [15], [8, 16, 16, 4, 1, 16, 8], [16, 1, 16, 1, 16], [32, 24, 20, 16, 12], [4, 4, 4], [24, 24, 1, 1, 32, 3]],
)
@pytest.mark.parametrize("first_measure", [0, 7])
def test_stream_breaks_and_runs(counts, first_measure):
    found = streams(rows_of(counts, first_measure=first_measure))
    assert (found.stream_measures, found.longest_stream, found.stream_runs, found.break_measures) == slowly(counts)
    assert found.measures == len(counts)


def test_empty_measures_break_a_stream_too():
    rows = rows_of([16, 16])
    beats = np.where(np.arange(32) < 16, rows.beats, rows.beats + 8)
    apart = StepRows(beats, beats / 2, rows.arrows, rows.held, rows.mines, rows.tied)
    found = streams(apart)
    assert (found.measures, found.longest_stream, found.break_measures) == (4, 1, 2)


def test_finer_quantisations_of_slower_tempos_are_stream():
    found = streams(rows_of([16, 20, 24, 32]))
    stream = (found.stream_measures, found.stream_20_measures, found.stream_24_measures, found.stream_32_measures)
    assert stream == (4, 3, 2, 1)


@pytest.mark.parametrize(("bpm", "measures"), [(120, 0), (239, 0), (240, 2), (300, 2)])
def test_8ths_of_a_double_tempo_are_told_apart(bpm, measures):
    found = streams(rows_of([8, 8, 4, 16], bpm))
    assert (found.double_tempo_measures, found.stream_measures) == (measures, 1)


def test_nothing_has_no_stream():
    assert streams(rows_of([])) == Streams(0, 0, 0, 0, 0, 0, 0, 0, 0)
