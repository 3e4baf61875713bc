"""The contrastive losses against plain loops over the formulas of their papers."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from groove.config.schema import LossConfig
from groove.model.losses import (
    AdaptiveTripletLoss,
    ContrastiveTargets,
    LogRatioLoss,
    MetricLearningLoss,
    RadarRegressionLoss,
    RankNContrastLoss,
    YAwareInfoNCELoss,
    triplet_distances,
)
from groove.training.module import make_loss
from tests.batches import batch

UNIT = torch.tensor([0.5, 0.25, 0.25, 1.0, 0.5])
"""A scaled unit of each axis, in full axes."""
NO_TRIPLETS = torch.zeros(0, 3, dtype=torch.long)


def targets(triplets, radar, label=None, unit=UNIT) -> ContrastiveTargets:
    label = torch.zeros(len(radar), dtype=torch.long) if label is None else label
    return ContrastiveTargets(triplets, radar, label, unit)


def length(values) -> float:
    return math.sqrt(sum(float(v) ** 2 for v in values))


def slow(embedding, triplets, radar, base, scale, radius) -> dict[str, float]:
    rows = [[float(x) for x in row] for row in embedding]
    if radius:
        rows = [[radius * x / length(row) for x in row] for row in rows]
    losses, margins, aps, ans = [], [], [], []
    for a, p, n in triplets.tolist():
        ap = length(x - y for x, y in zip(rows[a], rows[p], strict=True))
        an = length(x - y for x, y in zip(rows[a], rows[n], strict=True))
        margin = base + scale * length((radar[a] - radar[n]) * UNIT)
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


@pytest.mark.parametrize("radius", [None, 1.0, 8.0])
@pytest.mark.parametrize(("base", "scale"), [(2.0, 1.0), (1.0, 0.5), (0.1, 0.0)])
def test_the_loss_and_all_that_is_logged_against_a_loop(base, scale, radius):
    data = batch([4] * 24, classes=2)
    torch.manual_seed(0)
    embedding = torch.randn(24, 6) * 3
    assert len(data.triplets) > 20
    found = AdaptiveTripletLoss(base, scale, radius=radius)(embedding, targets(data.triplets, data.radar))
    expected = slow(embedding, data.triplets, data.radar, base, scale, radius)
    assert {name: float(value) for name, value in found._asdict().items()} == pytest.approx(expected, rel=1e-5)
    assert 0 < expected["positive_margin_fraction"] < 1


def test_by_hand():
    # d(a, p) = 5, d(a, n) = 13, and the radars of a and n are 2 apart: margin 1 + 0.5 * 2 = 2, so 5 - 13 + 2 < 0
    embedding = torch.tensor([[0.0, 0.0], [3.0, 4.0], [5.0, 12.0]])
    radar = torch.tensor([[0.0, 0.0], [9.0, 9.0], [0.0, 2.0]])
    loss = AdaptiveTripletLoss(1.0, 0.5)
    far = loss(embedding, targets(torch.tensor([[0, 1, 2]]), radar, unit=torch.ones(2)))
    assert [round(float(x), 5) for x in far] == [0.0, 0.0, 2.0, 5.0, 13.0, 1.0]
    # positive and negative change places: radars 12.7279 apart, 13 - 5 + 1 + 6.36396
    near = loss(embedding, targets(torch.tensor([[0, 2, 1]]), radar, unit=torch.ones(2)))
    assert [round(float(x), 4) for x in near] == [15.364, 1.0, 7.364, 13.0, 5.0, 0.0]
    both = loss(embedding, targets(torch.tensor([[0, 1, 2], [0, 2, 1]]), radar, unit=torch.ones(2)))
    assert float(both.loss) == pytest.approx(15.36396 / 2)  # satisfied triplets count
    assert float(both.active_fraction) == 0.5


def test_the_margin_formula():
    radar = torch.tensor([[0.0, 0.0], [1.0, 1.0], [3.0, 4.0]])
    triplets = torch.tensor([[0, 1, 2], [2, 1, 0], [0, 1, 0]])
    assert AdaptiveTripletLoss(2.0, 1.0).margins(targets(triplets, radar, unit=torch.ones(2))).tolist() == [
        7.0,
        7.0,
        2.0,
    ]
    assert AdaptiveTripletLoss(1.0, 0.5).margins(targets(triplets, radar, unit=torch.ones(2))).tolist() == [
        3.5,
        3.5,
        1.0,
    ]


def test_the_margin_counts_the_radar_in_full_axes():
    """The source document's example: stream 10 against 90 is a distance of .8."""
    radar = torch.tensor([[10.0, 50.0], [90.0, 50.0]])
    scale = torch.tensor([20.0, 30.0])  # of the scaler
    data = targets(torch.tensor([[0, 0, 1]]), radar / scale, unit=scale / 100)
    assert AdaptiveTripletLoss(2.0, 1.0).margins(data).tolist() == pytest.approx([2.8])


