"""Tech notation, and streams in measures."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from groove.charts.notation import TAGS, breakdown, measures_of, peak_nps, stream_runs, tags_of
from tests.builders import chart_of, measures, ssc_text
from tests.shared import SHARED


@pytest.mark.parametrize(
    ("texts", "tags"),
    [
        (["XO FS- BR+"], "BR FS XO"),
        (["xo, fs"], "FS XO"),
        (["DS Mines- XO JU"], "DS JU XO"),
        (["STR:[18*-14*] XO 24ths FS"], "FS STR XO"),
        (["BXF SS JA BU- JUFS-"], "BU BXF JA SS"),
        (["No Tech"], "NOTECH"),
        (["Brandy", "Jack", "FSX XOX"], ""),
        (["XO", "", 'made by "BU"'], "BU XO"),
        ([""], ""),
    ],
)
def test_tags_are_whole_words(texts: list[str], tags: str) -> None:
    assert tags_of(*texts) == tags
    assert set(tags.split()) <= set(TAGS)


def test_tags_of_real_charts() -> None:
    path = SHARED / "oracles" / "style_tags.csv"
    if not path.is_file():
        pytest.skip("../shared/data is not there: no tags of real charts")
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert tags_of(row["text"]) == row["tags"]


def rows(*per_measure: int) -> np.ndarray:
    """Return the beats of so many rows in every measure."""
    return np.concatenate([[4 * m + 4 * i / count for i in range(count)] for m, count in enumerate(per_measure)])


@pytest.mark.parametrize(
    ("per_measure", "text"),
    [
        ([4, 8], ""),
        ([16], "1"),
        ([4, 16, 16, 8, 16, 4, 4, 24, 12], "2 (1) 1 (2) 1"),
        ([16] * 16 + [8] * 4 + [16] * 32, "16 (4) 32"),
        ([15, 16, 0, 16], "1 (1) 1"),
    ],
)
def test_streams_are_written_in_measures(per_measure: list[int], text: str) -> None:
    found = measures_of(rows(*per_measure))
    assert breakdown(found) == text
    assert sum(stream_runs(found)[0]) == sum(count >= 16 for count in per_measure)


def test_the_densest_measure_in_seconds(tmp_path) -> None:
    text = ssc_text(
        [("Hard", 9, measures("1000 0100 0010 0001", "1000 0100", "1100 0000 0000 0000"))], bpms="0=60,4=240"
    )
    chart = chart_of(tmp_path, text)
    beats = np.unique(chart.notes.beats)
    assert peak_nps(measures_of(beats), chart.timing) == 2  # 4 rows in 4 s, 2 in 1 s, 1 in 1 s
    assert peak_nps(measures_of(beats[:0]), chart.timing) == 0
    still = chart_of(tmp_path / "b", text.replace("#STOPS:;", "#STOPS:;#WARPS:4=4;")).timing
    assert peak_nps(measures_of(beats), still) == 1
