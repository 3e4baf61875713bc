"""Synthetic run folders, straight enough to re-derive every number of a verdict by hand.

`good_a`, `good_b`, `rigid_baseline` and `good_pretrain` write a complete run folder; `change` replaces columns:
``{"val/accuracy": [..]}`` all of it, ``{"val/accuracy": {3: 0.5}}`` single epochs, ``{"val/accuracy": None}`` drops it.
A value of `None` inside a column is an empty cell.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Column = list[float | None]
Change = Mapping[str, Sequence[float | None] | Mapping[int, float | None] | None]

MODULES = ("audio_encoder", "chart_encoder", "fusion_module", "backbone", "classifier_head", "projection_head")
LAYERS = ("audio_encoder", "chart_encoder", "fusion_module", "backbone", "pooled", "projection")
WARMUP, LAST = 5, 20

PHASES_A = [
    {
        "index": 0,
        "name": "warmup",
        "first_epoch": 1,
        "last_epoch": WARMUP,
        "frozen": ["classifier_head"],
        "weights": {"classification": 0.0, "contrastive": 2.0},
    },
    {
        "index": 1,
        "name": "finetune",
        "first_epoch": WARMUP + 1,
        "last_epoch": LAST,
        "frozen": [],
        "weights": {"classification": 0.3, "contrastive": 2.0},
    },
]
PHASES_B = [
    {
        "index": 0,
        "name": "training",
        "first_epoch": 1,
        "last_epoch": LAST,
        "frozen": ["audio_encoder", "chart_encoder"],
        "weights": {"classification": 0.8, "contrastive": 2.0},
    }
]
PHASES_BASELINE = [
    {
        "index": 0,
        "name": "training",
        "first_epoch": 1,
        "last_epoch": LAST,
        "frozen": [],
        "weights": {"classification": 0.8, "contrastive": 1.0},
    }
]
PHASES_PRETRAIN = [
    {
        "index": 0,
        "name": "pretrain",
        "first_epoch": 1,
        "last_epoch": LAST,
        "frozen": [],
        "weights": {"classification": 1.0, "contrastive": 0.0},
    }
]


def ramp(start: float, end: float, first: int = 0, last: int = LAST) -> Column:
    """Return `start` at epoch `first` to `end` at epoch `last` in equal steps."""
    return [start + (end - start) * (i / (last - first)) for i in range(last - first + 1)]


def good_a(folder: Path, change: Change | None = None, **info: Any) -> Path:
    """Write a run of experiment a that passes: dip of 8 points by epoch 5, loss 2.0 -> 1.0 -> 0.7, cosine 0.90."""
    columns = _columns(cosine_end=0.90, margin_end=1.2, gain_end=0.45)
    columns["val/accuracy"] = ramp(0.81, 0.73, 0, 5) + ramp(0.735, 0.805, 6, 20)
    columns["val/contrastive_loss"] = ramp(2.0, 1.0, 0, 5) + ramp(0.98, 0.7, 6, 20)
    columns["grad_norm/classifier_head"] = [*[None] * 6, *[0.1] * 15]
    columns["weight_change/classifier_head"] = [*[0.0] * 6, *ramp(0.01, 0.05, 6, 20)]
    return write_run(folder, "a", PHASES_A, columns, change, info)


def good_b(folder: Path, change: Change | None = None, **info: Any) -> Path:
    """Write a run of experiment b that passes: accuracy 0.81 -> 0.80, loss 1.5 -> 0.7, cosine 0.97, encoders frozen."""
    columns = _columns(cosine_end=0.97, margin_end=0.9, gain_end=0.40)
    columns["val/accuracy"] = ramp(0.81, 0.80)
    columns["val/contrastive_loss"] = ramp(1.5, 0.7)
    for encoder in ("audio_encoder", "chart_encoder"):
        del columns[f"grad_norm/{encoder}"]  # as the training part does: a module frozen throughout has no column
        columns[f"weight_change/{encoder}"] = [0.0] * 21
        columns[f"drift/{encoder}/cosine"] = [1.0] * 21
        columns[f"drift/{encoder}/l2"] = [0.0] * 21
    return write_run(folder, "b", PHASES_B, columns, change, info)


def rigid_baseline(folder: Path, change: Change | None = None, **info: Any) -> Path:
    """Write the patient: accuracy 0.80 throughout, loss 1.0 -> 0.95, cosine 0.995, classification gradients tiny."""
    columns = _columns(cosine_end=0.995, margin_end=0.1, gain_end=0.28)
    columns["val/accuracy"] = [0.80] * 21
    columns["val/contrastive_loss"] = ramp(1.0, 0.95)
    columns["val/positive_margin_fraction"] = ramp(0.5, 0.55)
    columns["grad_norm_classification/backbone"] = [5e-4] * 21
    columns["grad_norm_contrastive/backbone"] = [2e-4] * 21
    return write_run(folder, "baseline", PHASES_BASELINE, columns, change, info)


def good_pretrain(folder: Path, change: Change | None = None, **info: Any) -> Path:
    """Write a pretrained classifier that ends at 0.82, with the triplet columns empty."""
    columns = _columns(cosine_end=0.3, margin_end=0.0, gain_end=0.3)
    columns["val/accuracy"] = ramp(0.25, 0.82)
    columns["val/joint_accuracy"] = ramp(0.3, 0.92)
    columns["val/probe_accuracy"] = ramp(0.5, 0.83)
    columns["val/knn_accuracy"] = ramp(0.5, 0.79)
    triplets = ("contrastive_loss", "ap_dist", "an_dist", "triplet_margin", "positive_margin_fraction")
    columns |= {f"val/{name}": [None] * 21 for name in triplets}
    columns["train/contrastive_loss"] = [None] * 21
    columns["grad_norm/projection_head"] = [0.0] * 21
    return write_run(folder, "pretrain", PHASES_PRETRAIN, columns, change, info)


def write_run(
    folder: Path,
    kind: str,
    phases: list[dict[str, Any]],
    columns: dict[str, Column],
    change: Change | None = None,
    info: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``metrics.csv``, ``run.json`` and ``retrieval.json`` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = _changed(columns, change or {})
    content = {
        "experiment": kind,
        "verdict": kind,
        "seed": 0,
        "split_seed": 0,
        "fold": 0,
        "triplet_margin": 2.0,
        "loss": "AdaptiveTripletLoss",
        "loss_uses_triplets": True,
        "loss_uses_margin": True,
        "processes": 1,
        "radar_in_projection": False,
        "classes": ["Beginner", "Easy", "Medium", "Hard"],
        "phases": phases,
        "parameters": {"total": 1000},
        "references": {},
        "references_joint": {},
        "data": {"charts": 100, "train": 80, "val": 20, "songs": 25},
    }
    (folder / "run.json").write_text(json.dumps(content | dict(info or {})))
    references = {"pooled": {"gain": 0.4, "recall_at_5": 0.3}, "radar": {"gain": 1.0, "recall_at_5": None}}
    (folder / "retrieval.json").write_text(json.dumps({"split": "val", "within_difficulty": references}))
    write_csv(folder / "metrics.csv", columns, phases)
    return folder


def write_csv(path: Path, columns: dict[str, Column], phases: list[dict[str, Any]]) -> None:
    """Write the columns, one row per epoch from epoch 0."""
    length = max(len(column) for column in columns.values())
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "phase", *columns])
        for epoch in range(length):
            names = [p["name"] for p in phases if p["first_epoch"] <= epoch <= p["last_epoch"]]
            cells = ["" if column[epoch] is None else repr(column[epoch]) for column in columns.values()]
            writer.writerow([epoch, names[0] if names else "initial", *cells])


def _columns(cosine_end: float, margin_end: float, gain_end: float) -> dict[str, Column]:
    """Return the columns that all kinds of run share; L2 is what the cosine implies, from 0."""
    columns: dict[str, Column] = {
        "train/loss": ramp(2.5, 1.0),
        "train/contrastive_loss": ramp(1.2, 0.5),
        "val/accuracy": [0.8] * 21,
        "val/probe_accuracy": ramp(0.82, 0.81),
        "val/knn_accuracy": ramp(0.78, 0.77),
        "val/classification_loss": ramp(0.6, 0.55),
        "val/contrastive_loss": ramp(2.0, 1.0),
        "val/ap_dist": ramp(1.0, 0.8),
        "val/an_dist": ramp(1.1, 0.8 + margin_end),
        "val/triplet_margin": ramp(0.1, margin_end),
        "val/positive_margin_fraction": ramp(0.55, 0.9),
        "val/embedding_norm": ramp(3.0, 4.5),
        "retrieval/gain/pooled": ramp(0.3, gain_end),
        "retrieval/gain/projection": ramp(0.1, gain_end + 0.05),
        "grad_norm_classification/backbone": [0.02] * 21,
        "grad_norm_contrastive/backbone": [0.03] * 21,
        "grad_cosine/backbone": [-0.05] * 21,
        "parameters/trainable": [900.0] * 21,
        "lr": [1e-4] * 21,
    }
    for module in MODULES:
        columns[f"grad_norm/{module}"] = [0.1 if module == "classifier_head" else 0.02] * 21
        columns[f"weight_change/{module}"] = ramp(0.0, 0.05)
    for layer in LAYERS:
        cosine = ramp(1.0, 0.6 if layer == "projection" else cosine_end)
        columns[f"drift/{layer}/cosine"] = cosine
        columns[f"drift/{layer}/l2"] = [math.sqrt(max(0.0, 2 - 2 * (value or 0.0))) for value in cosine]
    return columns


def _changed(columns: dict[str, Column], change: Change) -> dict[str, Column]:
    changed = dict(columns)
    for name, new in change.items():
        if new is None:
            del changed[name]
        elif isinstance(new, Mapping):
            old = list(changed.get(name, [None] * 21))
            changed[name] = [new.get(epoch, value) for epoch, value in enumerate(old)]
        else:
            changed[name] = list(new)
    return changed