@pytest.mark.parametrize("radius", [None, 1.0, 8.0])
def test_no_triplet_gives_0_with_a_graph(radius):
    embedding = torch.randn(3, 4, requires_grad=True)
    out = AdaptiveTripletLoss(radius=radius)(embedding, targets(NO_TRIPLETS, torch.zeros(3, 5)))
    assert [float(value.detach()) for value in out] == [0.0] * 6
    out.loss.backward()
    assert embedding.grad is not None and not embedding.grad.any()


@pytest.mark.parametrize("radius", [None, 1.0, 8.0])
def test_equal_embeddings_have_a_finite_gradient(radius):
    embedding = torch.ones(3, 4).requires_grad_(True)
    out = AdaptiveTripletLoss(radius=radius)(embedding, targets(torch.tensor([[0, 1, 2]]), torch.zeros(3, 5)))
    assert float(out.loss.detach()) == pytest.approx(2.0, abs=1e-5)
    out.loss.backward()
    assert torch.isfinite(embedding.grad).all()


def test_an_embedding_of_0_stays_finite_when_normalised():
    embedding = torch.zeros(3, 4).requires_grad_(True)
    AdaptiveTripletLoss(radius=1.0)(embedding, targets(torch.tensor([[0, 1, 2]]), torch.zeros(3, 5))).loss.backward()
    assert torch.isfinite(embedding.grad).all()


def test_on_the_unit_sphere_no_distance_is_beyond_2():
    embedding = torch.tensor([[50.0, 0.0], [-50.0, 0.0], [0.0, 3.0]])
    out = AdaptiveTripletLoss(radius=1.0)(embedding, targets(torch.tensor([[0, 2, 1]]), torch.zeros(3, 5)))
    assert float(out.an_dist) == pytest.approx(2.0) and float(out.ap_dist) == pytest.approx(math.sqrt(2))


def test_only_the_loss_has_a_gradient_and_it_pulls_and_pushes():
    embedding = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    out = AdaptiveTripletLoss()(embedding, targets(torch.tensor([[0, 1, 2]]), torch.zeros(3, 5)))
    assert [value.requires_grad for value in out] == [True, *[False] * 5]
    out.loss.backward()
    torch.testing.assert_close(embedding.grad, torch.tensor([[-1.0, 1.0], [1.0, 0.0], [0.0, -1.0]]))


def test_a_satisfied_triplet_has_no_gradient():
    embedding = torch.tensor([[0.0], [0.1], [50.0]], requires_grad=True)
    AdaptiveTripletLoss()(embedding, targets(torch.tensor([[0, 1, 2]]), torch.zeros(3, 5))).loss.backward()
    assert not embedding.grad.any()


def test_triplet_distances_by_hand():
    near, far = triplet_distances(torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0, 1, 2]]))
    assert near.tolist() == pytest.approx([1e-6], abs=1e-7) and far.tolist() == pytest.approx([5.0])


# ---- losses for a continuous label -----------------------------------------------------------------


