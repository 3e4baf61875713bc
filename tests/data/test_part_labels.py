"""Labels of the embedding's parts, derived again chart by chart."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from groove.charts.technique.counting import Technique, technique_rates
from groove.data.part_labels import BOUND, FLOW, PART_LABELS, part_labels, profiles, technique_table
from groove.features.catalogue import TECHNIQUE_COLUMNS
from tests.batches import catalogue


@pytest.fixture
def charts(tmp_path) -> pa.Table:
    return catalogue(tmp_path, songs=10)


def test_rates_are_those_of_the_counts(charts):
    found = technique_table(charts)
    for row, values in enumerate(charts.select(TECHNIQUE_COLUMNS).to_pylist()):
        counts = Technique(**{name.removeprefix("technique_"): value for name, value in values.items()})
        np.testing.assert_array_equal(found[row], technique_rates(counts))


def unknown(charts: pa.Table, rows: list[int]) -> pa.Table:
    """Return `charts` with no counts of the feet at `rows`."""
    for name in TECHNIQUE_COLUMNS:
        values = [None if i in rows else value for i, value in enumerate(charts[name].to_pylist())]
        charts = charts.set_column(charts.column_names.index(name), name, pa.array(values, pa.int64()))
    return charts


def test_where_no_feet_are_known_no_label_of_them_differs(charts):
    charts = unknown(charts, list(range(len(charts))))
    assert np.isnan(technique_table(charts)).all()
    labels = part_labels(charts, np.arange(len(charts)))
    assert not labels[:, PART_LABELS["feet"]].any() and np.isfinite(labels).all()


def test_a_chart_whose_feet_are_unknown_has_no_rates_and_is_labelled_as_if_they_did_nothing(charts):
    some, known = unknown(charts, [1, 6]), [i for i in range(len(charts)) if i not in (1, 6)]
    rates = technique_table(some)
    assert np.isnan(rates[[1, 6]]).all()
    np.testing.assert_array_equal(rates[known], technique_table(charts)[known])
    nothing = charts
    for name in TECHNIQUE_COLUMNS:
        values = [0 if i in (1, 6) else value for i, value in enumerate(charts[name].to_pylist())]
        nothing = nothing.set_column(nothing.column_names.index(name), name, pa.array(values))
    fitted = np.arange(0, len(charts), 3)
    labels = part_labels(some, fitted)
    assert np.isfinite(labels).all()
    np.testing.assert_array_equal(labels, part_labels(nothing, fitted))


def test_labels_one_by_one(charts):
    fitted = np.arange(0, len(charts), 2)
    labels = part_labels(charts, fitted)
    assert labels.shape == (len(charts), PART_LABELS["flow"].stop) and labels.dtype == np.float32
    assert (PART_LABELS["feet"], PART_LABELS["flow"]) == (slice(0, 11), slice(11, 48))
    raw = np.array([slow_labels(row) for row in charts.to_pylist()])
    for column, values in enumerate(raw.T):
        mean = sum(values[fitted]) / len(fitted)
        deviation = (sum((values[fitted] - mean) ** 2) / len(fitted)) ** 0.5
        scaled = [max(-4.0, min(4.0, (value - mean) / deviation)) for value in values]
        np.testing.assert_allclose(labels[:, column], WEIGHTS[column] * np.array(scaled), rtol=1e-4, atol=1e-5)


WEIGHTS = [1.0] * 11 + [3.0, 1.0, 1.0, 0.5, 0.5] + [1.5 / 32**0.5] * 32
"""Of each label: techniques and streams, then tempo, length, density, silent parts, breaks, and the profile's shape."""


def slow_labels(row: dict) -> list[float]:
    """Return the labels of one row of a catalogue before they are scaled."""
    count = {name.removeprefix("technique_"): row[name] for name in TECHNIQUE_COLUMNS}
    names = ("jacks", "doublesteps", "crossovers", "footswitches", "sideswitches", "brackets", "candles")
    streams, breaks = count["stream_measures"], count["break_measures"]
    pairs = [(count[name], count["steps"]) for name in (*names, "alternations")]
    pairs += [(streams, count["measures"]), (breaks, breaks + streams), (count["longest_stream"], streams)]
    rates = [part / whole if whole else 0.0 for part, whole in pairs]
    mean = sum(row["profile"]) / 32
    silent = sum(density < mean / 8 for density in row["profile"]) / 32
    flow = [math.log(row["bpm"]), math.log(row["length_s"]), math.log(1 + mean), silent, rates[9]]
    return [*map(math.sqrt, rates), *flow, *(math.sqrt(density / mean) for density in row["profile"])]


def test_labels_end_at_a_bound_on_both_sides(charts):
    bpm = charts["bpm"].to_pylist()
    bpm[1], bpm[3] = 1e9, 0.0  # of what is not fitted on: nothing stretches the scale
    charts = charts.set_column(charts.column_names.index("bpm"), "bpm", pa.array(bpm))
    labels = part_labels(charts, np.arange(0, len(charts), 2))
    tempo = labels[:, PART_LABELS["flow"].start]
    assert (tempo[1], tempo[3]) == (FLOW["tempo"] * BOUND, -FLOW["tempo"] * BOUND)
    assert (np.abs(labels) <= BOUND * np.array(WEIGHTS) + 1e-5).all()


def test_a_chart_without_a_profile_has_finite_labels(charts):
    silent = charts["profile"].to_pylist()
    silent[2] = [0.0] * 32
    charts = charts.set_column(charts.column_names.index("profile"), "profile", pa.array(silent))
    assert np.isfinite(part_labels(charts, np.arange(len(charts)))).all()
    assert not profiles(charts)[2].any() and profiles(charts).shape == (len(charts), 32)


def test_what_no_chart_differs_in_is_no_label(charts):
    same = charts.set_column(charts.column_names.index("bpm"), "bpm", pa.array([140.0] * len(charts)))
    labels = part_labels(same, np.arange(len(charts)))
    assert np.abs(labels[:, PART_LABELS["flow"].start]).max() < 1e-6
