"""MLflow: one run there for each fit, also for the pretraining; by default in a folder, without a server."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch.loggers import MLFlowLogger
from lightning.pytorch.utilities import rank_zero_only

from groove.training.loggers.base import RunLogger, markdown_table, settings_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class MlflowRun(MLFlowLogger, RunLogger):
    """Curves, figure, verdict and settings in MLflow."""

    PACKAGE = "mlflow"

    def __init__(
        self,
        folder: Path,
        first_epoch: int | None = None,
        project: str = "groove",
        tracking_uri: str = "outputs/mlruns",
    ) -> None:
        """Name the run as its `folder`; a run that goes on is a new one there."""
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 refuses folders otherwise
        uri = tracking_uri if ":" in tracking_uri else Path(tracking_uri).resolve().as_uri()
        name = f"{folder.parent.name}/{folder.name}"
        MLFlowLogger.__init__(self, experiment_name=project, run_name=name, tracking_uri=uri)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Log the settings as dotted keys."""
        super().log_hyperparams(settings_in(params))

    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Log a figure as a file of the run."""
        self.experiment.log_figure(self.run_id, figure, f"{name}.png")

    def log_verdict(self, header: Sequence[str], rows: Sequence[Sequence[str]], step: int) -> None:
        """Log the verdict as a Markdown file of the run."""
        self.experiment.log_text(self.run_id, markdown_table(header, rows), "verdict.md")

    def close(self) -> None:
        """End the run."""
        super().finalize("success")

    @rank_zero_only
    def finalize(self, status: str = "success") -> None:
        """End a run that failed; Lightning also calls this where much is still to be logged."""
        if status != "success":
            super().finalize(status)
