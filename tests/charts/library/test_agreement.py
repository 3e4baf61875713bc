"""Comparisons with stored and official values, on charts whose values are known by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from groove.charts.library.agreement import OfficialValues, cause, compare_official, compare_stored, read_official
from groove.charts.library.scan import scan
from groove.errors import LibraryError
from tests.builders import measures, sm_text, steady
from tests.shared import SHARED

# 8 measures of 4ths at 120 BPM in 20 s of music: 32 arrows, no holds, 8 jumps, no fine row.
NOTES = measures(*["1000 0100 0010 1001"] * 8)
STREAM, AIR = 40 / 20 / 7, 8 / 20


def library(folder: Path, *stored: str, notes: str = NOTES, length: str = "20") -> Path:
    for number, values in enumerate(stored):
        text = sm_text([("Hard", 9, notes)], title=f"S{number}", radar=values, extra=f"#MUSICLENGTH:{length};")
        (folder / f"{number}").mkdir(parents=True, exist_ok=True)
        (folder / f"{number}" / "song.sm").write_text(text)
    return folder


def test_stored_values_that_agree_and_that_do_not(tmp_path) -> None:
    right = f"{STREAM:.3f},0,{AIR:.3f},0,0"
    root = library(tmp_path, right, "0,0,0,0,0", "", f"{STREAM:.3f},0,{AIR + 0.01:.3f},0,0.1", right)
    found = compare_stored(scan(root))
    assert found.places.tolist() == [0, 3, 4]  # zeros and nothing are no values
    assert found.agrees[:, [0, 2, 3, 4]].tolist() == [[True] * 4, [True, False, True, False], [True] * 4]
    assert np.isnan(found.theirs[:, 1]).all()  # these builds store no voltage
    (count, shares), *_ = found.shares().values()
    assert count == 3 and shares[[0, 2, 3, 4]] == pytest.approx([1, 2 / 3, 1, 2 / 3]) and np.isnan(shares[1])
    assert found.worst(5) == [1]


def test_builds_before_5_1_count_hold_heads_twice(tmp_path) -> None:
    notes = measures(*["2000 0100 3010 1001"] * 8)  # 40 arrows, 8 of them heads
    old, new = f"{48 / 140:.4f},0,0.4,0.4,0", f"{40 / 140:.4f},0.75,0.4,0.4,0"
    long = ",".join([new] + ["0"] * 23)
    found = compare_stored(scan(library(tmp_path, old, long, new, notes=notes)))
    assert found.agrees[:, 0].tolist() == [True, True, False]
    assert sorted(found.shares()) == ["StepMania 5.1 and later", "all", "before 5.1"]


def test_values_are_capped_at_1(tmp_path) -> None:
    found = compare_stored(scan(library(tmp_path, "1,0,1,0,0", length="2")))
    assert found.agrees[0, [0, 2]].all() and found.ours[0, 2] == 4


def test_without_a_length_t_is_taken_from_stream(tmp_path) -> None:
    root = library(tmp_path, f"{STREAM:.4f},0,{AIR:.4f},0,0", "0,0,0.4,0,0", length="0")
    found = compare_stored(scan(root))
    assert found.groups == ["before 5.1, length unknown"] * 2
    assert np.isnan(found.theirs[0, 0]) and found.agrees[0, 2] and found.ours[0, 2] == pytest.approx(AIR, abs=1e-3)
    assert np.isnan(found.theirs[1]).all()  # a stream of 0 says nothing about T


def test_no_stored_values(tmp_path) -> None:
    found = compare_stored(scan(library(tmp_path, "")))
    assert found.shares() == {} and found.worst(3) == [] and len(found.groups) == 0


# ---- official values -------------------------------------------------------------------------------


def official(path: Path, *lines: str) -> OfficialValues:
    path.write_text("\n".join(["simfile,difficulty,stream,voltage,air,freeze,chaos", *lines]) + "\n")
    return read_official(path)


def test_official_values_and_causes(tmp_path) -> None:
    root = library(tmp_path / "songs", "", "", "", notes=steady(4, 8))
    radars = scan(root)
    ours = [radars.charts[f"konami_{axis}"][0].as_py() for axis in ("stream", "voltage", "air", "freeze", "chaos")]
    assert radars.charts["konami_t_s"][0].as_py() == 18  # 16 s of music by its measures, and one more
    # T of 15.5 s, the last row: floor(60 * 32 / 15.5) / 3 = 41; with 18 s it is 35.
    lines = [
        f"0/song.sm,Hard,{','.join(f'{value:.0f}' for value in ours)}",
        f"1/song.sm,Hard,41,{','.join(f'{value:.0f}' for value in ours[1:])}",
        f"2/song.sm,Hard,{ours[0]:.0f},60,{','.join(f'{value:.0f}' for value in ours[2:])}",
        "3/none.sm,Hard,1,2,3,4,5",
    ]
    found = compare_official(radars, official(tmp_path / "a.csv", *lines))
    assert found.places.tolist() == [0, 1, 2] and found.agrees[0].all()
    assert found.missing == ["3/none.sm [Hard]"]
    assert found.agrees[1].tolist() == [False, True, True, True, True]
    causes = [cause(radars, place, found.theirs[place].tolist()) for place in range(3)]
    assert causes[0] == ""
    assert causes[1].startswith("the song ends 2.") and causes[1].endswith("s earlier than assumed")
    assert causes[2].startswith("voltage fit no end")
    assert set(found.worst(3)) == {1, 2} and len(found.worst(1)) == 1


def test_floored_as_the_game_shows(tmp_path) -> None:
    radars = scan(library(tmp_path / "songs", "", notes=steady(4, 8)))
    stream = radars.charts["konami_stream"][0].as_py()
    assert stream == pytest.approx(106 / 3)  # floor(60 * 32 / 18) = 106; 35.33
    found = compare_official(radars, official(tmp_path / "a.csv", "0/song.sm,Hard,34,0,0,0,0"))
    assert not found.agrees[0, 0] and found.floored().agrees[0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("simfile,difficulty,stream\n", "has no column air, chaos, freeze, voltage"),
        ("simfile,difficulty,stream,voltage,air,freeze,chaos\na,Hard,1,2,x,4,5\n", "not a table of numbers.*line 2"),
        ("simfile,difficulty,stream,voltage,air,freeze,chaos\na,Hard,1\n", "not a table of numbers"),
        ("simfile,difficulty,stream,voltage,air,freeze,chaos\n", "none of the 0 charts"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text: str, message: str) -> None:
    radars = scan(library(tmp_path / "songs", ""))
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(LibraryError, match=message):
        compare_official(radars, read_official(tmp_path / "a.csv"))
    with pytest.raises(LibraryError, match="cannot be read: No such file"):
        read_official(tmp_path / "none.csv")


# ---- real charts -----------------------------------------------------------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not there: no official values to compare with")
def test_agreement_with_the_arcade() -> None:
    # The durations of song_end.py were fitted on A20; X2 was kept aside.
    values = read_official(SHARED / "oracles" / "konami_official.csv")
    found = compare_official(scan(SHARED / "library"), values)
    shares = {name: share for name, (_, share) in found.shares().items()}
    floored = {name: share for name, (_, share) in found.floored().shares().items()}
    assert (shares["all"] >= [0.89, 0.97, 0.89, 0.93, 0.95]).all(), shares
    assert (shares["X2"] >= [0.84, 0.96, 0.89, 0.90, 0.94]).all(), shares
    assert (floored["all"] >= [0.94, 0.98, 0.89, 0.97, 0.97]).all(), floored


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not there: no stored values to compare with")
def test_agreement_with_the_engine() -> None:
    radars = scan(SHARED / "oracles" / "stepmania_engine", ["dance-single", "dance-double"])
    found = compare_stored(radars)
    assert len(found.places) > 500 and set(found.groups) == {"before 5.1"}
    assert found.agrees[:, [0, 2, 3, 4]].all()
