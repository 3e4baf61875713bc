"""Beats to seconds, against `simfile`'s timing engine, by hand where StepMania differs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simfile.ssc import SSCSimfile
from simfile.timing import Beat, TimingData
from simfile.timing.engine import TimingEngine

from groove.charts.simfile.timing import build_timing, leading_number, merged_spans, segments
from tests.builders import chart_of, measures, sm_text, ssc_text

beats48 = st.integers(0, 32 * 48).map(lambda tick: tick / 48)


def drawn(values, min_size: int = 0):
    pairs = st.dictionaries(beats48, values, min_size=min_size, max_size=5)
    return pairs.map(lambda pairs: sorted(pairs.items()))


def written(pairs) -> str:
    return ",".join(f"{beat:.6f}={value:.3f}" for beat, value in pairs)


@settings(max_examples=150, deadline=None)
@given(
    drawn(st.floats(20, 400)),
    drawn(st.floats(0.01, 3)),
    drawn(st.floats(0.01, 3)),
    drawn(st.integers(1, 300).map(lambda tick: tick / 48)),
    st.floats(-2, 2),
)
def test_timing_equals_simfile(bpms, stops, delays, warps, offset) -> None:
    bpms = [(0.0, 150.0), *(pair for pair in bpms if pair[0] > 0)]
    tags = {"BPMS": bpms, "STOPS": stops, "DELAYS": delays, "WARPS": warps}
    text = "#VERSION:0.83;" + "".join(f"#{tag}:{written(pairs)};" for tag, pairs in tags.items())
    engine = TimingEngine(TimingData(SSCSimfile(string=f"{text}#OFFSET:{offset:.6f};")))
    fields = {tag: written(pairs) for tag, pairs in tags.items()}
    timing = build_timing(segments({**fields, "OFFSET": f"{offset:.6f}"}, ssc=True))
    ticks = sorted({*range(-48, 40 * 48, 16), *(round(beat * 48) for pairs in tags.values() for beat, _ in pairs)})
    beats = [Beat(tick, 48) for tick in ticks]
    found = timing.time_at(np.array([float(beat) for beat in beats]))
    np.testing.assert_allclose(found, [engine.time_at(beat) for beat in beats], atol=1e-7)
    if any(start + length > later for (start, length), (later, _) in pairwise(tags["WARPS"])):
        return  # of warps that overlap only the last one decides what is judged, which `simfile` does not know
    positive = [beat for beat in beats if beat >= 0]
    judged = timing.judged(np.array([float(beat) for beat in positive]))
    assert judged.tolist() == [engine.hittable(beat) for beat in positive]


def timing_of(*, ssc: bool = False, **tags: str):
    """Return the timing of an `.sm` file's tags, 60 BPM if there is none."""
    return build_timing(segments({"BPMS": "0=60"} | {name.upper(): text for name, text in tags.items()}, ssc))


def test_timing_by_hand() -> None:
    # 60 BPM; a stop of 1 s on beat 2, a delay of 1 s on beat 4, both on beat 6, 120 BPM from beat 8 on.
    timing = timing_of(bpms="0=60,8=120", stops="2=1,6=1", delays="4=1,6=1", offset="0.5")
    times = timing.time_at(np.array([0.0, 2, 3, 4, 5, 6, 7, 8, 10]))
    assert (times + 0.5).tolist() == [0, 2, 4, 6, 7, 9, 11, 12, 13]
    assert timing.stops.tolist() == [[2, 1], [4, 1], [6, 1], [6, 1]]


def test_stop_and_delay_on_beat_0() -> None:
    assert timing_of(stops="0=1").time_at(np.array([-1.0, 0, 1])).tolist() == [-1, 0, 2]
    assert timing_of(delays="0=1").time_at(np.array([-1.0, 0, 1])).tolist() == [-1, 1, 2]


@pytest.mark.parametrize(
    ("kwargs", "times", "warp"),
    [
        # 1: 60 BPM; a stop of -2 s on beat 4 takes time from 4 s back to 2 s; beat 6 is where 4 s come again.
        ({"stops": "4=-2"}, [4, 4, 4, 4, 5, 7], [4, 6]),
        # 2: beats 4 to 6 run backwards at -60 BPM, from 4 s to 2 s; with 60 BPM again 4 s come at beat 8.
        ({"bpms": "0=60,4=-60,6=60"}, [4, 4, 4, 4, 4, 5], [4, 8]),
        # 3: the usual gimmick: beats 4 to 5 at -60 and then 120 BPM: 3 s at beat 5, 4 s at beat 7.
        ({"bpms": "0=60,4=-60,5=120"}, [4, 4, 4, 4, 4, 5], [4, 7]),
        # 4: a tempo beyond 10 million is a warp to the next tempo.
        ({"bpms": "0=60,4=99999999,6=60"}, [4, 4, 4, 4, 5, 7], [4, 6]),
        # 5: 2 s back on beat 4, caught up within a stop of 3 s on beat 5, which ends at 4 - 2 + 1 + 3 s.
        ({"stops": "4=-2,5=3"}, [4, 4, 4, 7, 8, 10], [4, 5]),
    ],
)
def test_time_never_runs_back(kwargs: dict, times: list[float], warp: list[float]) -> None:
    timing = timing_of(**kwargs)
    found = timing.time_at(np.array([4, 4.5, 5, 6, 7, 9]))
    assert found.tolist() == pytest.approx(times)
    assert timing.warps.tolist() == [pytest.approx(warp)]
    assert (timing.bpms[:, 1] > 0).all() and (timing.stops[:, 1] > 0).all()


