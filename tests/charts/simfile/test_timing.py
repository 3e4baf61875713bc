"""Beats to seconds, against `simfile`'s timing engine, by hand where StepMania differs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simfile.ssc import SSCSimfile
from simfile.timing import Beat, TimingData
from simfile.timing.engine import TimingEngine

from groove.charts.simfile.timing import beat_values, build_timing
from tests.builders import chart_of, measures, sm_text, ssc_text

beats48 = st.integers(0, 32 * 48).map(lambda tick: tick / 48)


def entries(values, min_size: int = 0):
    pairs = st.dictionaries(beats48, values, min_size=min_size, max_size=5)
    return pairs.map(lambda pairs: sorted(pairs.items()))


def written(pairs) -> str:
    return ",".join(f"{beat:.6f}={value:.3f}" for beat, value in pairs)


@settings(max_examples=150, deadline=None)
@given(
    entries(st.floats(20, 400)),
    entries(st.floats(0.01, 3)),
    entries(st.floats(0.01, 3)),
    entries(st.integers(1, 300).map(lambda tick: tick / 48)),
    st.floats(-2, 2),
)
def test_timing_equals_simfile(bpms, stops, delays, warps, offset) -> None:
    bpms = [(0.0, 150.0), *(pair for pair in bpms if pair[0] > 0)]
    tags = {"BPMS": bpms, "STOPS": stops, "DELAYS": delays, "WARPS": warps}
    text = "#VERSION:0.83;" + "".join(f"#{tag}:{written(pairs)};" for tag, pairs in tags.items())
    engine = TimingEngine(TimingData(SSCSimfile(string=f"{text}#OFFSET:{offset:.6f};")))
    fields = {tag.lower(): beat_values(written(pairs)) for tag, pairs in tags.items()}
    timing = build_timing(**fields, fakes=beat_values(""), offset=float(f"{offset:.6f}"))
    ticks = sorted({*range(-48, 40 * 48, 16), *(round(beat * 48) for pairs in tags.values() for beat, _ in pairs)})
    beats = [Beat(tick, 48) for tick in ticks]
    found = timing.time_at(np.array([float(beat) for beat in beats]))
    np.testing.assert_allclose(found, [engine.time_at(beat) for beat in beats], atol=1e-7)
    positive = [beat for beat in beats if beat >= 0]
    judged = timing.judged(np.array([float(beat) for beat in positive]))
    assert judged.tolist() == [engine.hittable(beat) for beat in positive]


def timing_of(bpms: str = "0=60", stops: str = "", delays: str = "", warps: str = "", fakes: str = "", offset=0.0):
    tags = (beat_values(text) for text in (bpms, stops, delays, warps, fakes))
    return build_timing(*tags, offset=offset)


def test_timing_by_hand() -> None:
    # 60 BPM; a stop of 1 s on beat 2, a delay of 1 s on beat 4, both on beat 6, 120 BPM from beat 8 on.
    timing = timing_of("0=60,8=120", stops="2=1,6=1", delays="4=1,6=1", offset=0.5)
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


@settings(max_examples=100, deadline=None)
@given(
    entries(st.floats(-300, 300).filter(lambda bpm: abs(bpm) > 20)),
    entries(st.floats(-2, 2).filter(lambda seconds: abs(seconds) > 0.01)),
)
def test_negative_timing_is_the_running_maximum(bpms, stops) -> None:
    bpms = [(0.0, 120.0), *(pair for pair in bpms if pair[0] > 0)]
    timing = timing_of(written(bpms), written(stops))
    # The slow way: walk tick by tick through raw time, keep the highest so far.
    tempo, pause = dict(map(tuple, beat_values(written(bpms)))), dict(map(tuple, beat_values(written(stops))))
    raw = high = 0.0
    slow, bpm = [], 120.0
    for tick in range(40 * 48):
        slow.append(high)
        bpm = tempo.get(tick / 48, bpm)
        raw += pause.get(tick / 48, 0.0)
        high = max(high, raw)
        raw += 60 / bpm / 48
        high = max(high, raw)
    beats = np.arange(40 * 48) / 48
    np.testing.assert_allclose(timing.time_at(beats), slow, atol=1e-6)
    assert (np.diff(timing.time_at(beats)) >= -1e-9).all()


@pytest.mark.parametrize(
    ("bpms", "expected"),
    [
        ("", [[0, 60]]),  # 1: StepMania's default
        ("4=150", [[0, 150]]),  # 2: not on beat 0
        ("8=100,0=120", [[0, 120], [8, 100]]),  # 3: unsorted
        ("0=120,x=3,4,5=abc,=,8=nan,12=90", [[0, 120], [12, 90]]),  # 4: entries that do not parse
        ("0=0,4=0,5=1e-320", [[0, 60]]),  # 5: no tempo but zero, or next to it
        ("-4=100,0=120", [[0, 120]]),  # 6: before beat 0
        ("-8=90,-4=100,4=120", [[0, 100], [4, 120]]),  # 7: the last before beat 0 holds
        (" 0.000 = 120.5 ,\n", [[0, 120.5]]),  # 8: space, and a comma too many
    ],
)
def test_tempo_is_read_tolerantly(bpms: str, expected: list) -> None:
    assert timing_of(bpms).bpms.tolist() == expected


def test_pauses_of_days_are_ignored() -> None:
    assert timing_of(stops="0=1e308,1=1e308", delays="0=-1e308").time_at(np.array([4.0])).tolist() == [4]


def test_overlapping_warps_and_fakes_are_merged() -> None:
    timing = timing_of(warps="4=2,5=4,20=1,21=1", fakes="1=1,1.5=1,-3=9,8=0")
    assert timing.warps.tolist() == [[4, 9], [20, 22]]
    assert timing.fakes.tolist() == [[1, 2.5]]


def test_split_timing(tmp_path) -> None:
    notes = [("Hard", 8, measures("1000", "1000"))]
    own = "#BPMS:0=60;\n#STOPS:0=1;\n#OFFSET:-2;"
    chart = chart_of(tmp_path / "a", ssc_text(notes, bpms="0=120", offset=-1, chart_extra=own))
    assert chart.timing.time_at(chart.notes.beats).tolist() == [2, 7]
    # A chart without an offset or tempo of its own has the song's.
    chart = chart_of(tmp_path / "b", ssc_text(notes, bpms="0=120", offset=-1, chart_extra="#STOPS:0=1;"))
    assert chart.timing.time_at(chart.notes.beats).tolist() == [1, 4]
    # Before version 0.7 a chart has no timing.
    text = ssc_text(notes, bpms="0=120", offset=-1, chart_extra=own).replace("0.83", "0.6")
    assert chart_of(tmp_path / "c", text).timing.time_at(np.array([4.0])).tolist() == [3]
    # A version that is no number.
    assert chart_of(tmp_path / "d", text.replace("0.6", "new")).timing.bpms.tolist() == [[0, 120]]


def test_sm_reads_freezes_delays_and_warps(tmp_path) -> None:
    notes = [("Hard", 8, measures("1000", "1000"))]
    extra = "#FREEZES:0=1;\n#DELAYS:1=1;\n#WARPS:2=1;"
    text = sm_text(notes, bpms="0=60", extra=extra).replace("#STOPS:;\n", "")
    assert chart_of(tmp_path, text, "sm").timing.time_at(np.array([0.0, 1, 2, 4])).tolist() == [0, 3, 4, 5]
