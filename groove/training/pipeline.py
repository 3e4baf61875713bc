"""The steps of ``python -m groove.train``, in the order they run; `groove/train.py` is their table of contents."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose
from omegaconf import OmegaConf

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.checks import check_training
from groove.config.schema import TrainConfig, checked, plain
from groove.data.datamodule import GrooveDataModule
from groove.embedding.embedded import save
from groove.embedding.encode import Vectors, encode
from groove.errors import GrooveError
from groove.features.catalogue import Catalogue
from groove.io.processes import alone
from groove.model.fusion import LateFusionClassifier
from groove.model.weights import LoadReport, read_checkpoint
from groove.prepare import prepared
from groove.runs import columns
from groove.runs.layout import CHECKPOINTS, LAST, VERDICT_FILE
from groove.training.distributed import Ranks, first_rank
from groove.training.fit import Fit, build_model, make_trainer, untrained_model
from groove.training.module import make_objective
from groove.training.phases import resolve_phases
from groove.training.results import own_library, retrieval_report, write_retrieval
from groove.training.storage import how_to_go_on, saying_how_to_go_on

SCALAR_PANELS = {"groove": {title: ["Multiline", names] for title, names in columns.TENSORBOARD_PANELS.items()}}
"""TensorBoard's page of custom scalars: the panels of the figure."""
_PROJECTOR = ("title", "difficulty", "meter", "pack", "chart_id")
"""What TensorBoard's projector knows of a chart, beside its radar."""


def check_settings(cfg: Any) -> None:
    """Check everything that needs no song: model, loss, trainer, phases, checkpoints. A typo costs no epoch.

    Raises:
        GrooveError: with the first mistake.
    """
    check_training(cfg)
    with torch.device("meta"):  # sizes without weights: nothing is allocated
        model = build_model(cfg, len(cfg.data.classes))
    resolve_phases(cfg.experiment.phases, cfg.experiment.epochs, model)
    make_objective(plain(cfg))
    make_trainer(cfg, Path(), [], False)  # an accelerator that is not there, a precision that it lacks
    for key in ("pretrained", "ckpt_path"):
        if cfg[key]:
            read_checkpoint(Path(cfg[key]))


def load_data(cfg: Any) -> tuple[GrooveDataModule, Catalogue]:
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
        print(f"{split}: {len(table)} charts of {songs} songs: {counts}")
    for split in ("train", "val"):
        lacking = data.classes_without_triplets(split)
        if lacking:
            print(
                f"no {split} triplets in {len(lacking)} of {len(data.classes)} classes: {', '.join(lacking)}; "
                "a class needs several songs that differ in their radar"
            )
    outliers = data.scaler.outliers(data.train.radar)
    if len(outliers):
        named = ", ".join(data.train.chart_id[i] for i in outliers[:5]) + (", ..." if len(outliers) > 5 else "")
        print(f"{len(outliers)} training charts have an extreme radar (kept): {named}")
    sys.stdout.flush()


def starting_model(cfg: Any, data: GrooveDataModule, catalogue: Catalogue, ranks: Ranks) -> LateFusionClassifier:
    """Return the model that the experiment starts from: untrained, from `pretrained`, or pretrained now and cached."""
    if cfg.ckpt_path or (not cfg.experiment.needs_pretrained and not cfg.pretrained):
        return untrained_model(cfg, data)
    path = Path(cfg.pretrained) if cfg.pretrained else pretrained_checkpoint(cfg, data, catalogue, ranks)
    constructor = {k: v for k, v in plain(cfg)["model"].items() if k != "_target_"}
    sizes = {"classes": len(data.classes), "frames_per_beat": cfg.features.frames_per_beat}
    build_model(cfg, len(data.classes))  # for torch's state after it: the new projection head is a function of the seed
    model, report = LateFusionClassifier.from_pretrained(path, **constructor, **sizes)
    print_load(path, report)
    return model


