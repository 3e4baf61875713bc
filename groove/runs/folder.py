"""A run folder as read from disk: ``metrics.csv``, ``run.json`` and, where it exists, ``retrieval.json``.

Conventions: epoch 0 is the state before the first step, epochs are consecutive, an empty cell is "not measured"
(`None`), accuracies are fractions. NaN and infinity stay in the columns, so that they can be counted, and are
never handed out as a value.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from groove.errors import RunError
from groove.runs.columns import EPOCH, PHASE
from groove.runs.info import RecordedPhase, RunInfo, read_info
from groove.runs.layout import INFO_FILE, METRICS_FILE, RETRIEVAL_FILE
from groove.runs.settings import settings_of

Cells = tuple[float | None, ...]


@dataclass(frozen=True)
class Run:
    """A run folder's contents.

    Attributes:
        folder: where it lies.
        columns: of ``metrics.csv``, an entry per epoch.
        last_epoch: that ``metrics.csv`` holds.
        info: ``run.json``.
        retrieval: ``retrieval.json``.
    """

    folder: Path
    columns: dict[str, Cells]
    last_epoch: int
    info: RunInfo
    retrieval: dict[str, Any] | None

    @property
    def epochs(self) -> range:
        """Return all epochs, 0 included."""
        return range(self.last_epoch + 1)

    @property
    def training_epochs(self) -> range:
        """Return the epochs that trained: all but epoch 0."""
        return self.epochs[1:]

    @cached_property
    def settings(self) -> tuple[str, ...]:
        """Return the settings of the command line that decide a result and do not stand in ``run.json``."""
        return settings_of(self.folder, self.info.processes)

    def phase_at(self, epoch: int) -> RecordedPhase | None:
        """Return the phase of `epoch`; none trains at epoch 0."""
        return next((phase for phase in self.info.phases if epoch in phase.epochs), None)

    def is_frozen(self, module: str, epoch: int) -> bool:
        """Return whether `module` is frozen by the phase of `epoch`."""
        phase = self.phase_at(epoch)
        return phase is not None and module in phase.frozen

    def column(self, name: str) -> Cells:
        """Return column `name` with only its finite values; an absent column is all `None`."""
        cells = self.columns.get(name) or (None,) * len(self.epochs)
        return tuple(value if _finite(value) else None for value in cells)

    def at(self, name: str, epoch: int) -> float | None:
        """Return the finite value of column `name` at `epoch`, or `None`."""
        return self.column(name)[epoch] if epoch in self.epochs else None

    def final(self, name: str) -> float | None:
        """Return the value of column `name` at the last epoch, or `None`."""
        return self.at(name, self.last_epoch)

    def over(self, name: str, epochs: Iterable[int]) -> list[float] | None:
        """Return the values of column `name` over `epochs`; `None` where there are none or a single one is missing."""
        values = [self.at(name, epoch) for epoch in epochs]
        present = [value for value in values if value is not None]
        return present if present and len(present) == len(values) else None

    def why_missing(self, name: str, epochs: Iterable[int]) -> str:
        """Return why `over` has nothing for `name` over `epochs`, in words."""
        if name not in self.columns:
            return f"{METRICS_FILE} has no column {name}"
        missing = next((epoch for epoch in epochs if self.at(name, epoch) is None), None)
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
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder")
    for name in (METRICS_FILE, INFO_FILE):
        if not (folder / name).is_file():
            raise RunError(f"{folder} is not a run folder: it has no {name}")
    info = read_info(folder / INFO_FILE)
    columns, last_epoch = _read_metrics(folder / METRICS_FILE)
    run = Run(folder, columns, last_epoch, info, _read_retrieval(folder / RETRIEVAL_FILE))
    _ = run.settings  # a malformed file of them is an error of loading
    return run


def find_runs(root: Path) -> list[Path]:
    """Return `root` and the folders below it that hold a ``run.json`` or a ``metrics.csv``, complete or not."""
    found = {path.parent for name in (METRICS_FILE, INFO_FILE) for path in root.rglob(name)}
    return sorted(
        folder for folder in found if not any(part.startswith(".") for part in folder.relative_to(root).parts)
    )


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _read_retrieval(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} must be an object, found a {type(content).__name__}")
    return content


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
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise RunError(f"{path} line {line}: {len(row)} cells for {len(header)} columns")
    columns = {
        name: tuple(_number(path, name, line, row[place]) for line, row in enumerate(rows, start=2))
        for place, name in enumerate(header)
        if name != PHASE
    }
    for expected, epoch in enumerate(columns.pop(EPOCH)):
        if epoch != expected:
            found = "an empty cell" if epoch is None else f"{epoch:g}"
            raise RunError(
                f"{path} line {expected + 2}: epoch {found} where epoch {expected} was expected "
                "(epoch 0, before the first step, comes first and none is left out)"
            )
    return columns, len(rows) - 1


def _number(path: Path, name: str, line: int, cell: str) -> float | None:
    try:
        return float(cell) if cell.strip() else None
    except ValueError as error:
        raise RunError(f"{path} line {line}, column {name}: '{cell}' is not a number") from error
