"""``python -m groove.train experiment=a data.songs=DIR``: from a folder of songs to a verdict.

Without ``pretrained=`` a classifier is pretrained first, once per data and model, and reused. Without ``data.songs``
the generated library is used.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path

from groove.charts.library.walk import check_folder
from groove.cli.entry import run_main
from groove.config.schema import TrainConfig
from groove.runs.layout import check_checkpoint

log = logging.getLogger(__name__)


def run(cfg: TrainConfig) -> None:
    """Run one experiment as `cfg` says, into Hydra's output folder."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from groove.training.distributed import set_environment

    set_environment(cfg.trainer)
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    if hydra.mode == RunMode.MULTIRUN:
        from groove.training.resume import continued

        unfinished = continued(cfg, folder)
        if unfinished is None:
            return
        cfg = unfinished
    train(cfg, folder, hydra.overrides.task)


def train(cfg: TrainConfig, folder: Path, overrides: Sequence[str] = ()) -> None:
    """Run one experiment into `folder`: check, prepare, pretrain if needed, fit, judge, draw.

    `overrides` are the command line's words, of which those that change nothing are named.
    """
    from groove.training.distributed import Ranks, quiet, run_log

    check_checkpoint("pretrained", cfg.pretrained)  # before torch is imported
    check_checkpoint("ckpt_path", cfg.ckpt_path)
    if cfg.data.songs:
        check_folder(Path(cfg.data.songs))

    with quiet(), run_log(folder):
        from groove.training.pipeline import (
            check_settings,
            fit_experiment,
            load_data,
            report_run,
            starting_checkpoint,
            starting_models,
        )
        from groove.training.resume import with_checkpoint

        cfg = with_checkpoint(cfg, folder)
        for line in check_settings(cfg, overrides):
            log.info(line)
        data, catalogue = load_data(cfg)
        with Ranks(cfg, folder) as ranks:
            model, untrained = starting_models(cfg, data, starting_checkpoint(cfg, data, catalogue, ranks))
            fit = fit_experiment(cfg, model, data, folder, ranks)
            report_run(fit, catalogue, untrained)
        log.info(f'charts like one: python -m groove.recommend {shlex.quote(f"run={folder}")} chart="Title [Hard]"')


if __name__ == "__main__":
    run_main(run, config_name="train", schema=TrainConfig)
