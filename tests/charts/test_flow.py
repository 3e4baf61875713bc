"""The density profile, counted row by row."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from groove.charts.chart import Chart, NoteKind
from groove.charts.flow import PROFILE, density_profile
from groove.charts.rows import is_arrow
from tests.builders import chart_of, measures, ssc_text
from tests.charts.technique.test_counting import drawn, drawn_charts, tempos

ARROWS = (NoteKind.TAP, NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD, NoteKind.LIFT)


def one_chart(folder, notes, **timing):
    return chart_of(folder, ssc_text([("Hard", 9, notes)], **timing))


def test_rows_are_counted_in_equal_parts_of_the_time(tmp_path):
    # 120 BPM: a jump on beat 0, four 16ths in beat 8, the last row on beat 16: eight seconds
    bars = [
        "1001 0000 0000 0000",
        "0000 0000 0000 0000",
        "1000 0100 0010 0001 " + "0000 " * 12,
        "0000 " * 4,
        "0001 0000 0000 0000",
    ]
    found = density_profile(one_chart(tmp_path, measures(*(bar.strip() for bar in bars))))
    expected = np.zeros(PROFILE)
    for second in (0.0, 4.0, 4.125, 4.25, 4.375, 8.0):
        expected[min(int(second / 8 * PROFILE), PROFILE - 1)] += 1 / (8 / PROFILE)
    assert found.tolist() == expected.tolist()


def test_a_stop_takes_time_without_rows(tmp_path):
    notes = measures(*["1000 0100 0010 0001"] * 8)
    plain, stopped = (one_chart(tmp_path / name, notes, stops=stops) for name, stops in (("a", ""), ("b", "16=16")))
    assert (density_profile(plain) > 0).all()
    assert (density_profile(stopped) == 0).sum() == pytest.approx(PROFILE / 2, abs=1)


@pytest.mark.parametrize("notes", ["1000 0000 0000 0000", "1001 0000 0000 0000"])
def test_one_row_has_no_profile(tmp_path, notes):
    assert density_profile(one_chart(tmp_path, measures(notes))).tolist() == [0.0] * PROFILE


def test_nothing_but_judged_arrows_counts(tmp_path):
    plain = measures("1000 0000 0001 0000", "0000 0000 0000 0000", "1000 0001 1000 0001")
    other = measures("1000 0M00 0001 00F0", "0110 0110 0110 0110", "1000 0001 1000 0001")
    found, mixed = (
        one_chart(tmp_path / name, notes, extra=extra)
        for name, notes, extra in (("plain", plain, ""), ("mixed", other, "#FAKES:4=4;"))
    )
    assert density_profile(found).tolist() == density_profile(mixed).tolist() != [0.0] * PROFILE


def test_mines_alone_have_no_profile(tmp_path):
    chart = one_chart(tmp_path, measures("1000 M000 000M 0000"))
    mines = replace(chart, notes=chart.notes.select(~is_arrow(chart.notes)))
    assert len(mines.notes) == 2 and density_profile(mines).tolist() == [0.0] * PROFILE


@settings(max_examples=60, deadline=None)
@given(drawn_charts, tempos)
def test_the_mean_is_all_rows_over_all_of_the_time(tmp_path_factory, bars, bpms):
    chart = drawn(tmp_path_factory.mktemp("flow"), bars, bpms)
    seconds = sorted({float(chart.timing.time_at(np.array([beat]))[0]) for beat in arrow_beats(chart)})
    profile = density_profile(chart)
    assert profile.shape == (PROFILE,) and (profile >= 0).all()
    if len(seconds) < 2:
        assert not profile.any()
        return
    length = seconds[-1] - seconds[0]
    assert profile.mean() * length == pytest.approx(len(seconds))
    # rows up to the end of each part, to within one that lies on it
    for part, rows in enumerate(np.cumsum(profile) * length / PROFILE, start=1):
        end = seconds[0] + length * part / PROFILE
        assert sum(s < end - 1e-6 for s in seconds) <= rows + 1e-6
        assert rows <= sum(s <= end + 1e-6 for s in seconds) + 1e-6


def arrow_beats(chart: Chart) -> list[float]:
    return [
        beat for beat, kind in zip(chart.notes.beats.tolist(), chart.notes.kind.tolist(), strict=True) if kind in ARROWS
    ]


def test_twice_the_tempo_is_twice_as_dense(tmp_path):
    notes = measures(*["1000 0100 0000 0001", "0010 0000 1001 0001"] * 3)
    slow, fast = (density_profile(one_chart(tmp_path / bpm, notes, bpms=f"0={bpm}")) for bpm in ("110", "220"))
    np.testing.assert_allclose(fast, 2 * slow)
