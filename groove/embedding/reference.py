"""What a trained space is compared with: features without a network, a network without training.

Dimension letters: N charts, F chart features a frame.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from groove.data.augment import LEFT_RIGHT, mirror_columns
from groove.data.dataset import ChartTable
from groove.embedding.apply import scaled_table
from groove.embedding.embedded import SPACES, EmbeddedLibrary
from groove.embedding.encode import encode, mirrored
from groove.embedding.trained import TrainedModel, load_trained
from groove.features.frames import CHART_FEATURES
from groove.features.store import load_array
from groove.model.fusion import LateFusionClassifier
from groove.runs.layout import CHECKPOINTS, EPOCH_0

log = logging.getLogger(__name__)

Spaces = dict[str, NDArray[np.float64]]


def compared_spaces(trained: TrainedModel, part: EmbeddedLibrary, store: Path) -> tuple[Spaces, Spaces]:
    """Return vectors of the charts of `part` in every space, and of their mirror images where a space has them.

    A line is printed where the run keeps no epoch 0.
    """
    table = scaled_table(trained, part.table)
    spaces: Spaces = {name: part.space(name).astype(float) for name in SPACES}
    mirror = encode(trained.model, table, store, mirrored)
    mirrors: Spaces = {name: mirror[name].astype(float) for name in spaces}
    first = trained.folder / CHECKPOINTS / EPOCH_0
    if first.is_file():
        before = encode(load_trained(first).model, table, store)
        spaces |= {f"epoch0_{name}": vectors.astype(float) for name, vectors in before.items()}
    else:
        log.info(f"no {first}: epoch 0 is not in the tables")
    network = untrained(trained)
    spaces["untrained_pooled"] = encode(network, table, store)["pooled"].astype(float)
    mirrors["untrained_pooled"] = encode(network, table, store, mirrored)["pooled"].astype(float)
    spaces["raw_features"], mirrors["raw_features"] = raw_features(table, store), raw_features(table, store, True)
    spaces["random"] = np.random.default_rng(0).normal(size=(len(part), 8))
    spaces["radar"] = mirrors["radar"] = part.scaled_radar
    return spaces, mirrors


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
    model.load_state_dict(dict(trained.model.named_buffers()), strict=False)
    return model.eval()
