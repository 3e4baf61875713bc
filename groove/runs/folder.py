"""A run folder as read from disk: ``metrics.csv``, ``run.json`` and, where it exists, ``retrieval.json``.

Conventions: epoch 0 is the state before the first step, epochs are consecutive, accuracies are fractions. NaN is "not
measured": an empty cell, a column that is not there, a value that is not finite.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from groove.config.messages import line_of
from groove.config.schema import NO_EFFECT, VerdictKind
from groove.errors import RunError, one_line
from groove.runs.layout import INFO_FILE, METRICS_FILE, OVERRIDES_FILE, RETRIEVAL_FILE
from groove.runs.metric_columns import EPOCH, PHASE

Cells = tuple[float | None, ...]
STATED = (
    *("seed", "experiment", "data.split_seed", "data.fold", "trainer.devices", "trainer.num_nodes"),  # in run.json
    "pretrained",  # another file for every seed and fold
)


class _Recorded(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="allow", allow_inf_nan=False)


class RecordedPhase(_Recorded):
    """A phase that was trained: epochs `first_epoch`..`last_epoch`, both included.

    `index` is its place in ``experiment.phases``, where phases may have no epoch.
    """

    index: int
    name: str
    first_epoch: int
    last_epoch: int
    frozen: list[str]
    weights: dict[str, float]
    lr_factor: dict[str, float] = {}

    @property
    def epochs(self) -> range:
        """Return the epochs of the phase."""
        return range(self.first_epoch, self.last_epoch + 1)


class RunInfo(_Recorded):
    """The contents of ``run.json`` that reports read.

    Attributes:
        verdict: the rules the run is judged by.
        processes: that trained together, each with a batch of its own.
        triplet_margin: the target of the triplet margin, whatever the loss.
        references: accuracy of models without a network on the same held-out charts.
        references_joint: the same, by joint prediction per simfile.
    """

    experiment: str
    verdict: VerdictKind
    seed: int
    split_seed: int
    fold: int
    processes: int
    loss: str
    loss_uses_triplets: bool
    loss_uses_margin: bool
    triplet_margin: float
    radar_in_projection: bool
    phases: Annotated[list[RecordedPhase], Field(min_length=1)]
    parameters: dict[str, int]
    references: dict[str, float]
    references_joint: dict[str, float]


@dataclass(frozen=True)
class Run:
    """A run folder's contents.

    Attributes:
        folder: where it lies.
        columns: of ``metrics.csv`` as they stand there, an entry per epoch, `None` for an empty cell.
        last_epoch: that ``metrics.csv`` holds.
        info: ``run.json``.
        retrieval: ``retrieval.json``, empty where there is none.
    """

    folder: Path
    columns: dict[str, Cells]
    last_epoch: int
    info: RunInfo
    retrieval: dict[str, Any]

    @property
    def epochs(self) -> range:
        """Return all epochs, 0 included."""
        return range(self.last_epoch + 1)

    @cached_property
    def settings(self) -> tuple[str, ...]:
        """Return the settings of the command line that decide a result and do not stand in ``run.json``."""
        return settings_of(self.folder, self.info.processes)

    @property
    def blind_gain(self) -> float | None:
        """Return the retrieval gain of the trained network without any input, if it was measured."""
        found = (self.retrieval.get("blind") or {}).get("gain")
        return None if found is None else float(found)

    def phase_at(self, epoch: int) -> RecordedPhase | None:
        """Return the phase of `epoch`; none trains at epoch 0."""
        return next((phase for phase in self.info.phases if epoch in phase.epochs), None)

    def is_frozen(self, module: str, epoch: int) -> bool:
        """Return whether `module` is frozen by the phase of `epoch`."""
        phase = self.phase_at(epoch)
        return phase is not None and module in phase.frozen

    def column(self, name: str) -> NDArray[np.float64]:
        """Return column `name`, an entry per epoch."""
        cells = np.array(self.columns.get(name) or [None] * len(self.epochs), dtype=float)
        return np.where(np.isfinite(cells), cells, np.nan)

    def at(self, name: str, epoch: int) -> float:
        """Return column `name` at `epoch`."""
        return float(self.column(name)[epoch]) if epoch in self.epochs else math.nan

    def final(self, name: str) -> float:
        """Return column `name` at the last epoch."""
        return self.at(name, self.last_epoch)

    def why_missing(self, name: str, epochs: Iterable[int]) -> str:
        """Return why column `name` is not measured over all of `epochs`, in words."""
        if name not in self.columns:
            return f"{METRICS_FILE} has no column {name}"
        missing = next((epoch for epoch in epochs if math.isnan(self.at(name, epoch))), None)
        if missing is None:
            return f"no epoch in which {name} could be judged"
        if missing > self.last_epoch:
            return f"the run ends at epoch {self.last_epoch}, before epoch {missing}"
        cell = self.columns[name][missing]
        return f"{name} is {'empty' if cell is None else cell} at epoch {missing}"


def load_run(folder: Path) -> Run:
    """Read the run in `folder`.

    Raises:
        RunError: a file is missing or corrupt, or does not hold what a report needs; the text is one line.
    """
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder")
    for name in (METRICS_FILE, INFO_FILE):
        if not (folder / name).is_file():
            raise RunError(f"{folder} is not a run folder: it has no {name}")
    info = _read_info(folder / INFO_FILE)
    columns, last_epoch = _read_metrics(folder / METRICS_FILE)
    retrieval = _read_json(folder / RETRIEVAL_FILE) if (folder / RETRIEVAL_FILE).is_file() else {}
    run = Run(folder, columns, last_epoch, info, retrieval)
    _ = run.settings  # a malformed file of them is an error of loading
    return run


def find_runs(root: Path) -> list[Path]:
    """Return `root` and the folders below it that hold a ``run.json`` or a ``metrics.csv``, complete or not."""
    found = {path.parent for name in (METRICS_FILE, INFO_FILE) for path in root.rglob(name)}
    return sorted(
        folder for folder in found if not any(part.startswith(".") for part in folder.relative_to(root).parts)
    )


def settings_of(folder: Path, processes: int = 1) -> tuple[str, ...]:
    """Return the overrides of the run in `folder`, sorted, without what changes no result or stands in ``run.json``.

    The batch is per process, so `processes`, of one machine or several, are a setting where there is more than one.

    Raises:
        RunError: the file that holds them cannot be read.
    """
    texts = [f"trainer.devices={processes}"] * (processes > 1)
    for override in _overrides(folder / OVERRIDES_FILE):
        key, equals, value = override.lstrip("+").partition("=")  # with + or without, it is the same setting
        if key.lstrip("~") in NO_EFFECT + STATED or key.lstrip("~").startswith(("hydra.", "hydra/")):
            continue
        quoted = re.fullmatch(r"""(["'])(.*)\1""", value.strip(), re.DOTALL)  # Hydra's grammar allows quotes
        texts.append(key + equals + (quoted[2].replace(f"\\{quoted[1]}", quoted[1]) if quoted else value))
    return tuple(sorted(texts))


def _overrides(path: Path) -> list[str]:
    from omegaconf import OmegaConf

    if not path.is_file():
        return []
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except Exception as error:  # of the parser, the encoding or the disk: each has its own
        raise RunError(f"{path} is not readable YAML: {one_line(error)}") from error
    if not isinstance(content, list):
        raise RunError(f"{path} must be a list of overrides, found a {type(content).__name__}")
    return list(map(str, content))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} must be an object, found a {type(content).__name__}")
    return content


