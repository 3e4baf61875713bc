"""The wide variety of the generated library: read as any library is; each kind of chart and technique is met."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from groove.charts.chart import DIFFICULTIES, Chart, NoteKind
from groove.charts.generated.write import MARKER, write_library
from groove.charts.library.scan import scan
from groove.charts.rows import hold_pairs
from groove.charts.simfile.reader import read_simfile
from groove.charts.technique.counting import TECHNIQUES, technique

SONGS = 60
WITH_FEET = 60
"""Charts of which the feet are assigned, which takes a tenth of a second each."""

KNOWN: dict[tuple[str, int], dict[float, set[int]]] = {}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated") / "Songs"
    write_library(root, seed=7, songs=SONGS, variety="wide")
    return root


def simfiles(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*/*/*") if path.suffix in (".sm", ".ssc"))


@pytest.fixture(scope="module")
def charts(library: Path) -> list[Chart]:
    return [chart for path in simfiles(library) for chart in read_simfile(path, library)[0]]


@pytest.fixture(scope="module")
def counts(charts: list[Chart]) -> list[dict[str, int]]:
    hard = [chart for chart in charts if chart.difficulty in ("Hard", "Challenge", "Edit")]
    return [asdict(technique(chart)) for chart in hard[:WITH_FEET]]


def kinds(chart: Chart) -> dict[str, int]:
    """Return how many notes of each kind a chart has."""
    return {kind.name: int((chart.notes.kind == kind).sum()) for kind in NoteKind}


def rows_of(chart: Chart) -> dict[float, set[int]]:
    """Return the panels stepped on at each beat; of each chart once, as every test asks for them."""
    rows = KNOWN.setdefault((chart.simfile, chart.index), {})
    if rows:
        return rows
    for beat, column, kind in zip(chart.notes.beats, chart.notes.column, chart.notes.kind, strict=True):
        if kind in (NoteKind.TAP, NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD, NoteKind.LIFT):
            rows.setdefault(float(beat), set()).add(int(column))
    return rows


def seconds(chart: Chart) -> np.ndarray:
    return chart.timing.time_at(np.array(sorted(rows_of(chart))))


def test_every_song_is_read_whole_and_none_is_taken_for_another(library: Path) -> None:
    found = scan(library)
    assert found.left_out == []
    assert len(set(found.identity)) == len(simfiles(library)) == SONGS
    assert {path.suffix for path in simfiles(library)} == {".sm", ".ssc"}


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_is_met_and_some_charts_do_without(counts: list[dict[str, int]], name: str) -> None:
    met = [chart[name] > 0 for chart in counts]
    assert sum(met) >= 5
    assert not all(met) or name in ("crossovers", "candles")


MET: dict[str, Callable[[Chart], bool]] = {
    "no hold": lambda chart: not kinds(chart)["HOLD_HEAD"] + kinds(chart)["ROLL_HEAD"],
    "half of the steps held": lambda chart: kinds(chart)["HOLD_HEAD"] > len(rows_of(chart)) / 2,
    "rolls": lambda chart: kinds(chart)["ROLL_HEAD"] > 0,
    "mines": lambda chart: kinds(chart)["MINE"] > 10,
    "hands": lambda chart: any(len(panels) >= 3 for panels in rows_of(chart).values()),
    "no jump": lambda chart: all(len(panels) == 1 for panels in rows_of(chart).values()),
    "one row in four a jump": lambda chart: np.mean([len(panels) == 2 for panels in rows_of(chart).values()]) > 0.25,
    "a tenth off the 16ths": lambda chart: np.mean([beat * 4 % 1 > 0 for beat in rows_of(chart)]) > 0.1,
    "24ths or finer": lambda chart: np.mean([beat * 12 % 1 > 0 and beat * 16 % 1 > 0 for beat in rows_of(chart)]) > 0,
    "4ths alone": lambda chart: all(beat % 1 == 0 for beat in rows_of(chart)),
    "steady": lambda chart: len(chart.timing.bpms) == 1 and not len(chart.timing.stops),
    "ten tempos": lambda chart: len(chart.timing.bpms) >= 10,
    "stops": lambda chart: len(chart.timing.stops) > 0,
    "warps": lambda chart: len(chart.timing.warps) > 0,
    "slow": lambda chart: chart.timing.bpms[0, 1] < 100,
    "fast": lambda chart: chart.timing.bpms[0, 1] > 220,
    "short": lambda chart: np.ptp(seconds(chart)) < 60,
    "long": lambda chart: np.ptp(seconds(chart)) > 180,
    "sparse": lambda chart: len(rows_of(chart)) / np.ptp(seconds(chart)) < 1,
    "dense": lambda chart: len(rows_of(chart)) / np.ptp(seconds(chart)) > 7,
    "beyond level 15": lambda chart: chart.meter > 15,
    "signed": lambda chart: bool(chart.description),
    "not signed": lambda chart: not chart.description,
}


@pytest.mark.parametrize("kind", MET)
def test_every_kind_of_chart_is_met_and_not_all_are_of_it(charts: list[Chart], kind: str) -> None:
    assert 0 < sum(bool(MET[kind](chart)) for chart in charts) < len(charts)


def test_all_difficulties_are_met_and_the_harder_ones_of_a_song_have_more_rows(charts: list[Chart]) -> None:
    assert {chart.difficulty for chart in charts} == set(DIFFICULTIES)
    more = [
        len(rows_of(second)) > len(rows_of(first))
        for first, second in itertools.pairwise(charts)
        if first.simfile == second.simfile and second.difficulty != "Edit"
    ]
    assert np.mean(more) > 0.8


def test_difficulties_of_one_song_share_rows_more_than_those_of_two(charts: list[Chart]) -> None:
    """Of the rows of an easier chart off the beat, harder ones of the song have most; those of other songs have few."""
    own, other = [], []
    for i, (first, second) in enumerate(itertools.pairwise(charts)):
        off_beat = {beat for beat in rows_of(first) if beat % 1}
        harder, stranger = rows_of(second), rows_of(charts[(i + 40) % len(charts)])
        if first.simfile == second.simfile and second.difficulty != "Edit" and len(off_beat) > 10:
            own.append(np.mean([beat in harder for beat in off_beat]))
            other.append(np.mean([beat in stranger for beat in off_beat]))
    assert np.mean(own) > 0.75 and np.mean(own) > np.mean(other) + 0.3


def test_nothing_is_on_a_panel_that_is_held(charts: list[Chart]) -> None:
    for chart in charts:
        head, tail = hold_pairs(chart.notes)
        assert len(head) == len(tail) == (chart.notes.kind == NoteKind.TAIL).sum()
        for first, last in zip(head, tail, strict=True):
            on_panel = chart.notes.column == chart.notes.column[first]
            within = (chart.notes.beats > chart.notes.beats[first]) & (chart.notes.beats < chart.notes.beats[last])
            assert chart.notes.beats[last] > chart.notes.beats[first] and not (on_panel & within).any()


def test_same_seed_gives_the_same_bytes_whatever_the_workers_and_a_longer_library_is_not_it(
    library: Path, tmp_path: Path
) -> None:
    root = tmp_path / "again"
    write_library(root, seed=7, songs=SONGS, workers=2, variety="wide")
    assert {path.relative_to(root): path.read_bytes() for path in simfiles(root)} == {
        path.relative_to(library): path.read_bytes() for path in simfiles(library)
    }
    write_library(root, seed=8, songs=2, variety="wide")
    assert len(simfiles(root)) == 2


def test_the_varieties_replace_each_other_and_a_plain_library_names_none(tmp_path: Path) -> None:
    root = tmp_path / "Songs"
    write_library(root, seed=0, songs=2, variety="wide")
    assert json.loads((root / MARKER).read_text())["variety"] == "wide" and not list(root.rglob("*.ogg"))
    write_library(root, seed=0, songs=2)
    assert "variety" not in json.loads((root / MARKER).read_text()) and len(list(root.rglob("*.ogg"))) == 2
