"""Miners choose among the allowed negatives only, each by its rule, against loops."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from groove.model.mining import DistanceWeightedMiner, HardMiner, RandomMiner, SemihardMiner
from tests.batches import batch

MINERS = [RandomMiner(), HardMiner(), SemihardMiner(), DistanceWeightedMiner()]
EACH = pytest.mark.parametrize("miner", MINERS, ids=lambda m: type(m).__name__)


@pytest.fixture(params=[0, 1, 2])
def case(request):
    torch.manual_seed(request.param)
    data = batch([4] * 40, classes=2, seed=request.param, percentiles=(20.0, 70.0))
    assert len(data.triplets) > 40
    return torch.randn(40, 6), data


def distance(embedding: torch.Tensor, i: int, j: int) -> float:
    return float((embedding[i].double() - embedding[j].double()).square().sum().sqrt())


def negatives_of(data, anchor: int) -> list[int]:
    return [j for j in range(len(data.label)) if data.negative[anchor, j]]


@EACH
def test_anchors_and_positives_stay_and_negatives_are_allowed(miner, case):
    embedding, data = case
    torch.manual_seed(5)
    mined = miner(embedding, data)
    assert mined.dtype == torch.int64 and mined.shape == data.triplets.shape
    assert torch.equal(mined[:, :2], data.triplets[:, :2])
    for a, _, n in mined.tolist():
        assert data.negative[a, n]


@EACH
def test_no_triplet_gives_no_triplet(miner):
    data = dataclasses.replace(batch([4, 4]), triplets=torch.zeros(0, 3, dtype=torch.long))
    assert miner(torch.randn(2, 6), data).shape == (0, 3)


@EACH
def test_mining_leaves_no_graph(miner, case):
    embedding, data = case
    assert not miner(embedding.requires_grad_(True), data).requires_grad


def test_random_keeps_what_was_drawn(case):
    assert torch.equal(RandomMiner()(*case), case[1].triplets)


def test_hard_is_the_nearest_negative(case):
    embedding, data = case
    for a, _, n in HardMiner()(embedding, data).tolist():
        assert n == min(negatives_of(data, a), key=lambda j: distance(embedding, a, j))


def test_semihard_is_the_nearest_beyond_the_positive_else_the_farthest(case):
    embedding, data = case
    kinds = set()
    for a, p, n in SemihardMiner()(embedding, data).tolist():
        candidates = negatives_of(data, a)
        beyond = [j for j in candidates if distance(embedding, a, j) > distance(embedding, a, p)]
        kinds.add(bool(beyond))
        chosen = min if beyond else max
        assert n == chosen(beyond or candidates, key=lambda j: distance(embedding, a, j))
    assert kinds == {True, False}


def line_batch(positions: list[float]):
    """Anchor 0, positive 1, every other chart a negative of chart 0; embeddings on a line."""
    n = len(positions)
    negative = torch.zeros(n, n, dtype=torch.bool)
    negative[0, 2:] = True
    data = dataclasses.replace(batch([4] * n), triplets=torch.tensor([[0, 1, 2]]), negative=negative)
    return torch.tensor(positions, dtype=torch.float32)[:, None].repeat(1, 2), data


def test_semihard_by_hand():
    # the positive is at 2: of the negatives 1, 9, 3 the nearest beyond it is 3
    assert SemihardMiner()(*line_batch([0, 2, 1, 9, 3])).tolist() == [[0, 1, 4]]
    # none is beyond the positive at 20: the farthest
    assert SemihardMiner()(*line_batch([0, 20, 1, 9, 3])).tolist() == [[0, 1, 3]]
    # as far as the positive is not beyond it
    assert SemihardMiner()(*line_batch([0, 3, 1, 9, 3])).tolist() == [[0, 1, 3]]


def test_hard_by_hand():
    assert HardMiner()(*line_batch([0, 0.5, 5, 1, 9])).tolist() == [[0, 1, 3]]


def test_distance_weighted_frequencies_are_the_inverse_density_of_distances():
    # unit vectors in 3 dimensions at distances 0.2, 1.0 and 1.8 of the anchor; the density of a distance d on the
    # sphere in D = 3 dimensions is proportional to d, so weights are 1/0.5 (cut off), 1/1 and 1/1.8
    def at(d: float) -> list[float]:
        cosine = 1 - d * d / 2
        return [cosine, (1 - cosine**2) ** 0.5, 0.0]

    _, data = line_batch([0, 0, 0, 0, 0])
    data = dataclasses.replace(data, triplets=torch.tensor([[0, 1, 2]] * 30_000))
    embedding = 7 * torch.tensor([[1.0, 0.0, 0.0], at(0.3), at(0.2), at(1.0), at(1.8)])
    torch.manual_seed(0)
    drawn = DistanceWeightedMiner()(embedding, data)[:, 2]
    share = torch.bincount(drawn, minlength=5) / len(drawn)
    weights = torch.tensor([0, 0, 1 / 0.5, 1 / 1.0, 1 / 1.8])
    torch.testing.assert_close(share, weights / weights.sum(), atol=0.01, rtol=0)


def test_distance_weighted_is_finite_in_many_dimensions_and_for_equal_embeddings():
    _, data = line_batch([0] * 6)
    for embedding in (torch.ones(6, 512), torch.zeros(6, 64), torch.eye(6, 128), -torch.eye(6, 128)):
        assert DistanceWeightedMiner()(embedding, data)[0, 2] >= 2
