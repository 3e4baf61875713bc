"""The adaptive triplet loss against a plain loop."""

from __future__ import annotations

import math

import pytest
import torch

from groove.model.losses import AdaptiveTripletLoss, adaptive_margin, row_distance
from tests.batches import batch


def length(values) -> float:
    return math.sqrt(sum(float(v) ** 2 for v in values))


def slow(embedding, triplets, radar, base, scale, normalize) -> dict[str, float]:
    rows = [[float(x) for x in row] for row in embedding]
    if normalize:
        rows = [[x / length(row) for x in row] for row in rows]
    losses, margins, aps, ans = [], [], [], []
    for a, p, n in triplets.tolist():
        ap = length(x - y for x, y in zip(rows[a], rows[p], strict=True))
        an = length(x - y for x, y in zip(rows[a], rows[n], strict=True))
        margin = base + scale * length(radar[a] - radar[n])
        losses.append(max(0.0, ap - an + margin))
        margins.append(margin)
        aps.append(ap)
        ans.append(an)
    count = len(losses)
    return {
        "loss": sum(losses) / count,
        "active_fraction": sum(value > 0 for value in losses) / count,
        "margin": sum(margins) / count,
        "ap_dist": sum(aps) / count,
        "an_dist": sum(ans) / count,
        "positive_margin_fraction": sum(n > p for n, p in zip(ans, aps, strict=True)) / count,
    }


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(("base", "scale"), [(2.0, 1.0), (1.0, 0.5), (0.1, 0.0)])
def test_the_loss_and_all_that_is_logged_against_a_loop(base, scale, normalize):
    data = batch([4] * 24, classes=2)
    torch.manual_seed(0)
    embedding = torch.randn(24, 6) * 3
    assert len(data.triplets) > 20
    found = AdaptiveTripletLoss(base, scale, normalize)(embedding, data.triplets, data.radar)
    expected = slow(embedding, data.triplets, data.radar, base, scale, normalize)
    assert {name: float(value) for name, value in found._asdict().items()} == pytest.approx(expected, rel=1e-5)
    assert 0 < expected["positive_margin_fraction"] < 1


def test_by_hand():
    # d(a, p) = 5, d(a, n) = 13, and the radars of a and n are 2 apart: margin 1 + 0.5 * 2 = 2, so 5 - 13 + 2 < 0
    embedding = torch.tensor([[0.0, 0.0], [3.0, 4.0], [5.0, 12.0]])
    radar = torch.tensor([[0.0, 0.0], [9.0, 9.0], [0.0, 2.0]])
    loss = AdaptiveTripletLoss(1.0, 0.5)
    far = loss(embedding, torch.tensor([[0, 1, 2]]), radar)
    assert [round(float(x), 5) for x in far] == [0.0, 0.0, 2.0, 5.0, 13.0, 1.0]
    # positive and negative change places: radars 12.7279 apart, 13 - 5 + 1 + 6.36396
    near = loss(embedding, torch.tensor([[0, 2, 1]]), radar)
    assert [round(float(x), 4) for x in near] == [15.364, 1.0, 7.364, 13.0, 5.0, 0.0]
    both = loss(embedding, torch.tensor([[0, 1, 2], [0, 2, 1]]), radar)
    assert float(both.loss) == pytest.approx(15.36396 / 2)  # satisfied triplets count
    assert float(both.active_fraction) == 0.5


def test_the_margin_formula():
    radar = torch.tensor([[0.0, 0.0], [1.0, 1.0], [3.0, 4.0]])
    triplets = torch.tensor([[0, 1, 2], [2, 1, 0], [0, 1, 0]])
    assert adaptive_margin(radar, triplets, 2.0, 1.0).tolist() == [7.0, 7.0, 2.0]
    assert adaptive_margin(radar, triplets, 1.0, 0.5).tolist() == [3.5, 3.5, 1.0]


@pytest.mark.parametrize("normalize", [False, True])
def test_no_triplet_gives_0_with_a_graph(normalize):
    embedding = torch.randn(3, 4, requires_grad=True)
    out = AdaptiveTripletLoss(normalize=normalize)(embedding, torch.zeros(0, 3, dtype=torch.long), torch.zeros(3, 5))
    assert [float(value.detach()) for value in out] == [0.0] * 6
    out.loss.backward()
    assert embedding.grad is not None and not embedding.grad.any()


@pytest.mark.parametrize("normalize", [False, True])
def test_equal_embeddings_have_a_finite_gradient(normalize):
    embedding = torch.ones(3, 4).requires_grad_(True)
    out = AdaptiveTripletLoss(normalize=normalize)(embedding, torch.tensor([[0, 1, 2]]), torch.zeros(3, 5))
    assert float(out.loss.detach()) == pytest.approx(2.0, abs=1e-5)
    out.loss.backward()
    assert torch.isfinite(embedding.grad).all()


def test_an_embedding_of_0_stays_finite_when_normalised():
    embedding = torch.zeros(3, 4).requires_grad_(True)
    AdaptiveTripletLoss(normalize=True)(embedding, torch.tensor([[0, 1, 2]]), torch.zeros(3, 5)).loss.backward()
    assert torch.isfinite(embedding.grad).all()


def test_on_the_unit_sphere_no_distance_is_beyond_2():
    embedding = torch.tensor([[50.0, 0.0], [-50.0, 0.0], [0.0, 3.0]])
    out = AdaptiveTripletLoss(normalize=True)(embedding, torch.tensor([[0, 2, 1]]), torch.zeros(3, 5))
    assert float(out.an_dist) == pytest.approx(2.0) and float(out.ap_dist) == pytest.approx(math.sqrt(2))


def test_only_the_loss_has_a_gradient_and_it_pulls_and_pushes():
    embedding = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    out = AdaptiveTripletLoss()(embedding, torch.tensor([[0, 1, 2]]), torch.zeros(3, 5))
    assert [value.requires_grad for value in out] == [True, *[False] * 5]
    out.loss.backward()
    torch.testing.assert_close(embedding.grad, torch.tensor([[-1.0, 1.0], [1.0, 0.0], [0.0, -1.0]]))


def test_a_satisfied_triplet_has_no_gradient():
    embedding = torch.tensor([[0.0], [0.1], [50.0]], requires_grad=True)
    AdaptiveTripletLoss()(embedding, torch.tensor([[0, 1, 2]]), torch.zeros(3, 5)).loss.backward()
    assert not embedding.grad.any()


def test_row_distance_by_hand():
    found = row_distance(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[3.0, 4.0], [1.0, 1.0]]))
    assert found.tolist() == pytest.approx([5.0, 1e-6], abs=1e-7)
