"""A library as a trained model sees it: every chart's metadata, radar and embeddings, in one Parquet file.

``embeddings.parquet`` has the catalogue's columns (`groove.features.catalogue`), then ``split`` (what the model's
training did with the chart), ``level`` (the meter predicted, `groove.embedding.level`; empty where the run has none),
``pooled`` and ``projection``. What the columns cannot say (the radar scaler, the classes, which checkpoint, which
library, the parts of `projection`, the error of ``level``) is in the file's metadata as JSON, under the key ``groove``.
The plain Euclidean distance of two rows of `projection` is the space's distance, default weights of the parts included.
Reading it needs neither torch nor the songs.
Dimension letters: N charts, D pooled features, E embedding size, R radar axes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.modules import part_columns
from groove.data.scaler import RadarScaler
from groove.data.triplets import ChartLabels
from groove.errors import RunError, did_you_mean
from groove.io.files import write_atomically
from groove.runs.layout import EMBEDDINGS_FILE

SPACES = ("projection", "pooled")
SPLITS = ("train", "val", "unseen")
"""Trained on; held out while training; of no song that the model's training knew (or of no class, as Edit is)."""
_METADATA = b"groove"


@dataclass(frozen=True)
class Provenance:
    """Where embeddings come from."""

    checkpoint: str  # path of the weights, as it was given
    checkpoint_digest: str  # SHA-256 of its weights, the first 16 digits
    experiment: str  # what trained it
    songs: str  # the folder of the library
    library: str  # fingerprint of the library's content
    trained_on: str  # that of the library that the model was trained on

    @property
    def own(self) -> bool:
        """Return whether the library is the one that the model was trained on."""
        return self.library == self.trained_on


@dataclass(frozen=True)
class EmbeddedLibrary:
    """N charts of one library, embedded by one model."""

    table: pa.Table  # the catalogue's columns, `split` and `level`, one row per chart, sorted by `chart_id`
    vectors: Mapping[str, NDArray[np.float32]]  # `pooled` (N, D) and `projection` (N, E)
    family: str  # whose radar the model learned, konami or stepmania
    classes: Mapping[str, list[str]]  # difficulty slots of each class, in order of difficulty
    scaler: RadarScaler  # the model's, fitted on what it was trained on
    provenance: Provenance
    weights: Mapping[str, float]  # of each part of `projection` in distances, in the order of their columns
    level_error: float | None = None  # of the column `level` on charts it was not fitted on, on average; None: unknown

    def __len__(self) -> int:
        return len(self.table)

    def space(self, name: str) -> NDArray[np.float32]:
        """Return the vectors called `name`; a `RunError` if there are none."""
        if name not in self.vectors:
            raise RunError(f"space '{name}' does not exist: {did_you_mean(name, self.vectors)}")
        return self.vectors[name]

    def column(self, name: str) -> list:
        """Return a column of the table as a list."""
        return self.table[name].to_pylist()

    @property
    def parts(self) -> dict[str, tuple[int, int]]:
        """Return the first column of `projection` that each part has, and the one after its last."""
        return part_columns(self.weights, self.vectors["projection"].shape[1] // len(self.weights))

    @cached_property
    def radar(self) -> NDArray[np.float64]:
        """Return the radar values as players know them, (N, R)."""
        return np.stack([self.table[f"{self.family}_{axis}"].to_numpy() for axis in RADAR_AXES], axis=1)

    @cached_property
    def scaled_radar(self) -> NDArray[np.float64]:
        """Return the radar in the scaler's units, (N, R): what distances between radars are measured in."""
        return self.scaler(self.radar)

    @cached_property
    def label(self) -> NDArray[np.int64]:
        """Return the class index of every chart, -1 where its slot is of no class (Edit), (N,)."""
        of_slot = {slot: index for index, slots in enumerate(self.classes.values()) for slot in slots}
        return np.array([of_slot.get(slot, -1) for slot in self.column("difficulty")], dtype=np.int64)

    @cached_property
    def song(self) -> NDArray[np.int64]:
        """Return a number per song, equal for the charts of one song, (N,)."""
        return np.unique(self.column("identity"), return_inverse=True)[1].astype(np.int64)

    @property
    def labels(self) -> ChartLabels:
        """Return what decides a chart's candidates and its true neighbors."""
        return ChartLabels(self.scaled_radar, self.label, self.song)

    def slots_like(self, slot: str) -> list[str]:
        """Return the difficulty slots that the model has in one class with `slot`; itself where it is of none."""
        return list(next((slots for slots in self.classes.values() if slot in slots), [slot]))

    def take(self, rows: NDArray[np.intp]) -> EmbeddedLibrary:
        """Return the charts at `rows`, in their order."""
        vectors = {name: matrix[rows] for name, matrix in self.vectors.items()}
        return replace(self, table=self.table.take(pa.array(rows, type=pa.int64())), vectors=vectors)


def save(library: EmbeddedLibrary, folder: Path) -> Path:
    """Write `library` into `folder` as `EMBEDDINGS_FILE`, whole or not at all; return the file's path."""
    return save_as(library, folder / EMBEDDINGS_FILE)


def save_as(library: EmbeddedLibrary, path: Path) -> Path:
    """Write `library` as the Parquet file `path`, whole or not at all; return the path."""
    table = library.table
    for name, matrix in library.vectors.items():
        flat = pa.array(np.ascontiguousarray(matrix, dtype=np.float32).ravel())
        table = table.append_column(name, pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1]))
    about = {
        "spaces": list(library.vectors),
        "family": library.family,
        "classes": {name: list(slots) for name, slots in library.classes.items()},
        "scaler": library.scaler.state(),
        "provenance": asdict(library.provenance),
        "parts": {name: list(columns) for name, columns in library.parts.items()},
        "weights": dict(library.weights),
        "level_error": library.level_error,
    }
    table = table.replace_schema_metadata({_METADATA: json.dumps(about).encode()})
    return write_atomically(path, lambda part: pq.write_table(table, part))


def load(path: Path) -> EmbeddedLibrary:
    """Read what `save` wrote.

    Raises:
        RunError: if there is no such file, or it is not one of groove's.
    """
    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {})[_METADATA])
        flat = {name: table[name].combine_chunks().flatten().to_numpy() for name in about["spaces"]}
        vectors = {name: values.reshape(-1, table[name].type.list_size) for name, values in flat.items()}
        scaler = RadarScaler(*(np.array(about["scaler"][key]) for key in ("center", "scale")))
        provenance = Provenance(**about["provenance"])
        family, classes, weights = about["family"], about["classes"], dict(about["weights"])
        level_error = about["level_error"]
    except FileNotFoundError as error:
        raise RunError(f"{path} does not exist: the run has not finished, or is not one of groove.train") from error
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{path} cannot be used ({type(error).__name__}): damaged, or of another version; "
            "delete it, and the library is embedded again (songs=DIR chooses another)"
        ) from error
    table = table.drop_columns(list(vectors)).replace_schema_metadata(None)
    return EmbeddedLibrary(table, vectors, family, classes, scaler, provenance, weights, level_error)
