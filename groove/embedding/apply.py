"""A library, or the charts of one simfile, embedded by a trained model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from groove.charts.generated.write import MARKER
from groove.data.datamodule import chart_table
from groove.data.dataset import ChartTable
from groove.embedding.embedded import EmbeddedLibrary, Provenance
from groove.embedding.encode import encode
from groove.embedding.level import level_of_run, with_level
from groove.embedding.seen_songs import UNKNOWN, UNSEEN, seen_before
from groove.embedding.trained import TrainedModel
from groove.errors import SimfileError
from groove.features.catalogue import Catalogue
from groove.features.preparation import prepare_library
from groove.io.processes import OnStep, silent


def embed_library(
    trained: TrainedModel,
    catalogue: Catalogue,
    songs: Path,
    own: EmbeddedLibrary | None = None,
    on_step: OnStep = silent,
) -> EmbeddedLibrary:
    """Return all charts of `catalogue`, whose features are made with the settings of `trained`, as it sees them.

    `songs` is the folder, for the record; `own` the library that it was trained on, which tells what it has seen.
    """
    data = trained.settings.data
    table = scaled_table(trained, catalogue.table)
    vectors = encode(trained.model, table, catalogue.store, on_step=on_step)
    strange = (
        UNSEEN if data.songs is None and not (songs / MARKER).is_file() else UNKNOWN
    )  # trained on generated songs alone?
    split = seen_before(catalogue.table, own) if own is not None else [strange] * len(table)
    provenance = Provenance(
        checkpoint=str(trained.path),
        checkpoint_digest=trained.digest,
        experiment=trained.settings.experiment.name,
        songs=str(songs),
        library=catalogue.fingerprint,
        trained_on=own.provenance.library if own is not None else UNKNOWN,
    )
    level = level_of_run(trained.folder)
    columns = with_level(catalogue.table.append_column("split", pa.array(split, pa.string())), level)
    return EmbeddedLibrary(
        table=columns,
        vectors=vectors,
        family=data.radar,
        classes=data.classes,
        scaler=trained.scaler,
        provenance=provenance,
        weights=trained.model.parts.weights,
        level_error=None if level is None else level.error(provenance.own),
    )


def embed_simfile(trained: TrainedModel, simfile: Path, store: Path) -> EmbeddedLibrary:
    """Return the charts of the file `simfile`; its features go into `store`.

    Raises:
        SimfileError: if none of its charts can be used, with the reasons.
    """
    settings = trained.settings
    catalogue = prepare_library(simfile.resolve().parent, store, settings.features, list(settings.data.steps_types))
    own = [name == simfile.name for name in catalogue.table["simfile"].to_pylist()]
    table = catalogue.table.filter(pa.array(own, pa.bool_()))
    if not len(table):
        reasons = {f"{one.chart} {one.reason}".strip() for one in catalogue.left_out if one.path == simfile.name}
        why = "; ".join(sorted(reasons)[:5]) or "it holds no chart"
        raise SimfileError(f"no chart of {simfile} can be used: {why}")
    return embed_library(trained, replace(catalogue, table=table), simfile.parent)


def scaled_table(trained: TrainedModel, catalogue: pa.Table) -> ChartTable:
    """Return the charts of `catalogue` with classes and scaled radars as `trained` knows them."""
    data = trained.settings.data
    table = chart_table(catalogue, data)
    return replace(table, labels=replace(table.labels, radar=trained.scaler(table.radar)))
