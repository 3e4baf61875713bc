"""The distributions are derived again one chart at a time."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from groove.charts.library.summary import LibraryReport, distribution_table

AXES = ("stream", "voltage", "air", "freeze", "chaos")
SLOTS = ("Beginner", "Easy", "Medium", "Hard")


def report(counts=(3, 0, 40, 11), left_out=None, scale=100.0, title="54 charts") -> LibraryReport:
    """Return a library with so many charts of each slot, every third without audio."""
    difficulty = [slot for slot, count in zip(SLOTS, counts, strict=True) for _ in range(count)]
    radar = np.random.default_rng(0).uniform(0, scale, (len(difficulty), 5))
    has_audio = np.arange(len(difficulty)) % 3 > 0
    return LibraryReport(title, "konami", difficulty, radar, has_audio, "audio", left_out or {})


def lines(shown: LibraryReport) -> list[str]:
    console = Console(file=io.StringIO(), width=120)
    console.print(distribution_table(shown))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("scale", "digits"), [(200.0, 0), (1.5, 2)])
def test_the_table_holds_the_percentiles_of_every_difficulty_that_occurs(scale, digits):
    shown = report(scale=scale)
    found = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in lines(shown) if "│" in line}
    assert list(found) == ["Beginner", "Medium", "Hard"]
    for slot, cells in found.items():
        rows = np.array([row for row, name in zip(shown.radar, shown.difficulty, strict=True) if name == slot])
        assert int(cells[0]) == len(rows)
        for axis, cell in enumerate(cells[1:]):
            ordered = np.sort(rows[:, axis])
            places = [percent / 100 * (len(ordered) - 1) for percent in (10, 50, 90)]
            expected = [np.interp(place, np.arange(len(ordered)), ordered) for place in places]
            assert [float(text) for text in cell.split()] == pytest.approx(expected, abs=0.51 * 10**-digits)


def test_no_row_is_broken_at_the_width_of_a_terminal():
    assert len({len(line) for line in lines(report())[1:]}) == 1
    assert len(lines(report())) == 3 + len(report().groups()) + 2
