"""Random and real simfiles, read by us and by the slow second reading: the same notes, times, judged notes, counts.

``EXAMPLES=20000 pytest --hypothesis-profile=long tests/charts/simfile/test_slow_reading.py`` tries many.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groove.charts.simfile.loader import decode
from groove.charts.simfile.reader import read_simfile
from tests.charts.simfile.slow_reading import read
from tests.shared import SHARED
from tests.simfile_strategies import charts

KINDS = dict(zip((1, 2, 3, 4, 5, 6, 7, 8), "1234MLFK", strict=True))
LAST_ROW = 48 * 4 * 40
FIRST_ROWS = 48 * 4 * 8
"""Times are compared up to here in files of any length: the slow way is a step a row."""

beats = st.integers(0, 16 * 48).map(lambda row: f"{row / 48:.6f}") | st.sampled_from(
    ["0", "4", "4.0", "4.004", "-1", "x"]
)
values = st.floats(-4, 300).map(lambda value: f"{value:.3f}") | st.sampled_from(
    ["1", "1", "2", "-1", "0", "120bpm", "99999999", "60\x01", "1.0s", "", "x", "1e400"]
)
entry = st.tuples(beats, values).map("=".join) | st.sampled_from(["", "4", "=4", "4=", "4==2", "1=2=3", " 2 = 1 "])
tempos = st.tuples(beats, st.sampled_from(["120", "60", "90.5", "-60", "240bpm", "0", "9999999.5"])).map("=".join)
tag = st.lists(entry | tempos, max_size=6).map(",".join)
names = ("BPMS", "STOPS", "DELAYS", "WARPS", "FAKES", "FREEZES", "OFFSET", "LABELS", "VERSION")
odd = st.text("01234MLFKAN[]{} 5", min_size=1, max_size=9)
notes = st.lists(
    charts.map(lambda rows: "\n,\n".join(row.replace(" ", "\n") for row in rows))
    | odd
    | st.sampled_from(["", "\n", " "]),
    min_size=1,
    max_size=4,
).map(",\n".join)


@st.composite
def tags(draw: st.DrawFn, least: str = "") -> str:
    """Return some timing tags, one of them perhaps twice, ends missing or indented."""
    text = least
    for name in draw(st.lists(st.sampled_from(names), max_size=6)):
        value = draw(st.sampled_from(["0.83", "0.6", "-1.5", "new"])) if name in ("OFFSET", "VERSION") else draw(tag)
        text += (
            f"{draw(st.sampled_from(['', ' ', '// comment']))}\n#{name}:{value}{draw(st.sampled_from([';', ';', '']))}"
        )
        text += draw(st.sampled_from(["\n", "\n  ", "\n\t"]))
    return text + "\n"


@st.composite
def simfiles(draw: st.DrawFn) -> tuple[str, bool]:
    """Return the text of a file, and whether it is an `.ssc`."""
    ssc = draw(st.booleans())
    text = draw(tags(f"#VERSION:{draw(st.sampled_from(['0.83', '0.5']))};" if ssc else "#TITLE:a;"))
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["dance-single", "dance-single", "dance-double", "pump-single"]))
        name = draw(st.sampled_from(["NOTES", "NOTES", "NOTES2", "notes"]))
        end = draw(st.sampled_from([";", ";\n", "\n", "\n ", ""]))
        if ssc:
            text += draw(st.sampled_from(["#NOTEDATA:;\n", "#NOTEDATA:;\n", " #NOTEDATA:\n", ""]))
            text += f"#STEPSTYPE:{kind};\n{draw(tags())}#{name}:{draw(notes)}{end}"
        else:
            text += draw(st.sampled_from(["", "#MENUCOLOR:x;\n"]))
            text += f"#{name}:\n {kind}:\n:Hard:{draw(st.integers(0, 12))}:0,0:\n{draw(notes)}{end}"
    return text, ssc


def compare(text: str, ssc: bool, path: Path, last_row: int) -> int:
    """Hold both readings of `path` with `text` against each other; return the number of charts."""
    slow, declared = read(text, ssc)
    ours, left_out = read_simfile(path, path.parent)
    repeated = [entry for entry in left_out if entry.reason.startswith("repeats")]
    assert len(ours) + len(repeated) == len(slow)
    assert len(ours) + sum(bool(entry.chart) for entry in left_out) == declared
    gone = {int(entry.chart.split()[0][1:]) for entry in repeated}
    indices = sorted({chart.index for chart in ours} | gone)
    for chart in ours:
        other = slow[indices.index(chart.index)]
        assert chart.steps_type == other.steps_type
        exact = map(Fraction, chart.notes.numerator.tolist(), chart.notes.denominator.tolist())
        places = list(zip(exact, chart.notes.column.tolist(), strict=True))
        assert dict(zip(places, [KINDS[kind] for kind in chart.notes.kind.tolist()], strict=True)) == other.notes
        last = min(last_row, int(chart.notes.beats.max() * 48) + 48)
        times = other.timing.times(last)
        np.testing.assert_allclose(chart.timing.time_at(np.arange(last + 1) / 48), times, rtol=1e-9, atol=1e-6)
        rows = [round(beat * 48) for beat, _ in places]
        assert chart.timing.judged(chart.notes.beats).tolist() == [other.timing.judged(row) for row in rows]
    return len(ours)


@given(simfiles())
def test_random_files_are_read_as_by_hand(drawn: tuple[str, bool]) -> None:
    text, ssc = drawn
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.ssc" if ssc else "a.sm")
        path.write_text(text, newline="")
        compare(text, ssc, path, LAST_ROW)


@pytest.mark.parametrize("folder", ["corner_cases", "game_cases", "parser_cases", "library_audio", "style", "library"])
def test_real_files_are_read_as_by_hand(folder: str) -> None:
    paths = [path for path in sorted((SHARED / folder).rglob("*")) if path.suffix.lower() in (".sm", ".ssc")]
    if not paths:
        pytest.skip("../shared/data is not there: no real files")
    count = 0
    for path in paths[:: max(1, len(paths) // 40)]:
        text = decode(path.read_bytes())
        if text.strip():
            count += compare(text, path.suffix.lower() == ".ssc", path, FIRST_ROWS)
    assert count
