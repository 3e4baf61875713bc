"""Labels of the embedding's parts, derived again chart by chart."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from groove.charts.technique.counting import RATES, Technique, technique_rates
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


def test_a_chart_whose_feet_are_unknown_has_no_rates_and_labels_of_none(charts):
    none = pa.array([None] * len(charts), pa.int64())
    for name in TECHNIQUE_COLUMNS:
        charts = charts.set_column(charts.column_names.index(name), name, none)
    assert np.isnan(technique_table(charts)).all()
    labels = part_labels(charts, np.arange(len(charts)))
    assert not labels[:, PART_LABELS["feet"]].any() and np.isfinite(labels).all()


def test_labels_by_hand(charts):
    fitted = np.arange(0, len(charts), 2)
    labels = part_labels(charts, fitted)
    assert labels.shape == (len(charts), PART_LABELS["flow"].stop) and labels.dtype == np.float32

    def scaled(values):
        values = np.asarray(values, dtype=float)
        return np.clip((values - values[fitted].mean()) / values[fitted].std(), -BOUND, BOUND)

    crossovers = np.sqrt(technique_table(charts)[:, RATES.index("crossovers")])
    np.testing.assert_allclose(labels[:, RATES.index("crossovers")], scaled(crossovers), rtol=1e-5, atol=1e-5)
    flow = labels[:, PART_LABELS["flow"]]
    tempo = [np.log(bpm) for bpm in charts["bpm"].to_pylist()]
    np.testing.assert_allclose(flow[:, 0], 3 * scaled(tempo), rtol=1e-4, atol=1e-5)
    profile = profiles(charts)
    silent = [(row < row.mean() / 8).mean() for row in profile]
    np.testing.assert_allclose(flow[:, 3], FLOW["breaks"] * scaled(silent), rtol=1e-4, atol=1e-5)
    share = [(row[5] / row.mean()) ** 0.5 for row in profile]
    np.testing.assert_allclose(flow[:, len(FLOW) + 5], 1.5 / 32**0.5 * scaled(share), rtol=1e-4, atol=1e-5)


def test_what_no_chart_differs_in_is_no_label(charts):
    same = charts.set_column(charts.column_names.index("bpm"), "bpm", pa.array([140.0] * len(charts)))
    labels = part_labels(same, np.arange(len(charts)))
    assert np.abs(labels[:, PART_LABELS["flow"].start]).max() < 1e-6
