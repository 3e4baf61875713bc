"""The density profile, counted row by row."""

import numpy as np
import pytest

from groove.charts.flow import PROFILE, density_profile
from tests.builders import chart_of, measures, ssc_text


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
