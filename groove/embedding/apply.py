"""A whole library embedded by a trained model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from groove.data.datamodule import chart_table
from groove.data.dataset import ChartTable
from groove.data.slots import slot_labels
from groove.data.triplets import ChartLabels
from groove.embedding.embedded import EmbeddedLibrary, Provenance
from groove.embedding.encode import OnStep, encode
from groove.embedding.seen_songs import UNKNOWN, seen_before
from groove.embedding.trained import TrainedModel
from groove.features.catalogue import Catalogue


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
    data = trained.settings.data
    table = scaled_table(trained, catalogue.table)
    vectors = encode(trained.model, table, catalogue.store, on_step=on_step)
    split = seen_before(catalogue.table, own) if own is not None else [UNKNOWN] * len(table)
    provenance = Provenance(
        checkpoint=str(trained.path),
        checkpoint_digest=trained.digest,
        experiment=trained.settings.experiment.name,
        songs=str(songs),
        library=catalogue.fingerprint,
        trained_on=own.provenance.library if own is not None else UNKNOWN,
    )
    with_split = catalogue.table.append_column("split", pa.array(split, pa.string()))
    return EmbeddedLibrary(with_split, vectors, data.radar, data.classes, trained.scaler, provenance)


def scaled_table(trained: TrainedModel, catalogue: pa.Table) -> ChartTable:
    """Return the charts of `catalogue` with classes and scaled radars as `trained` knows them."""
    data = trained.settings.data
    table = chart_table(catalogue, slot_labels(data.classes), data.radar)
    labels = ChartLabels(trained.scaler(table.radar), table.labels.label, table.labels.song)
    return ChartTable(table.chart_id, table.chart_path, table.audio_path, table.frames, table.radar, labels)


def is_of(library: EmbeddedLibrary, trained: TrainedModel, catalogue: Catalogue) -> bool:
    """Return whether `library` is just what `embed_library` would make of `catalogue` with `trained`."""
    origin = library.provenance
    same = (origin.checkpoint_digest, origin.library) == (trained.digest, catalogue.fingerprint)
    return same and all(library.table[name].equals(catalogue.table[name]) for name in ("chart_id", "identity"))


def library_key(trained: TrainedModel, catalogue: Catalogue) -> str:
    """Return the name of `catalogue` as embedded by `trained`: equal if and only if all of it would be equal."""
    charts: Sequence[str] = catalogue.table["chart_id"].to_pylist()
    names: Sequence[str] = catalogue.table["identity"].to_pylist()
    parts = [trained.digest, catalogue.fingerprint, *charts, *names]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
