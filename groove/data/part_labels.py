"""What the parts of an embedding are to tell apart: a label per part, from the catalogue's counts.

Charts are alike in a part where its labels are near; `PART_LABELS` says what they are. Dimension letters: N charts,
L labels, B charts of a batch.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from groove.charts.flow import PROFILE
from groove.charts.technique.counting import RATES, Technique, technique_rates
from groove.features.catalogue import TECHNIQUE_COLUMNS

BOUND = 4.0
"""Where labels end, on both sides, in deviations: rare techniques have long tails."""
FLOW = {"tempo": 3.0, "length": 1.0, "density": 1.0, "breaks": 0.5, "broken_stream": 0.5}
"""How much each label of flow weighs, beside the shape of the profile (all of it together)."""
_SHAPE = 1.5
PART_LABELS = {"feet": slice(0, len(RATES)), "flow": slice(len(RATES), len(RATES) + len(FLOW) + PROFILE)}
"""Which columns of `part_labels` a part has; the labels of radar and song are kept elsewhere."""


def technique_table(catalogue: pa.Table) -> NDArray[np.float64]:
    """Return `technique_rates` of the charts of `catalogue`, (N, len(RATES)); NaN where technique is not counted."""
    counts = np.column_stack([catalogue[name].to_numpy(zero_copy_only=False) for name in TECHNIQUE_COLUMNS])
    known = ~np.isnan(counts.astype(np.float64)).any(axis=1)
    rates = np.full((len(counts), len(RATES)), np.nan)
    for row in np.flatnonzero(known):
        rates[row] = technique_rates(Technique(*counts[row].astype(int).tolist()))
    return rates


def profiles(catalogue: pa.Table) -> NDArray[np.float64]:
    """Return the density profile of the charts of `catalogue`, (N, PROFILE), rows per second."""
    return np.array(catalogue["profile"].to_pylist(), dtype=np.float64).reshape(len(catalogue), PROFILE)


def profile_shapes(catalogue: pa.Table) -> NDArray[np.float64]:
    """Return the density profiles as shares of their mean, (N, PROFILE); 0 where a chart has no density."""
    density = profiles(catalogue)
    return density / np.maximum(density.mean(axis=1, keepdims=True), 1e-9)


def part_labels(catalogue: pa.Table, fitted_on: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the labels (N, L) of the charts of `catalogue`, in deviations of those at `fitted_on`.

    feet: the square roots of `RATES` (a few crossovers differ more from none than many from more). flow: tempo, length
    and density as logarithms, the share of silent parts and of breaks between streams, and the shape of the profile.
    """
    rates, shape = np.nan_to_num(technique_table(catalogue)), profile_shapes(catalogue)
    density = profiles(catalogue)
    mean = density.mean(axis=1)
    bpm, seconds = (catalogue[name].to_numpy().astype(np.float64) for name in ("bpm", "length_s"))
    flow = np.column_stack(
        [
            np.log(np.maximum(bpm, 1.0)),
            np.log(np.maximum(seconds, 1.0)),
            np.log1p(mean),
            (density < mean[:, None] / 8).mean(axis=1),
            rates[:, RATES.index("broken_stream")],
        ]
    )
    labels = (
        _scaled(np.sqrt(rates), fitted_on),
        _scaled(flow, fitted_on) * list(FLOW.values()),
        _scaled(np.sqrt(shape), fitted_on) * _SHAPE / PROFILE**0.5,
    )
    return np.hstack(labels).astype(np.float32)


def _scaled(values: NDArray[np.float64], fitted_on: NDArray[np.intp]) -> NDArray[np.float64]:
    center, scale = values[fitted_on].mean(axis=0), values[fitted_on].std(axis=0)
    return np.clip((values - center) / np.where(scale > 1e-9, scale, 1.0), -BOUND, BOUND)
