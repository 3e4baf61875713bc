"""The steps of ``python -m groove.train``, in the order they run; `groove/train.py` is their table of contents."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser

from groove.config.schema import NO_EFFECT, TrainConfig, checked, flat, plain
from groove.data.datamodule import GrooveDataModule
from groove.embedding.embedded import save
from groove.embedding.encode import encode
from groove.errors import GrooveError
from groove.features.catalogue import Catalogue
from groove.features.preparation import prepared
from groove.io.processes import alone
from groove.model.fusion import LateFusionClassifier
from groove.model.losses import ContrastiveLoss
from groove.model.weights import read_checkpoint
from groove.runs.layout import CHECKPOINTS, LAST, VERDICT_FILE
from groove.training.distributed import Ranks, first_rank, run_log
from groove.training.fit import Fit, build_model, make_trainer, untrained_model
from groove.training.module import make_objective
from groove.training.phases import resolve_phases
from groove.training.results import log_results, own_library, write_retrieval
from groove.training.resume import resume_command, resume_hint_on_disk_error

log = logging.getLogger(__name__)

_NOT_OF_THE_CLASSIFIER = (
    *(*NO_EFFECT, "data", "loss", "mining", "diagnostics", "pretrain", "pretrained"),
    *("trainer.devices", "trainer.num_nodes"),
)
"""Settings that do not decide a pretrained classifier, or are in its key otherwise."""
_OF_VERDICT = "triplet_margin"
"""What the verdict holds the triplet margin against, whatever the loss."""


def check_settings(cfg: TrainConfig, overrides: Sequence[str] = ()) -> list[str]:
    """Check everything that needs no song: model, loss, trainer, phases, checkpoints. A typo costs no epoch.

    Returns:
        A line for each of the command line's words `overrides` that cannot change what is trained.

    Raises:
        GrooveError: with the first mistake.
    """
    with torch.device("meta"):  # sizes without weights: nothing is allocated
        model = build_model(cfg, len(cfg.data.classes))
    resolve_phases(cfg.experiment, model)
    loss, _ = make_objective(cfg)
    make_trainer(cfg, Path(), [], False)  # an accelerator that is not there, a precision that it lacks
    for path in (cfg.pretrained, cfg.ckpt_path):
        if path:
            read_checkpoint(Path(path))
    return _unused(overrides, cfg, loss)


def _unused(overrides: Sequence[str], cfg: TrainConfig, loss: ContrastiveLoss) -> list[str]:
    """Return a line for each setting of loss and miner in `overrides` that changes nothing of `loss`.

    It is no mistake: a sweep of ``mining=random,hard`` over experiments is fair, though some losses take no triplets.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    words = {
        word.lstrip("+"): override.key_or_group
        for word, override in zip(overrides, parsed, strict=True)
        if override.key_or_group.partition(".")[0] in ("loss", "mining")
        and not override.is_delete()
        and override.value() is not None
    }
    if not any(phase.weights.contrastive for phase in cfg.experiment.phases):
        silent = f"no phase of experiment={cfg.experiment.name} weighs the contrastive loss"
        return [f"{word} changes nothing that is trained, only what is measured: {silent}" for word in words]
    reasons = ((word, _reason(key, loss)) for word, key in words.items())
    return [f"{word} {reason}" for word, reason in reasons if reason]


def _reason(key: str, loss: ContrastiveLoss) -> str | None:
    """Return why `key` changes nothing of `loss`; None if it does."""
    group, _, name = key.partition(".")
    kind = type(loss)
    if group == "mining":
        unlike = f"changes nothing that is trained, only what is measured: {kind.__name__} takes no triplets"
        return None if loss.uses_triplets else unlike
    accepted = inspect.signature(kind).parameters
    if not name or name == "_target_" or name in accepted:
        return None
    if name == _OF_VERDICT:
        return f"is not used by {kind.__name__}, only by the verdict, which holds the triplet margin against it"
    return f"changes nothing: {kind.__name__} has no {name}, only {', '.join(sorted(accepted))}"


