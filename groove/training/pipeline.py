"""The steps of ``python -m groove.train``, in the order they run; `groove/train.py` is their table of contents."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import torch
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser

from groove.config.schema import NO_EFFECT, TrainConfig, checked, flat, plain
from groove.data.datamodule import GrooveDataModule
from groove.data.scaler import BOUND
from groove.errors import ConfigError, GrooveError
from groove.features.preparation import prepared
from groove.io.processes import alone
from groove.model.losses import ContrastiveLoss, MetricLearningLoss, RadarRegressionLoss
from groove.model.weights import read_checkpoint
from groove.runs.layout import CHECKPOINTS, LAST, VERDICT_FILE
from groove.training.distributed import Ranks, first_rank, run_log
from groove.training.fit import Fit, build_model, make_trainer, starting_models
from groove.training.loggers.base import logger_class
from groove.training.module import make_objective
from groove.training.phases import resolve_phases
from groove.training.results import report
from groove.training.resume import data_identity, resume_command, resume_hint

log = logging.getLogger(__name__)

_NOT_OF_THE_CLASSIFIER = (
    *(*NO_EFFECT, "data", "loss", "mining", "diagnostics", "pretrain", "pretrained"),
    *("trainer.devices", "trainer.num_nodes"),
)
"""Settings that do not decide a pretrained classifier, or are in its key otherwise."""
_UNTRAINED = "has no effect on training, only on what is measured"


def check_settings(cfg: TrainConfig, overrides: Sequence[str] = ()) -> list[str]:
    """Check all that needs no song (model, loss, trainer, logger, phases, checkpoints), so that a typo costs no epoch.

    Returns a line for each of the command line's words `overrides` that cannot change what is trained.

    Raises:
        GrooveError: with the first mistake.
    """
    with torch.device("meta"):  # sizes without weights: nothing is allocated
        model = build_model(cfg, len(cfg.data.classes))
    resolve_phases(cfg.experiment, model)
    logger_class(cfg.logger)
    loss, _ = make_objective(cfg)
    ranks_no_labels = loss.uses_triplets or isinstance(loss, RadarRegressionLoss | MetricLearningLoss)
    if len(cfg.model.parts) > 1 and ranks_no_labels:
        raise ConfigError(
            f"model.parts has {', '.join(cfg.model.parts)}: several parts need a loss for continuous labels "
            f"(loss=rank_n_contrast), {type(loss).__name__} is none"
        )
    make_trainer(cfg, Path(), [], False)  # an accelerator that is not there, a precision that it lacks
    for path in (cfg.pretrained, cfg.ckpt_path):
        if path:
            read_checkpoint(Path(path))
    return _unused(overrides, cfg, loss)


def _unused(overrides: Sequence[str], cfg: TrainConfig, loss: ContrastiveLoss) -> list[str]:
    """Return a line for each setting of loss and miner in `overrides` that changes nothing of `loss`.

    It is no mistake: a sweep of ``mining=random,hard`` over experiments is fair, though some losses take no triplets.
    """
    silent = not any(phase.weights.contrastive for phase in cfg.experiment.phases)
    kind, accepted = type(loss).__name__, inspect.signature(type(loss)).parameters
    lines = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        group, _, name = override.key_or_group.partition(".")
        word = (override.input_line or "").lstrip("+")
        if group not in ("loss", "mining") or override.is_delete() or override.value() is None:
            continue
        if silent:
            lines.append(
                f"{word} {_UNTRAINED}: no phase of experiment={cfg.experiment.name} weighs the contrastive loss"
            )
        elif group == "mining" and not loss.uses_triplets:
            lines.append(f"{word} {_UNTRAINED}: {kind} uses no triplets")
        elif group == "mining" or name in ("", "_target_", *accepted):
            continue
        elif name == "triplet_margin":  # what the verdict holds the triplet margin against, whatever the loss
            lines.append(
                f"{word} is not used by {kind}, only by the verdict, which compares the triplet margin with it"
            )
        elif hasattr(loss, name):
            lines.append(f"{word} has no effect: {kind} fixes {name}")
        else:
            lines.append(f"{word} has no effect: {kind} has no {name}, only {', '.join(sorted(accepted))}")
    return lines


def load_data(cfg: TrainConfig) -> GrooveDataModule:
    """Prepare the library, split it, and say what there is to learn from: pairs, lacking triplets, radar outliers."""
    catalogue = prepared(cfg.data, cfg.features)
    model = cfg.model
    data = GrooveDataModule(catalogue.table, catalogue.store, cfg.data, model.max_frames, cfg.seed, model.parts)
    for split, table in data.tables.items():
        counts = ", ".join(
            f"{name} {n['charts']} ({n['without_pair']} without a pair)" for name, n in data.pair_counts[split].items()
        )
        log.info(f"{split}: {len(table)} charts of {len(set(table.labels.song))} songs: {counts}")
        if lacking := data.classes_without_triplets(split):
            log.info(
                f"no {split} triplets in {len(lacking)} of {len(data.classes)} classes: {', '.join(lacking)}; "
                "a class needs several songs that differ in their radar"
            )
    outliers = data.scaler.outliers(data.train.radar)
    if len(outliers):
        named = ", ".join(data.train.chart_id[i] for i in outliers[:5]) + (", ..." if len(outliers) > 5 else "")
        log.info(f"{len(outliers)} training charts have an extreme radar (kept, bounded at {BOUND:g} units): {named}")
    return data


def starting_checkpoint(cfg: TrainConfig, data: GrooveDataModule, ranks: Ranks) -> Path | None:
    """Return the checkpoint that the experiment starts from, pretraining one if needed; None: it starts untrained.

    A pretrained classifier of this data and model is reused, and one whose pretraining was interrupted goes on.
    """
    if cfg.ckpt_path or cfg.pretrained or not cfg.experiment.needs_pretrained:
        return Path(cfg.pretrained) if cfg.pretrained and not cfg.ckpt_path else None
    pretrain_cfg = pretraining_config(cfg)
    folder = Path(cfg.pretrain.root) / pretraining_key(pretrain_cfg, data)
    done = folder / CHECKPOINTS / LAST
    # jobs of a sweep that run side by side want the same one; the first rank holds the lock for all, and starts the
    # others only once it has looked
    with alone(folder.with_suffix(".lock")) if first_rank() else nullcontext():
        if (folder / VERDICT_FILE).is_file() and done.is_file():
            log.info(f"pretrained classifier of this data and model: {folder} (reused)")
            return done
        log.info(f"no pretrained classifier for this data and model: pretraining one into {folder}")
        with suppress(GrooveError):  # no epoch is kept: from the start
            read_checkpoint(done)
            pretrain_cfg = pretrain_cfg.changed(ckpt_path=str(done))
        own = GrooveDataModule(data.catalogue, data.store, pretrain_cfg.data, data.max_frames, data.seed)
        with run_log(folder):
            fit_and_report(pretrain_cfg, None, own, folder, ranks, "the same command")
    return done


def pretraining_config(cfg: TrainConfig) -> TrainConfig:
    """Return the settings of ``experiment=pretrain`` with this run's data, features, model, trainer and seed."""
    own = cfg.pretrain.model_dump(exclude={"root"})
    overrides = ["experiment=pretrain", *(f"pretrain.{key}={value}" for key, value in own.items())]
    base = checked(compose(config_name="train", overrides=overrides), TrainConfig)
    batches = {name: getattr(base.data, name) for name in ("batch_size", "min_steps")}
    return cfg.changed(
        data=cfg.data.changed(triplets=base.data.triplets, **batches),
        # a fine-tuning's embedding is new
        model=cfg.model.changed(projection_dim=base.model.projection_dim, parts=base.model.parts),
        **{key: getattr(base, key) for key in ("loss", "mining", "optimizer", "experiment", "pretrained", "ckpt_path")},
    )


def pretraining_key(cfg: TrainConfig, data: GrooveDataModule) -> str:
    """Return a name for the classifier: a hash of everything that decides its weights."""
    decides = flat(plain(cfg), _NOT_OF_THE_CLASSIFIER)
    batch_size = cfg.data.batch_size * cfg.trainer.devices * cfg.trainer.num_nodes
    parts = decides | {"data": data_identity(data)["fingerprint"], "batch_size": batch_size}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def fit_and_report(
    cfg: TrainConfig, start: Path | None, data: GrooveDataModule, folder: Path, ranks: Ranks, again: str | None = None
) -> None:
    """Train from the weights of `start`, then judge; `again` is how to go on after an interruption.

    Raises:
        RunError: if the run folder cannot be written.
    """
    model, untrained = starting_models(cfg, data, start)
    with resume_hint(folder, again or resume_command(folder)):
        fit = Fit(cfg, model, data, folder, ranks)
        fit.run()
        if first_rank():
            report(fit, untrained)
