"""Weights & Biases: one run there for each fit, also for the pretraining; offline it lies in the run folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from groove.training.loggers.base import RunLogger, settings_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class WandbRun(WandbLogger, RunLogger):
    """Curves, figure, verdict and settings in Weights & Biases."""

    PACKAGE = "wandb"

    def __init__(
        self, folder: Path, first_epoch: int | None = None, project: str = "groove", offline: bool = True
    ) -> None:
        """Name the run as its `folder`; a run that goes on is a new one there."""
        os.environ.setdefault("WANDB_SILENT", "true")  # it prints banners and a summary
        WandbLogger.__init__(
            self,
            name=f"{folder.parent.name}/{folder.name}",
            project=project,
            save_dir=folder,
            offline=offline,
        )
        del self._wandb_init["anonymous"]  # an argument of Lightning's that wandb has no more, and warns of

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Log the settings as dotted keys."""
        super().log_hyperparams(settings_in(params))

    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Log a figure."""
        import wandb

        self.experiment.log({name: wandb.Image(figure)})

    def log_verdict(self, header: Sequence[str], rows: Sequence[Sequence[str]], step: int) -> None:
        """Log the verdict."""
        import wandb

        self.experiment.log({"verdict": wandb.Table(columns=list(header), data=[list(row) for row in rows])})

    def close(self) -> None:
        """End the run: the next fit of this process is another one."""
        self.experiment.finish()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End a run that failed; Lightning also calls this where much is still to be logged."""
        if status != "success" and self._experiment is not None:
            self.experiment.finish(exit_code=1)
