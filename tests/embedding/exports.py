"""Run folders made in code: a tiny untrained model in a checkpoint, with the files that a run keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from groove.embedding.embedded import save
from groove.embedding.trained import TrainedModel, weights_bytes
from groove.exporting.card import model_card
from groove.io.files import write_bytes
from groove.runs.layout import WEIGHTS_FILE
from tests.batches import tiny_module
from tests.embedding.libraries import embedded_library

METRICS = "epoch,phase,val/accuracy,retrieval/gain/pooled,train/loss\n0,initial,0.5,0.25,1.0\n1,all,0.75,nan,0.5\n"


def run_folder(folder: Path, **model: Any) -> Path:
    """Write a run folder of a tiny model (`model`: constructor arguments) into `folder` and return it."""
    module = tiny_module(**model)
    path = folder / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True)
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)
    (folder / "metrics.csv").write_text(METRICS)
    counts = {"train": 30, "val": 10, "train_songs": 8, "val_songs": 2}
    (folder / "run.json").write_text(json.dumps({"data": counts}))
    (folder / "verdict.json").write_text(json.dumps({"state": "healthy", "passed": True, "summary": "s", "more": 1}))
    save(embedded_library(20), folder)
    return folder


def export_model(trained: TrainedModel, folder: Path) -> Path:
    """Write the weights of `trained` and their card into `folder` and return it."""
    files = {WEIGHTS_FILE: weights_bytes(trained.model)}
    write_bytes(folder / WEIGHTS_FILE, files[WEIGHTS_FILE])
    (folder / "model.json").write_text(json.dumps(model_card(trained, files, None), allow_nan=False))
    return folder