def print_load(path: Path, report: LoadReport) -> None:
    """Print what a checkpoint gave."""
    print(f"starting from {path}")
    for line in report.lines():
        print(line, flush=True)


def pretrained_checkpoint(cfg: Any, data: GrooveDataModule, catalogue: Catalogue, ranks: Ranks) -> Path:
    """Return the classifier of this data and model, pretraining it if it is not there; an interrupted one goes on."""
    pretrain_cfg = pretraining_config(cfg)
    key = pretraining_key(pretrain_cfg, data.fingerprint(catalogue.fingerprint))
    folder = Path(cfg.pretrain.root) / key
    if not first_rank():  # the first one holds the lock for all, and starts the others only once it has looked
        return _pretrained(cfg, pretrain_cfg, data, catalogue, folder, ranks)
    with alone(folder.with_suffix(".lock")):  # jobs of a sweep that run side by side want the same one
        return _pretrained(cfg, pretrain_cfg, data, catalogue, folder, ranks)


def _pretrained(
    cfg: Any, pretrain_cfg: Any, data: GrooveDataModule, catalogue: Catalogue, folder: Path, ranks: Ranks
) -> Path:
    done = folder / CHECKPOINTS / LAST
    if (folder / VERDICT_FILE).is_file() and done.is_file():
        print(f"pretrained classifier of this data and model: {folder} (reused)", flush=True)
        return done
    print(f"no pretrained classifier for this data and model: pretraining one into {folder}", flush=True)
    resume = _readable(done)
    own = GrooveDataModule(catalogue.table, catalogue.store, pretrain_cfg.data, cfg.model.max_frames, cfg.seed)
    fit = Fit(pretrain_cfg, untrained_model(pretrain_cfg, own), own, folder, ranks)
    with saying_how_to_go_on(folder, "the same command"):
        fit.run(resume)
        _report_run(fit, catalogue)
    return done


def _readable(path: Path) -> str | None:
    """Return `path` if it holds a checkpoint that an interrupted pretraining can go on from."""
    try:
        read_checkpoint(path)
    except GrooveError:
        return None
    return str(path)


def pretraining_config(cfg: Any) -> Any:
    """Return the settings of ``experiment=pretrain`` with this run's data, features, model, trainer and seed."""
    base = compose(config_name="train", overrides=["experiment=pretrain"])
    base.data.split_seed = cfg.data.split_seed
    merged: Any = OmegaConf.merge(OmegaConf.structured(TrainConfig), base)
    for key in ("features", "model", "trainer", "pretrain", "diagnostics", "seed"):
        merged[key] = cfg[key]
    merged.model = OmegaConf.merge(cfg.model, {"projection_dim": base.model.projection_dim})  # a fine-tuning's is new
    own = {"batch_size": cfg.pretrain.batch_size, "passes_per_epoch": 1, "triplets": merged.data.triplets}
    merged.data = OmegaConf.merge(cfg.data, own)
    return checked(merged, TrainConfig)


def pretraining_key(cfg: Any, data_fingerprint: str) -> str:
    """Return a name for the classifier: a hash of everything that decides its weights."""
    settings = plain(cfg)
    parts = {key: settings[key] for key in ("features", "model", "optimizer", "experiment", "seed")}
    batch_size = cfg.data.batch_size * cfg.trainer.devices * cfg.trainer.num_nodes
    parts |= {"data": data_fingerprint, "batch_size": batch_size, "precision": cfg.trainer.precision}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def fit_experiment(cfg: Any, model: LateFusionClassifier, data: GrooveDataModule, folder: Path, ranks: Ranks) -> Fit:
    """Train; on the way out of an interruption say how to go on."""
    fit = Fit(cfg, model, data, folder, ranks)
    print(f"run folder: {folder}", flush=True)
    try:
        with saying_how_to_go_on(folder, how_to_go_on(folder)):
            fit.run(cfg.ckpt_path)
    except (KeyboardInterrupt, SystemExit):
        if (folder / CHECKPOINTS / LAST).is_file():
            print(f"interrupted; go on with: {how_to_go_on(folder)}", file=sys.stderr)
        raise
    return fit


