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

from groove.errors import RunError, did_you_mean
from groove.runs.settings import settings_of

METRICS_FILE = "metrics.csv"
INFO_FILE = "run.json"
RETRIEVAL_FILE = "retrieval.json"
TRIPLET_LOSS = "AdaptiveTripletLoss"
TRIPLET_KINDS = ("a", "b", "baseline")
KINDS = ("a", "b", "c", "baseline", "pretrain", "control")


@dataclass(frozen=True)
class Phase:
    """One phase of a run: epochs `first_epoch`..`last_epoch`, both included."""

    name: str
    first_epoch: int
    last_epoch: int
    frozen: tuple[str, ...]
    weights: dict[str, float]

    @property
    def epochs(self) -> range:
        """Return the epochs of the phase."""
        return range(self.first_epoch, self.last_epoch + 1)


@dataclass(frozen=True)
class Metrics:
    """The table of ``metrics.csv``: one entry per epoch in every column."""

    epochs: tuple[int, ...]
    phases: tuple[str, ...]
    columns: dict[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class Run:
    """A run folder's contents; `info` is ``run.json``."""

    folder: Path
    metrics: Metrics
    info: dict[str, Any]
    retrieval: dict[str, Any] | None

    @property
    def experiment(self) -> str:
        """Return the name of the experiment."""
        return str(self.info["experiment"])

    @property
    def kind(self) -> str:
        """Return the rules the run is judged by, one of `KINDS`."""
        return str(self.info["verdict"])

    @property
    def last_epoch(self) -> int:
        """Return the last epoch that ``metrics.csv`` holds."""
        return self.metrics.epochs[-1]

    @property
    def training_epochs(self) -> range:
        """Return the epochs that trained: all but epoch 0."""
        return range(1, self.last_epoch + 1)

    @property
    def target_margin(self) -> float | None:
        """Return ``triplet_margin``, the target of the triplet margin."""
        value = self.info.get("triplet_margin")
        return float(value) if isinstance(value, int | float) else None

    @property
    def loss(self) -> str | None:
        """Return the name of the contrastive loss, with what it trains on where it has a choice; none in older runs."""
        value = self.info.get("loss")
        return str(value) if value else None

    @property
    def has_margin(self) -> bool:
        """Return whether the loss has a margin; an older run does not say, and has what its experiment has."""
        return self.kind in TRIPLET_KINDS if self.loss is None else self.loss == TRIPLET_LOSS

    @property
    def mines(self) -> bool:
        """Return whether the loss trains on triplets, whose negatives are mined."""
        return self.has_margin or "triplets" in (self.loss or "")

    @property
    def references(self) -> dict[str, float]:
        """Return the accuracy of each model without a network on the same held-out charts; none in older runs."""
        return self._finite_numbers("references")

    @property
    def references_by_song(self) -> dict[str, float]:
        """Return the same where the charts of a simfile are told together; none in older runs."""
        return self._finite_numbers("references_by_song")

    def _finite_numbers(self, key: str) -> dict[str, float]:
        given = self.info.get(key) or {}
        return {name: float(value) for name, value in given.items() if _finite(value)}

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """Return the phases that have an epoch; one without `last_epoch` lasts to the end of the run."""
        path = self.folder / INFO_FILE
        phases = (_phase(entry, self.last_epoch, path) for entry in self.info["phases"])
        return tuple(phase for phase in phases if phase.epochs)

    @cached_property
    def settings(self) -> tuple[str, ...]:
        """Return the overrides of the command line, without those that change nothing or stand in ``run.json``.

        Fold and split seed are among them only in older runs, whose ``run.json`` does not hold them.
        """
        return settings_of(self.folder, tuple(f"data.{key}" for key in ("split_seed", "fold") if key in self.info))

    def phase_at(self, epoch: int) -> Phase | None:
        """Return the phase of `epoch`; none trains at epoch 0."""
        return next((phase for phase in self.phases if epoch in phase.epochs), None)

    def is_frozen(self, module: str, epoch: int) -> bool:
        """Return whether `module` is frozen by the phase of `epoch`."""
        phase = self.phase_at(epoch)
        return phase is not None and module in phase.frozen

    def has(self, name: str) -> bool:
        """Return whether column `name` holds at least one finite value."""
        return any(_finite(value) for value in self.metrics.columns.get(name, ()))

    def column(self, name: str) -> tuple[float | None, ...]:
        """Return column `name` with only its finite values; an absent column is all `None`."""
        blank = (None,) * len(self.metrics.epochs)
        return tuple(value if _finite(value) else None for value in self.metrics.columns.get(name, blank))

    def at(self, name: str, epoch: int) -> float | None:
        """Return the finite value of column `name` at `epoch`, or `None`."""
        return self.column(name)[epoch] if 0 <= epoch <= self.last_epoch else None

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
        if name not in self.metrics.columns:
            return f"{METRICS_FILE} has no column {name}"
        wanted = list(epochs)
        missing = [epoch for epoch in wanted if self.at(name, epoch) is None]
        if not wanted or not missing:
            return f"no epoch in which {name} could be judged"
        if missing[0] > self.last_epoch:
            return f"the run ends at epoch {self.last_epoch}, before epoch {missing[0]}"
        cell = self.metrics.columns[name][missing[0]]
        return f"{name} is {'empty' if cell is None else cell} at epoch {missing[0]}"

    def modules(self, prefix: str) -> list[str]:
        """Return what follows ``prefix/`` in the column names, in the order of the file."""
        start = prefix + "/"
        return [name.removeprefix(start) for name in self.metrics.columns if name.startswith(start)]


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
    info = _checked_info(_read_json(folder / INFO_FILE), folder / INFO_FILE)
    retrieval = folder / RETRIEVAL_FILE
    metrics = _read_metrics(folder / METRICS_FILE)
    run = Run(folder, metrics, info, _read_json(retrieval) if retrieval.is_file() else None)
    _ = run.phases, run.settings  # a malformed one is an error of loading
    return run


def find_runs(root: Path) -> list[Path]:
    """Return `root` and the folders below it that hold a ``run.json`` or a ``metrics.csv``, complete or not."""
    found = {path.parent for name in (METRICS_FILE, INFO_FILE) for path in root.rglob(name)}
    return sorted(
        folder for folder in found if not any(part.startswith(".") for part in folder.relative_to(root).parts)
    )


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} holds a {type(content).__name__}, not an object")
    return content


