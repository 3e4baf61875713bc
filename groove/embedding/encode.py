"""Charts to vectors: a model applied to charts of the feature store, in eval mode.

A chart's vectors do not depend on the charts beside it (padding never changes an output), only on chart and model.
Dimension letters: N charts, D pooled features, E embedding size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from groove.data.augment import LEFT_RIGHT, mirror_columns
from groove.data.dataset import ChartBatch, ChartDataset, ChartTable, InOrderSampler
from groove.data.triplets import PairRule
from groove.features.frames import CHART_FEATURES
from groove.io.processes import OnStep, silent
from groove.model.fusion import LateFusionClassifier

BATCH = 64
_BLIND_FRAMES = 64
Vectors = dict[str, NDArray[np.float32]]
"""``pooled`` (N, D) and ``projection`` (N, E) of N charts."""


@torch.no_grad()
def encode(
    model: LateFusionClassifier,
    table: ChartTable,
    store: Path,
    change: Callable[[ChartBatch], ChartBatch] = lambda batch: batch,
    on_step: OnStep = silent,
) -> Vectors:
    """Return pooled (N, D) and projection (N, E) outputs of the charts of `table`, in its order.

    The model is left in eval mode; `change` is applied to every batch before it (`blinded`, `mirrored`).
    """
    model.eval()
    device = next(model.parameters()).device
    dataset, sampler = charts_of(model, table, store), InOrderSampler(table.frames, BATCH)
    parts: Vectors = {}
    done = 0
    for request in sampler:
        output = model(change(dataset.__getitems__(request)).to(device))
        for name, vectors in (("pooled", output.pooled), ("projection", output.embedding)):
            rows = parts.setdefault(name, np.empty((len(table), vectors.shape[1]), dtype=np.float32))
            rows[request.indices] = vectors.float().cpu().numpy()
        done += len(request.indices)
        on_step("charts encoded", done, len(table))
    return parts


def charts_of(model: LateFusionClassifier, table: ChartTable, store: Path) -> ChartDataset:
    """Return the charts of `table` as `model` sees them: cut at its `max_frames`, without triplets."""
    classes = int(table.labels.label.max(initial=0)) + 1
    no_pairs = PairRule(*np.full((2, classes), np.nan))
    return ChartDataset(table, store, no_pairs, model.max_frames)


def blinded(batch: ChartBatch) -> ChartBatch:
    """Return `batch` with nothing of its charts and audio left, their lengths and which have audio included.

    What a model still knows of such charts has leaked into it.
    """
    charts = len(batch.lengths)
    return replace(
        batch,
        chart=batch.chart.new_zeros(charts, _BLIND_FRAMES, batch.chart.shape[2]),
        audio=batch.audio.new_zeros(charts, _BLIND_FRAMES, batch.audio.shape[2]),
        has_audio=torch.zeros_like(batch.has_audio),
        lengths=torch.full_like(batch.lengths, _BLIND_FRAMES),
    )


def deafened(batch: ChartBatch) -> ChartBatch:
    """Return `batch` without its audio, as if none of it were there."""
    return replace(batch, audio=torch.zeros_like(batch.audio), has_audio=torch.zeros_like(batch.has_audio))


def swapped(batch: ChartBatch) -> ChartBatch:
    """Return `batch` with the audio of another song in the place of each chart's own, where there is another.

    Charts go round by songs: the k-th chart with audio gets that of the first one after it that is of another song. It
    starts where the chart does and ends with the shorter of the two.
    """
    heard = torch.nonzero(batch.has_audio > 0)[:, 0].tolist()
    audio, own = batch.audio.clone(), batch.song[batch.own]
    for place, chart in enumerate(heard):
        later = [other for other in heard[place + 1 :] + heard[:place] if own[other] != own[chart]]
        if later:
            length = int(batch.lengths[chart])
            audio[chart] = 0
            audio[chart, :length] = batch.audio[later[0], :length]
    return replace(batch, audio=audio)


def mirrored(batch: ChartBatch) -> ChartBatch:
    """Return `batch` with left and right swapped in every chart."""
    order = torch.from_numpy(mirror_columns(CHART_FEATURES, LEFT_RIGHT))
    return replace(batch, chart=batch.chart[..., order])
