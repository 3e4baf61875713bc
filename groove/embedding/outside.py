"""A simfile that is in no library, as a model sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

from groove.charts.library.scan import twins
from groove.charts.library.walk import SIMFILE_SUFFIXES
from groove.config.schema import FeaturesConfig
from groove.embedding.apply import embed_library
from groove.embedding.embedded import EmbeddedLibrary
from groove.embedding.trained import TrainedModel
from groove.errors import LibraryError, SimfileError
from groove.features.catalogue import Catalogue, prepare_library

_SHOWN = 8


def embed_simfile(
    trained: TrainedModel, simfile: Path, store: Path, features: FeaturesConfig, steps_types: Sequence[str]
) -> EmbeddedLibrary:
    """Return the charts of the file `simfile`; its features go into `store`.

    Raises:
        LibraryError: if there is no such file, or it is a folder without a simfile, or with several.
        SimfileError: if it is no simfile, or none of its charts can be used, with the reasons.
    """
    simfile = the_simfile(simfile)
    catalogue = prepare_library(simfile.resolve().parent, store, features, steps_types)
    names = [Path(name).name for name in catalogue.table["simfile"].to_pylist()]
    if simfile.name not in names:
        raise SimfileError(f"no chart of {simfile} can be used: {_reasons(catalogue, simfile)}")
    own = pc.equal(catalogue.table["simfile"], simfile.name)
    table = catalogue.table.filter(own)
    part = Catalogue(table, catalogue.store, catalogue.fingerprint, catalogue.left_out)
    return embed_library(trained, part, simfile.parent)


def the_simfile(path: Path) -> Path:
    """Return `path`, or the only simfile of the folder `path`; an .ssc file stands for the .sm file of its name.

    Raises:
        LibraryError: if it does not exist, or is a folder without a simfile, or with several.
        SimfileError: if it is another file.
    """
    if path.is_dir():
        return _only_simfile(path)
    if not path.is_file():
        raise LibraryError(f"simfile={path} does not exist")
    if path.suffix.lower() not in SIMFILE_SUFFIXES:
        raise SimfileError(f"simfile={path} is not a {' or '.join(SIMFILE_SUFFIXES)} file")
    return path


def _only_simfile(folder: Path) -> Path:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SIMFILE_SUFFIXES and path.is_file())
    gone = twins(path.name for path in found)
    found = [path for path in found if path.name not in gone]
    if not found:
        raise LibraryError(f"simfile={folder} is a folder without a {' or '.join(SIMFILE_SUFFIXES)} file")
    if len(found) > 1:
        names = ", ".join(f'simfile="{path}"' for path in found[:_SHOWN])
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise LibraryError(f"simfile={folder} is a folder of {len(found)} simfiles; say which: {names}{more}")
    return found[0]


def _reasons(catalogue: Catalogue, simfile: Path) -> str:
    reasons = {f"{entry.chart} {entry.reason}".strip() for entry in catalogue.left_out if entry.path == simfile.name}
    return "; ".join(sorted(reasons)[:5]) or "it holds no chart"
