"""The catalogue of a library: one row per chart, with where its arrays lie, made by `prepare_library`.

It is a Parquet file of the store, ``catalogue-<fingerprint>.parquet``. The fingerprint names the content (charts,
audio, settings), not the place: a library that moves keeps it. Beside it lies ``left_out-<fingerprint>.csv``: all that
is not used, with the reason.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from groove.charts.chart import Chart
from groove.charts.library.identity import identities, song_traits
from groove.charts.library.scan import reasons_line, scan, write_left_out
from groove.charts.library.walk import LeftOut
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.schema import FeaturesConfig
from groove.errors import AudioError, LibraryError
from groove.features.record import SimfileTask
from groove.features.sources import DigestCache, audio_sources, simfile_tasks, without_twins
from groove.features.store import FeatureStore, write_if_changed
from groove.features.workers import OnStep, compute_missing

CHART_COLUMNS = (
    *("chart_id", "simfile", "index", "pack", "title", "artist"),
    *("steps_type", "difficulty", "meter", "description"),
)
RECORD_COLUMNS = ("has_audio", "audio_reason", "frames", "merged_rows", "length_s", "bpm", "content")
Row = dict[str, Any]


@dataclass(frozen=True)
class Catalogue:
    """What `prepare_library` made.

    Attributes:
        table: one row per chart, sorted by `chart_id`; paths of arrays are relative to `store`.
        store: the folder of the feature store.
        fingerprint: hash of the charts' contents and their records' keys.
        left_out: files and charts that are not used (or used without their audio), with the reason.
        computed: number of simfiles whose features were computed in this run.
    """

    table: pa.Table
    store: Path
    fingerprint: str
    left_out: list[LeftOut]
    computed: int = 0

    @property
    def path(self) -> Path:
        """Return where the table is saved."""
        return self.store / f"catalogue-{self.fingerprint}.parquet"

    @property
    def left_out_path(self) -> Path:
        """Return where `left_out` is saved."""
        return self.store / f"left_out-{self.fingerprint}.csv"

    @property
    def figure_path(self) -> Path:
        """Return where a picture of the library belongs."""
        return self.store / f"library-{self.fingerprint}.png"


def prepare_library(
    root: Path,
    store: Path,
    features: FeaturesConfig,
    steps_types: Sequence[str] = ("dance-single",),
    missing_audio: str = "mask",
    workers: int = 1,
    on_step: OnStep = lambda what, done, total: None,
) -> Catalogue:
    """Scan the library at `root`, compute what `store` lacks, and save the catalogue.

    Args:
        root: folder of packs.
        store: folder of the feature store.
        features: settings that decide the numbers.
        steps_types: which charts to use.
        missing_audio: what happens to a chart without audio, or whose audio cannot be decoded: `mask` keeps it without
            audio, `skip` leaves it out, `error` raises.
        workers: processes; 1 works in this one.
        on_step: told of progress.

    Raises:
        LibraryError: if there is no chart to use, or the store cannot be written.
        AudioError: if `missing_audio` is `error` and audio is missing.
    """
    library = scan(root, tuple(steps_types), lambda done, total: on_step("simfiles read", done, total))
    charts, left_out = without_twins(library.charts)
    left_out += library.left_out
    try:
        files = FeatureStore(store)
        cache = DigestCache(store)
        sources = audio_sources(charts, root, cache)
        tasks = simfile_tasks(charts, sources, root, features, cache)
        if missing_audio == "error":
            _require_audio(_missing_files(tasks))
        cache.save()
        failed, computed = compute_missing(tasks, features, files, workers, on_step)
        rows, unusable = _rows([task for task in tasks if task.key not in failed], files, missing_audio)
        left_out += unusable
        left_out += [LeftOut(task.charts[0].simfile, "", failed[task.key]) for task in tasks if task.key in failed]
        if not rows:
            raise LibraryError(f"no chart to use in '{root}': {reasons_line(left_out)}")
        rows, copies = _one_of_each(rows, {music: source.digest for music, source in sources.items() if source.digest})
        left_out += copies
        return _save(rows, files, sorted(set(left_out)), computed)
    except OSError as error:
        raise LibraryError(f"'{error.filename or store}' cannot be used: {error.strerror or error}") from error


def content_fingerprint(table: pa.Table) -> str:
    """Return the hash of the contents and records' keys of the charts of `table`, in any order."""
    pairs = zip(table["content"].to_pylist(), table["key"].to_pylist(), strict=True)
    parts = sorted(f"{content} {key}" for content, key in pairs)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def load(store: Path, fingerprint: str) -> Catalogue:
    """Return the catalogue that `prepare_library` saved."""
    catalogue = Catalogue(pa.table({}), store, fingerprint, [])
    try:
        table = pq.read_table(catalogue.path)
        left_out = _read_left_out(catalogue.left_out_path)
    except OSError as error:
        raise LibraryError(f"no catalogue '{fingerprint}' in the store '{store}': {error.strerror}") from error
    return Catalogue(table, store, fingerprint, left_out)


