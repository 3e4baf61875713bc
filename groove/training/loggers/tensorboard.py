"""TensorBoard: the default logger, which shows everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from torch.utils.tensorboard.summary import hparams

from groove.runs import metric_columns as columns
from groove.runs.layout import TENSORBOARD
from groove.training.loggers.base import RunLogger, Vectors, markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS = {"groove": {title: ["Multiline", names] for title, names in columns.TENSORBOARD_PANELS.items()}}
"""The page of custom scalars, much as the figure's panels: the lines of one panel share a chart."""
_FIRST = "at_a_glance/{}".format
"""Charts that the page begins with, since it sorts by name: what every epoch prints."""


class EventLogger(TensorBoardLogger, RunLogger):
    """TensorBoard's files; a disk error is raised as one, with the folder in it."""

    def __init__(self, folder: Path, first_epoch: int | None = None, **_: Any) -> None:
        """Write into the run `folder`; from `first_epoch` on, what is there does not count."""
        super().__init__(folder, name=TENSORBOARD, version="", default_hp_metric=False, purge_step=first_epoch)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log `metrics`, and have them in the file: a kill must not take epochs that a checkpoint counts as done.

        Raises:
            OSError: with the folder as its file name, if that fails (Lightning calls every failure a wrong value).
        """
        first = {_FIRST(title.replace(" ", "_")): name for name, title in columns.IN_EPOCH_LINE.items()}
        try:
            for tag, name in ({name: name for name in metrics} | first).items():
                if name in metrics:
                    self.experiment.add_scalar(tag, metrics[name], step)
            self.save()
        except OSError as error:
            error.filename = str(Path(self.log_dir))
            raise

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Log `params`, and which curves share a chart."""
        super().log_hyperparams(params, *args, **kwargs)
        self.experiment.add_custom_scalars(_PANELS)

    def go_on(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Log nothing again: the files of the run are in its folder still."""

    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Log a figure."""
        self.experiment.add_figure(name, figure, global_step=step)

    def log_verdict(self, header: Sequence[str], rows: Sequence[Sequence[str]], step: int) -> None:
        """Log the verdict as Markdown."""
        self.experiment.add_text("verdict", markdown_table(header, rows), step)

    def log_vectors(self, vectors: Vectors, header: Sequence[str], about: Sequence[Sequence[str]], step: int) -> None:
        """Log vectors for the projector, which sorts spaces of equal size by name and opens the first."""
        for place, (name, matrix) in enumerate(vectors.items(), start=1):
            self.experiment.add_embedding(matrix, about, None, step, f"{place}_{name}", header)

    def log_result(self, settings: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Log settings for the page of hyperparameters, whose `metrics` are the ends of curves that are there."""
        texts = {key: str(value) if isinstance(value, list) else value for key, value in settings.items()}
        for summary in hparams(texts, dict(metrics)):
            self.experiment.file_writer.add_summary(summary)

    def close(self) -> None:
        """Have everything in the files."""
        self.save()
        self.experiment.flush()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the files; after a failure that was already reported, say no more."""
        with suppress(*((OSError,) if status == "failed" else ())):
            super().finalize(status)