def load_data(cfg: TrainConfig) -> tuple[GrooveDataModule, Catalogue]:
    """Prepare the library, split it, and print what there is to learn from."""
    catalogue = prepared(cfg.data, cfg.features)
    data = GrooveDataModule(catalogue.table, catalogue.store, cfg.data, cfg.model.max_frames, cfg.seed)
    print_data(data)
    return data, catalogue


def print_data(data: GrooveDataModule) -> None:
    """Print sizes of the splits, anchors without a pair per class, classes without triplets, and radar outliers."""
    for split, table in data.tables.items():
        songs = len(set(table.labels.song))
        counts = ", ".join(
            f"{name} {n['charts']} ({n['without_pair']} without a pair)" for name, n in data.pair_counts[split].items()
        )
        log.info(f"{split}: {len(table)} charts of {songs} songs: {counts}")
    for split in ("train", "val"):
        lacking = data.classes_without_triplets(split)
        if lacking:
            log.info(
                f"no {split} triplets in {len(lacking)} of {len(data.classes)} classes: {', '.join(lacking)}; "
                "a class needs several songs that differ in their radar"
            )
    outliers = data.scaler.outliers(data.train.radar)
    if len(outliers):
        named = ", ".join(data.train.chart_id[i] for i in outliers[:5]) + (", ..." if len(outliers) > 5 else "")
        log.info(f"{len(outliers)} training charts have an extreme radar (kept): {named}")
    sys.stdout.flush()


def starting_checkpoint(cfg: TrainConfig, data: GrooveDataModule, catalogue: Catalogue, ranks: Ranks) -> Path | None:
    """Return the checkpoint that the experiment starts from, pretraining one if needed; None: it starts untrained."""
    if cfg.ckpt_path or not (cfg.experiment.needs_pretrained or cfg.pretrained):
        return None
    return Path(cfg.pretrained) if cfg.pretrained else pretrained_checkpoint(cfg, data, catalogue, ranks)


def starting_models(
    cfg: TrainConfig, data: GrooveDataModule, start: Path | None
) -> tuple[LateFusionClassifier, LateFusionClassifier]:
    """Return the model that is trained, with the weights of `start`, and the untrained one that it is compared with."""
    untrained = untrained_model(cfg, data)  # seeds torch: the new projection head of the other is a function of it
    if start is None:
        return copy.deepcopy(untrained), untrained
    sizes = cfg.model.arguments | {"classes": len(data.classes), "frames_per_beat": cfg.features.frames_per_beat}
    model, report = LateFusionClassifier.from_pretrained(start, **sizes)
    log.info("\n".join([f"starting from {start}", *report.lines()]))
    return model, untrained


def pretrained_checkpoint(cfg: TrainConfig, data: GrooveDataModule, catalogue: Catalogue, ranks: Ranks) -> Path:
    """Return the classifier of this data and model, pretraining it if it is not there; an interrupted one goes on."""
    pretrain_cfg = pretraining_config(cfg)
    key = pretraining_key(pretrain_cfg, data.fingerprint(catalogue.fingerprint))
    folder = Path(cfg.pretrain.root) / key
    if not first_rank():  # the first one holds the lock for all, and starts the others only once it has looked
        return _pretrained(pretrain_cfg, catalogue, folder, ranks)
    with alone(folder.with_suffix(".lock")):  # jobs of a sweep that run side by side want the same one
        return _pretrained(pretrain_cfg, catalogue, folder, ranks)


def _pretrained(cfg: TrainConfig, catalogue: Catalogue, folder: Path, ranks: Ranks) -> Path:
    done = folder / CHECKPOINTS / LAST
    if (folder / VERDICT_FILE).is_file() and done.is_file():
        log.info(f"pretrained classifier of this data and model: {folder} (reused)")
        return done
    log.info(f"no pretrained classifier for this data and model: pretraining one into {folder}")
    resume = _readable(done)
    data = GrooveDataModule(catalogue.table, catalogue.store, cfg.data, cfg.model.max_frames, cfg.seed)
    model, untrained = starting_models(cfg, data, None)
    fit = Fit(cfg, model, data, folder, ranks)
    with resume_hint_on_disk_error(folder, "the same command"), run_log(folder):
        fit.run(resume)
        _report(fit, catalogue, untrained)
    return done


