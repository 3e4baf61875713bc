"""``python -m groove.train experiment=a data.songs=DIR``: from a folder of songs to a verdict.

Without ``pretrained=`` a classifier is pretrained first, once per data and model, and reused. Without ``data.songs``
the generated library is used.
"""

from __future__ import annotations

import logging
import math
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from groove.charts.library.walk import check_folder
from groove.cli.entry import run_main
from groove.config.modules import BUILTIN
from groove.config.schema import TrainConfig
from groove.embedding.builtin import FOLDER
from groove.runs.folder import load_run
from groove.runs.layout import WEIGHTS_FILE, check_checkpoint

log = logging.getLogger("groove.train")


def run(cfg: TrainConfig) -> float | None:
    """Run one experiment as `cfg` says, into Hydra's output folder; of a sweep only what is not finished.

    Returns the number that a search goes by, of the last epoch; None where none is asked for or it was not measured.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if cfg.trainer.strategy == "ddp":  # torch reads these when it is imported
        os.environ.setdefault("OMP_NUM_THREADS", str(cfg.trainer.threads))  # else Lightning divides the cores
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # DDP's advice about unused parameters is wrong here
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    unfinished: TrainConfig | None = cfg
    if hydra.mode == RunMode.MULTIRUN:
        from groove.training.resume import continued

        unfinished = continued(cfg, folder)
    if unfinished is not None:
        train(unfinished, folder, hydra.overrides.task)
    value = load_run(folder).final(cfg.optimized_metric) if cfg.optimized_metric else math.nan
    return value if math.isfinite(value) else None


def train(cfg: TrainConfig, folder: Path, overrides: Sequence[str] = ()) -> None:
    """Run one experiment into `folder`: check, prepare, pretrain if needed, fit, judge, draw.

    `overrides` are the command line's words, of which those that change nothing are named.
    """
    from groove.training.distributed import Ranks, quiet, run_log

    check_checkpoint("pretrained", cfg.pretrained)  # before torch is imported
    check_checkpoint("ckpt_path", cfg.ckpt_path)
    if cfg.pretrained == BUILTIN:
        cfg = cfg.changed(pretrained=str(FOLDER / WEIGHTS_FILE))
    if cfg.data.songs:
        check_folder(Path(cfg.data.songs))

    with quiet():
        from groove.training.pipeline import check_settings, fit_and_report, load_data, starting_checkpoint
        from groove.training.resume import with_checkpoint

        cfg = with_checkpoint(cfg, folder)
        unused = check_settings(cfg, overrides)
        with run_log(folder):  # from here on there is a run
            for line in unused:
                log.info(line)
            data = load_data(cfg)
            log.info(f"run folder: {folder}")
            with Ranks(cfg, folder) as ranks:
                start = starting_checkpoint(cfg, data, ranks)
                fit_and_report(cfg, start, data, folder, ranks)
            command = f"python -m groove.recommend {shlex.quote(f'run={folder}')}"
            log.info(f'similar charts: {command} chart="Title [Hard]"')


if __name__ == "__main__":
    run_main(run, config_name="train", schema=TrainConfig)
