"""Which charts of a library a model's training has seen, and a whole library embedded by it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from groove.charts.identity import GENERIC_ARTISTS, normalise
from groove.data.datamodule import chart_table, slot_labels
from groove.data.dataset import ChartTable
from groove.data.triplets import ChartLabels
from groove.features.catalogue import Catalogue
from groove.retrieval.embedded import EmbeddedLibrary, Provenance
from groove.retrieval.encode import OnStep, encode
from groove.retrieval.trained import TrainedModel

UNKNOWN = "unknown"
"""The split of charts of which nobody can say whether the model's training saw them: its own library is not there."""
_RANK = {"train": 0, "val": 1}


def embed_library(
    trained: TrainedModel,
    catalogue: Catalogue,
    songs: Path,
    own: EmbeddedLibrary | None = None,
    on_step: OnStep = lambda what, done, total: None,
) -> EmbeddedLibrary:
    """Return all charts of `catalogue` as `trained` sees them.

    Args:
        trained: the model.
        catalogue: the prepared library, its features made with the model's own settings.
        songs: the library's folder, for the record.
        own: the library that the model was trained on; tells which charts it has seen.
        on_step: told of progress.
    """
    data = trained.settings["data"]
    table = scaled_table(trained, catalogue.table)
    vectors = encode(trained.model, table, catalogue.store, on_step=on_step)
    split = seen_before(catalogue.table, own) if own is not None else [UNKNOWN] * len(table)
    provenance = Provenance(
        checkpoint=str(trained.path),
        checkpoint_digest=trained.digest,
        experiment=trained.settings["experiment"]["name"],
        songs=str(songs),
        library=catalogue.fingerprint,
        trained_on=own.provenance.library if own is not None else UNKNOWN,
    )
    with_split = catalogue.table.append_column("split", pa.array(split, pa.string()))
    return EmbeddedLibrary(with_split, vectors, data["radar"], data["classes"], trained.scaler, provenance)


def scaled_table(trained: TrainedModel, catalogue: pa.Table) -> ChartTable:
    """Return the charts of `catalogue` with classes and scaled radars as `trained` knows them."""
    data = trained.settings["data"]
    table = chart_table(catalogue, slot_labels(data["classes"]), data["radar"])
    labels = ChartLabels(trained.scaler(table.radar), table.labels.label, table.labels.song)
    return ChartTable(table.chart_id, table.chart_path, table.audio_path, table.frames, table.radar, labels)


def seen_before(catalogue: pa.Table, own: EmbeddedLibrary) -> list[str]:
    """Return the split of each chart of `catalogue`: that of the song it is of, in the library trained on.

    The same song is one with the same notes, or the same title and artist; where both splits have it, it was trained
    on. All other charts are unseen.
    """
    known: dict[object, str] = {}
    for keys, split in zip(_keys(own.table), own.column("split"), strict=True):
        for key in keys if split in _RANK else ():
            known[key] = min(known.get(key, split), split, key=_RANK.__getitem__)
    found = []
    for keys in _keys(catalogue):
        splits = [known[key] for key in keys if key in known]
        found.append(min(splits, key=_RANK.__getitem__) if splits else "unseen")
    return found


def _keys(table: pa.Table) -> list[list[object]]:
    """Return what tells each chart's song: its content, and its normalised title and artist if they say anything."""
    columns = (table[name].to_pylist() for name in ("content", "title", "artist"))
    keys: list[list[object]] = []
    for content, title, artist in zip(*columns, strict=True):
        names = normalise(title), normalise(artist)
        keys.append([content, names] if names[0] and names[1] not in GENERIC_ARTISTS else [content])
    return keys


def library_key(trained: TrainedModel, catalogue: Catalogue) -> str:
    """Return the name of `catalogue` as embedded by `trained`: equal if and only if all of it would be equal."""
    charts: Sequence[str] = catalogue.table["chart_id"].to_pylist()
    names: Sequence[str] = catalogue.table["identity"].to_pylist()
    parts = [trained.digest, catalogue.fingerprint, *charts, *names]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
