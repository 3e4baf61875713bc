"""What holds for any chart, tried on drawn ones."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groove.charts.chart import Chart, NoteKind, Notes
from groove.charts.generated.song import BAR
from groove.charts.generated.write import notes_text
from groove.charts.radar.groove_radar import GrooveRadar, groove_radar
from tests.builders import measures, read_text, ssc_text
from tests.simfile_strategies import charts

tempos = st.sampled_from(["0=120", "0=60,4=240", "0=90,6=180,9.5=45"])


def chart_from(folder: Path, text: str) -> Chart | None:
    """Return the chart of a simfile with one, or None if it has no arrow."""
    found, _ = read_text(folder, text, "song.ssc")
    return found[0] if found else None


def radars_of(folder: Path, *texts: str) -> list[GrooveRadar]:
    found = [chart_from(folder, text) for text in texts]
    return [groove_radar(chart) for chart in found if chart is not None]


def equal(one: GrooveRadar, other: GrooveRadar) -> bool:
    values = [(radar.konami, radar.stepmania, radar.elements) for radar in (one, other)]
    return all(pytest.approx(a, nan_ok=True) == b for a, b in zip(*values, strict=True))


# ---- writing and reading ----------------------------------------------------------------------------


@st.composite
def grids(draw: st.DrawFn) -> np.ndarray:
    """Return a grid (ticks, 4) of symbols in which every hold has its tail."""
    bars = draw(st.integers(1, 4))
    grid = np.full((bars * BAR, 4), ord("0"), dtype=np.uint8)
    for column in range(4):
        ticks = sorted(draw(st.sets(st.integers(0, bars * BAR - 1), max_size=12)))
        kinds = draw(st.lists(st.sampled_from("1124ML"), min_size=len(ticks), max_size=len(ticks)))
        for place, (tick, kind) in enumerate(zip(ticks, kinds, strict=True)):
            if grid[tick, column] != ord("0"):
                continue  # the tail of the one before
            if kind in "24":
                if place + 1 == len(ticks):
                    continue
                grid[ticks[place + 1], column] = ord("3")
            grid[tick, column] = ord(kind)
    return grid


@settings(max_examples=60, deadline=None)
@given(grids())
def test_a_chart_survives_writing_and_reading(tmp_path_factory, grid: np.ndarray) -> None:
    chart = chart_from(tmp_path_factory.mktemp("written"), ssc_text([("Hard", 9, notes_text(grid))]))
    written = {
        (Fraction(int(tick) * 4, BAR), int(column)): chr(grid[tick, column])
        for tick, column in np.argwhere(grid != ord("0"))
    }
    if chart is None:
        assert not any(symbol in "124L" for symbol in written.values())
        return
    symbols = {1: "1", 2: "2", 3: "3", 4: "4", 5: "M", 6: "L"}
    notes = chart.notes
    fields = zip(notes.numerator, notes.denominator, notes.column, notes.kind, strict=True)
    assert {(Fraction(int(a), int(b)), int(c)): symbols[int(kind)] for a, b, c, kind in fields} == written


# ---- the radar --------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(charts, st.permutations(range(4)), tempos)
def test_the_order_of_panels_does_not_matter(tmp_path_factory, rows: list[str], order: list[int], bpms: str) -> None:
    turned = [" ".join("".join(line[i] for i in order) for line in row.split()) for row in rows]
    folder = tmp_path_factory.mktemp("mirror")
    texts = [ssc_text([("Hard", 9, measures(*text))], bpms=bpms) for text in (rows, turned)]
    radars = radars_of(folder, *texts)
    assert len(radars) == 0 or equal(*radars)


@settings(max_examples=40, deadline=None)
@given(charts, tempos, st.integers(1, 3))
def test_lines_and_measures_without_notes_do_not_matter(
    tmp_path_factory, rows: list[str], bpms: str, more: int
) -> None:
    # Empty measures at the end move no T: konami's is the song's end by its rows, stepmania's the last row's measure.
    longer = [*rows, *["0000 0000 0000 0000"] * more]
    finer = [" ".join(f"{line} 0000" for line in row.split()) for row in rows]
    texts = [ssc_text([("Hard", 9, measures(*text))], bpms=bpms) for text in (rows, longer, finer)]
    radars = radars_of(tmp_path_factory.mktemp("empty"), *texts)
    assert len(radars) == 0 or (equal(radars[0], radars[1]) and equal(radars[0], radars[2]))


@settings(max_examples=40, deadline=None)
@given(charts, st.floats(1, 600))
def test_the_length_of_the_music_moves_stepmania_only(tmp_path_factory, rows: list[str], seconds: float) -> None:
    chart = chart_from(tmp_path_factory.mktemp("length"), ssc_text([("Hard", 9, measures(*rows))]))
    if chart is None:
        return
    plain, other = groove_radar(chart), groove_radar(chart, seconds)
    assert plain.konami.tolist() == other.konami.tolist()
    ratio = plain.elements["stepmania_t_s"] / seconds
    assert other.stepmania == pytest.approx(plain.stepmania * ratio)


@settings(max_examples=40, deadline=None)
@given(charts)
def test_holds_become_taps_and_only_freeze_and_hands_change(tmp_path_factory, rows: list[str]) -> None:
    chart = chart_from(tmp_path_factory.mktemp("taps"), ssc_text([("Hard", 9, measures(*rows))]))
    if chart is None:
        return
    chart = replace(chart, song_end=4.0 * len(rows))  # else a tail may set the end
    notes = chart.notes.select(chart.notes.kind != NoteKind.TAIL)
    head = np.isin(notes.kind, (NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD))
    kinds = np.where(head, NoteKind.TAP, notes.kind).astype(np.int8)
    tapped = replace(chart, notes=Notes(notes.numerator, notes.denominator, notes.column, kinds))
    one, other = groove_radar(chart), groove_radar(tapped)
    same = [0, 1, 2, 4]
    assert one.konami[same] == pytest.approx(other.konami[same]) and other.konami[3] == other.stepmania[3] == 0
    assert one.elements["arrows"] == other.elements["arrows"] and one.elements["jumps"] == other.elements["jumps"]
