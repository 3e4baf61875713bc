"""Recommendation on 50,000 and 1,000,000 charts: seconds to be ready, and a query as a ratio to one by numpy.

``make bench``; not part of the default run. The charts are made in code; vectors as long as the small model's.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from groove.embedding.embedded import load, save
from groove.retrieval.answers import query_by_chart, recommend
from groove.retrieval.lookup import find_chart
from groove.retrieval.search import nearest
from tests.embedding.libraries import embedded_library

DIM = 64


def by_numpy(vectors, query, k):
    """Return the nearest rows the plain way: every distance, sorted."""
    return np.argsort(((vectors - query) ** 2).sum(axis=1))[:k]


def best(times: int, work) -> float:
    """Return the seconds of the fastest of `times` calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def test_50_000_charts(benchmark, tmp_path):
    library = embedded_library(50_000)
    vectors = np.random.default_rng(0).normal(size=(50_000, DIM)).astype(np.float32)
    path = save(replace(library, vectors={"projection": vectors}), tmp_path)
    start_s = best(3, lambda: load(path))
    loaded = load(path)
    name_s = best(3, lambda: find_chart(loaded, "Song 777 [Hard]"))
    everything = np.ones(len(loaded), dtype=bool)
    query = query_by_chart(loaded, loaded, 3887, "projection")
    plain_s = best(5, lambda: by_numpy(vectors, query.vector, 10))
    found = benchmark(recommend, loaded, query, 10, everything)
    allowed = loaded.song != loaded.song[3887]
    rows = [row for row in by_numpy(vectors, query.vector, 20) if allowed[row]][:10]
    assert [answer.row for answer in found] == rows
    ratio = benchmark.stats.stats.min / plain_s
    benchmark.extra_info.update(ready_s=round(start_s, 3), name_s=round(name_s, 3), ratio_to_numpy=round(ratio, 3))
    print(f"ready in {start_s:.2f} s, a name found in {name_s:.2f} s, a query {ratio:.2f} of numpy's {plain_s:.4f} s")
    assert ratio < 0.5


@pytest.mark.parametrize("charts", [100_000, 1_000_000])
def test_the_search_among_many_charts(benchmark, charts):
    vectors = np.random.default_rng(0).normal(size=(charts, DIM)).astype(np.float32)
    allowed = np.random.default_rng(1).random(charts) < 0.5
    plain_s = best(2, lambda: by_numpy(vectors, vectors[5], 10))
    benchmark(lambda: nearest(vectors[5:6], vectors[np.flatnonzero(allowed)], 10))
    ratio = benchmark.stats.stats.min / plain_s
    benchmark.extra_info.update(ratio_to_numpy=round(ratio, 3), numpy_s=round(plain_s, 3))
    print(f"{charts} charts: {ratio:.3f} of numpy's {plain_s:.3f} s")
    assert ratio < 0.5
