"""Both radars: known answers, worked examples, the zero case, and every axis once more the slow way.

The known answers are for 56 measures at a constant 150 BPM whose song ends with the last row.
"""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groove.charts.chart import NoteKind
from groove.charts.radar.groove_radar import RADAR_AXES, GrooveRadar, groove_radar, shown
from groove.charts.radar.konami import KNEE, SHIFT, radar_value
from groove.charts.rows import played_beats
from groove.charts.simfile.reader import read_simfile
from tests.builders import chart_of, measures, read_text, sm_text, ssc_text, steady
from tests.scans import plain_scan
from tests.shared import SHARED


def radar_of(folder: Path, notes: str, fmt: str = "ssc", **tags) -> GrooveRadar:
    """Return the radar of a chart whose song ends with its last row."""
    write = {"sm": sm_text, "ssc": ssc_text}[fmt]
    return groove_radar(replace(chart_of(folder, write([("Hard", 9, notes)], **tags), fmt), song_end=None))


# ---- known answers ----------------------------------------------------------------------------------

ROLLS = measures(*["4000 0000 0000 3000"] * 56)
KNOWN = {
    "4ths": (steady(4, 56), (50.0, 25.0, 0, 0, 0), (0.357, 0.280, 0, 0, 0)),
    "8ths": (steady(8, 56), (100.0, 50.0, 0, 0, 50.1), (0.714, 0.530, 0, 0, 0)),
    "16ths": (steady(16, 56), (286.3, 100.0, 0, 0, 133.9), (1.429, 1.030, 0, 0, 2.5)),
    "12ths": (steady(12, 56), (193.2, 75.0, 0, 0, 123.3), (1.071, 0.780, 0, 0, 2.5)),
    "24ths": (steady(24, 56), (472.7, 125.1, 0, 0, 231.4), (2.143, 1.530, 0, 0, 5.0)),
    "4th jumps": (steady(4, 56, "1010"), (50.0, 25.0, 204.4, 0, 0), (0.714, 0.560, 2.5, 0, 0)),
    "8th jumps": (steady(8, 56, "1010"), (100.0, 50.0, 369.2, 0, 100.0), (1.429, 1.060, 5.0, 0, 0)),
    "rolls": (ROLLS, (12.3, 6.2, 0, 167.4, 0), (0.089, 0.093, 0, 0, 0)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_answers(tmp_path, name: str) -> None:
    notes, konami, stepmania = KNOWN[name]
    radar = radar_of(tmp_path, notes, bpms="0=150")
    assert radar.konami.round(1).tolist() == list(konami)
    assert radar.stepmania.round(3).tolist() == list(stepmania)
    assert radar.elements["stepmania_t_s"] == pytest.approx(89.6)


@pytest.mark.parametrize("steps_type", SHIFT)
@pytest.mark.parametrize("axis", RADAR_AXES)
def test_two_pieces_meet_at_100(steps_type: str, axis: str) -> None:
    assert radar_value(0, steps_type, axis) == 0 and radar_value(KNEE[axis], steps_type, axis) == 100
    assert radar_value(KNEE[axis] + 1e-9, steps_type, axis) == pytest.approx(100)


@pytest.mark.parametrize(
    ("axis", "x", "single", "double"),
    [
        ("stream", 439, (439 - 139) * 100 / 161, (439 - 183) * 100 / 117),
        ("stream", 60, 20, 20),
        ("voltage", 1000, 1594 * 100 / 1194, 1594 * 100 / 1194),
        ("air", 11, 20, 20),
        ("air", 100, 136 * 100 / 91, 135 * 10 / 9),
        ("freeze", 5000, 7484 * 100 / 5984, 7246 * 100 / 5746),
        ("chaos", 5000, 26605 * 100 / 23605, 21628 * 100 / 18628),
    ],
)
def test_pieces_by_hand(axis: str, x: float, single: float, double: float) -> None:
    assert radar_value(x, "dance-single", axis) == pytest.approx(single)
    assert radar_value(x, "dance-double", axis) == pytest.approx(double)


# The same on eight panels: single's values up to the knee, double's pieces above it.
DOUBLE = {
    "4ths": (steady(4, 56, "10000000"), (50.0, 25.0, 0, 0, 0)),
    "8ths": (steady(8, 56, "00010000"), (100.0, 50.0, 0, 0, 50.1)),
    "16ths": (steady(16, 56, "00001000"), ((600 - 183) / 1.17, 100.0, 0, 0, (10001 + 16628) / 186.28)),
    "4th jumps": (steady(4, 56, "10000001"), (50.0, 25.0, (150 + 35) / 0.9, 0, 0)),
    "8th jumps": (steady(8, 56, "00011000"), (100.0, 50.0, (300 + 35) / 0.9, 0, (2005 + 16628) / 186.28)),
    "rolls": (measures(*["00400000 00000000 00000000 00300000"] * 56), (12.3, 6.2, 0, (7533 + 2246) / 57.46, 0)),
}


@pytest.mark.parametrize("name", DOUBLE)
def test_known_answers_of_doubles(tmp_path, name: str) -> None:
    notes, konami = DOUBLE[name]
    radar = radar_of(tmp_path, notes, bpms="0=150", steps_type="dance-double")
    assert radar.konami == pytest.approx(konami, abs=0.06)


def test_a_shock_of_doubles_covers_eight_panels(tmp_path) -> None:
    rows = ("10000000 MMMMMMMM 10000000 MMMM0000", "10000000")
    radar = radar_of(tmp_path, measures(*rows), steps_type="dance-double")
    assert radar.elements["shock_rows"] == 1 and radar.elements["mines"] == 12


# ---- worked examples --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "base"),
    [("1000", 16), ("1010", 32), ("MMMM", 64), ("2000", 16), ("L000", 16), ("MMM0", 0), ("F000", 0), ("K000", 0)],
)
def test_chaos_of_a_16th_right_after_a_4th(tmp_path, row: str, base: float) -> None:
    notes = measures(f"1000 {row}" + " 0000" * 14)
    notes = notes if row != "2000" else notes[:-4] + "3000"
    assert radar_of(tmp_path, notes).elements["konami_chaos_base"] == base


@pytest.mark.parametrize(
    ("bpms", "stops", "change"),
    [
        ("0=100,2=300,4=100", "", 400),  # 1: there and back
        ("0=100", "1=1,2=2,3=3", 300),  # 2: three stops; their length does not matter
        ("0=100,2=300", "2=1", 300),  # 3: a stop and a change on one row count once
        ("0=100,2=100,3=100", "", 0),  # 4: no change
        ("0=100,2=200", "3=1", 300),  # 5: a stop counts at the tempo it interrupts
        ("0=100,90=200", "99=1", 0),  # 6: after the last row
        ("0=100,4=-100,6=100", "", 0),  # 7: a warp is no change
    ],
)
def test_tempo_change(tmp_path, bpms: str, stops: str, change: float) -> None:
    radar = radar_of(tmp_path, steady(4, 4), bpms=bpms, stops=stops)
    assert radar.elements["konami_tempo_change_bpm"] == change


def test_chaos_grows_with_the_tempo_change(tmp_path) -> None:
    # 16ths for 4 measures; T = 15.75 beats: 8 at 100 BPM and 7.75 at 200; dBPM 100.
    radar = radar_of(tmp_path, steady(16, 4), bpms="0=100,8=200")
    seconds = 8 * 60 / 100 + 7.75 * 60 / 200
    base = 4 * 4 * (0.5 * 16 + 2 * 1.0 * 16)  # per beat an 8th and two 16ths, each a 16th of a measure after the last
    assert radar.elements["konami_chaos_base"] == base
    degree = base * (1 + 60 * 100 / seconds / 1500)
    assert radar.elements["konami_chaos_degree"] == math.floor(100 * degree / seconds)


@pytest.mark.parametrize(
    ("rows", "beats"),
    [
        (["2000 0000 0000 3000"], 3),  # 1: one freeze
        (["2200 0000 3000 0300"], 3),  # 2: two panels count once, until the last is released
        (["2000 0200 3000 0300"], 4),  # 3: begun on different rows they add up
        (["4000 0000 0000 3000"], 3),  # 4: a roll is a freeze
        (["2000 0000 0000 0000", "3000"], 4),  # 5: into the next measure
    ],
)
def test_freeze_beats(tmp_path, rows: list[str], beats: float) -> None:
    radar = radar_of(tmp_path, measures(*rows, "1000 1000 1000 1000"))
    end = 4 * len(rows) + 3
    assert radar.elements["konami_freeze_beats"] == beats
    assert radar.elements["konami_freeze_share"] == math.floor(10000 * beats / end)


def test_roll_is_no_stepmania_freeze(tmp_path) -> None:
    hold = radar_of(tmp_path, measures("2000 0000 0000 3000"))
    roll = radar_of(tmp_path, measures("4000 0000 0000 3000"))
    assert hold.stepmania[3] > 0 and roll.stepmania[3] == 0
    assert hold.konami[3] == roll.konami[3] > 0


def test_shock_rows(tmp_path) -> None:
    # 3 arrows and one shock on 4 beats of 0.5 s, T = 1.5 s: 4 steps and 1 jump; shocks are no arrows for stepmania.
    radar = radar_of(tmp_path, measures("1000 MMMM 1000 1000"))
    assert radar.elements["shock_rows"] == 1 and radar.elements["steps"] == 3
    assert radar.elements["konami_steps_per_minute"] == 160 and radar.elements["konami_jumps_per_minute"] == 40
    assert radar.elements["konami_peak_rows"] == 4
    assert radar.stepmania[0] == pytest.approx(3 / 2 / 7) and radar.elements["mines"] == 4


def test_peak_window_is_half_open_for_konami_and_closed_for_stepmania(tmp_path) -> None:
    radar = radar_of(tmp_path, steady(4, 8))
    assert radar.elements["konami_peak_rows"] == 4 and radar.elements["stepmania_peak_arrows"] == 9
    # A window may begin anywhere: 3 rows late in one measure, 4 early in the next.
    late = measures("0000 0000 0000 0000 0000 1000 1000 1000", "1000 1000 1000 1000 0000 0000 0000 0000")
    assert radar_of(tmp_path, late).elements["konami_peak_rows"] == 7
    # Rows on thirds of a beat, 4 beats apart, are never in one half-open window.
    thirds = measures(*["0000 1000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000"] * 9)
    assert radar_of(tmp_path, thirds).elements["konami_peak_rows"] == 1


def test_counts(tmp_path) -> None:
    notes = measures("1100 2000 0220 3000 1000 0000 0330 0000", "1110 M000 L000 F000 4000 3000 1111 0000")
    counts = radar_of(tmp_path, notes).elements
    expected = {"steps": 8, "arrows": 15, "jumps": 4, "hands": 4, "holds": 3, "rolls": 1, "mines": 1, "lifts": 1}
    # Hands: the jump of holds begun under the first hold, the tap under both, the triple, the quad.
    assert {name: counts[name] for name in expected} == expected
    assert counts["fakes"] == 1 and counts["shock_rows"] == 0


def test_a_row_of_mines_under_three_holds_is_a_hand(tmp_path) -> None:
    notes = measures("2220 000M 0001 000F 3330 000M 0000 0000")
    # The row of the heads, the mine, the tap and the fake under them; the row of the tails holds no note.
    assert radar_of(tmp_path, notes).elements["hands"] == 4
    assert radar_of(tmp_path, notes, extra="#FAKES:0.5=0.5;").elements["hands"] == 3


def test_a_jump_within_a_hold(tmp_path) -> None:
    # A tap while a hold is held is no jump, two taps are one; three panels in use are a hand.
    counts = radar_of(tmp_path, measures("2000 0100 0110 3000", "1000")).elements
    assert (counts["jumps"], counts["hands"], counts["steps"]) == (1, 1, 4)
    radar = radar_of(tmp_path, measures("2000 0100 0110 3000", "1000"))
    assert radar.elements["konami_jumps_per_minute"] == 60 // 2  # T = 4 beats of 0.5 s


def test_elements_are_floored_before_the_pieces(tmp_path) -> None:
    # 5 steps in 4 beats at 121 BPM: 60 * 5 / (4 * 60 / 121) = 151.25.
    radar = radar_of(tmp_path, measures("1000 1000 1000 1000", "1000"), bpms="0=121")
    assert radar.elements["konami_steps_per_minute"] == 151
    assert radar.konami[0] == pytest.approx(151 / 3)


def test_stops_lengthen_t_and_slow_the_average(tmp_path) -> None:
    # 8 rows on 7 beats at 120 BPM are 3.5 s; a stop of 1.5 s makes it 5 s: 96 steps a minute at 84 BPM on average.
    elements = radar_of(tmp_path, steady(4, 2), stops="4=1.5").elements
    assert elements["konami_t_s"] == 5 and elements["konami_steps_per_minute"] == 96
    assert elements["konami_average_bpm"] == 84 and elements["konami_peak_density"] == 84


def test_negative_tempo_is_a_warp(tmp_path) -> None:
    # From beat 4 two beats back in time, made up by beat 8: nothing on beats 4 to 7 counts.
    elements = radar_of(tmp_path, steady(4, 3), "sm", bpms="0=120,4=-120,6=120").elements
    assert elements["steps"] == 8 and elements["fakes"] == 4
    assert elements["konami_song_beats"] == 7 and elements["konami_t_s"] == 3.5
    assert elements["konami_tempo_change_bpm"] == 0


def test_the_first_tempo_holds_from_beat_0(tmp_path) -> None:
    late, plain = (radar_of(tmp_path, steady(4, 4), bpms=bpms) for bpms in ("2.5=150", "0=150"))
    assert late.konami.tolist() == plain.konami.tolist()
    assert late.elements["konami_tempo_change_bpm"] == 0


def test_split_timing_is_the_charts_own(tmp_path) -> None:
    own = radar_of(tmp_path, steady(4, 4), bpms="0=60", chart_extra="#BPMS:0=150;\n#STOPS:;\n#OFFSET:0;")
    assert own.konami.tolist() == radar_of(tmp_path, steady(4, 4), bpms="0=150").konami.tolist()


# ---- what does not count ----------------------------------------------------------------------------


def test_fakes_warps_and_keysounds_do_not_exist(tmp_path) -> None:
    # Beats 8 to 12 are extra; whatever makes them not count, the rest must give the same radar.
    plain = measures(*["1000 0100 0010 0001"] * 2, "0000", *["1000 0100 0010 0001"] * 2)
    same = ["1000 0100 0010 0001"] * 2
    extra = measures(*same, "1010 2002 0101 3003 1111 0110 1010 0101", *same)
    reference = radar_of(tmp_path, plain)
    for row in ("FFFF", "KKKK"):
        found = radar_of(tmp_path, measures(*same, " ".join([row] * 8), *same))
        assert found.konami.tolist() == reference.konami.tolist()
        assert found.stepmania.tolist() == reference.stepmania.tolist()
    faked = radar_of(tmp_path, extra, extra="#FAKES:8=4;")
    assert faked.konami.tolist() == reference.konami.tolist()
    assert faked.stepmania.tolist() == reference.stepmania.tolist()
    assert faked.elements["fakes"] == 15  # a hold that a tap interrupts is no note
    # A warp also takes its beats away: as if the measure were not there.
    warped = radar_of(tmp_path, extra, extra="#WARPS:8=4;")
    shorter = radar_of(tmp_path, measures(*same, *same))
    assert warped.konami.tolist() == shorter.konami.tolist()
    assert warped.elements["konami_song_beats"] == 15


def test_a_note_on_a_stop_within_a_warp_counts(tmp_path) -> None:
    notes = measures("1000 0000 1000 1000", "1000")
    radar = radar_of(tmp_path, notes, extra="#WARPS:1=2.5;", stops="2=1")
    assert radar.elements["steps"] == 3 and radar.elements["fakes"] == 1


@pytest.mark.parametrize("notes", ["F000", "1000", measures("1000", "MM00")])
def test_nearly_empty_charts(tmp_path, notes: str) -> None:
    # 1: only a fake, 2: one note on beat 0 (konami has no time), 3: a note and mines.
    for chart in read_text(tmp_path, sm_text([("Hard", 9, notes)]))[0]:
        radar = groove_radar(chart)
        assert np.isfinite(radar.konami).all() and np.isfinite(radar.stepmania).all()
        assert all(math.isfinite(value) for value in radar.elements.values())


def test_zero_case(tmp_path) -> None:
    radar = radar_of(tmp_path, measures("1000", "1000"), extra="#FAKES:0=8;")
    assert radar.konami.tolist() == [0] * 5 and radar.stepmania.tolist() == [0] * 5
    assert radar_of(tmp_path, "1000").konami.tolist() == [0] * 5


def test_length_of_the_music(tmp_path) -> None:
    chart = chart_of(tmp_path, ssc_text([("Hard", 9, steady(4, 4))], extra="#MUSICLENGTH:16;"))
    assert groove_radar(chart).elements["stepmania_t_s"] == 16
    radar = groove_radar(chart, music_length_s=32.0)
    assert radar.stepmania[0] == pytest.approx(16 / 32 / 7)
    assert radar.konami.tolist() == groove_radar(chart).konami.tolist()


def test_offset_does_not_matter_and_stops_do(tmp_path) -> None:
    early, late = (radar_of(tmp_path, steady(4, 4), offset=offset) for offset in (3, -3))
    assert early.konami == pytest.approx(late.konami)
    stopped = radar_of(tmp_path, steady(4, 4), stops="4=2.5")
    assert stopped.elements["konami_t_s"] == pytest.approx(early.elements["konami_t_s"] + 2.5)


def test_played_beats(tmp_path) -> None:
    timing = chart_of(tmp_path, ssc_text([("Hard", 9, "1000")], extra="#WARPS:2=2,8=1;")).timing
    beats = np.array([0.0, 2, 3, 4, 6, 8, 8.5, 9, 12])
    assert played_beats(beats, timing).tolist() == [0, 2, 2, 2, 4, 6, 6, 6, 9]


def test_a_warp_without_end(tmp_path) -> None:
    radar = radar_of(tmp_path, steady(4, 4), "sm", bpms="0=120,8=-120")
    assert radar.elements["steps"] == 8 and np.isfinite(radar.konami).all()


# ---- the slow way -----------------------------------------------------------------------------------


def slow_radar(notes: list[tuple[Fraction, int, NoteKind]], bpm: int) -> tuple[list[float], list[float]]:
    """Return both radars of a dance-single chart at a constant tempo, straight from the table, in exact numbers."""
    arrows: dict[Fraction, int] = {}
    mines: dict[Fraction, int] = {}
    heads: dict[Fraction, list[Fraction]] = {}
    holds = 0
    for beat, column, kind in notes:
        if kind in (NoteKind.TAP, NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD, NoteKind.LIFT):
            arrows[beat] = arrows.get(beat, 0) + 1
        if kind == NoteKind.MINE:
            mines[beat] = mines.get(beat, 0) + 1
        if kind in (NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD):
            tail = min(b for b, c, k in notes if c == column and k == NoteKind.TAIL and b > beat)
            heads.setdefault(beat, []).append(tail)
            holds += kind == NoteKind.HOLD_HEAD
    shocks = {beat for beat, count in mines.items() if count == 4}
    rows = sorted(set(arrows) | shocks)
    last = max((beat for beat, _, kind in notes if kind not in (NoteKind.FAKE, NoteKind.KEYSOUND)), default=Fraction(0))
    seconds = last * 60 / bpm
    jumps = sum(count >= 2 for count in arrows.values())
    x = dict.fromkeys(RADAR_AXES, 0)
    if seconds > 0 and rows:
        x["stream"] = math.floor(60 * (len(arrows) + len(shocks)) / seconds)
        peak = max(sum(start <= row < start + 4 for row in rows) for start in rows)
        x["voltage"] = math.floor(Fraction(60 * round(last)) / seconds * peak / 4)
        x["air"] = math.floor(60 * (jumps + len(shocks)) / seconds)
        freeze = sum(max(tails) - beat for beat, tails in heads.items())
        x["freeze"] = math.floor(10000 * freeze / round(last)) if round(last) else 0
        base = Fraction(0)
        for before, row in pairwise(rows):
            place = row % 1
            colour = Fraction(5, 4)
            if place == 0:
                colour = Fraction(0)
            elif place == Fraction(1, 2):
                colour = Fraction(1, 2)
            elif place in (Fraction(1, 4), Fraction(3, 4)):
                colour = Fraction(1)
            base += (4 if row in shocks else arrows[row]) * colour / ((row - before) / 4)
        x["chaos"] = math.floor(100 * base / seconds)
    knees = {"stream": 300, "voltage": 600, "air": 55, "freeze": 3500, "chaos": 2000}
    above = {
        "stream": (x["stream"] - 139) * 100 / 161,
        "voltage": (x["voltage"] + 594) * 100 / 1194,
        "air": (x["air"] + 36) * 100 / 91,
        "freeze": (x["freeze"] + 2484) * 100 / 5984,
        "chaos": (x["chaos"] + 21605) * 100 / 23605,
    }
    konami = [x[a] * 100 / knees[a] if x[a] <= knees[a] else above[a] for a in RADAR_AXES]
    length = (last // 4 + 1) * 4 * Fraction(60, bpm)
    if not arrows:
        return konami, [0.0] * 5
    dense = max(sum(n for beat, n in arrows.items() if start <= beat <= start + 8) for start in arrows)
    noted = {b for b, _, kind in notes if kind not in (NoteKind.TAIL, NoteKind.FAKE, NoteKind.KEYSOUND)}
    fine = sum(beat * 2 % 1 != 0 for beat in noted)
    stepmania = [
        sum(arrows.values()) / length / 7,
        Fraction(dense, 8) * last / length / 10,
        jumps / length,
        holds / length,
        Fraction(fine, 2) / length,
    ]
    return konami, [float(value) for value in stepmania]


lines = st.sampled_from(["0000"] * 6 + ["1000", "0101", "1110", "2000", "0200", "3000", "0300", "4002", "3003"])
specials = st.sampled_from(["MMMM", "M000", "L000", "F010", "K001", "1M00"])
measure = st.sampled_from([1, 2, 3, 4, 6, 8, 12, 16, 24]).flatmap(
    lambda count: st.lists(lines | specials, min_size=count, max_size=count).map(" ".join)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(measure, min_size=1, max_size=7), st.integers(60, 240))
def test_radar_equals_the_slow_way(tmp_path_factory, rows: list[str], bpm: int) -> None:
    folder = tmp_path_factory.mktemp("slow")
    for chart in read_text(folder, sm_text([("Hard", 9, measures(*rows))], bpms=f"0={bpm}"))[0]:
        n = chart.notes
        fields = zip(n.numerator, n.denominator, n.column, n.kind, strict=True)
        notes = [(Fraction(int(a), int(b)), int(column), NoteKind(kind)) for a, b, column, kind in fields]
        konami, stepmania = slow_radar(notes, bpm)
        radar = groove_radar(replace(chart, song_end=None))
        assert radar.konami == pytest.approx(konami)
        assert radar.stepmania == pytest.approx(stepmania)


# ---- real charts ------------------------------------------------------------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not there: no official counts to compare with")
def test_official_counts() -> None:
    charts = {(chart.simfile, chart.difficulty): chart for chart in plain_scan(SHARED / "library").charts}
    with (SHARED / "oracles" / "konami_official.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            counts = groove_radar(charts[row["simfile"], row["difficulty"]]).elements
            assert counts["steps"] == int(row["official_notes"])
            assert counts["shock_rows"] == int(row["official_shock_arrows"])


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not there: no stored counts to compare with")
def test_stored_counts() -> None:
    folder = SHARED / "oracles" / "stepmania_engine"
    compared = 0
    for path in sorted(folder.glob("*.sm")):
        for chart in read_simfile(path, folder)[0]:
            if any(chart.stored_radar):
                counts = groove_radar(chart).elements
                names = ("steps", "jumps", "holds", "mines", "hands", "rolls")
                assert [counts[name] for name in names] == list(chart.stored_radar[5:11])
                compared += 1
    assert compared > 500


@pytest.mark.parametrize("length", ["1e-320", "0.0005", "-1", "nan"])
def test_a_length_that_is_none_gives_no_rate(tmp_path, length: str) -> None:
    """Found by fuzzing: rates over 1e-320 seconds were infinite."""
    radar = radar_of(tmp_path, steady(4, 4), extra=f"#MUSICLENGTH:{length};")
    assert np.isfinite([*radar.konami, *radar.stepmania, *radar.elements.values()]).all()
    assert (radar.stepmania[0] > 0) == (length in ("-1", "nan"))  # no tag at all: the end of the last measure


def test_values_are_shown_in_the_digits_of_their_family() -> None:
    assert [shown(85.6, "konami"), shown(0.456, "stepmania")] == ["86", "0.46"]
    assert [shown(-12.4, "konami", "+"), shown(0.2, "stepmania", "+")] == ["-12", "+0.20"]
