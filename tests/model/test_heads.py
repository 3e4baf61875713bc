"""Heads: shapes, predictions and losses by hand."""

from __future__ import annotations

import math

import pytest
import torch

from groove.model.chart_counts import COUNTS, MEMBERS
from groove.model.heads import COUNTED_SHARE, ClassificationHead, CountedHead, OrdinalHead

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [-1.0, 0.0, 3.0]])
LABEL = torch.tensor([0, 2])
WEIGHTS = torch.tensor([1.0, 2.0, 5.0])


def cross_entropy(row: list[float], target: list[float]) -> float:
    total = sum(math.exp(value) for value in row)
    return -sum(share * math.log(math.exp(value) / total) for value, share in zip(row, target, strict=True))


def test_classification_loss_by_hand():
    head = ClassificationHead(4, 3, 3, 0.0)
    terms = [cross_entropy([2, -1, 0.5], [1, 0, 0]), cross_entropy([-1, 0, 3], [0, 0, 1])]
    assert float(head.loss(LOGITS, LABEL, None, 0.0)) == pytest.approx(sum(terms) / 2, rel=1e-5)
    weighted = (terms[0] * 1 + terms[1] * 5) / 6
    assert float(head.loss(LOGITS, LABEL, WEIGHTS, 0.0)) == pytest.approx(weighted, rel=1e-5)
    smooth = [cross_entropy([2, -1, 0.5], [0.8, 0.1, 0.1]), cross_entropy([-1, 0, 3], [0.1, 0.1, 0.8])]
    assert float(head.loss(LOGITS, LABEL, None, 0.3)) == pytest.approx(sum(smooth) / 2, rel=1e-5)


def test_classification_predicts_the_largest_logit():
    assert ClassificationHead(4, 3, 3, 0.0).predict(LOGITS).tolist() == [0, 2]


@pytest.mark.parametrize("classes", [2, 4, 5])
def test_logits_per_head(classes):
    features = torch.randn(6, 4)
    assert ClassificationHead(4, 3, classes, 0.0)(features).shape == (6, classes)
    assert OrdinalHead(4, 3, classes, 0.0)(features).shape == (6, classes - 1)


def binary(row: list[float], target: list[float]) -> float:
    sigmoid = [1 / (1 + math.exp(-value)) for value in row]
    terms = [-t * math.log(p) - (1 - t) * math.log(1 - p) for p, t in zip(sigmoid, target, strict=True)]
    return sum(terms) / len(terms)


def test_ordinal_predicts_how_many_thresholds_are_passed():
    logits = torch.tensor([[-1.0, -2.0, -3.0], [1.0, -1.0, -2.0], [3.0, 2.0, -1.0], [3.0, 2.0, 1.0]])
    assert OrdinalHead(4, 3, 4, 0.0).predict(logits).tolist() == [0, 1, 2, 3]


def test_ordinal_loss_by_hand():
    # 4 classes, so 3 thresholds: class 1 is beyond the first, class 3 beyond all
    head = OrdinalHead(4, 3, 4, 0.0)
    label, weights = torch.tensor([1, 3]), torch.tensor([1.0, 2.0, 1.0, 6.0])
    terms = [binary([2, -1, 0.5], [1, 0, 0]), binary([-1, 0, 3], [1, 1, 1])]
    assert float(head.loss(LOGITS, label, None, 0.0)) == pytest.approx(sum(terms) / 2, rel=1e-5)
    assert float(head.loss(LOGITS, label, weights, 0.0)) == pytest.approx((2 * terms[0] + 6 * terms[1]) / 8, rel=1e-5)
    smooth = [binary([2, -1, 0.5], [0.9, 0.1, 0.1]), binary([-1, 0, 3], [0.9, 0.9, 0.9])]
    assert float(head.loss(LOGITS, label, None, 0.2)) == pytest.approx(sum(smooth) / 2, rel=1e-5)


def test_ordinal_logits_are_independent():
    head = OrdinalHead(4, 3, 4, 0.0)
    logits = LOGITS.clone().requires_grad_(True)
    head.loss(logits, torch.tensor([0, 3]), None, 0.0).backward()
    expected = (torch.sigmoid(LOGITS) - torch.tensor([[0.0, 0, 0], [1, 1, 1]])) / 6
    torch.testing.assert_close(logits.grad, expected)