def _rows(tasks: Iterable[SimfileTask], store: FeatureStore, missing_audio: str) -> tuple[list[Row], list[LeftOut]]:
    """Return the catalogue's rows, and what is left out for having no note that counts, or no audio."""
    rows, left_out, silent = [], [], []
    for task in tasks:
        for chart, entry in zip(task.charts, store.read(task.key), strict=True):
            if "left_out" in entry:
                left_out.append(LeftOut(chart.simfile, chart.label, entry["left_out"]))
                continue
            if not entry["has_audio"]:
                silent.append((chart, entry["audio_reason"]))
                if missing_audio == "skip":
                    continue
            rows.append(_row(chart, task.key, entry, store))
    if missing_audio == "error":
        _require_audio(silent)
    return sorted(rows, key=lambda row: row["chart_id"]), left_out + _silent(silent, missing_audio)


def _row(chart: Chart, key: str, entry: dict[str, Any], store: FeatureStore) -> Row:
    return {
        **{name: _printable(getattr(chart, name)) for name in CHART_COLUMNS},
        "identity": "",
        **{name: entry[name] for name in RECORD_COLUMNS},
        "key": key,
        "chart_path": store.path(key, entry["chart"]),
        "audio_path": store.path(key, entry["audio"]) if entry["audio"] else "",
        **{f"konami_{axis}": value for axis, value in zip(RADAR_AXES, entry["konami"], strict=True)},
        **{f"stepmania_{axis}": value for axis, value in zip(RADAR_AXES, entry["stepmania"], strict=True)},
        **entry["elements"],
        "chart": chart,
    }


def _printable(value: Any) -> Any:
    """Return text without what UTF-8 cannot hold (file names may), anything else as it is."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if isinstance(value, str) else value


def _one_of_each(rows: list[Row], audio_digests: dict[str | None, str]) -> tuple[list[Row], list[LeftOut]]:
    """Set `identity` in every row; return one row of each chart of a song, and the copies in other simfiles.

    A copy has the same notes. The one with audio stays, else the first by its `chart_id`.
    """
    charts: list[Chart] = [row.pop("chart") for row in rows]
    known = {music: digest for music, digest in audio_digests.items() if music}
    kept: dict[tuple[str, str], Row] = {}
    copies: dict[str, LeftOut] = {}
    traits = [song_traits(chart) for chart in charts]
    for row, identity in zip(rows, identities(traits, known), strict=True):
        row["identity"] = identity
    for row, chart, own in sorted(zip(rows, charts, traits, strict=True), key=lambda entry: not entry[0]["has_audio"]):
        first = kept.setdefault((row["identity"], own.notes), row)
        if first["simfile"] != row["simfile"]:
            reason = f"same notes as in another simfile; kept: {first['chart_id']}"
            copies[row["chart_id"]] = LeftOut(chart.simfile, chart.label, reason)
    return [row for row in rows if row["chart_id"] not in copies], list(copies.values())


def _missing_files(tasks: Iterable[SimfileTask]) -> list[tuple[Chart, str]]:
    pairs = [pair for task in tasks for pair in zip(task.charts, task.audio, strict=True)]
    return [(chart, source.reason) for chart, source in pairs if source.path is None]


def _require_audio(silent: Sequence[tuple[Chart, str]]) -> None:
    if silent:
        chart, reason = silent[0]
        raise AudioError(
            f"{len(silent)} charts without audio, first {chart.music or chart.chart_id}: {reason}; "
            f"data.missing_audio=mask keeps such charts, skip leaves them out"
        )


def _silent(silent: Iterable[tuple[Chart, str]], missing_audio: str) -> list[LeftOut]:
    """Return the lines for charts without audio: every chart if they are skipped, else the files that are no audio."""
    if missing_audio == "skip":
        return [LeftOut(chart.simfile, chart.label, f"{reason}, and missing_audio=skip") for chart, reason in silent]
    broken = {chart.music: reason for chart, reason in silent if chart.music is not None}
    return [
        LeftOut(music, "", f"audio {reason}; its charts are kept without audio") for music, reason in broken.items()
    ]


def _save(rows: list[Row], store: FeatureStore, left_out: list[LeftOut], computed: int) -> Catalogue:
    table = pa.Table.from_pylist(rows)
    catalogue = Catalogue(table, store.root, content_fingerprint(table), left_out, computed)
    sink = pa.BufferOutputStream()
    pq.write_table(catalogue.table, sink)
    write_if_changed(catalogue.path, sink.getvalue().to_pybytes())
    if not catalogue.left_out_path.is_file() or _read_left_out(catalogue.left_out_path) != left_out:
        write_left_out(left_out, catalogue.left_out_path)
    return catalogue


def _read_left_out(path: Path) -> list[LeftOut]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return [LeftOut(*line) for line in csv.reader(file)][1:]
