"""Small files that the game reads otherwise than one might think, with what its loaders give."""

from __future__ import annotations

import csv
import re

import pytest

from groove.charts.radar.groove_radar import groove_radar
from groove.charts.simfile.loader import decode, parse
from groove.charts.simfile.reader import read_simfile
from tests.shared import SHARED

CASES = SHARED / "game_cases"
COUNTS = ("steps", "arrows", "holds", "mines", "fakes")


def test_all_cases_are_as_expected() -> None:
    if not CASES.is_dir():
        pytest.skip("../shared/data is not there: no cases")
    with (CASES / "expected.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        charts, _ = read_simfile(CASES / "Songs" / row["simfile"], CASES / "Songs")
        (chart,) = [chart for chart in charts if chart.index == int(row["chart"])]
        elements = groove_radar(chart).elements
        assert [elements[name] for name in COUNTS] == [int(row[name]) for name in COUNTS], row
        assert elements["stepmania_t_s"] == pytest.approx(float(row["seconds"]), abs=6e-4), row


def test_every_chart_in_the_bytes_is_read_or_has_a_reason() -> None:
    """Over all simfiles of ../shared/data: what declares a chart in the text, against charts and reasons."""
    paths = [path for path in sorted(SHARED.rglob("*")) if path.suffix.lower() in (".sm", ".ssc")]
    if not paths:
        pytest.skip("../shared/data is not there: no real files")
    totals = [0, 0, 0]
    for path in paths:
        charts, left_out = read_simfile(path, SHARED)
        text = decode(path.read_bytes())
        names = [name for name, _ in parse(text)]
        kind = ("NOTEDATA",) if path.suffix.lower() == ".ssc" else ("NOTES", "NOTES2")
        declared = sum(name in kind for name in names)
        tag = rf"#(?:{'|'.join(kind)})\s*[:;]"
        assert declared == len(re.findall(rf"(?mi)(?:^[ \t]*|;\s*){tag}", re.sub("//.*", "", text)))
        reasons = sum(bool(entry.chart) for entry in left_out)
        assert declared == len(charts) + reasons, path
        for place, count in enumerate((declared, len(charts), reasons)):
            totals[place] += count
    print(f"{len(paths)} files: {totals[0]} charts in the bytes = {totals[1]} read + {totals[2]} with a reason")