def report_run(fit: Fit, catalogue: Catalogue) -> None:
    """Write retrieval, embeddings, verdict and figure of a finished fit, show them, and say where they lie.

    Raises:
        RunError: if the run folder cannot be written.
    """
    with saying_how_to_go_on(fit.folder, how_to_go_on(fit.folder)):
        _report_run(fit, catalogue)


def _report_run(fit: Fit, catalogue: Catalogue) -> None:
    if not first_rank():
        return
    from rich.console import Console

    from groove.figures.training_curves import write_figure
    from groove.runs.folder import load_run
    from groove.runs.verdict.verdict import judge, verdict_table, write_verdict

    every = encode(fit.module.model, fit.data.charts, fit.data.store)
    held_out = [split == "val" for split in fit.data.split]
    vectors = {name: matrix[held_out] for name, matrix in every.items()}
    write_retrieval(retrieval_report(fit, vectors, untrained_model(fit.cfg, fit.data)), fit.folder)
    embeddings = save(own_library(fit, catalogue.fingerprint, every), fit.folder)
    run = load_run(fit.folder)
    verdict = judge(run)
    figure = write_figure(run, fit.folder)
    log_to_tensorboard(fit, verdict, run, vectors)
    console = Console(width=max(100, min(160, shutil.get_terminal_size((140, 40)).columns)))
    console.print(verdict_table(verdict))
    console.print(verdict.summary)
    write_verdict(verdict, fit.folder)  # last: its presence says that the run is complete
    print(f"verdict: {fit.folder / VERDICT_FILE}\nfigure:  {figure}\ncharts:  {embeddings}", flush=True)


def log_to_tensorboard(fit: Fit, verdict: Any, run: Any, vectors: Vectors) -> None:
    """Add figure, verdict, held-out embeddings, hyperparameters and final metrics to the run's TensorBoard files."""
    from groove.figures.training_curves import training_curves

    writer = fit.logger.experiment
    epochs = fit.cfg.experiment.epochs
    writer.add_custom_scalars(SCALAR_PANELS)
    add_projector(fit.data, vectors, writer, epochs)
    writer.add_figure("training_curves", training_curves(run), global_step=epochs)
    rows = "\n".join(f"| {i.name} | {i.value} | {i.bound} | {i.passed} | {i.hint} |" for i in verdict.indicators)
    writer.add_text("verdict", f"| indicator | value | bound | passed | hint |\n|---|---|---|---|---|\n{rows}", epochs)
    last = fit.monitor.rows[-1]
    shown = (columns.ACCURACY, columns.gain("pooled"), columns.COSINE)
    final = {f"final/{name}": last[name] for name in shown if name in last}
    fit.logger.log_hyperparams(_flat(plain(fit.cfg)), final)
    fit.logger.save()
    writer.flush()


def add_projector(data: GrooveDataModule, vectors: Vectors, writer: Any, epoch: int) -> None:
    """Add the held-out embeddings to TensorBoard's projector, with what each chart is."""
    table = data.val
    known = {row["chart_id"]: row for row in data.catalogue.select(_PROJECTOR).to_pylist()}
    rows = [
        [*(" ".join(str(known[chart_id][name]).split()) for name in _PROJECTOR), *(f"{value:.0f}" for value in radar)]
        for chart_id, radar in zip(table.chart_id, table.radar, strict=True)
    ]
    for name, matrix in vectors.items():
        writer.add_embedding(
            matrix.astype(np.float32),
            metadata=rows,
            metadata_header=[*_PROJECTOR, *RADAR_AXES],
            tag=name,
            global_step=epoch,
        )


def _flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level of dotted keys, lists as text."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
    return flat
