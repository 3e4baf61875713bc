import numpy as np
import pytest

from groove.data.triplets import ChartLabels
from groove.retrieval.evaluation import correlations, gain_by_class, label_gains, space_scores
from groove.retrieval.metrics import retrieval_gain, retrieval_metrics
from tests.batches import labels

LABELS = labels(60, classes=3, songs=20)
RANDOM = np.random.default_rng(1).normal(size=(60, 4))


@pytest.mark.parametrize("within", [True, False])
def test_values_are_those_of_the_training_report(within):
    expected = retrieval_metrics(RANDOM, LABELS, 5, within)
    found = space_scores(RANDOM, LABELS, within, ks=(5,), draws=20)
    for name, interval in found.items():
        assert interval.value == pytest.approx(expected[name]), name
        assert interval.low <= interval.value <= interval.high
    for name, interval in correlations(RANDOM, LABELS, within).items():
        key = "spearman" if name == "spearman" else f"spearman_{name}"
        assert interval.value == pytest.approx(expected[key]) and np.isnan(interval.low)


def test_the_radar_itself_is_perfect_and_noise_is_near_zero():
    perfect = space_scores(LABELS.radar, LABELS, within=True, draws=20)
    assert perfect["gain"] == pytest.approx((1, 1, 1)) and perfect["ndcg_at_10"].value == pytest.approx(1)
    assert perfect["precision_at_5"].value == 1 and perfect["recall_at_10"].value == 1
    noise = space_scores(RANDOM, LABELS, within=True)["gain"]
    assert noise.low < 0.1 < 0.5 < 1 and noise.high < 0.5


def test_the_gain_of_a_class_is_that_of_its_charts_alone():
    found = gain_by_class(RANDOM, LABELS, ["a", "b", "c", "empty"], draws=20)
    for index, name in enumerate("abc"):
        rows = np.flatnonzero(LABELS.label == index)
        assert found[name].value == pytest.approx(retrieval_gain(RANDOM[rows], LABELS.take(rows)))
    assert np.isnan(found["empty"].value)


def test_labels_that_a_space_holds_are_found_and_others_are_not():
    values = np.random.default_rng(2).normal(size=(60, 2)) * [1, 100]
    found = label_gains({"first": values[:, :1], "both": values / [1, 100]}, values, ["a", "b"], LABELS, draws=20)
    assert found["first"]["a"].value == pytest.approx(1) and abs(found["first"]["b"].value) < 0.4
    assert found["both"]["all"].value == pytest.approx(1, abs=0.01)  # units do not matter


def test_a_label_that_is_the_same_everywhere_tells_nothing():
    found = label_gains({"x": RANDOM}, np.ones((60, 1)), ["same"], LABELS, draws=20)
    assert np.isnan(found["x"]["same"].value)


def test_too_few_charts_have_no_value():
    few = ChartLabels(LABELS.radar[:3], LABELS.label[:3], LABELS.song[:3])
    assert all(np.isnan(x.value) for x in space_scores(RANDOM[:3], few, within=True, draws=5).values())
