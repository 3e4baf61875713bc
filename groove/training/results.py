"""What a run writes beside its numbers: ``run.json`` at its start; retrieval, embeddings and TensorBoard at its end."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from groove.charts.display import SHOWN
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.schema import ExperimentConfig, LossConfig, TrainConfig, flat, plain
from groove.data.datamodule import GrooveDataModule
from groove.data.trees import tree_references
from groove.embedding.embedded import EmbeddedLibrary, Provenance
from groove.embedding.encode import Vectors, blinded, encode
from groove.embedding.reference import raw_features
from groove.embedding.trained import weights_digest
from groove.io.files import write_json
from groove.model.fusion import LateFusionClassifier
from groove.retrieval.metrics import retrieval_metrics
from groove.runs import metric_columns as columns
from groove.runs.folder import Run, RunInfo
from groove.runs.layout import CHECKPOINTS, INFO_FILE, LAST, RETRIEVAL_FILE
from groove.runs.verdict.indicator import Verdict
from groove.training.module import GrooveModule
from groove.training.phases import ResolvedPhase

_PANELS = {"groove": {title: ["Multiline", names] for title, names in columns.TENSORBOARD_PANELS.items()}}
"""TensorBoard's page of custom scalars: the panels of the figure."""


def write_run_json(
    folder: Path, cfg: TrainConfig, module: GrooveModule, data: GrooveDataModule, phases: list[ResolvedPhase]
) -> None:
    """Write ``run.json``: what the report must know beside the numbers."""
    trees = tree_references(data, cfg.trainer.threads)
    content = {
        "experiment": cfg.experiment.name,
        "verdict": cfg.experiment.verdict,
        "seed": cfg.seed,
        "split_seed": cfg.data.split_seed,
        "fold": cfg.data.fold,
        "lr": cfg.optimizer.lr,
        "processes": cfg.trainer.devices * cfg.trainer.num_nodes,
        "loss": loss_name(cfg.loss),
        "loss_uses_triplets": module.contrastive_loss.uses_triplets,
        "loss_uses_margin": module.contrastive_loss.uses_margin,
        "triplet_margin": cfg.loss.triplet_margin,
        "warmup_epochs": cfg.experiment.warmup_epochs,
        "radar_in_projection": module.model.radar_in_projection,
        "classes": data.classes,
        "modules": module.model.module_names,
        "phases": [_phase_json(phase, cfg.experiment) for phase in phases],
        "parameters": {"total": sum(p.numel() for p in module.model.parameters())},
        "data": {
            "train": len(data.train),
            "val": len(data.val),
            "train_songs": len(set(data.train.labels.song)),
            "val_songs": len(set(data.val.labels.song)),
            "pair_counts": data.pair_counts,
        },
        "references": trees.by_chart,
        "references_joint": trees.by_song,
    }
    write_json(folder / INFO_FILE, RunInfo.model_validate(content).model_dump())


def loss_name(loss: LossConfig) -> str:
    """Return the name of the class of `loss`; of one of pytorch-metric-learning also what its pairs are made from."""
    if loss.name is None:
        return loss.target.rpartition(".")[2]
    return f"{loss.name} of {loss.pairs or 'triplets'}"


def _phase_json(phase: ResolvedPhase, experiment: ExperimentConfig) -> dict[str, Any]:
    """Return `phase` with its place among the configured ones, of which those without an epoch are not run."""
    return {
        "name": phase.name,
        "index": [other.name for other in experiment.phases].index(phase.name),
        "first_epoch": phase.first_epoch,
        "last_epoch": phase.last_epoch,
        "frozen": list(phase.frozen),
        "weights": phase.weights,
    }


def write_retrieval(
    folder: Path,
    model: LateFusionClassifier,
    untrained: LateFusionClassifier,
    data: GrooveDataModule,
    vectors: Vectors,
    epoch_0: Vectors,
) -> None:
    """Write ``retrieval.json``: held-out retrieval within a difficulty and across; what is undefined is null.

    Args:
        folder: the run folder.
        model: the trained network.
        untrained: a reference point: the same network before any training.
        data: the library.
        vectors: the held-out charts as `model` embeds them.
        epoch_0: the same before the first step.
    """
    val, store = data.val, data.store
    spaces = {
        "pooled": vectors["pooled"].astype(float),
        "projection": vectors["projection"].astype(float),
        "epoch0_pooled": epoch_0["pooled"].astype(float),
        "epoch0_projection": epoch_0["projection"].astype(float),
        "untrained_pooled": encode(untrained, val, store)["pooled"].astype(float),
        "blind_projection": _untied(encode(model, val, store, blinded)["projection"]),
        "raw_features": raw_features(val, store),
        "radar": val.labels.radar,
    }
    report = {
        "split": "val",
        "charts": len(val),
        "within_difficulty": {name: retrieval_metrics(x, val.labels) for name, x in spaces.items()},
        "across_difficulties": {name: retrieval_metrics(x, val.labels, within=False) for name, x in spaces.items()},
    }
    write_json(folder / RETRIEVAL_FILE, _without_nan(report))


