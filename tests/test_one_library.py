"""`radar` and `prepare` read a library the same way: one identity of a song, one length, one scan."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.schema import DataConfig, PrepareConfig, RadarConfig
from groove.prepare import run as prepare
from groove.radar import run as radar
from tests.builders import measures, steady, write_clicks, write_song


@pytest.fixture
def songs(tmp_path) -> Path:
    """Return a library in which two songs share nothing but the bytes of their audio, 1/3 s longer than 7 s."""
    root = tmp_path / "Songs"
    write_song(root, "A", "One", [("Easy", 3, steady(4, 4)), ("Hard", 9, steady(8, 4))], artist="X", music="a.wav")
    write_clicks(root / "A" / "One" / "a.wav", 7 + 1 / 3, sample_rate=8000)
    write_song(root, "B", "Two", [("Medium", 5, measures("1000 0010", "0100 0001"))], artist="Y", music="b.wav")
    shutil.copy(root / "A" / "One" / "a.wav", root / "B" / "Two" / "b.wav")
    write_song(root, "C", "Three", [("Medium", 5, steady(8, 3, "0110"))], artist="Z", music_seconds=5)
    write_song(root, "C", "Three", [("Medium", 5, steady(8, 3, "0110"))], artist="Z", music="Three.wav", fmt="sm")
    return root


def by_chart(rows: list[dict]) -> dict[tuple[str, str], dict]:
    return {(row["simfile"], row["difficulty"]): row for row in rows}


def both(songs: Path, tmp_path: Path) -> tuple[dict, dict]:
    """Return the rows of ``radar.csv`` and those of the catalogue, by simfile and difficulty."""
    radar(RadarConfig(songs=str(songs), out=str(tmp_path / "radar.csv"), store=str(tmp_path / "store"), figure=False))
    with (tmp_path / "radar.csv").open(encoding="utf-8", newline="") as file:
        table = by_chart(list(csv.DictReader(file)))
    data = DataConfig(songs=str(songs), store=str(tmp_path / "store"), workers=1)
    prepare(PrepareConfig(data=data, figure=False))
    (path,) = (tmp_path / "store").glob("catalogue-*.parquet")
    return table, by_chart(pq.read_table(path).to_pylist())


def test_a_song_has_one_identity(songs: Path, tmp_path) -> None:
    table, catalogue = both(songs, tmp_path)
    assert table.keys() == catalogue.keys() and len(table) == 4
    assert {key: row["identity"] for key, row in table.items()} == {k: row["identity"] for k, row in catalogue.items()}
    one, two = (table[key]["identity"] for key in (("A/One/One.ssc", "Easy"), ("B/Two/Two.ssc", "Medium")))
    assert one == two  # by the bytes of their audio


def test_a_song_has_one_length(songs: Path, tmp_path) -> None:
    table, catalogue = both(songs, tmp_path)
    for key, row in catalogue.items():
        for name in (f"{family}_{axis}" for family in ("konami", "stepmania") for axis in RADAR_AXES):
            assert float(table[key][name]) == round(row[name], 6)
        assert float(table[key]["stepmania_t_s"]) == round(row["stepmania_t_s"], 6)
    assert float(table["B/Two/Two.ssc", "Medium"]["stepmania_t_s"]) == pytest.approx(7 + 1 / 3, abs=1e-4)
