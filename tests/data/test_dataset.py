"""Batches from the store, and the samplers that ask for them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from groove.config.schema import AugmentConfig
from groove.data.dataset import BatchRequest, ChartBatch, ChartDataset, EpochSampler, InOrderSampler
from groove.data.triplets import PairRule
from tests.batches import frames, labels, table

LENGTHS = [5, 9, 3, 12, 7, 4]


def dataset(folder: Path, silent: tuple[int, ...] = (), **settings) -> ChartDataset:
    facts = labels(len(LENGTHS))
    return ChartDataset(table(folder, LENGTHS, facts, silent), folder, PairRule.fit(facts, 1, (40, 60)), **settings)


def test_a_batch_holds_the_stored_frames_and_zeros_after_them(tmp_path):
    batch = dataset(tmp_path).__getitems__(BatchRequest([3, 0, 2], (0,)))
    assert batch.chart.shape == (3, 12, 35) and batch.audio.shape == (3, 12, 23)
    assert batch.lengths.tolist() == [12, 5, 3] and batch.index.tolist() == [3, 0, 2]
    for row, chart in enumerate([3, 0, 2]):
        steps, audio = (x.astype(np.float16).astype(np.float32) for x in frames(LENGTHS[chart], chart))
        np.testing.assert_array_equal(batch.chart[row, : len(steps)], steps)
        np.testing.assert_array_equal(batch.audio[row, : len(audio)], audio)
        assert not batch.chart[row, len(steps) :].any() and not batch.audio[row, len(steps) :].any()
    assert {batch.chart.dtype, batch.audio.dtype, batch.radar.dtype, batch.has_audio.dtype} == {torch.float32}


def test_labels_radar_and_pairs_are_those_of_the_charts_asked_for(tmp_path):
    data = dataset(tmp_path)
    request = [5, 1, 4, 0]
    batch = data.__getitems__(BatchRequest(request, (0,)))
    facts = data.table.labels
    np.testing.assert_allclose(batch.radar, facts.radar[request], rtol=1e-6)
    np.testing.assert_array_equal(batch.label, facts.label[request])
    np.testing.assert_array_equal(batch.song, facts.song[request])
    np.testing.assert_array_equal(batch.parts, data.table.parts[request])
    for own, whole in zip((batch.positive, batch.negative), data.rule.masks(facts), strict=True):
        np.testing.assert_array_equal(own, whole[np.ix_(request, request)])
    assert len(batch.triplets)
    for a, p, n in batch.triplets.tolist():
        assert batch.positive[a, p] and batch.negative[a, n]


def test_long_charts_are_cut_at_max_frames(tmp_path):
    batch = dataset(tmp_path, max_frames=6).__getitems__(BatchRequest([3, 0], (0,)))
    assert batch.lengths.tolist() == [6, 5] and batch.chart.shape[1] == batch.audio.shape[1] == 6
    np.testing.assert_array_equal(batch.chart[0], frames(12, 3)[0][:6].astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(batch.audio[0], frames(12, 3)[1][:6].astype(np.float16).astype(np.float32))


def test_missing_audio_is_zeros_and_a_flag(tmp_path):
    batch = dataset(tmp_path, silent=(1,)).__getitems__(BatchRequest([0, 1], (0,)))
    assert batch.has_audio.tolist() == [1.0, 0.0]
    assert not batch.audio[1].any() and batch.audio[0].any() and batch.chart[1].any()


def test_audio_that_ends_before_the_chart_is_zeros_after_it(tmp_path):
    data = dataset(tmp_path)
    np.save(tmp_path / "audio_3.npy", np.ones((4, 23), dtype=np.float16))
    audio = data.__getitems__(BatchRequest([3], (0,))).audio[0]
    assert (audio[:4] == 1).all() and not audio[4:].any()


def same(a: ChartBatch, b: ChartBatch) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in vars(a))


def test_the_same_request_gives_the_same_batch_another_seed_another(tmp_path):
    settings = {"augment": AugmentConfig(audio_mask=0.5), "per_anchor": 3}
    first, again = (dataset(tmp_path, **settings) for _ in range(2))
    request = BatchRequest([0, 1, 2, 3, 4, 5], (4, 1, 0))
    batch = first.__getitems__(request)
    first.__getitems__(BatchRequest([0], (1,)))  # what was asked before does not matter
    assert same(batch, again.__getitems__(request)) and same(batch, first.__getitems__(request))
    other = first.__getitems__(BatchRequest(request.indices, (4, 2, 0)))
    assert not torch.equal(batch.triplets, other.triplets) and not torch.equal(batch.chart, other.chart)
    assert torch.equal(batch.radar, other.radar)


def test_more_arrays_than_may_stay_open(tmp_path, monkeypatch):
    request = BatchRequest([0, 1, 2, 3, 4, 5], (0,))
    expected = dataset(tmp_path).__getitems__(request)
    monkeypatch.setattr("groove.data.dataset._OPEN_ARRAYS", 3)
    few = dataset(tmp_path)
    assert same(few.__getitems__(request), expected) and few._array.cache_info().currsize == 3


def test_a_batch_moves_as_a_whole(tmp_path):
    batch = dataset(tmp_path).__getitems__(BatchRequest([0, 1], (0,)))
    assert same(batch, batch.to(torch.device("cpu")))
    assert {value.device.type for value in vars(batch.to(torch.device("meta"))).values()} == {"meta"}


def flat(sampler: EpochSampler) -> list[int]:
    return [i for request in sampler for i in request.indices]


@pytest.mark.parametrize(("charts", "size"), [(1, 8), (7, 8), (50, 8), (64, 8), (51, 50), (3, 1)])
@pytest.mark.parametrize("min_steps", [1, 10, 11])
def test_an_epoch_is_whole_passes_of_at_least_so_many_steps(charts, size, min_steps):
    batches = list(EpochSampler(charts, size, 0, 0, min_steps))
    per_pass = len(EpochSampler(charts, size, 0, 0))
    assert len(batches) == len(EpochSampler(charts, size, 0, 0, min_steps))
    assert len(batches) % per_pass == 0 and min_steps <= len(batches) < min_steps + per_pass
    for start in range(0, len(batches), per_pass):
        part = batches[start : start + per_pass]
        assert sorted(i for request in part for i in request.indices) == list(range(charts))
        sizes = [len(request.indices) for request in part]
        assert max(sizes) - min(sizes) <= 1 and max(sizes) <= 1.5 * size
    assert len({request.seed for request in batches}) == len(batches)


def test_the_order_is_a_function_of_seed_epoch_and_pass():
    assert flat(EpochSampler(40, 8, 1, 2)) == flat(EpochSampler(40, 8, 1, 2))
    orders = [flat(EpochSampler(40, 8, *key)) for key in ((1, 2), (1, 3), (2, 2))]
    two = flat(EpochSampler(40, 8, 1, 2, min_steps=10))
    assert two[:40] == orders[0] and len(two) == 80
    assert len({tuple(order) for order in [*orders, two[40:]]}) == 4


@pytest.mark.parametrize("world_size", [2, 3, 4])
@pytest.mark.parametrize("charts", [24, 25, 47])
def test_ranks_share_the_batches_that_one_process_has_with_as_many_charts(charts, world_size):
    ranks = [EpochSampler(charts, 4, 0, 5, 7, rank, world_size) for rank in range(world_size)]
    single = [(request.indices, request.seed) for request in EpochSampler(charts, 4 * world_size, 0, 5, 7)]
    for rank, sampler in enumerate(ranks):
        assert [(request.indices, request.seed) for request in sampler] == single and len(sampler) == len(single)
        assert {request[2:] for request in sampler} == {(rank, world_size)}
    assert min(len(indices) for indices, _ in single) >= world_size


def test_more_ranks_than_charts_of_a_batch_make_larger_batches():
    assert [len(request.indices) for request in EpochSampler(7, 1, 0, 0, 1, 3, 4)] == [7]


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_load_disjoint_parts_of_a_batch_as_one_process_loads_them(world_size, tmp_path):
    """Augmentation and triplets included: each rank draws for the whole batch."""
    data = dataset(tmp_path, augment=AugmentConfig(audio_mask=0.5, row_dropout=0.2))
    indices, seed = [3, 0, 2, 5, 1], (4, 2)
    whole = data.__getitems__(BatchRequest(indices, seed))
    loaded = []
    for rank in range(world_size):
        part = data.__getitems__(BatchRequest(indices, seed, rank, world_size))
        for name in ("label", "song", "radar", "parts", "index", "triplets", "positive", "negative"):
            assert torch.equal(getattr(part, name), getattr(whole, name)), name
        for k, row in enumerate(part.own.tolist()):
            frames = int(part.lengths[k])
            assert frames == whole.lengths[row] and part.has_audio[k] == whole.has_audio[row]
            assert torch.equal(part.chart[k, :frames], whole.chart[row, :frames])
            assert torch.equal(part.audio[k, :frames], whole.audio[row, :frames])
            loaded.append(row)
    assert sorted(loaded) == list(range(len(indices))) and whole.own.tolist() == list(range(len(indices)))


@pytest.mark.parametrize(("charts", "world_size"), [(7, 2), (200, 3), (5, 4)])
def test_ranks_evaluate_every_chart_once_and_none_has_nothing_to_do(charts, world_size):
    parts = [list(InOrderSampler(np.arange(charts), 64, rank, world_size)) for rank in range(world_size)]
    assert all(parts)
    assert sorted(i for part in parts for request in part for i in request.indices) == list(range(charts))


def test_the_evaluation_order_covers_all_by_length():
    lengths = np.array([30, 10, 20, 10, 40, 5, 25])
    sampler = InOrderSampler(lengths, 3)
    order = [i for request in sampler for i in request.indices]
    assert len(list(sampler)) == len(sampler) == 3
    assert sorted(order) == list(range(7))
    assert lengths[order].tolist() == sorted(lengths)
    assert [r.indices for r in sampler] == [r.indices for r in InOrderSampler(lengths, 3)]


@pytest.mark.parametrize("songs", [np.arange(40) % 13, np.arange(40) // 4, np.zeros(40, int), 3 * np.arange(40)])
def test_charts_of_a_song_follow_each_other_and_each_comes_once(songs):
    batches = list(EpochSampler(40, 8, seed=1, epoch=2, min_steps=9, songs=songs))
    assert len(batches) == 10 and {len(request.indices) for request in batches} == {8}
    for start in (0, 5):
        one_pass = batches[start : start + 5]
        order = [i for request in one_pass for i in request.indices]
        assert sorted(order) == list(range(40))
        assert 1 + (np.diff(songs[order]) != 0).sum() == len(set(songs)), "a song's charts are apart"
        cut = sum(songs[a.indices[-1]] == songs[b.indices[0]] for a, b in itertools.pairwise(one_pass))
        batches_of = [{int(songs[i]) for i in request.indices} for request in one_pass]
        assert sum(map(len, batches_of)) == len(set(songs)) + cut, "a batch has whole songs but at its ends"


def test_the_order_of_songs_and_in_them_is_a_function_of_seed_epoch_and_pass():
    songs = np.arange(40) % 13

    def order(seed: int, epoch: int, min_steps: int = 1) -> list[int]:
        return flat(EpochSampler(40, 8, seed, epoch, min_steps, songs=songs))

    two = order(1, 2, min_steps=10)
    assert two == order(1, 2, min_steps=10) and two[:40] == order(1, 2)
    orders = [two[:40], two[40:], order(1, 3), order(2, 2)]
    assert len({tuple(one) for one in orders}) == 4
    assert len({tuple(songs[one]) for one in orders}) == 4, "songs come in another order"
    assert len({tuple(i for i in one if songs[i] == 0) for one in orders}) > 1, "and so do the charts of one"


def test_without_songs_the_order_is_the_one_that_it_was():
    songs = np.arange(40)  # a song per chart: only their order is drawn
    assert flat(EpochSampler(40, 8, 1, 2)) == np.random.default_rng((1, 2, 0)).permutation(40).tolist()
    assert sorted(flat(EpochSampler(40, 8, 1, 2, songs=songs))) == list(range(40))


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_batches_of_songs_too(world_size):
    songs = np.arange(47) // 3
    single = list(EpochSampler(47, 4 * world_size, 0, 5, 7, songs=songs))
    for rank in range(world_size):
        own = list(EpochSampler(47, 4, 0, 5, 7, rank, world_size, songs))
        assert [(request.indices, request.seed) for request in own] == [(r.indices, r.seed) for r in single]
        assert {request[2:] for request in own} == {(rank, world_size)}
