"""The encoder as an ONNX file, for programs without torch, and the proof that it computes the same.

The packages onnx, onnxscript and onnxruntime are needed for it (the extra ``onnx``). Dimension letters: B charts, T
frames, F features, D channels, E embedding size, C classes.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from groove.data.dataset import BatchRequest, ChartBatch, ChartTable
from groove.embedding.encode import charts_of
from groove.embedding.trained import TrainedModel
from groove.errors import RunError
from groove.features.audio import AUDIO_FEATURES
from groove.features.catalogue import Catalogue
from groove.features.frames import CHART_FEATURES
from groove.model.fusion import RADAR_DIM, LateFusionClassifier

INPUTS = ("chart", "audio", "has_audio", "lengths")
OUTPUTS = ("pooled", "embedding", "logits")
TOLERANCE = 1e-4
"""Largest difference from torch, relative to the largest number of the output."""
CHECKED_CHARTS = 50
_TOGETHER = 8


@dataclass(frozen=True)
class OnnxCheck:
    """How far onnxruntime is from torch on `charts` charts, the shortest and longest of which have `frames` frames.

    The largest difference of each output is absolute, and relative to the output's largest number, which is checked.
    """

    charts: int
    frames: tuple[int, int]
    max_abs_difference: dict[str, float]
    relative: dict[str, float]

    def __str__(self) -> str:
        absolute = ", ".join(f"{name} {value:.1e}" for name, value in self.max_abs_difference.items())
        worst = f"{max(self.relative.values()):.1e} (must be <= {TOLERANCE:.0e})"
        return (
            f"{self.charts} charts of {self.frames[0]:,} to {self.frames[1]:,} frames, largest difference: relative to "
            f"the output's largest number {worst}; absolute: {absolute}"
        )


class FrameInput(nn.Module):
    """The model on plain tensors and a whole batch at once, instead of a `ChartBatch` in chunks of similar length."""

    def __init__(self, model: LateFusionClassifier) -> None:
        """Wrap `model`."""
        super().__init__()
        self.model = model

    def forward(
        self, chart: Tensor, audio: Tensor, has_audio: Tensor, lengths: Tensor, radar: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return pooled (B, 2 D), embedding (B, E) and logits for frames (B, T, 35) and (B, T, 23) of any T."""
        stride = self.model.frames_per_beat
        frames = (chart.shape[1] + stride - 1) // stride * stride
        chart, audio = (functional.pad(x, (0, 0, 0, stride - 1))[:, :frames] for x in (chart, audio))
        encoded = self.model.encode_frames(chart, audio, has_audio, lengths)
        pooled = encoded["pooled"]
        logits = self.model.logits(pooled, radar, encoded.get("counts"))
        embedding = self.model.embedding(pooled, radar, encoded.get("counted"))
        return pooled, embedding, logits


def input_names(model: LateFusionClassifier) -> tuple[str, ...]:
    """Return the names of the ONNX inputs: `INPUTS`, and the scaled radar where the model reads it."""
    return INPUTS if model.radar_mlp is None else (*INPUTS, "radar")


def checked_onnx(trained: TrainedModel, catalogue: Catalogue) -> tuple[bytes, OnnxCheck]:
    """Return the ONNX file of `trained`, and how it differs from torch on charts of `catalogue` (`check_onnx`)."""
    from groove.embedding.apply import scaled_table  # brings Lightning along

    content = onnx_bytes(trained.model, {"weights_digest": trained.digest, "classes": trained.classes})
    table = scaled_table(trained, catalogue.table)
    batches = sample_batches(trained.model, table, catalogue.store, CHECKED_CHARTS)
    return content, check_onnx(content, trained.model, batches)


def onnx_bytes(model: LateFusionClassifier, about: dict[str, Any]) -> bytes:
    """Return `model` as an ONNX file whose batch and length are free; `about` goes into its metadata as JSON."""
    names = input_names(model)
    chart, audio = (torch.zeros(2, 101, len(features)) for features in (CHART_FEATURES, AUDIO_FEATURES))
    example = (chart, audio, torch.ones(2), torch.tensor([101, 55]), torch.zeros(2, RADAR_DIM))[: len(names)]
    batch, frames = torch.export.Dim("batch"), torch.export.Dim("frames")
    shapes = ({0: batch, 1: frames}, {0: batch, 1: frames}, *[{0: batch}] * (len(names) - 2))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of optional packages that it does not find
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
        program: Any = torch.onnx.export(
            FrameInput(model.eval()),
            example,
            input_names=names,
            output_names=OUTPUTS,
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
        )
    proto = program.model_proto
    for node in (*proto.graph.node, *proto.graph.value_info):
        del node.metadata_props[:]  # where each operation stands in the source, on the machine that exports
    entry = proto.metadata_props.add()
    entry.key, entry.value = "groove", json.dumps(about)
    return proto.SerializeToString(deterministic=True)


def sample_batches(model: LateFusionClassifier, table: ChartTable, store: Path, charts: int) -> Iterator[ChartBatch]:
    """Yield up to `charts` charts of `table`, spread over its lengths: each alone, then in batches of mixed lengths."""
    by_length = np.argsort(table.frames, kind="stable")
    rows = by_length[np.unique(np.linspace(0, len(by_length) - 1, min(charts, len(by_length))).round().astype(int))]
    dataset = charts_of(model, table, store)
    groups = max(1, len(rows) // _TOGETHER)
    for part in (*np.split(rows, len(rows)), *(rows[start::groups] for start in range(groups))):
        yield dataset.__getitems__(BatchRequest(part.tolist(), (0,)))


@torch.no_grad()
def check_onnx(content: bytes, model: LateFusionClassifier, batches: Iterable[ChartBatch]) -> OnnxCheck:
    """Return how the ONNX file `content` differs from ``model(batch)`` on `batches`.

    Raises:
        RunError: if an output differs by more than `TOLERANCE`, relatively.
    """
    session, names = session_of(content), input_names(model)
    difference, largest = np.zeros(len(OUTPUTS)), np.zeros(len(OUTPUTS))
    frames: dict[int, int] = {}
    for batch in batches:
        output, found = model(batch), session.run(list(OUTPUTS), feed(batch, names))
        for i, (name, array) in enumerate(zip(OUTPUTS, found, strict=True)):
            expected = getattr(output, name).numpy()
            difference[i] = np.maximum(difference[i], np.abs(expected - array).max())  # a NaN stays one
            largest[i] = np.maximum(largest[i], np.abs(expected).max())
        frames |= zip(batch.index.tolist(), batch.lengths.tolist(), strict=True)
    relative = dict(zip(OUTPUTS, (difference / np.maximum(largest, 1e-12)).tolist(), strict=True))
    wrong = [f"{name} by {value:.1e}" for name, value in relative.items() if not value <= TOLERANCE]
    if wrong:
        raise RunError(
            f"the ONNX encoder differs from torch: {', '.join(wrong)} of the largest number, "
            f"must be <= {TOLERANCE:.0e}; nothing was written"
        )
    absolute = dict(zip(OUTPUTS, difference.tolist(), strict=True))
    return OnnxCheck(len(frames), (min(frames.values()), max(frames.values())), absolute, relative)


def session_of(content: bytes) -> Any:
    """Return an onnxruntime session of the ONNX file `content`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def feed(batch: ChartBatch, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the inputs called `names` of `batch` as arrays: float32, lengths int64."""
    return {name: getattr(batch, name).numpy() for name in names}
