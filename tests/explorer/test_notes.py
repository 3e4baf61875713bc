"""Notes as the page draws them: unpacked the slow way and held against the chart."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from groove.charts.chart import Chart
from groove.charts.simfile.reader import read_simfile
from groove.explorer import notes
from groove.explorer.notes import fineness, notes_of_charts, packed_notes
from tests.builders import measures, sm_text, ssc_text
from tests.embedding.libraries import embedded_library

BARS = measures(
    "1000 0100 0010 0001", "2000 0010 3000 0M00", "0000 0000 1001 0000 0100 0000 4000 3000", "0000 0000 0L00 0000"
)


def chart_of(folder: Path, bars: str = BARS, steps_type: str = "dance-single", **tags) -> Chart:
    path = folder / "song.sm"
    path.write_text(sm_text([("Hard", 9, bars)], steps_type=steps_type, **tags))
    ((chart,), _) = read_simfile(path, folder)
    return chart


def unpacked(text: str) -> list[tuple[int, int, int, int, int, int]]:
    """Return (ms, ms held, panel, kind, fineness, foot) of each note."""
    content = zlib.decompress(base64.b64decode(text))
    (count,) = struct.unpack_from("<I", content)
    since, held = (struct.unpack_from(f"<{count}I", content, 4 + 4 * count * i) for i in range(2))
    codes = struct.unpack_from(f"<{count}H", content, 4 + 8 * count)
    assert len(content) == 4 + 10 * count
    found, time = [], 0
    for after, length, code in zip(since, held, codes, strict=True):
        time += after
        found.append((time, length, code % 4, code // 4 % 8, code // 32 % 16, code // 512))
    return found


def test_every_note_has_its_time_panel_kind_length_and_foot(tmp_path):
    found = unpacked(packed_notes(chart_of(tmp_path)))
    assert [note[:4] for note in found] == [  # at 120 BPM, a beat is 500 ms
        *[(0, 0, 0, 0), (500, 0, 1, 0), (1000, 0, 2, 0), (1500, 0, 3, 0)],
        *[(2000, 1000, 0, 1), (2500, 0, 2, 0), (3500, 0, 1, 3)],
        *[(4500, 0, 0, 0), (4500, 0, 3, 0), (5000, 0, 1, 0), (5500, 250, 0, 2)],
        (7000, 0, 1, 4),
    ]
    feet = [note[5] for note in found]
    assert feet[0] == 1 and feet[3] == 2  # left foot on left, right foot on right
    assert {feet[7], feet[8]} == {1, 2}  # a jump
    assert feet[6] == 0 and 0 not in feet[:6]  # no foot on a mine


@pytest.mark.parametrize(
    ("rows", "expected"), [(4, 0), (8, 1), (12, 2), (16, 3), (24, 4), (32, 5), (48, 6), (64, 7), (192, 8)]
)
def test_fineness_is_that_of_the_measure_whose_lines_hit_it_first(tmp_path, rows, expected):
    lines = ["0000"] * rows
    lines[1] = "1000"
    ((*_, found, _),) = unpacked(packed_notes(chart_of(tmp_path, "\n".join(lines))))
    assert found == expected
    assert fineness(np.array([rows // 4]))[0] == expected


def test_notes_before_the_song_begin_at_zero(tmp_path):
    early = unpacked(packed_notes(chart_of(tmp_path, offset=2.0)))
    assert [note[0] for note in early] == [note[0] for note in unpacked(packed_notes(chart_of(tmp_path)))]


def test_charts_of_a_library_those_that_cannot_be_read_are_counted(tmp_path, monkeypatch):
    library = embedded_library(4)
    songs = tmp_path / "Songs"
    found, unread = notes_of_charts(library, songs)
    assert (found, unread) == ([""] * len(library), len(library))
    path = songs / library.column("simfile")[0]
    path.parent.mkdir(parents=True)
    path.write_text(ssc_text(charts=[("Easy", 3, BARS), ("Medium", 6, BARS)]))  # the other two are gone
    found, unread = notes_of_charts(library, songs)
    assert [len(unpacked(text)) for text in found if text] == [12, 12]
    assert unread == found.count("") == len(library) - 2
    monkeypatch.setattr(notes, "LIMIT_BYTES", len(found[0]) - 1)
    assert notes_of_charts(library, songs) == ([""] * len(library), len(library))
