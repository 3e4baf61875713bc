"""One epoch of triplets from 10^4 to 10^6 charts: seconds as a ratio to a double loop in Python, memory, exactness.

``make bench``; not part of the default run. The double loop reads 2,000 charts; its time is multiplied by the square of
the number of charts to compare it with more of them, and that is said. Radars are log-normal, so a few charts are far
from all others. Every size runs in a process of its own, whose peak memory is that of Python, the charts and the work.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from groove.data.mine import mine_triplets
from groove.data.partners import NONE, partners
from groove.data.scaler import RadarScaler, radar_distances
from groove.data.triplets import ChartLabels, PairRule

CLASSES = 4
PER_ANCHOR = 4
LOOPED = 2000
PERCENTILES = (15.0, 85.0)
RUN = """
import json, resource, sys
from tests.benchmarks.test_mining_benchmark import charts_of, measured
found = measured(charts_of(int(sys.argv[1])))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(found | {"mb": peak / 1024}))
"""


def charts_of(n: int, seed: int = 0) -> ChartLabels:
    """Return `n` charts, four of a song, one in each class; hard songs are hard on every axis."""
    generator = np.random.default_rng(seed)
    spread = 0.5 * (generator.normal(size=(n, 1)) + generator.normal(size=(n, 5)))
    radar = np.exp(0.7 * spread)
    return ChartLabels(RadarScaler.fit(radar)(radar), np.arange(n) % CLASSES, np.arange(n) // CLASSES)


def looped(charts: ChartLabels) -> list[tuple[int, int, int]]:
    """Return one triplet per anchor the plain way: every pair, twice."""
    radar, label, song = (x.tolist() for x in (charts.radar, charts.label, charts.song))
    generator = np.random.default_rng(0)

    def pairs(i):
        for j in range(len(label)):
            if label[i] == label[j] and song[i] != song[j]:
                yield j, math.sqrt(sum((a - b) ** 2 for a, b in zip(radar[i], radar[j], strict=True)))

    distances: dict[int, list[float]] = {c: [] for c in range(CLASSES)}
    for i in range(len(label)):
        distances[label[i]].extend(d for j, d in pairs(i) if j > i)
    bounds = {c: np.percentile(d, PERCENTILES).tolist() for c, d in distances.items()}
    drawn = []
    for i in range(len(label)):
        near, far = bounds[label[i]]
        own = list(pairs(i))
        positive, negative = [j for j, d in own if d <= near], [j for j, d in own if d >= far]
        if positive and negative:
            drawn.append((i, int(generator.choice(positive)), int(generator.choice(negative))))
    return drawn


def measured(charts: ChartLabels) -> dict[str, float]:
    """Return seconds of the bounds and of one epoch's triplets, and what the triplets are like."""
    start, cpu = time.perf_counter(), time.process_time()
    rule = PairRule.fit(charts, CLASSES, *PERCENTILES)
    bounds_s = time.perf_counter() - start
    triplets = mine_triplets(rule, charts, PER_ANCHOR, np.random.default_rng(0))
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    check(rule, charts, triplets)
    has = partners(rule, charts, np.random.default_rng(1)) != NONE
    hub = max(most_used(triplets[charts.label[triplets[:, 0]] == c, 2], has[charts.label == c, 1]) for c in range(4))
    served = len(np.unique(triplets[:, 0])) / has.all(axis=1).sum()
    return {"s": seconds, "cpu_s": cpu_s, "bounds_s": bounds_s, "triplets": len(triplets), "hub": hub, "served": served}


def most_used(negatives: np.ndarray, possible: np.ndarray) -> float:
    """Return how often the most used negative is used, in fair shares: triplets / charts that are a negative."""
    return float(np.bincount(negatives).max() / (len(negatives) / possible.sum()))


def check(rule: PairRule, charts: ChartLabels, triplets: np.ndarray) -> None:
    """Fail unless every triplet is valid."""
    anchor, positive, negative = triplets.T
    for other in (positive, negative):
        assert (charts.label[anchor] == charts.label[other]).all() and (charts.song[anchor] != charts.song[other]).all()
    near, far = rule.nearest[charts.label[anchor]], rule.farthest[charts.label[anchor]]
    assert (np.linalg.norm(charts.radar[anchor] - charts.radar[positive], axis=1) <= near + 1e-9).all()
    assert (np.linalg.norm(charts.radar[anchor] - charts.radar[negative], axis=1) >= far - 1e-9).all()


def percentile_error(charts: ChartLabels, bound: float, percentile: float, block: int = 512) -> float:
    """Return by how many percentile points of all pairs of `charts` `bound` misses `percentile`."""
    below = pairs = 0
    for start in range(0, len(charts), block):
        distance = radar_distances(charts.radar[start : start + block], charts.radar)
        allowed = charts.song[start : start + block, None] != charts.song[None, :]
        below, pairs = below + int((allowed & (distance <= bound)).sum()), pairs + int(allowed.sum())
    return abs(100 * below / pairs - percentile)


@pytest.fixture(scope="module")
def loop_s() -> float:
    """Return the seconds of the double loop over `LOOPED` charts."""
    start = time.perf_counter()
    assert len(looped(charts_of(LOOPED))) > 0.9 * LOOPED
    return time.perf_counter() - start


@pytest.mark.parametrize("charts", [LOOPED, 10_000, 100_000, 1_000_000])
def test_one_epoch_of_triplets(benchmark, loop_s, charts):
    def run() -> dict[str, float]:
        alone = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, "-c", RUN, str(charts)], capture_output=True, check=True, env=alone)
        return json.loads(done.stdout)

    found = benchmark.pedantic(run, rounds=1)
    extrapolated = loop_s * (charts / LOOPED) ** 2
    benchmark.extra_info.update(found, loop_s=round(loop_s, 2), ratio_to_loop=found["s"] / extrapolated)
    print(
        f"{charts} charts: {found['triplets']} triplets in {found['s']:.2f} s ({found['cpu_s']:.2f} s of one core; "
        f"bounds {found['bounds_s']:.2f} s), {found['mb']:.0f} MB; the double loop {loop_s:.1f} s for {LOOPED} charts "
        f"and one triplet each{'' if charts == LOOPED else f', so {extrapolated:.0f} s by its square'}; most used "
        f"negative {found['hub']:.1f} fair shares; {100 * found['served']:.2f} % of all anchors with a pair served"
    )
    assert found["s"] < 0.5 * extrapolated and found["hub"] <= 10 and found["mb"] < 2048 and found["served"] > 0.99


def test_bounds_are_within_half_a_percentile_point_of_the_exact_ones(benchmark):
    charts = charts_of(20_000 * CLASSES)
    rule = benchmark.pedantic(PairRule.fit, (charts, CLASSES, *PERCENTILES), rounds=1)
    errors = [
        percentile_error(charts.take(np.flatnonzero(charts.label == c)), bounds[c], percentile)
        for c in range(2)
        for bounds, percentile in zip((rule.nearest, rule.farthest), PERCENTILES, strict=True)
    ]
    benchmark.extra_info.update(errors=errors)
    print(f"bounds of 20,000 charts per class miss the exact percentile by {', '.join(f'{e:.3f}' for e in errors)}")
    assert max(errors) < 0.5
