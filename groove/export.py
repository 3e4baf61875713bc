"""Write what a run made for other programs: ``python -m groove.export run=DIR out=DIR``.

* ``embeddings``: ``embeddings.parquet`` and ``embeddings.npz``, every chart's vectors with its metadata; a faiss index.
* ``radar``: ``radar.csv``, and ``radar.lua`` for makers of StepMania themes.
* ``model``: ``model.safetensors`` (weights, no pickle) and ``model.json`` (the card: what it takes, gives and knows).
* ``onnx``: ``encoder.onnx`` for programs without torch, checked against torch on real charts.

Every file is written whole or not at all, and none before all of them are made.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from groove.cli.entry import run_main
from groove.config.schema import ExportConfig
from groove.embedding.library import about, embedded, embedded_catalogue, trained_and_catalogue
from groove.errors import ConfigError, LibraryError
from groove.io.files import json_bytes, write_bytes, writing
from groove.runs.layout import CARD_FILE, CHECKPOINTS, EMBEDDINGS_FILE, WEIGHTS_FILE

if TYPE_CHECKING:
    from groove.embedding.trained import TrainedModel
    from groove.exporting.onnx_encoder import OnnxCheck
    from groove.features.catalogue import Catalogue

    Source = tuple[TrainedModel, Catalogue, Path]  # what `trained_and_catalogue` returns

WHAT = ("embeddings", "radar", "model", "onnx")
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
ONNX_FILE = "encoder.onnx"
NPZ_FILE, INDEX_FILE = "embeddings.npz", "projection.faiss"
INSTALL = "pip install --constraint constraints.txt --editable '.[onnx]'"
_ABOUT = {
    EMBEDDINGS_FILE: "vectors, radar and metadata of every chart",
    NPZ_FILE: "the same as numpy arrays: numpy.load(path, allow_pickle=False)",
    INDEX_FILE: "an exact index of the projection: faiss.read_index(path)",
    "radar.csv": "both radars of every chart",
    "radar.lua": "a Lua table for themes: Pack/Song, steps type, difficulty",
    WEIGHTS_FILE: "weights: groove.load_run(folder)",
    ONNX_FILE: "frames -> pooled, embedding, logits",
    CARD_FILE: "the card: inputs, classes, scaler, results, checksums",
}


def run(cfg: ExportConfig) -> None:
    """Make every file that `cfg` asks for, write them, and say what they are.

    Raises:
        ConfigError: if `what` or `out` cannot be used.
        GrooveError: if there is no such run or library, or the ONNX file does not compute the same.
    """
    start = time.perf_counter()
    what, out = wanted(cfg.what), _usable(Path(cfg.out))
    files: dict[str, bytes] = {}
    source = None
    if {"embeddings", "radar"} & set(what):
        source = trained_and_catalogue(cfg) if cfg.songs is not None else None  # read once, also for ONNX
        files |= _library_files(cfg, what, source)
    if {"model", "onnx"} & set(what):
        files |= _model_files(cfg, what, source)
    with writing(out):
        for name, content in files.items():
            write_bytes(out / name, content)
    for name, content in files.items():
        print(f"  {name:<20}{len(content) / 1e6:8.2f} MB  {_ABOUT[name]}")
    print(f"{len(files)} files in {out}, {time.perf_counter() - start:.1f} s")


def wanted(what: Sequence[str] | None) -> list[str]:
    """Return what to write, in the order of `WHAT`: the names of `what`, or everything that can be made for None.

    ONNX is left out, and a line says so, where its packages are missing and `what` does not name it.

    Raises:
        ConfigError: if `what` names ONNX and its packages are missing.
    """
    chosen = [name for name in WHAT if what is None or name in what]
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None] if "onnx" in chosen else []
    if not missing:
        return chosen
    lack = f"{ONNX_FILE} needs {', '.join(missing)}, not installed here: {INSTALL}"
    if what is not None:
        raise ConfigError(f"what=[onnx]: {lack}")
    print(f"left out: {lack}")
    return chosen[:-1]


def _usable(out: Path) -> Path:
    """Return `out`, which must not be a run folder: its embeddings are what the run was trained on."""
    if (out / CHECKPOINTS).is_dir():
        raise ConfigError(f"out={out} is a run folder, whose own files would be replaced; give another folder")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"out={out} is a file; it must be a folder")
    return out


def _library_files(cfg: ExportConfig, what: Sequence[str], source: Source | None) -> dict[str, bytes]:
    """Return the files that hold the library's embeddings and radar; without `source` it is the run's own."""
    from groove.exporting.tables import embeddings_npz, exact_index, radar_csv, radar_lua

    library, path = embedded(cfg) if source is None else embedded_catalogue(*source)
    print(about(library))
    files: dict[str, bytes] = {}
    if "embeddings" in what:
        files |= {EMBEDDINGS_FILE: path.read_bytes(), NPZ_FILE: embeddings_npz(library)}
        files[INDEX_FILE] = exact_index(library.space("projection"))
    if "radar" in what:
        files |= {"radar.csv": radar_csv(library), "radar.lua": radar_lua(library)}
    return files


def _model_files(cfg: ExportConfig, what: Sequence[str], source: Source | None) -> dict[str, bytes]:
    """Return the weights, the ONNX file if wanted, and the card of both."""
    from groove.embedding.trained import load_trained, weights_bytes
    from groove.exporting.card import model_card

    trained, content, check = _onnx(cfg, source) if "onnx" in what else (load_trained(Path(cfg.run)), None, None)
    files = {WEIGHTS_FILE: weights_bytes(trained.model)} if "model" in what else {}
    if content is not None:
        files[ONNX_FILE] = content
    return files | {CARD_FILE: json_bytes(model_card(trained, files, check))}


def _onnx(cfg: ExportConfig, source: Source | None) -> tuple[TrainedModel, bytes, OnnxCheck]:
    """Return the model, its ONNX file, and how that differs from torch on charts of the library."""
    from groove.embedding.apply import scaled_table
    from groove.exporting.onnx_encoder import CHECKED_CHARTS, check_onnx, onnx_bytes, sample_batches

    try:
        trained, catalogue, _ = source or trained_and_catalogue(cfg)
    except LibraryError as error:
        rest = ",".join(name for name in WHAT if name != "onnx")
        raise LibraryError(
            f"{error} ({ONNX_FILE} is checked on the library's charts; what=[{rest}] does not)"
        ) from error
    content = onnx_bytes(trained.model, {"weights_digest": trained.digest, "classes": trained.classes})
    table = scaled_table(trained, catalogue.table)
    batches = sample_batches(trained.model, table, catalogue.store, CHECKED_CHARTS)
    check = check_onnx(content, trained.model, batches)
    print(_agreement(check))
    return trained, content, check


def _agreement(check: OnnxCheck) -> str:
    """Return how near the ONNX file is to torch: the number that is checked, then each output's own."""
    from groove.exporting.onnx_encoder import TOLERANCE

    absolute = ", ".join(f"{name} {value:.1e}" for name, value in check.max_abs_difference.items())
    charts = f"{check.charts} charts of {check.frames[0]:,} to {check.frames[1]:,} frames"
    relative = (
        f"relative to the output's largest number {max(check.relative.values()):.1e} (must be <= {TOLERANCE:.0e})"
    )
    return f"{ONNX_FILE} against torch on {charts}, largest difference: {relative}; absolute: {absolute}"


if __name__ == "__main__":
    run_main(run, config_name="export", schema=ExportConfig)
