"""Retrieval numbers against slow re-derivations: perfect, random and small inputs."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.stats import spearmanr

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.data.triplets import ChartLabels
from groove.retrieval import metrics as module
from groove.retrieval.metrics import (
    NEIGHBORS,
    RELEVANT,
    query_scores,
    radar_truth,
    retrieval_gain,
    retrieval_metrics,
)
from tests.batches import labels


def embedding_of(n: int, seed: int = 0, dim: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dim))


def candidates(charts: ChartLabels, i: int, within: bool) -> list[int]:
    return [
        j
        for j in range(len(charts))
        if charts.song[j] != charts.song[i] and (not within or charts.label[j] == charts.label[i])
    ]


def slow(embedding: np.ndarray, charts: ChartLabels, k: int, within: bool) -> dict[str, float]:
    def radar(i, j):
        return float(np.linalg.norm(charts.radar[i] - charts.radar[j]))

    def found(i, j):
        return float(np.linalg.norm(embedding[i] - embedding[j]))

    random, model, oracle, recall, precision, ndcg = [], [], [], [], [], []
    for i in range(len(charts)):
        own = candidates(charts, i, within)
        if len(own) <= k:
            continue
        nearest = sorted(own, key=lambda j: found(i, j))[:k]
        true = sorted(own, key=lambda j: radar(i, j))
        mean = sum(radar(i, j) for j in own) / len(own)
        random.append(mean)
        model.append(sum(radar(i, j) for j in nearest) / k)
        oracle.append(sum(radar(i, j) for j in true[:k]) / k)
        relevant = set(true[:RELEVANT])
        recall.append(len(relevant & set(nearest)) / len(relevant))
        precision.append(len(relevant & set(nearest)) / k)

        def gain(order, i=i, mean=mean):
            return sum(max(0.0, 1 - radar(i, j) / mean) / math.log2(rank + 2) for rank, j in enumerate(order))

        ndcg.append(gain(nearest) / gain(true[:k]))
    pairs = [(i, j) for i in range(len(charts)) for j in candidates(charts, i, within) if i < j]
    apart = [found(i, j) for i, j in pairs]
    result = {
        "gain": (sum(random) - sum(model)) / (sum(random) - sum(oracle)),
        f"recall_at_{k}": np.mean(recall),
        f"precision_at_{k}": np.mean(precision),
        f"ndcg_at_{k}": np.mean(ndcg),
        "spearman": spearmanr(apart, [radar(i, j) for i, j in pairs]).statistic,
    }
    for axis, name in enumerate(RADAR_AXES):
        gaps = [abs(charts.radar[i, axis] - charts.radar[j, axis]) for i, j in pairs]
        result[f"spearman_{name}"] = spearmanr(apart, gaps).statistic
    return result


@pytest.mark.parametrize("within", [True, False])
@pytest.mark.parametrize("k", [3, 5])
def test_all_numbers_against_a_slow_derivation(within, k):
    charts = labels(60, classes=3, songs=25, seed=1)
    embedding = charts.radar @ np.random.default_rng(0).normal(size=(5, 6)) + 0.5 * embedding_of(60)
    found = retrieval_metrics(embedding, charts, k, within)
    assert found == pytest.approx(slow(embedding, charts, k, within), rel=1e-6)
    assert 0.1 < found["gain"] < 0.95
    assert retrieval_gain(embedding, charts, k, within) == found["gain"]


def test_charts_with_too_few_candidates_are_left_out_of_every_number():
    charts = labels(24, seed=2)
    charts.label[:] = [0] * 20 + [1] * 4  # 3 candidates in class 1: fewer than 5
    embedding = embedding_of(24)
    found = retrieval_metrics(embedding, charts)
    expected = slow(embedding, charts, NEIGHBORS, True)
    assert {k: v for k, v in found.items() if "spearman" not in k} == pytest.approx(
        {k: v for k, v in expected.items() if "spearman" not in k}
    )


def test_a_perfect_embedding_is_perfect():
    charts = labels(80, classes=2, songs=60)
    for within in (True, False):
        found = retrieval_metrics(charts.radar * 3 + 7, charts, k=RELEVANT, within=within)  # moved and scaled
        perfect = {"gain", f"recall_at_{RELEVANT}", f"precision_at_{RELEVANT}", f"ndcg_at_{RELEVANT}", "spearman"}
        assert {name: found[name] for name in perfect} == pytest.approx(dict.fromkeys(perfect, 1.0))


def test_at_5_a_perfect_embedding_finds_5_of_the_10_relevant():
    charts = labels(80)
    found = retrieval_metrics(charts.radar, charts)
    assert found["recall_at_5"] == pytest.approx(NEIGHBORS / RELEVANT) and found["precision_at_5"] == pytest.approx(1.0)


def test_a_random_embedding_gains_nothing_on_average():
    charts = labels(120, classes=2, songs=60)
    gains = [retrieval_gain(embedding_of(120, seed), charts) for seed in range(20)]
    assert abs(np.mean(gains)) < 0.03
    correlations = [retrieval_metrics(embedding_of(120, seed), charts)["spearman"] for seed in range(5)]
    assert abs(np.mean(correlations)) < 0.05


def test_an_inverted_embedding_is_worse_than_random():
    charts = labels(60)
    charts.radar[:] = 0
    charts.radar[:, 0] = np.arange(60)
    # the nearest chart of i is i + 30 or i - 30: half the range away, where random charts are a third away
    partner = (np.arange(60) % 30) * 100.0 + np.arange(60) // 30
    assert retrieval_gain(partner[:, None], charts, k=1) < -0.3


def test_other_charts_of_the_same_song_are_never_neighbors():
    # every song has two charts with equal embeddings: only the exclusion keeps them from being each other's nearest
    charts = labels(40, songs=20, seed=3)
    embedding = np.tile(embedding_of(20), (2, 1))
    assert (charts.song[:20] == charts.song[20:]).all()
    charts.radar[20:] = charts.radar[:20] + 1e-6
    found = retrieval_metrics(embedding, charts)
    assert found == pytest.approx(slow(embedding, charts, NEIGHBORS, True), abs=1e-4)
    everything = ChartLabels(charts.radar, charts.label, np.arange(40))
    assert retrieval_gain(embedding, everything) > found["gain"] + 0.1


def test_within_a_class_only_its_charts_are_neighbors():
    charts = labels(60, classes=2)
    moved = charts.radar.copy()  # within: still perfect; across: class 1 is far from class 0
    moved[charts.label == 1] += 100
    assert retrieval_gain(moved, charts, within=True) == pytest.approx(1.0)
    assert retrieval_gain(moved, charts, within=False) < 0.9


def test_several_numbers_of_neighbors_are_those_of_each_alone():
    charts = labels(70, classes=2, songs=30, seed=4)
    embedding = embedding_of(70)
    together = query_scores(embedding, charts, (1, 5, 10), True)
    for k, scores in together.items():
        for one, other in zip(scores, query_scores(embedding, charts, (k,), True)[k], strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_truth_serves_every_embedding():
    charts = labels(70, classes=2, songs=30, seed=4)
    truth = radar_truth(charts, True)
    for k in (5, 10):
        given = query_scores(embedding_of(70), charts, (k,), True, truth)[k]
        own = query_scores(embedding_of(70), charts, (k,), True)[k]
        for one, other in zip(given, own, strict=True):
            np.testing.assert_array_equal(one, other)


def test_many_pairs_are_estimated_on_a_spread_of_charts(monkeypatch):
    charts = labels(300, seed=5)
    embedding = charts.radar + embedding_of(300, dim=5)
    exact = retrieval_metrics(embedding, charts)["spearman"]
    monkeypatch.setattr(module, "_MAX_PAIRS", 5000)
    estimate = retrieval_metrics(embedding, charts)["spearman"]
    assert estimate != exact and estimate == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize(
    "charts",
    [
        labels(0),
        labels(1),
        labels(NEIGHBORS + 1),  # 5 candidates, nothing to choose
        labels(30, songs=1),
        labels(20, classes=10),
        ChartLabels(np.ones((30, 5)), np.zeros(30, dtype=np.int64), np.arange(30)),  # all equally far
    ],
    ids=["none", "one", "as many as asked", "one song", "two of each class", "equal radars"],
)
def test_too_few_charts_or_equal_ones_give_nan_without_a_warning(charts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = retrieval_metrics(embedding_of(len(charts)), charts)
    assert math.isnan(found["gain"])
    assert math.isnan(retrieval_gain(embedding_of(len(charts)), charts))


def test_too_few_charts_give_nan_in_every_ranked_number():
    found = retrieval_metrics(embedding_of(4), labels(4))
    assert all(math.isnan(found[name]) for name in ("recall_at_5", "precision_at_5", "ndcg_at_5"))
