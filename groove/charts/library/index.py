"""The radar of every chart of a library as one table, kept between runs: only folders that changed are read again.

The table is a Parquet file in a folder of the user's choice, one per library and set of steps types. A folder's state
(names, sizes, times of change of its files) decides whether its rows still hold; so does that of audio elsewhere that
its simfiles name. Folders are read in batches by worker processes that return finished tables, so that memory does not
grow with the charts' notes.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from groove.charts.chart import Chart, chart_label
from groove.charts.library.identity import SongTraits, identities, song_traits
from groove.charts.library.scan import left_out_twin, read_folder, twins, walked
from groove.charts.library.walk import Folder, LeftOut
from groove.charts.radar.groove_radar import FAMILIES, RADAR_AXES, groove_radar
from groove.charts.simfile.music import audio_seconds
from groove.errors import LibraryError, did_you_mean
from groove.io.files import write_bytes
from groove.io.processes import process_pool

INDEX_VERSION = 1
"""Part of the file's name: raise it when reading, radars or columns change."""
SONG_ENDS = ("song", LAST_ROW := "last_row")
"""T ends with the song (`song_end.py`), or with the last row of each chart."""
NO_LENGTH = "audio whose length cannot be read"
FOLDERS_PER_JOB = 32
FEW_FOLDERS = 64
"""Up to so many are read in this process: starting workers takes longer."""
CHART_COLUMNS = ("simfile", "pack", "title", "artist", "steps_type", "difficulty", "meter")
RADAR_COLUMNS = tuple(f"{family}_{axis}" for family in FAMILIES for axis in RADAR_AXES)
_TRAITS = ("simfile", "music", "norm_title", "norm_artist")
_HIDDEN = ("folder", "index", "music", "length_known", "stored", "norm_title", "norm_artist", "notes", "rows")
_LABEL = ("index", "steps_type", "difficulty", "meter")
Row = dict[str, Any]


@dataclass(frozen=True)
class RadarTable:
    """One row per chart, sorted by simfile, then index.

    Attributes:
        root: the library's folder.
        table: columns `CHART_COLUMNS`, `RADAR_COLUMNS`, the raw elements, `identity`, and those of `hidden`. Text is
            bytes: UTF-8, or what a file's name holds instead (`text` decodes).
        left_out: what was not read, with the reason.
        read: number of folders read in this run, the others were known.
        folders: number of folders with simfiles.
    """

    root: Path
    table: pa.Table
    left_out: list[LeftOut]
    read: int
    folders: int

    @property
    def shown(self) -> list[str]:
        """Return the columns that a user wants, in order."""
        elements = [name for name in self.table.column_names if name not in {*CHART_COLUMNS, *RADAR_COLUMNS, *_HIDDEN}]
        return [*CHART_COLUMNS, *RADAR_COLUMNS, *(name for name in elements if name != "identity"), "identity"]

    def text(self, column: str, first: int = 0, count: int | None = None) -> list[str]:
        """Return a column of text, decoded: all of it, or `count` rows from `first` on."""
        return [_text(value) for value in self.table[column].slice(first, count).to_pylist()]


