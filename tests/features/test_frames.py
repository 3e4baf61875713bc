"""Every frame feature is derived again the slow, obvious way, one note and one frame at a time."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from groove.charts.chart import NoteKind
from groove.charts.technique.body import BODY_FEATURES, footing_of
from groove.charts.technique.feet import assign_feet
from groove.charts.technique.step_rows import step_rows
from groove.errors import SimfileError
from groove.features.frames import (
    CHART_FEATURES,
    FLOAT16_MAX,
    chart_frames,
    finite_float16,
    frame_times,
    merged_rows,
)
from tests.builders import chart_of, measures, ssc_text, steady
from tests.charts.technique.test_body import body_slowly

ATTACKS = (NoteKind.TAP, NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD, NoteKind.LIFT)


def one_chart(tmp_path, notes, **tags):
    return chart_of(tmp_path / "song", ssc_text([("Hard", 9, notes)], **tags))


def feature(frames, name):
    return frames[:, CHART_FEATURES.index(name)].tolist()


def slow_frames(chart, frames_per_beat):
    """Return the 20 features of the notes by loops over notes and frames, with exact beats."""
    notes = [
        (Fraction(int(n), int(d)), int(column), NoteKind(int(kind)))
        for n, d, column, kind in zip(
            chart.notes.numerator, chart.notes.denominator, chart.notes.column, chart.notes.kind, strict=True
        )
    ]
    open_head: dict[int, Fraction | None] = {}
    judged = []
    holds = []
    for beat, column, kind in notes:
        counts = bool(chart.timing.judged(np.array([float(beat)]))[0])
        if kind in (NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD):
            open_head[column] = beat if counts else None
        if kind == NoteKind.TAIL:
            if (head := open_head[column]) is not None:
                holds.append((column, head, beat))
                judged.append((beat, column, kind))
        elif counts and kind != NoteKind.FAKE:
            judged.append((beat, column, kind))
    length = max(floor(beat * frames_per_beat) for beat, _, _ in judged) + 1
    out = np.zeros((length, 20))
    rows: dict[Fraction, int] = {}
    for beat, column, kind in judged:
        frame = floor(beat * frames_per_beat)
        if kind in ATTACKS:
            out[frame, column % 4] += 1
            rows[beat] = rows.get(beat, 0) + 1
        if kind == NoteKind.MINE:
            out[frame, 12] += 1
    for column, head, tail in holds:
        out[floor(head * frames_per_beat), 8 + column % 4] += tail - head
        for frame in range(length):
            start, end = Fraction(frame, frames_per_beat), Fraction(frame + 1, frames_per_beat)
            active = max(Fraction(0), min(tail, end) - max(head, start))
            out[frame, 4 + column % 4] += active * frames_per_beat
    for beat, size in rows.items():
        frame = floor(beat * frames_per_beat)
        out[frame, 13] += 1
        out[frame, 14] += size >= 2
        out[frame, {1: 15, 2: 16, 4: 17}.get(beat.denominator, 18)] += 1
    for frame in range(length):
        start, end = chart.timing.time_at(np.array([frame, frame + 1]) / frames_per_beat)
        out[frame, 19] = end - start
    return out


def slow_body(chart, frames_per_beat, length):
    """Return the 15 features of the body, row by row from the assigned feet, in the frames of the judged rows."""
    rows = step_rows(chart)
    features = body_slowly(assign_feet(rows).tolist(), rows.seconds.tolist())
    out = np.zeros((length, len(BODY_FEATURES)))
    for beat, row in zip(rows.beats.tolist(), features, strict=True):
        frame = floor(Fraction(beat).limit_denominator(1000) * frames_per_beat)
        if chart.timing.judged(np.array([beat]))[0] and frame < length:
            out[frame] += row
    return out


def random_notes(seed, bars=6, columns=4):
    """Return note data with every kind of note, holds across measures, and measures of many resolutions."""
    rng = np.random.default_rng(seed)
    active = [False] * columns
    bars_of_rows = []
    for _ in range(bars):
        rows = []
        for _ in range(int(rng.choice([4, 8, 12, 16, 24, 48, 20]))):
            row = ""
            for column in range(columns):
                symbol = str(rng.choice(list("0000000112 4MLF".replace(" ", ""))))
                if active[column]:
                    symbol = "3" if rng.random() < 0.3 else "0"
                active[column] = (active[column] or symbol in "24") and symbol != "3"
                row += symbol
            rows.append(row)
        bars_of_rows.append(" ".join(rows))
    bars_of_rows.append("".join("3" if on else "1" for on in active))
    return measures(*bars_of_rows)


TIMING = [
    {},
    {"bpms": "0=120,3.5=240,7=60.5", "stops": "4=1.25,9.25=0.5", "offset": 0.31},
    {"extra": "#WARPS:5=1.5,11=2;\n#FAKES:14=2;\n#DELAYS:8=0.75;", "offset": -2},
]


@pytest.mark.parametrize("timing", TIMING)
@pytest.mark.parametrize("frames_per_beat", [1, 3, 4, 12])
def test_frames_equal_those_of_a_plain_loop(tmp_path, timing, frames_per_beat):
    chart = one_chart(tmp_path, random_notes(frames_per_beat), **timing)
    expected = slow_frames(chart, frames_per_beat)
    found = chart_frames(chart, frames_per_beat)
    assert found.dtype == np.float16
    assert found.shape == (len(expected), 35)
    np.testing.assert_allclose(found[:, :20], expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found[:, 20:], slow_body(chart, frames_per_beat, len(found)), rtol=2e-3, atol=1e-3)


def test_double_folds_the_second_pad_onto_the_first(tmp_path):
    chart = one_chart(tmp_path, random_notes(1, columns=8), steps_type="dance-double")
    frames = chart_frames(chart, 4)
    np.testing.assert_allclose(frames[:, :20], slow_frames(chart, 4), rtol=1e-3, atol=1e-3)
    assert not frames[:, 20:].any(), "the feet on two pads are not assigned"


def test_the_body_of_rows_that_share_a_frame_adds_up(tmp_path):
    chart = one_chart(
        tmp_path, measures("1000 0001 0001 0000 0000 0000 0000 0000 1001 0000 0000 0000 0000 0000 0000 0000")
    )
    frames = chart_frames(chart, 1)  # 16ths at 120 BPM: a step by each foot and a jack, then a jump two beats later
    assert feature(frames, "left_steps") == [1, 0, 1] and feature(frames, "right_steps") == [2, 0, 1]
    assert feature(frames, "jacks") == feature(frames, "same_foot") == [1, 0, 0]
    assert feature(frames, "rest") == [2 + 2 + 0.125, 0, 0.75]


def test_feet_that_are_known_give_the_same_frames(tmp_path):
    chart = one_chart(tmp_path, random_notes(5))
    np.testing.assert_array_equal(chart_frames(chart, 4, footing_of(chart)), chart_frames(chart, 4))


def test_rows_finer_than_a_frame_are_counted_and_reported(tmp_path):
    chart = one_chart(tmp_path, steady(32, 1))  # 32nds: 8 rows a beat, 2 in each of 4 frames
    frames = chart_frames(chart, 4)
    assert feature(frames, "attacks_0") == [2] * 16
    assert feature(frames, "rows") == [2] * 16
    assert merged_rows(chart, 4) == 16
    assert merged_rows(chart, 8) == 0


def test_quantisation_classes(tmp_path):
    rows = ["0000"] * 48
    for place in (0, 6, 3, 4, 1):  # of 12 to a beat: 4th, 8th, 16th, 12th, 48th
        rows[place] = "1000"
    frames = chart_frames(one_chart(tmp_path, measures(" ".join(rows))), 1)
    names = ("quantisation_4th", "quantisation_8th", "quantisation_16th", "quantisation_finer")
    assert [feature(frames, name)[0] for name in names] == [1, 1, 1, 2]


def test_a_hold_has_a_body_in_fractions_and_its_length_at_the_head(tmp_path):
    chart = one_chart(tmp_path, measures("0200 0000 0000 0000 0000 0300 0000 0000"))  # 8ths: beat 0 to 2.5
    frames = chart_frames(chart, 1)
    assert feature(frames, "holds_1") == [1, 1, 0.5]
    assert feature(frames, "hold_beats_1") == [2.5, 0, 0]
    assert feature(frames, "attacks_1") == [1, 0, 0]


def test_a_jump_is_one_row_and_two_attacks(tmp_path):
    frames = chart_frames(one_chart(tmp_path, measures("1001 0M00 1111 0000")), 1)
    assert feature(frames, "rows") == [1, 0, 1]
    assert feature(frames, "jumps") == [1, 0, 1]
    assert frames[:, :4].sum() == 6
    assert feature(frames, "mines") == [0, 1, 0]


def test_a_stop_is_part_of_the_frame_on_whose_first_beat_it_lies(tmp_path):
    chart = one_chart(tmp_path, steady(4, 1), bpms="0=60", stops="2=5")
    assert feature(chart_frames(chart, 1), "seconds") == [1, 1, 6, 1]
    assert frame_times(chart.timing, 4, 1).tolist() == [0, 1, 2, 8, 9]


def test_beat_0_is_at_minus_offset(tmp_path):
    chart = one_chart(tmp_path, steady(4, 1), bpms="0=60", offset=-1.5)
    assert frame_times(chart.timing, 2, 1).tolist() == [1.5, 2.5, 3.5]


def test_the_last_frame_is_that_of_the_last_tail(tmp_path):
    chart = one_chart(tmp_path, measures("2000 0000 0000 3000", "0000"))
    assert chart_frames(chart, 4).shape == (13, 35)


def test_a_frame_longer_than_float16_can_say_is_clipped(tmp_path):
    chart = one_chart(tmp_path, steady(4, 1), stops="1=1000000")
    assert feature(chart_frames(chart, 1), "seconds")[1] == FLOAT16_MAX
    values = finite_float16(np.array([np.nan, np.inf, -np.inf, 1e9, 1.0]))
    assert values.tolist() == [0, FLOAT16_MAX, -FLOAT16_MAX, FLOAT16_MAX, 1]


def test_a_chart_without_a_judged_note_is_refused(tmp_path):
    chart = one_chart(tmp_path, steady(4, 1), extra="#FAKES:0=100;")
    with pytest.raises(SimfileError, match="no note"):
        chart_frames(chart, 4)
    assert merged_rows(chart, 4) == 0
