"""What a run writes beside its numbers: ``run.json`` at its start; retrieval, embeddings and TensorBoard at its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.schema import LossConfig, TrainConfig, flat, plain
from groove.data.datamodule import GrooveDataModule
from groove.data.trees import tree_references
from groove.embedding.embedded import EmbeddedLibrary, Provenance
from groove.embedding.encode import Vectors, blinded, encode
from groove.embedding.reference import raw_features
from groove.embedding.trained import weights_digest
from groove.errors import naming
from groove.features.catalogue import content_fingerprint
from groove.io.files import write_json
from groove.model.fusion import LateFusionClassifier
from groove.retrieval.metrics import retrieval_metrics
from groove.runs import columns
from groove.runs.folder import Run
from groove.runs.info import RecordedPhase, RunInfo
from groove.runs.layout import CHECKPOINTS, INFO_FILE, LAST, RETRIEVAL_FILE
from groove.runs.verdict.indicator import Verdict
from groove.training.module import GrooveModule

_PANELS = {"groove": {title: ["Multiline", names] for title, names in columns.TENSORBOARD_PANELS.items()}}
"""TensorBoard's page of custom scalars: the panels of the figure."""
_PROJECTOR = ("title", "difficulty", "meter", "pack", "chart_id")
"""What TensorBoard's projector knows of a chart, beside its radar."""


def write_run_json(folder: Path, module: GrooveModule, data: GrooveDataModule, phases: list[RecordedPhase]) -> None:
    """Write ``run.json``: what the report must know beside the numbers."""
    cfg = module.cfg
    trees = tree_references(data, cfg.trainer.threads)
    content = {
        "experiment": cfg.experiment.name,
        "verdict": cfg.experiment.verdict,
        "seed": cfg.seed,
        "split_seed": cfg.data.split_seed,
        "fold": cfg.data.fold,
        "processes": cfg.trainer.devices * cfg.trainer.num_nodes,
        "loss": loss_name(cfg.loss),
        "loss_uses_triplets": module.contrastive_loss.uses_triplets,
        "loss_uses_margin": module.contrastive_loss.uses_margin,
        "triplet_margin": cfg.loss.triplet_margin,
        "radar_in_projection": module.model.radar_in_projection,
        "phases": [phase.model_dump() for phase in phases],
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


def write_retrieval(
    folder: Path,
    model: LateFusionClassifier,
    untrained: LateFusionClassifier,
    data: GrooveDataModule,
    vectors: Vectors,
    epoch_0: Vectors,
) -> None:
    """Write ``retrieval.json``: held-out retrieval within a difficulty and across; what is undefined is null.

    `vectors` are the held-out charts as `model` embeds them, `epoch_0` the same before the first step; the same network
    before any training, `untrained`, is a reference point too.
    """
    val, store = data.val, data.store
    blind = encode(model, val, store, blinded)["projection"]
    noise = 1e-5 * np.random.default_rng(0).standard_normal(blind.shape)  # equal ones have random neighbours
    spaces = {name: x.astype(float) for name, x in vectors.items()}
    spaces |= {f"epoch0_{name}": x.astype(float) for name, x in epoch_0.items()}
    spaces |= {
        "untrained_pooled": encode(untrained, val, store)["pooled"].astype(float),
        "blind_projection": blind + noise,
        "raw_features": raw_features(val, store),
        "radar": val.labels.radar,
    }
    report = {
        "split": "val",
        "charts": len(val),
        "within_difficulty": {name: retrieval_metrics(x, val.labels) for name, x in spaces.items()},
        "across_difficulties": {name: retrieval_metrics(x, val.labels, within=False) for name, x in spaces.items()},
    }
    write_json(folder / RETRIEVAL_FILE, json.loads(json.dumps(report), parse_constant=lambda nan: None))


def own_library(folder: Path, module: GrooveModule, data: GrooveDataModule, vectors: Vectors) -> EmbeddedLibrary:
    """Return all charts of the library that `module` was trained on, embedded as `vectors`."""
    cfg = module.cfg
    fingerprint = content_fingerprint(data.catalogue)
    provenance = Provenance(
        checkpoint=str(folder / CHECKPOINTS / LAST),
        checkpoint_digest=weights_digest(module.model.state_dict()),
        experiment=cfg.experiment.name,
        songs=cfg.data.songs or cfg.data.generated.root,
        library=fingerprint,
        trained_on=fingerprint,
    )
    table = data.catalogue.append_column("split", pa.array(data.split, pa.string()))
    return EmbeddedLibrary(table, vectors, cfg.data.radar, cfg.data.classes, data.scaler, provenance)


class EventLogger(TensorBoardLogger):
    """TensorBoard's files; a disk error is raised as one, with the folder in it."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log `metrics`, and have them in the file: a kill must not take epochs that a checkpoint counts as done.

        Raises:
            OSError: with the folder as its file name, if that fails (Lightning calls every failure a wrong value).
        """
        with naming(Path(self.log_dir)):
            for name, value in metrics.items():
                self.experiment.add_scalar(name, value, step)
            self.save()

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
    metadata = [
        [*(" ".join(str(text).split()) for text in row.values()), *(f"{value:.0f}" for value in radar)]
        for row, radar in zip(data.rows["val"].select(_PROJECTOR).to_pylist(), data.val.radar, strict=True)
    ]
    for name, matrix in vectors.items():
        writer.add_embedding(matrix.astype(np.float32), metadata, None, epochs, name, [*_PROJECTOR, *RADAR_AXES])
    writer.add_figure("training_curves", training_curves(run), global_step=epochs)
    rows = "\n".join(f"| {i.name} | {i.value} | {i.bound} | {i.passed} | {i.hint} |" for i in verdict.indicators)
    writer.add_text("verdict", f"| indicator | value | bound | passed | hint |\n|---|---|---|---|---|\n{rows}", epochs)
    shown = (columns.ACCURACY, columns.gain("pooled"), columns.COSINE)
    final = {f"final/{name}": value for name in shown if (value := run.final(name)) is not None}
    settings = {key: str(value) if isinstance(value, list) else value for key, value in flat(plain(cfg)).items()}
    logger.log_hyperparams(settings, final)
    logger.save()
    writer.flush()
