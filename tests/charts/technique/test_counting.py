"""Counts of charts small enough to play in the head. 16ths at 120 BPM are 0.125 s apart, 8ths 0.25 s."""

from __future__ import annotations

import csv
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groove.charts.chart import Chart
from groove.charts.rows import is_arrow
from groove.charts.simfile.reader import read_simfile
from groove.charts.technique.counting import RATES, TECHNIQUES, Technique, technique, technique_of, technique_rates
from groove.charts.technique.feet import assign_feet
from groove.charts.technique.step_rows import StepRows, step_rows
from groove.errors import SimfileError
from tests.builders import chart_of, measures, ssc_text, steady
from tests.scans import plain_scan
from tests.shared import SHARED

DRILLS = SHARED / "parser_cases" / "PerryAsleep"
LINE = {"L": "1000", "D": "0100", "U": "0010", "R": "0001", ".": "0000"}
MIRROR = str.maketrans("LR", "RL")
X = {0: 0, 1: 1, 2: 1, 3: 2}


def pattern(letters: str, per_measure: int = 16) -> str:
    """Return note data with one single arrow a line, such as ``LDRDL``."""
    padded = letters.ljust(-(-len(letters) // per_measure) * per_measure, ".")
    starts = range(0, len(padded), per_measure)
    return measures(*[" ".join(LINE[letter] for letter in padded[start : start + per_measure]) for start in starts])


def counted(folder: Path, notes: str, **timing: str) -> Technique:
    return technique(chart_of(folder, ssc_text([("Hard", 9, notes)], **timing)))


def techniques(folder: Path, notes: str, **timing: str) -> dict[str, int]:
    """Return the counts of `TECHNIQUES` that are not zero."""
    counts = asdict(counted(folder, notes, **timing))
    return {name: counts[name] for name in TECHNIQUES if counts[name]}


# ---- one technique at a time ------------------------------------------------------------------------


@pytest.mark.parametrize("letters", ["LDRDL", "LURUL"])
def test_a_foot_that_passes_the_other_crosses_over(tmp_path, letters):
    for place, drawn in enumerate((letters, letters.translate(MIRROR))):
        counts = counted(tmp_path / str(place), pattern(drawn, 8))
        assert counts.crossovers == 1
        assert counts.alternations == 4


def test_a_foot_that_comes_from_the_middle_crosses_over_too(tmp_path):
    # right R, left U, right D, left U, right L (from the middle, past the left foot), left U, right R
    assert counted(tmp_path, pattern("RUDULUR")).crossovers == 1


def test_walking_needs_no_technique(tmp_path):
    assert techniques(tmp_path, pattern("LRLRLDLRLULRLRDR")) == {}


def test_one_panel_twice_in_quick_succession_is_a_jack(tmp_path):
    letters = "LRR.LR..LR"  # a rest, so that the same foot can go on
    assert techniques(tmp_path / "16ths", pattern(letters)) == {"jacks": 1}
    assert techniques(tmp_path / "8ths", pattern(letters, 8)) == {}


@pytest.mark.parametrize("panel", "DU")
def test_alternation_that_goes_on_across_a_repeated_panel_is_a_footswitch(tmp_path, panel):
    # left L, right R, left D, right D, left L, ... : the switch keeps every foot on its side
    assert techniques(tmp_path, pattern(f"LR{panel}{panel}LRLR")) == {"footswitches": 1}


def test_alternation_that_goes_on_across_a_repeated_side_panel_is_a_sideswitch(tmp_path):
    # left L, right R, left U, right R, left R (crossed over), right U, left L, ...; quicker than one foot likes to jack
    assert techniques(tmp_path, pattern("LRURRULRLR"), bpms="0=210") == {"crossovers": 1, "sideswitches": 1}


def test_a_mine_between_asks_for_a_footswitch(tmp_path):
    def notes(mine: str) -> str:
        rest = "0000"
        first = f"1000 {rest} 0001 {rest} 0100 {mine} 0100 {rest}"
        return measures(first, f"1000 {rest} 0001 {rest} 1000 {rest} 0001 {rest}")

    tempo = {"bpms": "0=220"}  # 4ths are 0.27 s apart
    plain = counted(tmp_path / "plain", notes("0000"), **tempo)
    marked = counted(tmp_path / "marked", notes("0M00"), **tempo)
    assert marked.footswitches == 1
    assert marked.steps == plain.steps == 8


def test_three_panels_need_one_bracket_and_four_need_two(tmp_path):
    assert techniques(tmp_path / "three", measures("1000 0001 1110 0000")) == {"brackets": 1}
    assert techniques(tmp_path / "four", measures("1000 0001 1111 0000")) == {"brackets": 2}


def test_a_slow_jump_is_no_bracket(tmp_path):
    assert techniques(tmp_path, measures("1000 0001 1100 0001")) == {}


def test_a_quick_jump_on_the_side_of_one_foot_is_a_bracket(tmp_path):
    # the right foot is busy on right, a 16th before and after; left and down are the left foot's
    counts = counted(tmp_path, measures("1000 0001 1100 0001 1100 0001 1000 0001"), bpms="0=240")
    assert counts.brackets == 2
    assert counts.alternations == 7


def test_a_hold_keeps_its_foot(tmp_path):
    rows = "2000 0100 0001 0010 0001 0100 0001 3000 1000 0000 0000 0000 0000 0000 0000 0000"
    counts = counted(tmp_path, measures(rows))
    assert counts.alternations == 2  # onto the first arrow after the head, and back to the left after the tail
    assert counts.doublesteps == 5  # all by the right foot
    assert counts.crossovers == counts.footswitches == counts.sideswitches == 0


@pytest.mark.parametrize(("letters", "candles"), [("ULD", 1), ("DRU", 1), ("URDRU", 2), ("UDUDU", 0), ("ULU", 0)])
def test_a_candle_is_up_and_down_by_one_foot(tmp_path, letters, candles):
    assert counted(tmp_path, pattern(letters)).candles == candles


def test_one_foot_twice_is_a_doublestep(tmp_path):
    rest = " ".join(["0000"] * 12)
    assert techniques(tmp_path, measures(f"2000 0001 0010 3000 {rest}")) == {"doublesteps": 1}  # the left foot holds


# ---- streams ----------------------------------------------------------------------------------------


def streams(rows: StepRows) -> Technique:
    """Return the counts of rows of which only the number in each measure matters."""
    return technique_of(rows, assign_feet(rows))


def stream_rows(counts: list[int], first_measure: int = 0) -> StepRows:
    """Return rows of which measure i holds ``counts[i]``, evenly spaced."""
    beats = [4 * (first_measure + i) + 4 * k / count for i, count in enumerate(counts) for k in range(count)]
    bits = np.ones(len(beats), dtype=np.uint8)
    seconds = np.array(beats) * 60 / 120
    return StepRows(np.array(beats), seconds, bits, bits * 0, bits * 0, np.zeros(len(beats), dtype=bool))


def slowly(counts: list[int]) -> tuple[int, int, int]:
    """Return stream measures, the longest stream and breaks by going through the measures."""
    letters = "".join("s" if count >= 16 else "b" for count in counts).strip("b")
    runs = [run for run in letters.split("b") if run]
    return letters.count("s"), max(map(len, runs), default=0), letters.count("b")


@pytest.mark.parametrize(
    "counts",
    [[16], [15], [8, 16, 16, 4, 1, 16, 8], [16, 1, 16, 1, 16], [32, 24, 20, 16, 12], [4, 4, 4], [24, 24, 1, 1, 32, 3]],
)
@pytest.mark.parametrize("first_measure", [0, 7])
def test_stream_breaks_and_runs(counts, first_measure):
    found = streams(stream_rows(counts, first_measure))
    assert (found.stream_measures, found.longest_stream, found.break_measures) == slowly(counts)
    assert found.measures == len(counts)


def test_empty_measures_break_a_stream_too():
    rows = stream_rows([16, 16])
    beats = np.where(np.arange(32) < 16, rows.beats, rows.beats + 8)
    apart = StepRows(beats, beats / 2, rows.arrows, rows.held, rows.mines, rows.tied)
    found = streams(apart)
    assert (found.measures, found.longest_stream, found.break_measures) == (4, 1, 2)


def test_finer_quantisations_of_slower_tempos_are_stream():
    assert streams(stream_rows([16, 20, 24, 32, 15])).stream_measures == 4


# ---- the whole --------------------------------------------------------------------------------------


def test_stream_is_counted_in_measures(tmp_path):
    stream = pattern("LDURLDURLDURLDUR")
    notes = "\n,\n".join([stream, stream, measures("1000 0000 0000 0000"), stream, stream])
    counts = counted(tmp_path, notes)
    assert (counts.stream_measures, counts.longest_stream, counts.break_measures) == (4, 2, 1)
    rates = dict(zip(RATES, technique_rates(counts), strict=True))
    assert (rates["stream"], rates["broken_stream"], rates["longest_stream"]) == (0.8, 0.2, 0.5)


def test_fake_notes_are_ignored_but_as_in_the_engine_not_those_in_fake_segments(tmp_path):
    notes = measures("1000 0001 1000 0001", "0100 0100 0100 0100", "1000 0001 1000 0001")
    without = measures("1000 0001 1000 0001", "0000 0000 0000 0000", "1000 0001 1000 0001")
    assert counted(tmp_path / "notes", notes.replace("0100", "0F00")) == counted(tmp_path / "without", without)
    assert counted(tmp_path / "fakes", notes, extra="#FAKES:4=4;") == counted(tmp_path / "plain", notes)
    assert counted(tmp_path / "warp", notes, extra="#WARPS:4=4;").steps == 8  # one instant with the next row


def test_a_chart_without_rows_has_zero_of_everything(tmp_path):
    chart = chart_of(tmp_path, ssc_text([("Hard", 9, steady(4, 1))]))
    empty = replace(chart, notes=chart.notes.select(~is_arrow(chart.notes)))
    counts = technique(empty)
    assert set(asdict(counts).values()) == {0}
    assert technique_rates(counts).tolist() == [0.0] * len(RATES)


def test_other_pads_are_refused_by_name(tmp_path):
    chart = chart_of(tmp_path, ssc_text([("Hard", 9, measures("10000000 00000001"))], steps_type="dance-double"))
    with pytest.raises(SimfileError, match=r"dance-single charts, this one is 'dance-double': .*song\.ssc#0"):
        technique(chart)


def test_rates_are_shares_of_the_steps(tmp_path):
    counts = counted(tmp_path, pattern("LDRDL", 8))
    rates = dict(zip(RATES, technique_rates(counts), strict=True))
    assert rates["crossovers"] == 1 / 5
    assert rates["alternations"] == 4 / 5
    assert set(TECHNIQUES) < set(asdict(counts))


# ---- any chart --------------------------------------------------------------------------------------

lines = st.sampled_from(
    ["0000", "1000", "0100", "0010", "0001"] * 3
    + ["1100", "0101", "1001", "0110", "1011", "1111", "2000", "0200", "0020", "3000", "0300", "0030", "M00M", "0M00"]
)
drawn_measures = st.sampled_from([4, 8, 12, 16, 24]).flatmap(lambda size: st.lists(lines, min_size=size, max_size=size))
drawn_charts = st.lists(drawn_measures, min_size=1, max_size=4)
tempos = st.sampled_from(["0=100", "0=150", "0=180,4=90", "0=333"])


def drawn(folder: Path, rows: list[list[str]], bpms: str) -> Chart:
    """Return the chart of these measures, with an arrow in front so that there is one."""
    return chart_of(folder, ssc_text([("Hard", 9, measures("0100", *map(" ".join, rows)))], bpms=bpms))


@settings(max_examples=60, deadline=None)
@given(drawn_charts, tempos)
def test_the_counts_are_those_of_a_slow_reading_of_the_feet(tmp_path_factory, rows, bpms):
    chart = drawn(tmp_path_factory.mktemp("slow"), rows, bpms)
    steps = step_rows(chart)
    feet = assign_feet(steps)
    counts = asdict(technique_of(steps, feet))
    slow = read_slowly(feet.tolist(), steps.seconds.tolist())
    assert {name: counts[name] for name in slow} == slow


def read_slowly(feet: list[list[int]], seconds: list[float]) -> dict[str, int]:
    """Return the counts by going through the rows one by one, as the definitions are written."""
    counts = dict.fromkeys([*TECHNIQUES, "alternations"], 0)
    for i, now in enumerate(feet):
        sides = [[panel for panel in now[side : side + 2] if panel >= 0] for side in (0, 2)]
        counts["brackets"] += sum(len(side) == 2 for side in sides)
        if i == 0:
            continue
        before, since = feet[i - 1], round(seconds[i] - seconds[i - 1], 5)
        previous = [[panel for panel in before[side : side + 2] if panel >= 0] for side in (0, 2)]
        single = [sum(panel >= 0 for panel in row) == 1 for row in (before, now)]
        for part in range(4):
            if all(single) and before[part] >= 0 and now[part] >= 0:
                counts["jacks"] += before[part] == now[part] and since < 0.176
                counts["doublesteps"] += before[part] != now[part] and since < 0.235
        for panel in range(4):
            switched = any(panel in previous[side] and panel in sides[1 - side] for side in (0, 1)) and since < 0.3
            counts["footswitches" if panel in (1, 2) else "sideswitches"] += switched
        used = [[bool(side) for side in row] for row in (previous, sides)]
        counts["alternations"] += used in ([[True, False], [False, True]], [[False, True], [True, False]])
        counts["crossovers"] += sum(crosses(feet[max(i - 2, 0) : i + 1], foot) for foot in (0, 1))
        counts["candles"] += i > 1 and candle(feet[i - 2 : i + 1])
    return counts


def middle(row: list[int], foot: int) -> float:
    on = [X[panel] for panel in row[2 * foot : 2 * foot + 2] if panel >= 0]
    return sum(on) / len(on)


def crosses(rows: list[list[int]], foot: int) -> bool:
    """Return whether `foot` crosses over on the last of two or three rows."""
    before, now, heel, other = rows[-2], rows[-1], 2 * foot, 2 * (1 - foot)
    if now[heel] < 0 or before[other] < 0 or before[heel] >= 0:
        return False
    left, right = (middle(now, foot), middle(before, 1 - foot)) if foot == 0 else (middle(before, 0), middle(now, 1))
    return right < left and (len(rows) == 2 or rows[0][heel] not in (-1, now[heel]))


def candle(rows: list[list[int]]) -> bool:
    """Return whether three rows are single arrows: one part down and up (or up and down), the other foot on a side."""
    hits = [[(part, panel) for part, panel in enumerate(row) if panel >= 0] for row in rows]
    if [len(row) for row in hits] != [1, 1, 1]:
        return False
    (part, first), (between, side), (again, last) = (row[0] for row in hits)
    return part == again and {first, last} == {1, 2} and side in (0, 3) and between // 2 != part // 2


@pytest.mark.skipif(not DRILLS.is_dir(), reason="no shared drill charts here")
@pytest.mark.parametrize("foot", "LR")
@pytest.mark.parametrize("way", ["Behind", "Front"])
def test_crossover_drills_hold_crossovers_by_the_foot_in_their_name(foot, way):
    chart = plain_scan(DRILLS / f"TestCrossover{foot}{way}").charts[0]
    assert technique(chart).crossovers == 3
    feet = assign_feet(step_rows(chart))
    assert [(feet[:, 0] == 3).any(), (feet[:, 2] == 0).any()] == [foot == "L", foot == "R"]


# ---- against the engine -----------------------------------------------------------------------------

ENGINE = ("crossovers", "footswitches", "sideswitches", "jacks", "brackets", "doublesteps")


def test_counts_are_those_of_the_engine():
    """Each total within 1 %, nine charts of ten with every count equal; ``-s`` prints the table."""
    songs, path = SHARED / "style" / "Songs", SHARED / "oracles" / "style_tags.csv"
    if not path.is_file():
        pytest.skip("../shared/data is not there: no counts of the engine")
    ours, theirs = [], []
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            charts, _ = read_simfile(songs / row["simfile"], songs)
            kind = row["steps_type"], row["difficulty"]
            (chart,) = [chart for chart in charts if (chart.steps_type, chart.difficulty.lower()) == kind]
            counts = technique(chart)
            ours.append([getattr(counts, name) for name in ENGINE])
            theirs.append([int(row[name]) for name in ENGINE])
    a, b = np.array(ours), np.array(theirs)
    for name, left, right, equal in zip(ENGINE, a.sum(axis=0), b.sum(axis=0), (a == b).mean(axis=0), strict=True):
        print(f"{name:14}{left:6}{right:6}{left / right - 1:+8.2%}  equal in {equal:.1%}")
        assert abs(left - right) <= 0.01 * right
    every = (a == b).all(axis=1).mean()
    print(f"every count equal in {every:.1%} of {len(a)} charts")
    assert every >= 0.9
