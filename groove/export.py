"""Write what a run made for other programs: ``python -m groove.export run=DIR out=DIR``.

* ``embeddings``: ``embeddings.parquet`` and ``embeddings.npz``, every chart's vectors with its metadata; a faiss index.
* ``radar``: ``radar.csv``, and ``radar.lua`` for makers of StepMania themes.
* ``model``: ``model.safetensors`` (weights, no pickle) and ``model.json`` (the card: inputs, outputs, training).
* ``onnx``: ``encoder.onnx`` for programs without torch, checked against torch on real charts.

Every file is written whole or not at all, and none before all of them are made.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from groove.cli.entry import run_main
from groove.config.schema import ExportConfig
from groove.embedding.builtin import path_of_run
from groove.embedding.library import about, embedded, trained_and_catalogue
from groove.errors import ConfigError, LibraryError, install_command
from groove.io.files import json_bytes, write_bytes, writing
from groove.runs.layout import CARD_FILE, CHECKPOINTS, EMBEDDINGS_FILE, LEVEL_FILE, WEIGHTS_FILE

WHAT = ("embeddings", "radar", "model", "onnx")
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
ONNX_FILE = "encoder.onnx"
NPZ_FILE, INDEX_FILE = "embeddings.npz", "projection.faiss"
_ABOUT = {
    EMBEDDINGS_FILE: "vectors, radar and metadata of every chart",
    NPZ_FILE: "the same as numpy arrays: numpy.load(path, allow_pickle=False)",
    INDEX_FILE: "an exact index of the projection: faiss.read_index(path)",
    "radar.csv": "both radars of every chart",
    "radar.lua": "a Lua table for themes: Pack/Song, steps type, difficulty",
    WEIGHTS_FILE: "weights: groove.load_run(folder)",
    ONNX_FILE: "frames -> pooled, embedding, logits",
    LEVEL_FILE: "what predicts the meter, as plain numbers",
    CARD_FILE: "the card: inputs, classes, scaler, results, checksums",
}
log = logging.getLogger("groove.export")


def run(cfg: ExportConfig) -> None:
    """Make every file that `cfg` asks for, write them, and say what they are.

    Raises:
        GrooveError: if the run, the library, `what` or `out` cannot be used, or the ONNX file computes something else.
    """
    start = time.perf_counter()
    what, out = wanted(cfg.what), Path(cfg.out)
    if (out / CHECKPOINTS).is_dir():  # its embeddings are those of what the run was trained on
        raise ConfigError(f"out={out} is a run folder, whose own files would be replaced; give another folder")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"out={out} is a file; it must be a folder")
    files: dict[str, bytes] = {}
    if {"embeddings", "radar"} & set(what):
        files |= _library_files(cfg, what)
    if {"model", "onnx"} & set(what):
        files |= _model_files(cfg, what)
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
    lack = f"{ONNX_FILE} needs {', '.join(missing)}, not installed here: {install_command('onnx')}"
    if what is not None:
        raise ConfigError(f"what=[onnx]: {lack}")
    log.info(f"left out: {lack}")
    return chosen[:-1]


def _library_files(cfg: ExportConfig, what: Sequence[str]) -> dict[str, bytes]:
    """Return the files that hold the library's embeddings and radar."""
    from groove.exporting.tables import embeddings_npz, exact_index, radar_csv, radar_lua

    library, path = embedded(cfg)
    log.info(about(library))
    files: dict[str, bytes] = {}
    if "embeddings" in what:
        files |= {EMBEDDINGS_FILE: path.read_bytes(), NPZ_FILE: embeddings_npz(library)}
        files[INDEX_FILE] = exact_index(library.space("projection"))
    if "radar" in what:
        files |= {"radar.csv": radar_csv(library), "radar.lua": radar_lua(library)}
    return files


def _model_files(cfg: ExportConfig, what: Sequence[str]) -> dict[str, bytes]:
    """Return the weights, the ONNX file, as wanted, and the card of both; ONNX is checked on charts of the library."""
    from groove.embedding.trained import load_trained, weights_bytes
    from groove.exporting.card import model_card
    from groove.exporting.onnx_encoder import checked_onnx

    content = check = None
    if "onnx" in what:
        try:
            trained, catalogue, _ = trained_and_catalogue(cfg)
        except LibraryError as error:
            rest = ",".join(name for name in WHAT if name != "onnx")
            hint = f"({ONNX_FILE} is checked on the library's charts; what=[{rest}] does not)"
            raise LibraryError(f"{error} {hint}") from error
        content, check = checked_onnx(trained, catalogue)
        log.info(f"{ONNX_FILE} against torch on {check}")
    else:
        trained = load_trained(path_of_run(cfg))
    files = {WEIGHTS_FILE: weights_bytes(trained.model)} if "model" in what else {}
    files |= {} if content is None else {ONNX_FILE: content}
    level = trained.folder / LEVEL_FILE
    files |= {LEVEL_FILE: level.read_bytes()} if "model" in what and level.is_file() else {}
    return files | {CARD_FILE: json_bytes(model_card(trained, files, check))}


if __name__ == "__main__":
    run_main(run, config_name="export", schema=ExportConfig)
