"""Stream: measures full of evenly written notes, the unit in which stamina players count.

As in Simply Love (`SL-ChartParser.lua`, `GetMeasureInfo` and `GetStreamSequences`) a measure is a stream measure if at
least 16 of its rows hold an arrow, whatever their quantisation: 16ths, or 20ths, 24ths, 32nds of a slower tempo.
Dimension letter: M measures, R rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from groove.charts.rows import BEATS_PER_MEASURE, EPSILON
from groove.charts.technique.step_rows import StepRows

STREAM_ROWS = 16
DOUBLE_TEMPO_ROWS, DOUBLE_TEMPO_ROWS_PER_SECOND = 8, 8.0
"""A measure of 8ths is stream written at double tempo from 240 BPM on: the 16ths of 120 BPM."""


@dataclass(frozen=True)
class Streams:
    """The stream of one chart, in measures of its note data.

    Attributes:
        measures: from the measure of the first row to that of the last.
        stream_measures: those of at least 16 rows.
        stream_20_measures, stream_24_measures, stream_32_measures: those of at least 20, 24, 32 rows.
        longest_stream: the most stream measures in a row.
        stream_runs: how many times stream begins.
        break_measures: other measures between the first and the last stream measure.
        double_tempo_measures: those of 8 to 15 rows at 8 rows a second or more; none is a stream measure.
    """

    measures: int
    stream_measures: int
    stream_20_measures: int
    stream_24_measures: int
    stream_32_measures: int
    longest_stream: int
    stream_runs: int
    break_measures: int
    double_tempo_measures: int


def streams(rows: StepRows) -> Streams:
    """Return the stream of a chart; all zero without rows."""
    if len(rows) == 0:
        return Streams(0, 0, 0, 0, 0, 0, 0, 0, 0)
    measure = np.floor(rows.beats / BEATS_PER_MEASURE + EPSILON).astype(np.int64)
    at, first, count = np.unique(measure, return_index=True, return_counts=True)
    stream = at[count >= STREAM_ROWS]
    run_starts = np.flatnonzero(np.diff(stream, prepend=-2) != 1)
    span_s = rows.seconds[first + count - 1] - rows.seconds[first]
    fast = (count >= DOUBLE_TEMPO_ROWS) & (count - 1 >= DOUBLE_TEMPO_ROWS_PER_SECOND * span_s - EPSILON)
    return Streams(
        measures=int(at[-1] - at[0] + 1),
        stream_measures=len(stream),
        stream_20_measures=int((count >= 20).sum()),
        stream_24_measures=int((count >= 24).sum()),
        stream_32_measures=int((count >= 32).sum()),
        longest_stream=int(np.diff(np.append(run_starts, len(stream))).max(initial=0)),
        stream_runs=len(run_starts),
        break_measures=int(stream[-1] - stream[0] + 1 - len(stream)) if len(stream) else 0,
        double_tempo_measures=int((fast & (count < STREAM_ROWS)).sum()),
    )
