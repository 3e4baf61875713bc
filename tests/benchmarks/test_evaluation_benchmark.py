"""Retrieval evaluation: as a ratio to sorting all distances at 4,000 charts; seconds and memory at 100,000.

``make bench``; not part of the default run. A space of 64 numbers; what ``groove.evaluate`` says of it within a
difficulty and across: gain, recall, precision and nDCG at 1, 5 and 10, with intervals of 1000 draws.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from groove.data.scaler import RadarScaler, radar_distances
from groove.data.triplets import ChartLabels
from groove.retrieval.evaluation import KS, space_scores
from groove.retrieval.metrics import RELEVANT, query_scores

CLASSES, DIM = 4, 64
RUN = """
import json, resource, sys
from tests.benchmarks.test_evaluation_benchmark import evaluated
found = evaluated(int(sys.argv[1]))
print(json.dumps(found | {"mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def space(n: int, seed: int = 0) -> tuple[np.ndarray, ChartLabels]:
    """Return vectors (N, 64) that know something of the radar, and the labels of N charts, four of a song."""
    generator = np.random.default_rng(seed)
    radar = np.exp(0.35 * (generator.normal(size=(n, 1)) + generator.normal(size=(n, 5))))
    radar = RadarScaler.fit(radar)(radar)
    vectors = radar @ generator.normal(size=(5, DIM)) + generator.normal(size=(n, DIM))
    return vectors, ChartLabels(radar, np.arange(n) % CLASSES, np.arange(n) // CLASSES)


def plain(vectors: np.ndarray, charts: ChartLabels, k: int, within: bool, block: int = 512) -> np.ndarray:
    """Return per chart the mean, found and best radar distance, recall, precision and nDCG, by sorting everything."""
    parts = []
    for start in range(0, len(charts), block):
        rows = np.arange(start, min(start + block, len(charts)))
        allowed = charts.song[rows, None] != charts.song[None, :]
        if within:
            allowed &= charts.label[rows, None] == charts.label[None, :]
        radar = radar_distances(charts.radar[rows], charts.radar)
        found, true = (
            np.argsort(np.where(allowed, distance, np.inf), axis=1, kind="stable")
            for distance in (radar_distances(vectors[rows], vectors), radar)
        )
        mean = (radar * allowed).sum(axis=1) / allowed.sum(axis=1)
        hits = (found[:, :k, None] == true[:, None, :RELEVANT]).any(axis=2).sum(axis=1)
        relevance = np.where(allowed, np.maximum(0.0, 1.0 - radar / mean[:, None]), 0.0)
        discount = 1.0 / np.log2(np.arange(2, k + 2))
        ideal = (-np.sort(-relevance, axis=1)[:, :k] * discount).sum(axis=1)
        ndcg = (np.take_along_axis(relevance, found[:, :k], axis=1) * discount).sum(axis=1) / ideal
        near = [np.take_along_axis(radar, order[:, :k], axis=1).mean(axis=1) for order in (found, true)]
        parts.append(np.stack([mean, *near, hits / RELEVANT, hits / k, ndcg], axis=1))
    return np.concatenate(parts)


def evaluated(n: int) -> dict[str, float]:
    """Return the seconds of the evaluation of one space, wall and of one core."""
    vectors, charts = space(n)
    found, start, cpu = {}, time.perf_counter(), time.process_time()
    for title, within in (("within", True), ("across", False)):
        begun = time.perf_counter()
        space_scores(vectors, charts, within)
        found[f"{title}_s"] = time.perf_counter() - begun
    return found | {"s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}


@pytest.mark.parametrize("within", [True, False])
def test_ratio_to_sorting_all_distances(benchmark, within):
    vectors, charts = space(4000)
    start = time.perf_counter()
    expected = {k: plain(vectors, charts, k, within) for k in KS}
    plain_s = time.perf_counter() - start
    found = benchmark.pedantic(query_scores, (vectors, charts, KS, within), rounds=3)
    for k in KS:
        np.testing.assert_allclose(np.stack(found[k][1:], axis=1), expected[k], rtol=1e-9, atol=1e-9)
    ratio = benchmark.stats.stats.min / plain_s
    benchmark.extra_info.update(ratio=round(ratio, 4), plain_s=round(plain_s, 2))
    print(f"4000 charts, {'within' if within else 'across'}: {ratio:.3f} of {plain_s:.2f} s, the same numbers")
    assert ratio < 0.3


def test_100_000_charts(benchmark):
    def run() -> dict[str, float]:
        alone = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, "-c", RUN, "100000"], capture_output=True, check=True, env=alone)
        return json.loads(done.stdout)

    found = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(found)
    print(
        f"100000 charts: {found['s']:.1f} s ({found['cpu_s']:.1f} s of one core): within a difficulty "
        f"{found['within_s']:.1f} s, across {found['across_s']:.1f} s; {found['mb']:.0f} MB"
    )
    assert found["mb"] < 2048
