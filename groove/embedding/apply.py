"""A library, or the charts of one simfile, embedded by a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from groove.config.schema import FeaturesConfig
from groove.data.datamodule import chart_table
from groove.data.dataset import ChartTable
from groove.data.triplets import ChartLabels
from groove.embedding.embedded import EmbeddedLibrary, Provenance
from groove.embedding.encode import OnStep, encode
from groove.embedding.seen_songs import UNKNOWN, seen_before
from groove.embedding.trained import TrainedModel
from groove.errors import SimfileError
from groove.features.catalogue import Catalogue
from groove.features.preparation import prepare_library


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


def embed_simfile(
    trained: TrainedModel, simfile: Path, store: Path, features: FeaturesConfig, steps_types: Sequence[str]
) -> EmbeddedLibrary:
    """Return the charts of the file `simfile`; its features go into `store`.

    Raises:
        SimfileError: if none of its charts can be used, with the reasons.
    """
    catalogue = prepare_library(simfile.resolve().parent, store, features, steps_types)
    names = [Path(name).name for name in catalogue.table["simfile"].to_pylist()]
    if simfile.name not in names:
        raise SimfileError(f"no chart of {simfile} can be used: {_reasons(catalogue, simfile)}")
    own = pc.equal(catalogue.table["simfile"], simfile.name)
    table = catalogue.table.filter(own)
    part = Catalogue(table, catalogue.store, catalogue.fingerprint, catalogue.left_out)
    return embed_library(trained, part, simfile.parent)


def _reasons(catalogue: Catalogue, simfile: Path) -> str:
    reasons = {f"{entry.chart} {entry.reason}".strip() for entry in catalogue.left_out if entry.path == simfile.name}
    return "; ".join(sorted(reasons)[:5]) or "it holds no chart"


def scaled_table(trained: TrainedModel, catalogue: pa.Table) -> ChartTable:
    """Return the charts of `catalogue` with classes and scaled radars as `trained` knows them."""
    data = trained.settings.data
    table = chart_table(catalogue, data)
    labels = ChartLabels(trained.scaler(table.radar), table.labels.label, table.labels.song)
    return ChartTable(table.chart_id, table.chart_path, table.audio_path, table.frames, table.radar, labels)