@pytest.mark.parametrize("head", [ClassificationHead, OrdinalHead])
def test_a_head_learns_separable_classes(head):
    torch.manual_seed(0)
    label = torch.arange(60) % 3
    features = torch.randn(60, 4) * 0.1 + label[:, None]
    model = head(4, 16, 3, 0.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.03)
    for _ in range(150):
        optimizer.zero_grad()
        model.loss(model(features), label, None, 0.0).backward()
        optimizer.step()
    assert (model.predict(model(features)) == label).all()


def test_the_expected_class_by_hand():
    logits = torch.tensor([[0.3, -1.0, 2.0], [0.0, 0.0, 0.0]])
    weight = [math.exp(x) for x in (0.3, -1.0, 2.0)]
    by_hand = (weight[1] + 2 * weight[2]) / sum(weight)
    assert ClassificationHead(4, 3, 3, 0.0).expected(logits).tolist() == pytest.approx([by_hand, 1.0])
    passed = sum(1 / (1 + math.exp(-x)) for x in (0.3, -1.0, 2.0))
    assert OrdinalHead(4, 3, 4, 0.0).expected(logits).tolist() == pytest.approx([passed, 1.5])


def test_a_certain_head_expects_what_it_predicts():
    certain = 50 * (2 * torch.eye(4) - 1)
    head = ClassificationHead(4, 3, 4, 0.0)
    assert head.expected(certain).tolist() == pytest.approx(head.predict(certain).tolist())
    thresholds = 50 * (2 * torch.ones(4, 3).tril(diagonal=-1) - 1)
    ordinal = OrdinalHead(4, 3, 4, 0.0)
    assert ordinal.expected(thresholds).tolist() == pytest.approx(ordinal.predict(thresholds).tolist())


def counted_head(classes: int = 3) -> CountedHead:
    torch.manual_seed(0)
    head = CountedHead(4 + len(COUNTS), 8, classes, 0.0).eval()
    head.ranks.fit(torch.randn(50, len(COUNTS)))
    return head


def test_opinions_stand_side_by_side_and_each_is_trained_by_itself():
    head = counted_head()
    features = torch.randn(6, 4 + len(COUNTS))
    logits = head(features).detach()
    assert logits.shape == (6, 3 * (1 + MEMBERS)) and head.counts == len(COUNTS)
    for moved, same in ((slice(0, 4), slice(3, None)), (slice(4, None), slice(0, 3))):
        changed = features.clone()
        changed[:, moved] += 1
        assert torch.equal(head(changed)[:, same], logits[:, same]) and not torch.equal(head(changed), logits)
    label = torch.arange(6) % 3
    plain = ClassificationHead(4, 3, 3, 0.0)
    pooled, *counted = (float(plain.loss(opinion, label, WEIGHTS, 0.1)) for opinion in logits.split(3, dim=1))
    assert float(head.loss(logits, label, WEIGHTS, 0.1)) == pytest.approx((pooled + sum(counted) / MEMBERS) / 2)


def test_together_opinions_give_one_class_by_hand():
    head = counted_head()
    logits = torch.randn(5, 3 * (1 + MEMBERS)) * 3
    for row in range(5):
        opinions = logits[row].reshape(1 + MEMBERS, 3).tolist()
        log = [[x - math.log(sum(map(math.exp, opinion))) for x in opinion] for opinion in opinions]
        share = [1 - COUNTED_SHARE] + [COUNTED_SHARE / MEMBERS] * MEMBERS
        both = [sum(s * one[c] for s, one in zip(share, log, strict=True)) for c in range(3)]
        weight = [math.exp(x) for x in both]
        assert int(head.predict(logits)[row]) == both.index(max(both))
        assert float(head.expected(logits)[row]) == pytest.approx((weight[1] + 2 * weight[2]) / sum(weight), rel=1e-4)


def test_a_head_that_counts_learns_from_counts_alone():
    head = counted_head().train()
    label = torch.arange(60) % 3
    features = torch.randn(60, 4 + len(COUNTS))
    features[:, 4:] = torch.randn(60, len(COUNTS)) * 0.2 + label[:, None] - 1
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.003)
    for _ in range(60):
        optimizer.zero_grad()
        head.loss(head(features), label, None, 0.0).backward()
        optimizer.step()
    assert (head.eval().predict(head(features)) == label).float().mean() > 0.95
