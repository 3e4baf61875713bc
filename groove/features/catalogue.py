"""The catalogue of a library: one row per chart that is used, with where its arrays lie (`preparation.py` makes it).

It is a Parquet file of the store. Its fingerprint names the content (charts, audio, settings), not the place: a library
that moves keeps it. Beside it lies ``left_out-<fingerprint>.csv``: all that is not used, with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from groove.charts.display import WORDS
from groove.charts.library.index import RADAR_COLUMNS
from groove.charts.library.scan import Library
from groove.charts.library.walk import LeftOut
from groove.charts.technique.counting import Technique
from groove.errors import LibraryError
from groove.features.store import FeatureStore
from groove.io.files import csv_bytes, write_if_changed

_TEXTS = ("simfile", "pack", "title", "artist", "steps_type", "difficulty", "description", *WORDS)
_OF_RECORDS = ("has_audio", "audio_reason", "frames", "merged_rows", "profile")
TECHNIQUE_COLUMNS = tuple(f"technique_{field.name}" for field in fields(Technique))
"""Counts of what the feet do; empty for pads other than dance-single's."""
_COLUMNS = (
    *("chart_id", "simfile", "index", "pack", "title", "artist", "steps_type", "difficulty", "meter", "description"),
    *WORDS,
    *("identity", *_OF_RECORDS, "length_s", "bpm", "content", "key", "chart_path", "audio_path"),
    *(*TECHNIQUE_COLUMNS, *RADAR_COLUMNS),
)  # the elements of the radars follow


PROFILES = pa.list_(pa.field("element", pa.float64()))  # as Parquet calls what is in a list: read again it is the same


@dataclass(frozen=True)
class Catalogue:
    """One row of `table` per chart, sorted by `chart_id`; paths of arrays are relative to the folder `store`.

    `left_out` lists files and charts that are not used, or used without their audio; `computed` counts the simfiles
    whose features were computed in this run.
    """

    table: pa.Table
    store: Path
    fingerprint: str
    left_out: list[LeftOut]
    computed: int = 0

    @property
    def path(self) -> Path:
        """Where the table is saved."""
        return self.store / f"catalogue-{self.fingerprint}.parquet"

    @property
    def left_out_path(self) -> Path:
        """Return where `left_out` is saved."""
        return self.store / f"left_out-{self.fingerprint}.csv"

    @property
    def summary(self) -> str:
        """Return ``80 charts of 20 songs, 4 of the charts without audio``."""
        silent = self.table["has_audio"].to_pylist().count(False)
        songs = len(self.table["identity"].unique())
        return f"{len(self.table)} charts of {songs} songs, {silent} of the charts without audio"

    def save(self) -> None:
        """Write the table and `left_out`, where they changed."""
        sink = pa.BufferOutputStream()
        pq.write_table(self.table, sink)
        write_if_changed(self.path, sink.getvalue().to_pybytes())
        write_if_changed(self.left_out_path, csv_bytes(LeftOut._fields, self.left_out))


class Row(NamedTuple):
    """A chart of a catalogue: its row in the library, the key of its record, and its entry there."""

    place: int
    key: str
    entry: dict[str, Any]


def catalogue_table(library: Library, rows: Sequence[Row], store: FeatureStore) -> pa.Table:
    """Return the charts of `rows`, in their order."""
    places = [row.place for row in rows]
    columns: dict[str, Any] = {name: library.charts[name].take(places) for name in library.charts.column_names}
    for name in _TEXTS:
        texts = library.text(name)
        columns[name] = [printable(texts[place]) for place in places]
    columns |= {name: [row.entry[name] for row in rows] for name in _OF_RECORDS}
    columns |= {
        "chart_id": [printable(library.chart_id[place]) for place in places],
        "identity": [library.identity[place] for place in places],
        "key": [row.key for row in rows],
        "chart_path": [store.path(row.key, row.entry["chart"]) for row in rows],
        "audio_path": [store.path(row.key, row.entry["audio"]) if row.entry["audio"] else "" for row in rows],
    }
    counts = [row.entry["technique"] or {} for row in rows]
    for name in TECHNIQUE_COLUMNS:
        columns[name] = pa.array([count.get(name.removeprefix("technique_")) for count in counts], pa.int64())
    columns["profile"] = pa.array(columns["profile"], PROFILES)
    return pa.table({name: columns[name] for name in (*_COLUMNS, *library.elements)})


def printable(text: str) -> str:
    """Return `text` without what UTF-8 cannot hold (file names may)."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def content_fingerprint(table: pa.Table) -> str:
    """Return the hash of the charts of `table`, in any order: their content, their records' keys, and their songs.

    A song's identity decides which charts are held out: a new title can move one to the other side of a split.
    """
    columns = (table[name].to_pylist() for name in ("content", "key", "identity"))
    parts = sorted(" ".join(values) for values in zip(*columns, strict=True))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def load(store: Path, fingerprint: str) -> pa.Table:
    """Return the table of the catalogue that was saved, or raise a `LibraryError`."""
    try:
        return pq.read_table(Catalogue(pa.table({}), store, fingerprint, []).path)
    except OSError as error:
        raise LibraryError(f"no catalogue '{fingerprint}' in the store '{store}': {error.strerror}") from error