CONTINUOUS = [
    RankNContrastLoss(),
    RankNContrastLoss(0.5, radius=1.0),
    LogRatioLoss(),
    YAwareInfoNCELoss(),
    YAwareInfoNCELoss(0.5, 2.0),
]


def gap(rows, i, j) -> float:
    return length(x - y for x, y in zip(rows[i], rows[j], strict=True))


def partners(label, i):
    return [k for k in range(len(label)) if k != i and label[k] == label[i]]


def slow_rank_n_contrast(z, radar, label, temperature):
    terms = []
    for i in range(len(z)):
        for j in partners(label, i):
            at_least = [k for k in partners(label, i) if gap(radar, i, k) >= gap(radar, i, j)]
            total = sum(math.exp(-gap(z, i, k) / temperature) for k in at_least)
            terms.append(-math.log(math.exp(-gap(z, i, j) / temperature) / total))
    return sum(terms) / len(terms)


def slow_log_ratio(z, radar, label):
    anchors = []
    for a in range(len(z)):
        terms = []
        for i in partners(label, a):
            for j in partners(label, a):
                embedding = gap(z, a, i) ** 2 / gap(z, a, j) ** 2
                terms.append((math.log(embedding) - math.log(gap(radar, a, i) ** 2 / gap(radar, a, j) ** 2)) ** 2)
        anchors.append(sum(terms) / len(terms))
    return sum(anchors) / len(anchors)


def slow_y_aware(z, radar, label, temperature, bandwidth):
    z = [[x / length(row) for x in row] for row in z]
    anchors = []
    for i in range(len(z)):
        others = partners(label, i)
        cosine = {k: sum(a * b for a, b in zip(z[i], z[k], strict=True)) / temperature for k in others}
        kernel = {k: math.exp(-(gap(radar, i, k) ** 2) / (2 * bandwidth**2)) for k in others}
        total = sum(math.exp(cosine[k]) for k in others)
        weight = sum(kernel.values())
        anchors.append(-sum(kernel[k] / weight * math.log(math.exp(cosine[k]) / total) for k in others))
    return sum(anchors) / len(anchors)


@pytest.fixture
def charts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    label = torch.tensor([0, 1, 0, 0, 1, 1, 0, 1, 0])
    return torch.randn(9, 4, generator=generator), torch.randn(9, 5, generator=generator), label


def test_each_equals_its_formula(charts):
    z, radar, label = charts
    rows, radars = z.tolist(), radar.tolist()
    unit = torch.nn.functional.normalize(z, dim=1).tolist()
    expected = [
        slow_rank_n_contrast(rows, radars, label, 1.0),
        slow_rank_n_contrast(unit, radars, label, 0.5),
        slow_log_ratio(rows, radars, label),
        slow_y_aware(rows, radars, label, 0.1, 1.0),
        slow_y_aware(rows, radars, label, 0.5, 2.0),
    ]
    found = [float(loss(z, targets(NO_TRIPLETS, radar, label)).loss) for loss in CONTINUOUS]
    assert found == pytest.approx(expected, rel=1e-4)


def test_rank_n_contrast_with_equal_radars(charts):
    z, radar, label = charts
    radar = radar.clone()
    radar[3] = radar[6]
    radar[2] = radar[0]
    found = float(RankNContrastLoss()(z, targets(NO_TRIPLETS, radar, label)).loss)
    assert found == pytest.approx(slow_rank_n_contrast(z.tolist(), radar.tolist(), label, 1.0), rel=1e-4)


