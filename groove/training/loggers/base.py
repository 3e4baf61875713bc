"""`RunLogger`: everything that a run logs beside its numbers; its subclasses show what their service can."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.utils import get_class
from lightning.pytorch.loggers.logger import DummyLogger, Logger
from numpy.typing import NDArray

from groove.config.schema import LoggerConfig, flat
from groove.errors import ConfigError, install_command, one_line
from groove.runs import metric_columns as columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Vectors = Mapping[str, NDArray[np.float32]]


class RunLogger:
    """What a logger of Lightning needs beside its own methods, to be shown all that a run has.

    A subclass names its service's logger first and overrides what that service can show. What it cannot is left out
    here, in silence.
    """

    PACKAGE = ""
    """The module that must be installed, which is also the name of the extra that brings it."""

    def go_on(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Show the epochs `rows`, which a resumed run has behind it: where it goes on it is a new run."""
        for row in rows:
            numbers = {name: value for name, value in row.items() if isinstance(value, float)}
            self.log_metrics(numbers, step=row[columns.EPOCH])  # type: ignore[attr-defined]

    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Show a figure."""

    def log_verdict(self, header: Sequence[str], rows: Sequence[Sequence[str]], step: int) -> None:
        """Show the verdict, a table of texts."""

    def log_vectors(self, vectors: Vectors, header: Sequence[str], about: Sequence[Sequence[str]], step: int) -> None:
        """Show the vectors (N, D) of each space, the most important one first; `about` tells what each chart is."""

    def log_result(self, settings: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Show the settings beside the final values of some numbers, to compare runs by."""

    def close(self) -> None:
        """End the run: everything is logged."""


class NoLogger(DummyLogger, RunLogger):
    """Shows nothing: all that a run logs is in the files of its folder too."""

    def __init__(self, folder: Path, first_epoch: int | None = None) -> None:
        """Take what every logger is made with: the run folder, and the first epoch of a run that goes on."""
        super().__init__()


def settings_in(params: Any) -> dict[str, Any]:
    """Return the settings in the hyperparameters of a checkpoint as dotted keys."""
    return flat(params["config"]) if "config" in params else dict(params)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of texts as Markdown, on which a text's own bars do not draw."""
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def logger_class(settings: LoggerConfig) -> Any:
    """Return the class that `settings` name, a `RunLogger` and a logger of Lightning.

    Raises:
        ConfigError: if it is no `RunLogger`, or the package that it needs is not installed.
    """
    try:
        found = get_class(settings.target)
    except Exception as error:  # Hydra wraps whatever the import raised
        raise ConfigError(f"logger._target_ cannot be imported: {one_line(error)}") from error
    if not (issubclass(found, RunLogger) and issubclass(found, Logger)):
        raise ConfigError(f"logger._target_ must be a RunLogger as in groove.training.loggers, got {settings.target}")
    if found.PACKAGE and importlib.util.find_spec(found.PACKAGE) is None:
        raise ConfigError(
            f"logger={found.PACKAGE} needs {found.PACKAGE}, not installed here: {install_command(found.PACKAGE)}"
        )
    return found


def make_logger(settings: LoggerConfig, folder: Path, first_epoch: int | None) -> Any:
    """Return the logger of the run in `folder`; `first_epoch` is the first to be trained of a run that goes on.

    Raises:
        ConfigError: if it cannot be made: a wrong address, for instance.
    """
    chosen = logger_class(settings)
    try:
        return chosen(folder, first_epoch, **settings.model_dump(exclude={"target"}, exclude_none=True))
    except OSError:
        raise
    except Exception as error:  # of the service's own kinds
        raise ConfigError(f"logger={chosen.PACKAGE or settings.target}: {one_line(error)}") from error
