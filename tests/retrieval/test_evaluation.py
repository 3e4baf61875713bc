from itertools import combinations

import numpy as np
import pytest

from groove.data.triplets import ChartLabels
from groove.retrieval.evaluation import (
    chance_hits,
    correlations,
    finds_original,
    finds_song,
    first_ranks,
    gain_by_class,
    label_gains,
    shares_name,
    space_scores,
)
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


FOUR = labels(40, classes=4, songs=10)
VECTORS = np.random.default_rng(0).normal(size=(40, 5))


def rank_by_hand(query, references, relevant, allowed):
    far = [float(np.linalg.norm(query - r)) for r in references]
    best = min(f for f, r in zip(far, relevant, strict=True) if r)
    return 1 + sum(a and not r and f <= best for f, r, a in zip(far, relevant, allowed, strict=True))


def test_ranks_are_counted_among_the_allowed():
    random = np.random.default_rng(5)
    allowed = random.random((6, 40)) < 0.7
    relevant = allowed & (random.random((6, 40)) < 0.2)
    relevant[:, 0] = allowed[:, 0] = True
    found = first_ranks(VECTORS[:6] + 0.1, VECTORS, relevant, allowed)
    expected = [rank_by_hand(VECTORS[i] + 0.1, VECTORS, relevant[i], allowed[i]) for i in range(6)]
    assert found.tolist() == expected


def test_chance_is_that_of_drawing_every_handful():
    hands = list(combinations(range(7), 3))
    expected = sum(any(card < 2 for card in hand) for hand in hands) / len(hands)
    assert chance_hits(np.array([2]), np.array([7]), 3)[0] == pytest.approx(expected)
    assert chance_hits(np.array([2, 7, 1]), np.array([4, 7, 2]), 3).tolist() == [1.0, 1.0, 1.0]


def test_an_original_is_found_where_the_mirror_lies_near_it():
    assert finds_original(VECTORS + 1e-3, VECTORS, FOUR.song)["hit_at_1"].value == 1
    turned = finds_original(VECTORS[::-1].copy(), VECTORS, FOUR.song)
    assert turned["hit_at_1"].value == 0 and turned["chance"].value == pytest.approx(1 / 40)


def test_a_space_that_tells_nothing_apart_finds_nothing():
    same = np.zeros((40, 3))
    assert finds_original(same, same, FOUR.song)["hit_at_1"].value == 0
    assert finds_song(same, FOUR)["hit_at_5"].value == 0


def test_other_difficulties_of_the_song_are_found():
    by_song = np.eye(10)[FOUR.song] + 1e-3 * VECTORS[:, [0]]
    found = finds_song(by_song, FOUR)
    assert found["hit_at_5"].value == 1 and found["reciprocal_rank"].value == 1 and found["queries"].value == 40
    assert found["chance"].value < 0.7


def test_names_are_shared_by_charts_of_other_songs_of_the_difficulty():
    names = [["Ann", "bob", "", "ann "][song % 4] for song in FOUR.song]
    code = np.array([{"ann": 0, "bob": 1}.get(name.strip().lower(), 2) for name in names])
    found = shares_name(np.eye(3)[code], FOUR, names)
    assert found["hit_at_5"].value == 1 and found["queries"].value == sum(code < 2)
    lonely = shares_name(VECTORS, FOUR, [str(song) for song in FOUR.song])
    assert lonely["queries"].value == 0 and np.isnan(lonely["hit_at_5"].value)