@pytest.mark.parametrize("loss", [*CONTINUOUS, RadarRegressionLoss()], ids=lambda loss: type(loss).__name__)
def test_each_can_be_learned_and_is_lower_for_the_radar_itself(loss):
    generator = torch.Generator().manual_seed(0)
    radar, label = torch.randn(24, 5, generator=generator), torch.arange(24) % 2
    aims = targets(NO_TRIPLETS, radar, label)
    z = torch.randn(24, 5, generator=generator).requires_grad_(True)
    start = float(loss(z, aims).loss.detach())
    optimizer = torch.optim.Adam([z], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss(z, aims).loss.backward()
        optimizer.step()
    assert float(loss(z, aims).loss.detach()) < 0.9 * start
    assert float(loss(radar, aims).loss) < start


@pytest.mark.parametrize("loss", CONTINUOUS, ids=lambda loss: type(loss).__name__)
def test_nothing_to_compare_is_0_and_equal_charts_stay_finite(loss):
    z = torch.randn(3, 4, requires_grad=True)
    out = loss(z, targets(NO_TRIPLETS, torch.randn(3, 5), torch.arange(3)))
    out.loss.backward()
    assert [float(value.detach()) for value in out] == [0.0] * 6 and not z.grad.any()
    same = torch.ones(4, 3, requires_grad=True)
    loss(same, targets(NO_TRIPLETS, torch.randn(4, 5), torch.zeros(4, dtype=torch.long))).loss.backward()
    assert torch.isfinite(same.grad).all()


def test_they_measure_triplets_too():
    embedding = torch.tensor([[0.0, 0.0], [3.0, 4.0], [5.0, 12.0]])
    out = RankNContrastLoss()(embedding, targets(torch.tensor([[0, 1, 2]]), torch.randn(3, 5)))
    assert [round(float(value), 4) for value in out[1:]] == [0.0, 0.0, 5.0, 13.0, 1.0]


def test_radar_regression_reads_five_numbers():
    radar = torch.tensor([[0.0, 1.0, 2.0, 3.0, 6.0]])
    z = torch.tensor([[0.0, 1.0, 2.0, 3.0, 6.0, 77.0]])
    assert float(RadarRegressionLoss()(z, targets(NO_TRIPLETS, radar)).loss) == 0.0


# ---- through pytorch-metric-learning ---------------------------------------------------------------


def test_ntxent_on_our_triplets():
    # One anchor at 0 degrees, its positive at 60, negatives at 90 and 180; -log(e^(1/2) / (e^(1/2) + e^0 + e^-1)).
    angles = torch.tensor([0.0, 60.0, 90.0, 180.0]) / 180 * math.pi
    z = torch.stack([angles.cos(), angles.sin()], dim=1) * 7
    found = MetricLearningLoss("NTXentLoss", "triplets", 1.0)(z, targets(torch.tensor([[0, 1, 2], [0, 1, 3]]), z)).loss
    expected = -math.log(math.exp(0.5) / (math.exp(0.5) + 1 + math.exp(-1)))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_supcon_pulls_classes_together(charts):
    z, radar, label = charts
    loss = MetricLearningLoss("SupConLoss", "classes")
    apart = torch.nn.functional.one_hot(label, 4).float()
    assert float(loss(apart, targets(NO_TRIPLETS, radar, label)).loss) < float(
        loss(z, targets(NO_TRIPLETS, radar, label)).loss
    )


def test_no_triplets_for_the_library():
    z = torch.randn(3, 4, requires_grad=True)
    MetricLearningLoss()(z, targets(NO_TRIPLETS, torch.zeros(3, 5))).loss.backward()
    assert not z.grad.any()


def test_the_names_of_the_schema_are_losses_that_a_temperature_alone_makes(charts):
    z, radar, label = charts
    kind = LossConfig.model_fields["name"].annotation
    names = [name for option in get_args(kind) for name in get_args(option)]
    assert len(names) == 2
    for name in names:
        assert MetricLearningLoss(name, "classes")(z, targets(NO_TRIPLETS, radar, label)).loss > 0


def test_settings_that_a_loss_does_not_have_are_not_passed_on():
    settings = {"_target_": "groove.model.losses.RankNContrastLoss", "triplet_margin": 2.0, "temperature": 0.5}
    loss = make_loss(LossConfig(**settings, name=None))
    assert isinstance(loss, RankNContrastLoss) and loss.temperature == 0.5