def _untied(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return `vectors` (N, E) with a trace of noise, so that equal ones have random neighbours, not the first rows."""
    return vectors + 1e-5 * np.random.default_rng(0).standard_normal(vectors.shape)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and value != value else value


def own_library(
    folder: Path,
    cfg: TrainConfig,
    model: LateFusionClassifier,
    data: GrooveDataModule,
    fingerprint: str,
    vectors: Vectors,
) -> EmbeddedLibrary:
    """Return all charts of the library that `model` was trained on, embedded as `vectors`; `fingerprint` names it."""
    settings = cfg.data
    provenance = Provenance(
        checkpoint=str(folder / CHECKPOINTS / LAST),
        checkpoint_digest=weights_digest(model.state_dict()),
        experiment=cfg.experiment.name,
        songs=settings.songs or settings.generated.root,
        library=fingerprint,
        trained_on=fingerprint,
    )
    table = data.catalogue.append_column("split", pa.array(data.split, pa.string()))
    return EmbeddedLibrary(table, vectors, settings.radar, settings.classes, data.scaler, provenance)


class EventLogger(TensorBoardLogger):
    """TensorBoard's files; a disk error is raised as one, with the folder in it."""

    def purge_from(self, epoch: int) -> None:
        """Let TensorBoard forget what earlier files say of `epoch` and later: a resumed run repeats it."""
        self._kwargs["purge_step"] = epoch

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Log `metrics`, and have them in the file: a kill must not take epochs that a checkpoint counts as done.

        Raises:
            OSError: if the files cannot be written (Lightning calls every failure a wrong value).
        """
        try:
            super().log_metrics(metrics, step)
            self.save()
        except (ValueError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, OSError):
                raise
            raise OSError(cause.errno, cause.strerror or str(cause), cause.filename or self.log_dir) from error

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the files; after a failure that was already reported, say no more."""
        with suppress(*((OSError,) if status == "failed" else ())):
            super().finalize(status)


def log_results(
    logger: EventLogger, cfg: TrainConfig, data: GrooveDataModule, vectors: Vectors, run: Run, verdict: Verdict
) -> None:
    """Add figure, verdict, held-out `vectors`, hyperparameters and final metrics to the run's TensorBoard files."""
    from groove.figures.training_curves import training_curves

    writer, epochs = logger.experiment, cfg.experiment.epochs
    writer.add_custom_scalars(_PANELS)
    _add_projector(data, vectors, writer, epochs)
    writer.add_figure("training_curves", training_curves(run), global_step=epochs)
    rows = "\n".join(f"| {i.name} | {i.value} | {i.bound} | {i.passed} | {i.hint} |" for i in verdict.indicators)
    writer.add_text("verdict", f"| indicator | value | bound | passed | hint |\n|---|---|---|---|---|\n{rows}", epochs)
    shown = (columns.ACCURACY, columns.gain("pooled"), columns.COSINE)
    final = {f"final/{name}": value for name in shown if not math.isnan(value := run.final(name))}
    settings = {key: str(value) if isinstance(value, list) else value for key, value in flat(plain(cfg)).items()}
    logger.log_hyperparams(settings, final)
    logger.save()
    writer.flush()


def _add_projector(data: GrooveDataModule, vectors: Vectors, writer: Any, epoch: int) -> None:
    """Add the held-out embeddings to TensorBoard's projector, with what each chart is."""
    table = data.val
    known = {row["chart_id"]: row for row in data.catalogue.select(SHOWN).to_pylist()}
    metadata = [
        [*(" ".join(str(known[chart_id][name]).split()) for name in SHOWN), *(f"{value:.0f}" for value in radar)]
        for chart_id, radar in zip(table.chart_id, table.radar, strict=True)
    ]
    header = [*SHOWN, *RADAR_AXES]
    for name, matrix in vectors.items():
        writer.add_embedding(matrix.astype(np.float32), metadata, None, epoch, name, header)
