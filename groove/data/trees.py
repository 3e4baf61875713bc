"""What difficulty takes without a network: tree models on counted features of the same charts.

A network that reads every note should know a chart's difficulty better than a forest that knows twenty of its counts.
The trees train on a run's training charts and are tested on its held-out ones, with scikit-learn's default settings.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import threadpoolctl
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from groove.data.datamodule import GrooveDataModule

COUNTED = (
    *("steps", "arrows", "jumps", "hands", "holds", "rolls", "mines"),
    *("length_s", "bpm", "konami_average_bpm", "konami_tempo_change_bpm", "konami_song_beats"),
    *("konami_steps_per_minute", "konami_peak_density", "konami_jumps_per_minute"),
    *("konami_freeze_share", "konami_freeze_beats", "konami_chaos_degree"),
    *("stepmania_peak_arrows", "stepmania_fine_rows"),
)
"""Columns of the catalogue; neither title, pack nor meter is among them."""
_LARGEST = float(np.finfo(np.float32).max)  # what a forest can hold; a chart of a broken tempo may exceed it


def counted_features(rows: pa.Table) -> NDArray[np.float64]:
    """Return the `COUNTED` columns of a catalogue's `rows`, (N, 20), NaN as 0, infinity as the largest float32."""
    columns = np.column_stack([rows[name].to_numpy().astype(np.float64) for name in COUNTED])
    return np.clip(np.nan_to_num(columns), -_LARGEST, _LARGEST)


class TreeReferences(NamedTuple):
    """Accuracies by name of the model: chart by chart, and jointly per simfile (each slot used once)."""

    by_chart: dict[str, float]
    by_song: dict[str, float]


def tree_references(data: GrooveDataModule, threads: int = 1) -> TreeReferences:
    """Return the accuracies of both models on the held-out charts of `data`, a function of the charts alone."""
    x, y = counted_features(data.rows["train"]), data.train.labels.label
    held_x, held_y = counted_features(data.rows["val"]), data.val.labels.label
    forest = RandomForestClassifier(300, random_state=0)
    boosted = HistGradientBoostingClassifier(random_state=0)
    found = TreeReferences({}, {})
    with threadpoolctl.threadpool_limits(threads):
        for name, model in (("random_forest", forest), ("boosted_trees", boosted)):
            model.fit(x, y)
            if len(model.classes_) == 1:  # boosted trees tell two columns apart even then
                expected = np.full(len(held_x), float(model.classes_[0]))
            else:
                expected = model.predict_proba(held_x) @ model.classes_.astype(np.float64)
            joint = data.val_slots.share(expected)
            found.by_chart[name] = float((model.predict(held_x) == held_y).mean())
            found.by_song[name] = float((joint == held_y).mean())
    return found