def _checked_info(info: dict[str, Any], path: Path) -> dict[str, Any]:
    for key in ("experiment", "verdict", "phases"):
        if key not in info:
            raise RunError(f"{path} has no '{key}'")
    if info["verdict"] not in KINDS:
        raise RunError(f"{path}: verdict '{info['verdict']}' is unknown; {did_you_mean(str(info['verdict']), KINDS)}")
    if not isinstance(info["phases"], list):
        raise RunError(f"{path}: 'phases' must be a list, found {type(info['phases']).__name__}")
    for key in ("references", "references_by_song"):
        given = info.get(key) or {}
        if not isinstance(given, dict) or not all(_is_number(value) for value in given.values()):
            raise RunError(f"{path}: '{key}' must be an object of numbers, found {given!r}")
    return info


def _phase(entry: Any, last_epoch: int, path: Path) -> Phase:
    try:
        last = entry.get("last_epoch")
        return Phase(
            name=str(entry["name"]),
            first_epoch=int(entry["first_epoch"]),
            last_epoch=last_epoch if last is None else int(last),
            frozen=tuple(str(module) for module in entry.get("frozen") or ()),
            weights={str(loss): float(weight) for loss, weight in (entry.get("weights") or {}).items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: a phase needs name, first_epoch, frozen, weights; found {entry!r}") from error


def _read_metrics(path: Path) -> Metrics:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} is not readable CSV: {error}") from error
    if "epoch" not in header:
        raise RunError(f"{path}: the first line must name the columns, with 'epoch' among them")
    if not rows:
        raise RunError(f"{path} holds no epoch yet")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise RunError(f"{path} line {number}: {len(row)} cells for {len(header)} columns")
    raw = {name: [row[index] for row in rows] for index, name in enumerate(header)}
    phases = tuple(raw.pop("phase", [""] * len(rows)))
    epochs = _checked_epochs(_numbers(path, "epoch", raw.pop("epoch")), path)
    return Metrics(epochs, phases, {name: _numbers(path, name, cells) for name, cells in raw.items()})


def _checked_epochs(values: tuple[float | None, ...], path: Path) -> tuple[int, ...]:
    for expected, value in enumerate(values):
        if value != expected:
            found = "an empty cell" if value is None else f"{value:g}"
            raise RunError(
                f"{path} line {expected + 2}: epoch {found} where epoch {expected} was expected "
                "(epoch 0, before the first step, comes first and none is left out)"
            )
    return tuple(range(len(values)))


def _numbers(path: Path, name: str, cells: list[str]) -> tuple[float | None, ...]:
    return tuple(_number(path, name, number, cell) for number, cell in enumerate(cells, start=2))


def _number(path: Path, name: str, line: int, cell: str) -> float | None:
    try:
        return float(cell) if cell.strip() else None
    except ValueError as error:
        raise RunError(f"{path} line {line}, column {name}: '{cell}' is not a number") from error