@pytest.mark.parametrize(
    ("bpms", "expected"),
    [
        ("", [[0, 60]]),  # 1: StepMania's default
        ("4=150", [[0, 150]]),  # 2: not on beat 0
        ("8=100,0=120", [[0, 120], [8, 100]]),  # 3: unsorted
        ("0=120,4,5==,=,8=1=2,12=90", [[0, 120], [12, 90]]),  # 4: entries that are no pair
        ("0=0,4=0,5=1e-320", [[0, 60]]),  # 5: no tempo but zero, or next to it
        ("-4=100,0=120", [[0, 120]]),  # 6: before beat 0
        ("-8=90,-4=100,4=120", [[0, 100], [4, 120]]),  # 7: the last before beat 0 holds
        (" 0.000 = 120.5 ,\n", [[0, 120.5]]),  # 8: space, and a comma too many
        ("x=120bpm,4=90.5.5,8=nan", [[0, 120], [4, 90.5]]),  # 9: what follows a number, what is none
        ("0=120,4=120,8=90", [[0, 120], [8, 90]]),  # 10: no change
        ("0=-60,4=90", [[0, 90]]),  # 11: a first tempo that runs back is none
    ],
)
def test_tempo_is_read_tolerantly(bpms: str, expected: list) -> None:
    assert timing_of(bpms=bpms).bpms.tolist() == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [("120bpm", 120), (" -1.5e1x", -15), ("+.5", 0.5), ("3.", 3), ("1e400", 0), ("nan", 0), ("", 0), ("e5", 0)],
)
def test_the_leading_number_counts(text: str, value: float) -> None:
    assert leading_number(text) == value


def test_pauses_of_days_are_ignored() -> None:
    assert timing_of(stops="0=1e308,1=1e308", delays="0=-1e308").time_at(np.array([4.0])).tolist() == [4]


def test_an_ssc_ignores_what_is_negative() -> None:
    tags = {"bpms": "0=60,2=-60", "stops": "1=-1", "delays": "3=-1", "warps": "1=-1", "fakes": "1=-1"}
    timing = timing_of(ssc=True, **tags)
    beats = np.arange(8.0)
    assert timing.time_at(beats).tolist() == beats.tolist() and timing.judged(beats).all()


def test_an_sm_has_no_warps_or_fakes_and_stops_before_beat_0_move_it() -> None:
    timing = timing_of(warps="1=2", fakes="4=2", stops="-1=0.5")
    assert timing.time_at(np.array([0.0, 2])).tolist() == [0.5, 2.5] and timing.judged(np.arange(8.0)).all()


def test_of_two_pauses_on_a_row_the_later_one_counts() -> None:
    for ssc in (False, True):
        timing = timing_of(ssc=ssc, stops="4=1,4.001=2", delays="2=1,2=3")
        assert timing.stops.tolist() == [[2, 3], [4, 2]]


def test_the_last_warp_or_fake_that_began_decides_what_is_judged() -> None:
    timing = timing_of(ssc=True, warps="4=6,5=1,20=1,20=0.001", fakes="12=4,13=1")
    assert timing.warps.tolist() == [[4, 10]]  # for time they are one
    assert timing.unjudged.tolist() == [[4, 6], [12, 14]]
    assert timing.judged(np.array([3.9, 4, 6, 9, 12.5, 14, 20])).tolist() == [
        True,
        False,
        True,
        True,
        False,
        True,
        True,
    ]


def test_a_pause_inside_a_warp_is_judged() -> None:
    timing = timing_of(ssc=True, warps="4=4", stops="6=1", delays="4=1")
    assert timing.judged(np.array([4, 5, 6, 7, 8.0])).tolist() == [True, False, True, False, True]


def test_warps_of_old_files_are_written_by_their_ends() -> None:
    found = segments({"BPMS": "0=60", "WARPS": "4=6,8=2"}, ssc=True, version=0.5)
    assert build_timing(found).warps.tolist() == [[4, 6], [8, 10]]


def test_merged_spans_are_sorted_and_joined() -> None:
    assert merged_spans(np.array([[8, 9], [4, 6], [5, 5], [6, 7], [1, 2]])).tolist() == [[1, 2], [4, 7], [8, 9]]


def test_split_timing(tmp_path) -> None:
    notes = [("Hard", 8, measures("1000", "1000"))]
    own = "#BPMS:0=60;\n#STOPS:0=1;\n#OFFSET:-2;"
    chart = chart_of(tmp_path / "a", ssc_text(notes, bpms="0=120", offset=-1, chart_extra=own))
    assert chart.timing.time_at(chart.notes.beats).tolist() == [2, 7]
    # A chart without an offset of its own has the song's, but one without a tempo has the game's default.
    chart = chart_of(tmp_path / "b", ssc_text(notes, bpms="0=120", offset=-1, chart_extra="#STOPS:0=1;"))
    assert chart.timing.time_at(chart.notes.beats).tolist() == [1, 6]
    # Before version 0.7 a chart has no timing.
    text = ssc_text(notes, bpms="0=120", offset=-1, chart_extra=own).replace("0.83", "0.6")
    assert chart_of(tmp_path / "c", text).timing.time_at(np.array([4.0])).tolist() == [3]
    # A version that is no number.
    assert chart_of(tmp_path / "d", text.replace("0.6", "new")).timing.bpms.tolist() == [[0, 120]]


def test_sm_reads_freezes_and_delays(tmp_path) -> None:
    notes = [("Hard", 8, measures("1000", "1000"))]
    text = sm_text(notes, bpms="0=60", extra="#FREEZES:0=1;\n#DELAYS:1=1;").replace("#STOPS:;\n", "")
    assert chart_of(tmp_path, text, "sm").timing.time_at(np.array([0.0, 1, 2, 4])).tolist() == [0, 3, 4, 6]