def radar_table(
    root: Path,
    steps_types: Sequence[str] = ("dance-single",),
    song_end: str = SONG_ENDS[0],
    cache: Path | None = None,
    workers: int = 1,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> RadarTable:
    """Return the radars of the library at `root`.

    Args:
        root: the folder that holds the packs.
        steps_types: which charts to keep, of `PANELS`.
        song_end: where the konami radar's T ends, of `SONG_ENDS`.
        cache: folder in which the table is kept, or None to read everything.
        workers: processes that read.
        on_step: told (folders read, folders to read).

    Raises:
        LibraryError: if `root` is no folder or holds no simfile, or a setting is unknown.
        OSError: if the table cannot be written to `cache`.
    """
    if song_end not in SONG_ENDS:
        raise LibraryError(f"song_end is '{song_end}'; {did_you_mean(song_end, SONG_ENDS)}")
    tree = walked(root, steps_types)
    path = cache / _name(root, steps_types, song_end) if cache is not None else None
    known = _load(path)
    states = {folder.path: folder.state for folder in tree.folders}
    stored = {} if known is None else _stored_states(known)
    valid = {path for path, row in stored.items() if states.get(path) == row["state"] and _audio_as_it_was(row, root)}
    changed = [folder for folder in tree.folders if folder.path not in valid]
    if known is not None and not changed and valid == stored.keys():
        found = known  # nothing to do: the common case must cost next to nothing
    else:
        tables = [] if known is None else [_of_folders(known, valid)]
        for done, part in _read_all(root, changed, (steps_types, song_end), workers):
            tables.append(part)
            on_step(done, len(changed))
        found = _sorted(pa.concat_tables(tables, promote_options="default"))
        found = _with_identities(found)
        if path is not None:
            _save(found, path)
    charts, left_out = _split(found)
    charts, gone = _without_twins(charts)
    return RadarTable(root, charts, sorted({*left_out, *gone, *tree.left_out}), len(changed), len(tree.folders))


def _name(root: Path, steps_types: Sequence[str], song_end: str) -> str:
    parts = "\0".join((os.path.realpath(root), song_end, *sorted(steps_types)))
    digest = hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"radar-v{INDEX_VERSION}-{digest}.parquet"


# ---- reading ---------------------------------------------------------------------------------------


def _read_all(
    root: Path, folders: Sequence[Folder], settings: tuple[Sequence[str], str], workers: int
) -> Iterator[tuple[int, pa.Table]]:
    """Yield (folders done, table of a batch)."""
    jobs = [folders[i : i + FOLDERS_PER_JOB] for i in range(0, len(folders), FOLDERS_PER_JOB)]
    parallel = workers > 1 and len(folders) > FEW_FOLDERS
    pool = process_pool(min(workers, len(jobs))) if parallel else None
    with pool or nullcontext():
        arguments = (repeat(root), jobs, repeat(settings))
        parts = pool.map(read_job, *arguments) if pool else map(read_job, *arguments)
        done = 0
        for job, part in zip(jobs, parts, strict=True):
            done += len(job)
            yield done, part


def read_job(root: Path, folders: Sequence[Folder], settings: tuple[Sequence[str], str]) -> pa.Table:
    """Return the rows of some folders: one per chart, per thing left out, and one for each folder's state."""
    steps_types, song_end = settings
    rows: list[Row] = []
    for folder in folders:
        charts, left_out = read_folder(root, folder, steps_types)
        if song_end == LAST_ROW:
            charts = [replace(chart, song_end=None) for chart in charts]
        lengths = {music: audio_seconds(root / music) for music in {chart.music for chart in charts} if music}
        left_out += [LeftOut(music, "", NO_LENGTH) for music, seconds in lengths.items() if seconds is None]
        away = sorted(music for music in lengths if os.path.dirname(music) != folder.path)
        own: list[Row] = [_chart_row(chart, lengths.get(chart.music or "")) for chart in charts]
        own += [
            {"kind": "left_out", "simfile": _bytes(entry.path), "label": _bytes(entry.chart), "reason": entry.reason}
            for entry in left_out
        ]
        own.append(
            {
                "kind": "folder",
                "state": folder.state,
                "outside_music": [_bytes(music) for music in away],
                "outside_state": [_file_state(root / music) for music in away],
            }
        )
        rows += [{**row, "folder": _bytes(folder.path)} for row in own]
    return _table(rows)


def _chart_row(chart: Chart, seconds: float | None) -> Row:
    radar = groove_radar(chart, seconds)
    traits = song_traits(chart)
    values = dict(zip(RADAR_COLUMNS, [*radar.konami.tolist(), *radar.stepmania.tolist()], strict=True))
    return {
        "kind": "chart",
        **{name: _bytes(getattr(chart, name)) for name in CHART_COLUMNS if name != "meter"},
        "meter": chart.meter,
        "index": chart.index,
        **values,
        **{name: float(value) for name, value in radar.elements.items()},
        "music": _bytes(traits.music),
        "length_known": seconds is not None or chart.music_length_s is not None,
        "stored": list(chart.stored_radar),
        "norm_title": _bytes(traits.title),
        "norm_artist": _bytes(traits.artist),
        "notes": traits.notes,
        "rows": traits.rows,
    }


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _table(rows: list[Row]) -> pa.Table:
    """Return `rows` as a table, whose columns are those that occur."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names})


def _column(name: str, values: list[Any]) -> pa.Array:
    kinds = {"stored": pa.list_(pa.float64()), "outside_music": pa.list_(pa.binary())}
    kinds |= {"outside_state": pa.list_(pa.string()), "meter": pa.int64(), "index": pa.int64(), "rows": pa.int64()}
    return pa.array(values, kinds.get(name))


def _file_state(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return "-"
    return f"{stat.st_size}/{stat.st_mtime_ns}"


# ---- keeping ---------------------------------------------------------------------------------------


def _load(path: Path | None) -> pa.Table | None:
    if path is None or not path.is_file():
        return None
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        return None  # a cache that is broken is made anew


def _save(table: pa.Table, path: Path) -> None:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    write_bytes(path, sink.getvalue())


def _stored_states(known: pa.Table) -> dict[str, Row]:
    """Return the rows of folders by path."""
    rows = known.filter(pc.equal(known["kind"], "folder")).select(["folder", "state", "outside_music", "outside_state"])
    return {_text(row["folder"]): row for row in rows.to_pylist()}


def _audio_as_it_was(row: Row, root: Path) -> bool:
    """Return whether the audio that a folder's simfiles name elsewhere is unchanged."""
    pairs = zip(row["outside_music"], row["outside_state"], strict=True)
    return all(_file_state(root / _text(music)) == state for music, state in pairs)


def _of_folders(known: pa.Table, folders: Iterable[str]) -> pa.Table:
    return known.filter(pc.is_in(known["folder"], pa.array([_bytes(path) for path in folders], pa.binary())))


def _sorted(table: pa.Table) -> pa.Table:
    """Return the rows in an order that does not depend on which were read in this run."""
    keys = [name for name in ("simfile", "index", "folder") if name in table.column_names]
    return table.sort_by([(name, "ascending") for name in keys])


def _with_identities(table: pa.Table) -> pa.Table:
    """Return `table` with the column `identity` set anew: it depends on all charts."""
    is_chart = pc.equal(table["kind"], "chart")
    charts = table.filter(is_chart)
    if "notes" not in table.column_names:
        return table
    texts = [[_text(value) for value in charts[name].to_pylist()] for name in _TRAITS]
    counted = [charts[name].to_pylist() for name in ("notes", "rows")]
    traits = [SongTraits(*values) for values in zip(*texts, *counted, strict=True)]
    filled = np.full(len(table), None, dtype=object)
    filled[np.flatnonzero(is_chart.to_numpy())] = [name.encode() for name in identities(traits)]
    if "identity" in table.column_names:
        table = table.drop_columns(["identity"])
    return table.append_column("identity", pa.array(filled.tolist(), pa.binary()))


def _split(table: pa.Table) -> tuple[pa.Table, list[LeftOut]]:
    """Return the rows of charts, and what was left out."""
    gone = {"kind", "label", "reason", "state", "outside_music", "outside_state"} & set(table.column_names)
    charts = table.filter(pc.equal(table["kind"], "chart")).drop_columns(sorted(gone))
    if "reason" not in table.column_names:
        return charts, []
    refused = table.filter(pc.equal(table["kind"], "left_out")).select(["simfile", "label", "reason"]).to_pylist()
    return charts, [LeftOut(_text(row["simfile"]), _text(row["label"]), row["reason"]) for row in refused]


def _without_twins(charts: pa.Table) -> tuple[pa.Table, list[LeftOut]]:
    """Return the charts that are used, and those of an `.sm` file beside an `.ssc` file of its name."""
    if not len(charts):
        return charts, []
    simfiles = [_text(value) for value in charts["simfile"].to_pylist()]
    found = twins(simfiles)
    if not found:
        return charts, []
    gone = np.array([simfile in found for simfile in simfiles])
    rows = charts.filter(pa.array(gone)).select(_LABEL).to_pylist()
    names = [simfile for simfile in simfiles if simfile in found]
    labels = [
        chart_label(row["index"], _text(row["steps_type"]), _text(row["difficulty"]), row["meter"]) for row in rows
    ]
    left_out = [left_out_twin(name, label, found[name]) for name, label in zip(names, labels, strict=True)]
    return charts.filter(pa.array(~gone)), left_out
