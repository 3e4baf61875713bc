"""Where a song ends: by hand, and on real charts whose official values hold T."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from groove.charts.chart import Chart
from groove.charts.radar.song_end import AFTER_RELEASE_S, AFTER_STEP_S, FARTHEST_S, last_row, with_song_end
from groove.charts.rows import judged_notes
from tests.builders import measures, read_text, ssc_text, steady

EMPTY = "0000 0000 0000 0000"


def charts_of(folder: Path, *notes: str, **tags) -> list[Chart]:
    names = ("Beginner", "Easy", "Medium", "Hard", "Challenge")
    text = ssc_text([(names[i], 1, text) for i, text in enumerate(notes)], **tags)
    return read_text(folder, text, "song.ssc")[0]


@pytest.mark.parametrize(
    ("last_measure", "bpm", "end"),
    [
        # A measure lasts 2 s; a step is expected to ring for 2.1 s, a release for 1.2 s.
        ("1000 0000 0000 0000", 120, 8),  # 1: the step is on line 4: 8 is 2 s on
        ("0000 0000 0000 1000", 120, 12),  # 2: on beat 7: 8 is 0.5 s on (1.6 off), 12 is 2.5 s on (0.4 off)
        ("0000 0000 1000 0000", 120, 12),  # 3: on beat 6: 8 is 1 s on (1.1 off), 12 is 3 s on (0.9 off)
        ("2000 0000 0000 3000", 120, 8),  # 4: released on beat 7: 8 is 0.5 s on (0.7 off), 12 2.5 s (1.3 off)
        ("2001 0000 0000 3000", 120, 8),  # 5: the same beside a step
        ("2000 0000 0000 3001", 120, 12),  # 6: a step with the release
        ("1000 0000 0000 0000", 480, 20),  # 7: a measure lasts half a second: four of them
        ("1000 0000 0000 0000", 20, 4),  # 8: a measure lasts 12 s: the line itself
    ],
)
def test_the_line_nearest_to_what_is_expected(tmp_path, last_measure: str, bpm: int, end: float) -> None:
    (chart,) = charts_of(tmp_path, measures("1000", last_measure), bpms=f"0={bpm}")
    assert chart.song_end == end
    release, step = AFTER_RELEASE_S, AFTER_STEP_S
    assert (release, step) == (1.2, 2.1)  # what the comments above were worked out with


def test_all_charts_of_a_song_end_together(tmp_path) -> None:
    long, short = steady(4, 9), steady(4, 3)
    charts = charts_of(tmp_path, short, long, short)
    assert len({chart.song_end for chart in charts}) == 1
    assert charts[0].song_end == charts_of(tmp_path, long)[0].song_end
    assert with_song_end(charts) == charts  # again changes nothing


def test_charts_with_their_own_tempo_end_at_one_moment(tmp_path) -> None:
    text = ssc_text([("Easy", 1, steady(4, 8)), ("Hard", 1, steady(4, 16))])
    before, _, after = text.rpartition("#NOTES:")
    text = f"{before}#BPMS:0=240;\n#STOPS:;\n#OFFSET:0;\n#NOTES:{after}"
    slow, fast = read_text(tmp_path, text, "song.ssc")[0]
    assert slow.song_end is not None and fast.song_end == 2 * slow.song_end
    times = [chart.timing.time_at(np.array([chart.song_end]))[0] for chart in (slow, fast)]
    assert times[0] == pytest.approx(times[1])


def test_never_before_a_row_and_never_far_away(tmp_path) -> None:
    for bpms in ("0=120", "0=0.01", "0=1000000", "0=120,4=0.001", "0=300,7=-300,8=300"):
        for chart in charts_of(tmp_path, measures("1000", EMPTY, "0000 1000 0000 0000"), bpms=bpms):
            assert chart.song_end is not None and chart.song_end >= last_row(chart) == judged_notes(chart).beats.max()
            row, end = chart.timing.time_at(np.array([last_row(chart), chart.song_end]))
            assert end - row <= AFTER_STEP_S + FARTHEST_S


def test_without_judged_notes_there_is_no_end(tmp_path) -> None:
    (chart,) = charts_of(tmp_path, measures("1000", "1000"), extra="#FAKES:0=8;")
    assert chart.song_end is None and last_row(chart) == 0
    assert with_song_end([]) == []
    assert with_song_end([replace(chart, song_end=None)])[0].song_end is None
