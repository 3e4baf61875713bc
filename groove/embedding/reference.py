"""What a trained space is compared with: features without a network, a network without training.

Dimension letters: N charts, F chart features a frame.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from groove.data.augment import LEFT_RIGHT, mirror_columns
from groove.data.dataset import ChartTable
from groove.data.part_labels import profile_shapes, technique_table
from groove.embedding.apply import scaled_table
from groove.embedding.embedded import SPACES, EmbeddedLibrary
from groove.embedding.encode import encode, mirrored
from groove.embedding.trained import TrainedModel, load_trained
from groove.features.frames import CHART_FEATURES
from groove.features.store import load_array
from groove.model.chart_counts import chart_counts
from groove.model.fusion import LateFusionClassifier
from groove.runs.layout import CHECKPOINTS, EPOCH_0

log = logging.getLogger(__name__)

_MOST_COUNTED = 20_000
"""Counting takes about 3 ms a chart."""
Spaces = dict[str, NDArray[np.float64]]


def compared_spaces(trained: TrainedModel, part: EmbeddedLibrary, store: Path) -> tuple[Spaces, Spaces]:
    """Return vectors of the charts of `part` in every space, and of their mirror images where a space has them.

    Where the run keeps no epoch 0, that is said and left out.
    """
    table = scaled_table(trained, part.table)
    spaces: Spaces = {name: part.space(name).astype(float) for name in SPACES}
    if len(part.parts) > 1:
        projection = spaces["projection"]
        spaces |= {f"{name} part": projection[:, slice(*columns)] for name, columns in part.parts.items()}
    mirror = encode(trained.model, table, store, mirrored)
    mirrors: Spaces = {name: mirror[name].astype(float) for name in SPACES}
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
    if len(part) <= _MOST_COUNTED:
        spaces["counts"] = ranked_counts(part, store, trained.settings.features.frames_per_beat)
    else:
        log.info(f"{len(part)} charts: the counts are left out of the tables, as with more than {_MOST_COUNTED}")
    spaces["random"] = np.random.default_rng(0).normal(size=(len(part), 8))
    spaces["radar"] = mirrors["radar"] = part.scaled_radar
    return spaces, mirrors


def raw_features(table: ChartTable, store: Path, mirror: bool = False) -> NDArray[np.float64]:
    """Return the mean of each chart's frames and of its rates per second, standardised, (N, 2 F): no network.

    With `mirror` left and right are swapped in every chart; the standard is still that of the charts as they are.
    """
    rows = []
    for path in table.chart_path:
        frames = load_array(store, path).astype(np.float64)
        seconds = max(float(frames[:, CHART_FEATURES.index("seconds")].sum()), 1e-6)
        rows.append([frames.mean(axis=0), frames.sum(axis=0) / seconds])
    raw = np.array(rows)  # (N, 2, F)
    center, scale = raw.mean(axis=0), raw.std(axis=0) + 1e-9
    columns = mirror_columns(CHART_FEATURES, LEFT_RIGHT) if mirror else slice(None)
    return ((raw[..., columns] - center) / scale).reshape(len(raw), -1)


def whole_counts(part: EmbeddedLibrary, store: Path, frames_per_beat: int) -> NDArray[np.float64]:
    """Return the counts of the charts of `part` as a whole, `groove.model.chart_counts.COUNTS`, (N, K)."""
    frames = (torch.from_numpy(load_array(store, path).astype(np.float32)) for path in part.column("chart_path"))
    counts = [chart_counts(x[None], torch.tensor([len(x)]), frames_per_beat) for x in frames]
    return torch.cat(counts).double().numpy()


def ranked_counts(part: EmbeddedLibrary, store: Path, frames_per_beat: int) -> NDArray[np.float64]:
    """Return all that is counted of the charts of `part`, each count as its rank, spread like a bell, (N, K).

    No network: the counts of a chart as a whole, the rates of its technique, tempo, length, and the shape of its
    density profile. All together are as long as one of them would be.
    """
    counts, about = whole_counts(part, store, frames_per_beat), (np.array(part.column(x)) for x in ("bpm", "length_s"))
    technique = np.nan_to_num(technique_table(part.table))
    columns = np.column_stack([counts, technique, *about, profile_shapes(part.table)])
    return norm.ppf((rankdata(columns, axis=0) - 0.5) / max(len(columns), 1)) / columns.shape[1] ** 0.5


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
