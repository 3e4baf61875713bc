"""What a trained space is compared with: features without a network, a network without training.

Dimension letters: N charts, F chart features a frame.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from groove.data.augment import LEFT_RIGHT, mirror_columns
from groove.data.dataset import ChartTable
from groove.embedding.trained import TrainedModel
from groove.features.frames import CHART_FEATURES
from groove.features.store import load_array
from groove.model.fusion import LateFusionClassifier


def raw_features(table: ChartTable, store: Path, mirror: bool = False) -> NDArray[np.float64]:
    """Return the mean of each chart's frames and of its rates per second, standardised, (N, 2 F): no network.

    Args:
        table: the charts.
        store: folder of the feature store.
        mirror: swap left and right in every chart; the standard is still that of the charts as they are.
    """
    raw = _raw(table, store, np.arange(len(CHART_FEATURES)))
    center, scale = raw.mean(axis=0), raw.std(axis=0) + 1e-9
    return ((_raw(table, store, mirror_columns(CHART_FEATURES, LEFT_RIGHT)) if mirror else raw) - center) / scale


def _raw(table: ChartTable, store: Path, columns: NDArray[np.intp]) -> NDArray[np.float64]:
    rows = []
    for path in table.chart_path:
        frames = load_array(store, path).astype(np.float64)[:, columns]
        seconds = max(float(frames[:, CHART_FEATURES.index("seconds")].sum()), 1e-6)
        rows.append(np.concatenate([frames.mean(axis=0), frames.sum(axis=0) / seconds]))
    return np.stack(rows)


def untrained(trained: TrainedModel, seed: int = 0) -> LateFusionClassifier:
    """Return a network like `trained`'s with fresh weights, a function of `seed`, that knows the inputs' statistics."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        frames_per_beat = trained.settings.features.frames_per_beat
        model = LateFusionClassifier(
            classes=len(trained.classes), frames_per_beat=frames_per_beat, **trained.settings.model.arguments
        )
    encoder = trained.model.audio_encoder
    model.set_audio_statistics(encoder.mean[:-1], encoder.std[:-1])
    model.rank_counts_as(trained.model)
    return model.eval()
