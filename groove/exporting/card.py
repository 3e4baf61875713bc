"""The card of an exported model: what a stranger must know to use it, trust it and build on it."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.schema import plain
from groove.data.scaler import BOUND
from groove.embedding.embedded import EMBEDDINGS_FILE, load
from groove.embedding.trained import TrainedModel
from groove.errors import RunError
from groove.exporting.onnx_encoder import TOLERANCE, OnnxCheck, input_names
from groove.features.audio import AUDIO_FEATURES
from groove.features.frames import CHART_FEATURES
from groove.model.exported import FORMAT, read_card
from groove.runs import metric_columns as columns
from groove.runs.layout import CARD_FILE, INFO_FILE, LAST, METRICS_FILE, RETRIEVAL_FILE, VERDICT_FILE

LICENSE_NOTE = "left to who passes this on: say under which terms, and whether the songs it was trained on allow it"
HOW_TO_LOAD = "import groove; model = groove.load_run('FOLDER')  # no pickle; or python -m groove.embed run=FOLDER"
_LOGITS = {
    "classification": "one logit per class",
    "ordinal": "C - 1 logits 'harder than class k'",
    "counted": "C logits of the pooled features, then 8 times C of the counts; log-softmax each, the 8 weigh 2/3",
}


def model_card(trained: TrainedModel, files: Mapping[str, bytes], check: OnnxCheck | None) -> dict[str, Any]:
    """Return the card of `trained`, exported as `files` (name -> content), as plain containers."""
    data, network = trained.settings.data, trained.settings.model
    sizes = {"classes": len(trained.classes), "frames_per_beat": trained.settings.features.frames_per_beat}
    return {
        "format": FORMAT,
        "how_to_load": HOW_TO_LOAD,
        "license": None,
        "license_note": LICENSE_NOTE,
        "data_statement": data_statement(trained),
        "experiment": trained.settings.experiment.name,
        "weights_digest": trained.digest,
        "arguments": network.arguments | sizes,
        "classes": {name: list(slots) for name, slots in data.classes.items()},
        "radar": {"family": data.radar, "axes": list(RADAR_AXES), "scaler": trained.scaler.state()},
        "inputs": _inputs(trained),
        "outputs": {
            "pooled": trained.model.pooling.out_dim,
            "embedding": f"{network.projection_dim} numbers, not normalised; called projection in {EMBEDDINGS_FILE}",
            "logits": _LOGITS[network.head],
            "compare_by": "Euclidean distance",
        },
        **_of_training(trained),
        "onnx": None if check is None else _onnx(check),
        "config": plain(trained.settings),
        "versions": _versions(),
        "files": {name: {"bytes": len(x), "sha256": hashlib.sha256(x).hexdigest()} for name, x in files.items()},
    }


def data_statement(trained: TrainedModel) -> dict[str, str]:
    """Return what the model was trained on, what its labels are, what it is for and where it ends, in words."""
    own = "songs of whoever trained it; whose work they are, and what that allows, this file does not know"
    generated = "songs and charts that this package generates (data.generated); no person's work is among them"
    return {
        "trained_on": generated if trained.settings.data.songs is None else own,
        "labels": "the difficulty of each chart as its simfile names it; everything else is computed from the notes: "
        "the groove radar and, of a model with parts, technique, tempo, density, and which charts are of one song",
        "not_trained_on": "step artist, pack, tags, ratings of players; held-out songs, by the split of `data`",
        "meant_for": "finding charts that feel alike",
        "limits": f"{', '.join(trained.settings.data.steps_types)} only; packs rate difficulty by scales of their own, "
        "so its classes fit packs like those it was trained on; what it makes of audio was never seen to help",
    }


def _inputs(trained: TrainedModel) -> dict[str, Any]:
    """Return what the columns of the frames are, and how they are computed."""
    return {
        "names": list(input_names(trained.model)),
        "chart": list(CHART_FEATURES),
        "audio": list(AUDIO_FEATURES),
        "audio_note": "not standardised (the model does that); zeros, and has_audio 0, where there is no audio",
        "lengths": "frames before the padding (int64); what comes after them changes nothing",
        "radar": f"scaled: (value - center) / scale, within {-BOUND:g} and {BOUND:g}"
        if trained.model.radar_mlp is not None
        else "not read",
        "max_frames": trained.model.max_frames,
        "features": trained.settings.features.model_dump(),
    }


def _onnx(check: OnnxCheck) -> dict[str, Any]:
    batch = "each alone, and in padded batches of mixed lengths, against torch"
    about = {"checked_on": batch, "allowed_relative": TOLERANCE, "onnxruntime": version("onnxruntime")}
    return asdict(check) | {"frames": list(check.frames), "onnx": version("onnx")} | about


def _of_training(trained: TrainedModel) -> dict[str, Any]:
    """Return checkpoint, data (library, split) and results of the run, null where its folder lacks them.

    Those of an exported model come from its own card.
    """
    folder, settings = trained.folder, trained.settings.data
    if (folder / CARD_FILE).is_file() and trained.path.suffix != ".ckpt":
        card = read_card(folder)
        return {key: card.get(key) for key in ("checkpoint", "data", "results")}
    counts = (_json(folder / INFO_FILE) or {}).get("data") or {}
    embeddings = folder / EMBEDDINGS_FILE
    data = {
        "songs": settings.songs or settings.generated.root,
        "fingerprint": load(embeddings).provenance.trained_on if embeddings.is_file() else None,
        "split": {"seed": settings.split_seed, "val_fraction": settings.val_fraction, "fold": settings.fold},
        "charts": {name: counts.get(name) for name in ("train", "val")},
        "songs_in_split": {name: counts.get(f"{name}_songs") for name in ("train", "val")},
    }
    results: dict[str, Any] = {"note": "not the run's last epoch: it has no results of its own"}
    if trained.path.name == LAST:
        verdict = _json(folder / VERDICT_FILE)
        results = {
            "last_epoch": _last_epoch(folder / METRICS_FILE),
            "retrieval": _json(folder / RETRIEVAL_FILE),
            "verdict": verdict and {key: verdict.get(key) for key in ("state", "passed", "summary")},
        }
    return {"checkpoint": trained.path.name, "data": data, "results": results}


def _last_epoch(path: Path) -> dict[str, float] | None:
    """Return the finite held-out numbers of the last row of a ``metrics.csv``, or None if there is none."""
    if not path.is_file():
        return None
    try:
        last = pd.read_csv(path, dtype=str, keep_default_na=False).iloc[-1]
        held_out = {name: float(x) for name, x in last.items() if str(name).startswith(columns.HELD_OUT) and x}
        return {"epoch": float(last[columns.EPOCH])} | {name: x for name, x in held_out.items() if math.isfinite(x)}
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise RunError(f"{path} cannot be read ({type(error).__name__}): cut short, or of another version") from error


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError as error:
        raise RunError(f"{path} is not JSON: cut short, or of another program") from error


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("groove", "torch", "numpy", "safetensors"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from its folder, not installed
            found[name] = "unknown"
    return found
