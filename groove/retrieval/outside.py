"""A simfile that is in no library, as a model sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from groove.errors import LibraryError, SimfileError
from groove.features.catalogue import Catalogue, prepare_library
from groove.retrieval.embedded import EmbeddedLibrary
from groove.retrieval.libraries import embed_library
from groove.retrieval.trained import TrainedModel

_SUFFIXES = (".sm", ".ssc")


def embed_simfile(
    trained: TrainedModel, simfile: Path, store: Path, features: Any, steps_types: Sequence[str]
) -> EmbeddedLibrary:
    """Return the charts of the file `simfile`; its features go into `store`.

    Raises:
        LibraryError: if there is no such file.
        SimfileError: if it is no simfile, or none of its charts can be used, with the reasons.
    """
    if not simfile.is_file():
        raise LibraryError(f"simfile={simfile} does not exist")
    if simfile.suffix.lower() not in _SUFFIXES:
        raise SimfileError(f"simfile={simfile} is not a {' or '.join(_SUFFIXES)} file")
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
