"""The types: beats to seconds by hand, and each vectorised helper against the obvious loop."""

from __future__ import annotations

import numpy as np
import pytest

from groove.charts.chart import DIFFICULTIES, PANELS, NoteKind, Notes, Timing, inside
from groove.charts.simfile.timing import merged_spans
from tests.builders import chart_of, measures, ssc_text


def timing(start_beat: list[float], start_time: list[float], slope: list[float], **spans: list) -> Timing:
    pairs = {name: np.array(value, dtype=float).reshape(-1, 2) for name, value in spans.items()}
    none = np.zeros((0, 2))
    return Timing(
        np.array(start_beat),
        np.array(start_time),
        np.array(slope),
        bpms=pairs.get("bpms", np.array([[0.0, 60.0]])),
        stops=pairs.get("stops", none),
        warps=pairs.get("warps", none),
        unjudged=pairs.get("unjudged", none),
        delays=pairs.get("delays", none),
    )


def test_notes_select_and_beats() -> None:
    notes = Notes(np.array([0, 1, 4]), np.array([1, 3, 1]), np.array([0, 1, 3], np.int8), np.array([1, 5, 2], np.int8))
    assert len(notes) == 3
    assert notes.beats.tolist() == [0.0, 1 / 3, 4.0]
    kept = notes.select(notes.kind != NoteKind.MINE)
    assert kept.column.tolist() == [0, 3] and kept.beats.tolist() == [0.0, 4.0]


def test_time_of_a_note_on_a_stop_is_before_it() -> None:
    # 60 BPM, a stop of 2 s on beat 4: beat 4 sounds at 4 s, beat 5 at 7 s.
    case = timing([0, 4], [0, 6], [1, 1])
    assert case.time_at(np.array([-1.0, 0, 4, 4.5, 5])).tolist() == [-1, 0, 4, 6.5, 7]


def test_time_of_a_note_on_a_delay_is_after_it() -> None:
    # The same as a delay: beat 4 at 6 s.
    case = timing([0, 4], [0, 6], [1, 1], delays=[[4, 2]])
    assert case.time_at(np.array([3.0, 4, 5])).tolist() == [3, 6, 7]


def test_judged_by_hand() -> None:
    case = timing([0], [0], [1], unjudged=[[2, 4], [6, 7]])
    # The row of 1/48 that is nearest decides.
    beats = np.array([0, 1.98, 1.99, 2, 3.9, 3.99, 4, 6, 6.5, 7])
    assert case.judged(beats).tolist() == [True, True, False, False, False, True, True, False, False, True]


def test_judged_with_many_spans_stays_small() -> None:
    # 200,000 notes and 20,000 warps: a full comparison would need 4 GB.
    warps = np.arange(20_000)[:, None] * 4 + np.array([[1.0, 2.0]])
    case = timing([0], [0], [1], unjudged=warps.tolist())
    beats = np.arange(200_000) / 4
    assert np.array_equal(case.judged(beats), ~((beats % 4 >= 1) & (beats % 4 < 2) & (beats < 80_000)))


@pytest.mark.parametrize("seed", range(20))
def test_spans_against_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 20, rng.integers(0, 8)).astype(float)
    spans = np.column_stack([starts, starts + rng.integers(1, 5, len(starts))])
    beats = np.arange(0, 30, 0.5)
    slow = [any(start <= beat < end for start, end in spans) for beat in beats]
    merged = merged_spans(spans)
    assert inside(beats, merged).tolist() == slow
    assert np.all(merged[1:, 0] > merged[:-1, 1])


def test_chart_id_and_constants(tmp_path) -> None:
    chart = chart_of(tmp_path, ssc_text([("Hard", 9, measures("1000"))]))
    assert chart.chart_id == "song.ssc#0"
    assert chart.difficulty in DIFFICULTIES and PANELS[chart.steps_type] == 4