def _readable(path: Path) -> str | None:
    """Return `path` if it holds a checkpoint that an interrupted pretraining can go on from."""
    try:
        read_checkpoint(path)
    except GrooveError:
        return None
    return str(path)


def pretraining_config(cfg: TrainConfig) -> TrainConfig:
    """Return the settings of ``experiment=pretrain`` with this run's data, features, model, trainer and seed."""
    own = cfg.pretrain.model_dump(exclude={"root"})
    overrides = ["experiment=pretrain", *(f"pretrain.{key}={value}" for key, value in own.items())]
    base = checked(compose(config_name="train", overrides=overrides), TrainConfig)
    batches = {"batch_size": base.data.batch_size, "passes_per_epoch": base.data.passes_per_epoch}
    return cfg.changed(
        data=cfg.data.changed(triplets=base.data.triplets, **batches),
        model=cfg.model.changed(projection_dim=base.model.projection_dim),  # a fine-tuning's is new
        **{key: getattr(base, key) for key in ("loss", "mining", "optimizer", "experiment", "pretrained", "ckpt_path")},
    )


def pretraining_key(cfg: TrainConfig, data_fingerprint: str) -> str:
    """Return a name for the classifier: a hash of everything that decides its weights."""
    decides = flat(plain(cfg), _NOT_OF_THE_CLASSIFIER)
    batch_size = cfg.data.batch_size * cfg.trainer.devices * cfg.trainer.num_nodes
    parts = decides | {"data": data_fingerprint, "batch_size": batch_size}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def fit_experiment(
    cfg: TrainConfig, model: LateFusionClassifier, data: GrooveDataModule, folder: Path, ranks: Ranks
) -> Fit:
    """Train; on the way out of an interruption say how to go on."""
    fit = Fit(cfg, model, data, folder, ranks)
    log.info(f"run folder: {folder}")
    try:
        with resume_hint_on_disk_error(folder, resume_command(folder)):
            fit.run(cfg.ckpt_path)
    except (KeyboardInterrupt, SystemExit):
        if (folder / CHECKPOINTS / LAST).is_file():
            log.warning(f"interrupted; go on with: {resume_command(folder)}")
        raise
    return fit


def report_run(fit: Fit, catalogue: Catalogue, untrained: LateFusionClassifier) -> None:
    """Write retrieval, embeddings, verdict and figure of a finished fit, show them, and say where they lie.

    Raises:
        RunError: if the run folder cannot be written.
    """
    with resume_hint_on_disk_error(fit.folder, resume_command(fit.folder)):
        _report(fit, catalogue, untrained)


def _report(fit: Fit, catalogue: Catalogue, untrained: LateFusionClassifier) -> None:
    if not first_rank():
        return
    from rich.console import Console

    from groove.figures.training_curves import write_figure
    from groove.runs.folder import load_run
    from groove.runs.verdict.verdict import judge, verdict_table, write_verdict

    folder, model, data = fit.folder, fit.module.model, fit.data
    every = encode(model, data.charts, data.store)
    held_out = [split == "val" for split in data.split]
    vectors = {name: matrix[held_out] for name, matrix in every.items()}
    epoch_0 = {name: fit.monitor.reference[name].numpy() for name in vectors}
    write_retrieval(folder, model, untrained, data, vectors, epoch_0)
    embeddings = save(own_library(folder, fit.cfg, model, data, catalogue.fingerprint, every), folder)
    run = load_run(folder)
    verdict = judge(run)
    figure = write_figure(run, folder)
    log_results(fit.logger, fit.cfg, data, vectors, run, verdict)
    console = Console(width=max(100, min(160, shutil.get_terminal_size((140, 40)).columns)))
    console.print(verdict_table(verdict))
    log.info(verdict.summary)
    write_verdict(verdict, folder)  # last: its presence says that the run is complete
    log.info(f"verdict: {folder / VERDICT_FILE}\nfigure:  {figure}\ncharts:  {embeddings}")
