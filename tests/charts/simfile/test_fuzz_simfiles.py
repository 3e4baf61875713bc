"""From any bytes to radar and frames: a chart is used or listed with a reason, and its numbers are finite.

A few deterministic examples here; with ``--hypothesis-profile=long`` pytest tries many.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from groove.charts.library.identity import content_digest, notes_digest
from groove.charts.library.index import RADAR_COLUMNS
from groove.charts.library.scan import scan
from groove.charts.radar.groove_radar import groove_radar
from groove.charts.technique.counting import STEPS_TYPE, technique, technique_rates
from groove.config.schema import FeaturesConfig
from groove.errors import SimfileError
from groove.features.frames import CHART_FEATURES, chart_frames, merged_rows
from groove.features.record import AudioSource, SimfileTask, compute_record
from tests.builders import measures, ssc_text
from tests.scans import PlainLibrary, plain_scan
from tests.simfile_strategies import charts, damaged, noise, real_simfiles, structured

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # what a user would see of numpy's

STEPS_TYPES = ("dance-single", "dance-double")
SILENT = AudioSource(None, "", "no audio")
REAL = real_simfiles()


def read_through(content: bytes) -> None:
    """Read `content` as both formats, by every way that a command takes, and check what comes out."""
    with tempfile.TemporaryDirectory() as folder:
        check_library(Path(folder), content)


def check_library(folder: Path, content: bytes) -> None:
    for name in ("a.sm", "b.ssc"):
        (folder / name).write_bytes(content)
    library = plain_scan(folder, STEPS_TYPES)
    assert {chart.simfile for chart in library.charts} | {entry.path for entry in library.left_out} == {"a.sm", "b.ssc"}
    table = scan(folder, STEPS_TYPES)
    assert len(table.charts) == len(library.charts)
    for name in (*RADAR_COLUMNS, *table.elements, "length_s", "bpm"):
        assert np.isfinite(table.charts[name].to_numpy()).all()
    for chart in library.charts:
        check_radar(chart)
        check_frames(chart)
        if chart.steps_type == STEPS_TYPE:
            assert np.isfinite(technique_rates(technique(chart))).all()
    check_records(folder, library)


def check_radar(chart) -> None:
    radar = groove_radar(chart)
    for values in (radar.konami, radar.stepmania):
        assert np.isfinite(values).all() and (values >= 0).all()


def check_frames(chart) -> None:
    try:
        frames = chart_frames(chart, 4)
    except SimfileError as error:
        assert "\n" not in str(error)
        return
    assert frames.shape[1] == len(CHART_FEATURES) and np.isfinite(frames).all() and (frames >= 0).all()
    assert 0 <= merged_rows(chart, 4)


def check_records(folder: Path, library: PlainLibrary) -> None:
    for simfile in {chart.simfile for chart in library.charts}:
        own = [chart for chart in library.charts if chart.simfile == simfile]
        parts = [(chart.index, content_digest(notes_digest(chart), chart.timing)) for chart in own]
        task = SimfileTask("key", folder, simfile, list(range(len(own))), parts, [SILENT] * len(own))
        entries, arrays = compute_record(task, FeaturesConfig())
        assert [entry["index"] for entry in entries] == [chart.index for chart in own]
        for entry in entries:
            if "left_out" not in entry:
                assert len(arrays[entry["chart"]]) == entry["frames"]


@given(noise)
def test_any_bytes(content: bytes) -> None:
    read_through(content)


@given(structured())
def test_any_values(content: bytes) -> None:
    read_through(content)


@given(charts.map(lambda rows: ssc_text([("Hard", 9, measures(*rows))], stops="4=1", extra="#WARPS:5=1;").encode()))
def test_whole_charts(content: bytes) -> None:
    read_through(content)


@pytest.mark.skipif(not REAL, reason="../shared/data is not there: no real files to damage")
@given(damaged(REAL or [Path(__file__)]))
def test_damaged_real_files(content: bytes) -> None:
    read_through(content)