def _read_info(path: Path) -> RunInfo:
    content = _read_json(path)
    try:
        return RunInfo.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "missing":
            raise RunError(f"{path} has no '{'.'.join(map(str, first['loc']))}'") from error
        raise RunError(f"{path}: {line_of(error, RunInfo)}") from error


def _read_metrics(path: Path) -> tuple[dict[str, Cells], int]:
    """Return the columns of numbers, and the last epoch."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} is not readable CSV: {error}") from error
    if EPOCH not in header:
        raise RunError(f"{path}: the first line must name the columns, with '{EPOCH}' among them")
    if not rows:
        raise RunError(f"{path} holds no epoch yet")
    columns: dict[str, list[float | None]] = {name: [] for name in header if name != PHASE}
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise RunError(f"{path} line {line}: {len(row)} cells for {len(header)} columns")
        for name, cell in dict(zip(header, row, strict=True)).items():
            try:
                if name != PHASE:
                    columns[name].append(float(cell) if cell.strip() else None)
            except ValueError as error:
                raise RunError(f"{path} line {line}, column {name}: '{cell}' is not a number") from error
        epoch = columns[EPOCH][-1]
        if epoch != line - 2:
            raise RunError(
                f"{path} line {line}: epoch {'an empty cell' if epoch is None else f'{epoch:g}'} where epoch "
                f"{line - 2} was expected (epoch 0, before the first step, comes first and none is left out)"
            )
    del columns[EPOCH]
    return {name: tuple(cells) for name, cells in columns.items()}, len(rows) - 1
