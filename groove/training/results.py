"""After the last epoch: held-out retrieval with its reference points, and every chart's embedding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from groove.charts.files import write_bytes, write_json
from groove.data.datamodule import GrooveDataModule
from groove.data.dataset import ChartBatch, ChartTable
from groove.features.frames import CHART_FEATURES
from groove.model.fusion import LateFusionClassifier
from groove.retrieval.metrics import retrieval_metrics
from groove.training.fit import Fit

_BLIND_FRAMES = 64
Vectors = dict[str, NDArray[np.float64]]
"""``pooled`` (N, D) and ``projection`` (N, E) of N charts."""


@torch.no_grad()
def encode(model: LateFusionClassifier, data: GrooveDataModule, table: ChartTable, blind: bool = False) -> Vectors:
    """Return pooled (N, D) and projection (N, E) outputs of `table`'s charts, in eval mode, in the table's order.

    With `blind` the model sees neither chart nor audio: what it still knows has leaked into it.
    """
    model.eval()
    device = next(model.parameters()).device
    pooled, projection, index = [], [], []
    for batch in data.evaluation_loader(table):
        if blind:
            batch = _blinded(batch)
        output = model(batch.to(device))
        pooled.append(output.pooled.float().cpu().numpy())
        projection.append(output.embedding.float().cpu().numpy())
        index.append(batch.index.numpy())
    order = np.argsort(np.concatenate(index))
    return {
        "pooled": np.concatenate(pooled)[order].astype(float),
        "projection": np.concatenate(projection)[order].astype(float),
    }


def _blinded(batch: ChartBatch) -> ChartBatch:
    """Return `batch` with nothing of its charts and audio left, their lengths and which have audio included."""
    charts = len(batch.lengths)
    return replace(
        batch,
        chart=batch.chart.new_zeros(charts, _BLIND_FRAMES, batch.chart.shape[2]),
        audio=batch.audio.new_zeros(charts, _BLIND_FRAMES, batch.audio.shape[2]),
        has_audio=torch.zeros_like(batch.has_audio),
        lengths=torch.full_like(batch.lengths, _BLIND_FRAMES),
    )


def _untied(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `vectors` (N, E) with a trace of noise, so that equal ones have random neighbours, not the first rows."""
    return vectors + 1e-5 * np.random.default_rng(0).standard_normal(vectors.shape)


def raw_features(data: GrooveDataModule, table: ChartTable) -> NDArray[np.float64]:
    """Return the mean of each chart's frames and of its rates per second, standardised, (N, 2 F): no network."""
    rows = []
    for path in table.chart_path:
        frames = np.load(data.store / path, mmap_mode="r").astype(np.float64)
        seconds = max(float(frames[:, CHART_FEATURES.index("seconds")].sum()), 1e-6)
        rows.append(np.concatenate([frames.mean(axis=0), frames.sum(axis=0) / seconds]))
    raw = np.stack(rows)
    return (raw - raw.mean(axis=0)) / (raw.std(axis=0) + 1e-9)


def retrieval_report(fit: Fit, final: Vectors, untrained: LateFusionClassifier) -> dict[str, Any]:
    """Return retrieval on the held-out charts within a difficulty and across, for `final` and its reference points."""
    val = fit.data.val
    spaces = {
        "pooled": final["pooled"],
        "projection": final["projection"],
        "epoch0_pooled": fit.monitor.reference["pooled"].double().numpy(),
        "epoch0_projection": fit.monitor.reference["projection"].double().numpy(),
        "untrained_pooled": encode(untrained, fit.data, val)["pooled"],
        "blind_projection": _untied(encode(fit.module.model, fit.data, val, blind=True)["projection"]),
        "raw_features": raw_features(fit.data, val),
        "radar": val.labels.radar,
    }
    within = {name: retrieval_metrics(x, val.labels) for name, x in spaces.items()}
    across = {name: retrieval_metrics(x, val.labels, within=False) for name, x in spaces.items()}
    return {"split": "val", "charts": len(val), "within_difficulty": within, "across_difficulties": across}


def write_retrieval(report: dict[str, Any], folder: Path) -> Path:
    """Write ``retrieval.json``; what is undefined (too few charts) is null."""
    path = folder / "retrieval.json"
    write_json(path, _without_nan(report))
    return path


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and value != value else value


def write_embeddings(fit: Fit, vectors: dict[str, Vectors]) -> Path:
    """Write ``embeddings.parquet``: chart_id, split, and the `vectors` by split of every chart with a class."""
    tables = []
    for split, table in fit.data.tables.items():
        columns: dict[str, Any] = {"chart_id": table.chart_id, "split": [split] * len(table)}
        columns |= {name: list(x.astype(np.float32)) for name, x in vectors[split].items()}
        tables.append(pa.table(columns))
    path = fit.folder / "embeddings.parquet"
    sink = pa.BufferOutputStream()
    pq.write_table(pa.concat_tables(tables), sink)
    write_bytes(path, sink.getvalue().to_pybytes())
    return path
