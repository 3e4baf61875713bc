"""An embedding in parts, by plain sums."""

import pytest
import torch
from torch.nn import functional

from groove.model.fusion import LateFusionClassifier
from groove.model.parts import Parts
from tests.batches import batch, tiny_model

WEIGHTS = {"radar": 1.0, "feet": 0.5, "song": 2.0}


def test_one_part_is_the_embedding_as_it_is():
    x = torch.randn(3, 4)
    parts = Parts({"radar": 1.0}, 4)
    assert parts(x) is x and parts.dim == 4 and parts.columns == {"radar": slice(0, 4)}


def test_distance_is_the_root_of_the_weighted_sum_of_the_parts_squared_distances():
    parts, x = Parts(WEIGHTS, 4), torch.randn(2, 12, dtype=torch.float64)
    one, two = parts(x)
    total = 0.0
    for index, weight in enumerate(WEIGHTS.values()):
        a, b = (row[4 * index : 4 * index + 4] / row[4 * index : 4 * index + 4].norm() for row in x)
        total += weight**2 * float((a - b).square().sum())
    assert float((one - two).norm()) == pytest.approx(total**0.5)


def test_another_weight_is_a_factor_on_a_parts_columns():
    x = torch.randn(5, 12)
    found, other = Parts(WEIGHTS, 4)(x), Parts(WEIGHTS | {"feet": 1.5}, 4)(x)
    columns = Parts(WEIGHTS, 4).columns["feet"]
    torch.testing.assert_close(found[:, columns] * 3, other[:, columns])


def test_a_model_with_parts_and_body():
    model: LateFusionClassifier = tiny_model(parts=WEIGHTS, body=True, pooling="profile")
    charts = batch([12, 20, 8, 16])
    output = model(charts)
    assert output.embedding.shape == (4, 12)
    for name, columns in model.parts.columns.items():
        lengths = output.embedding[:, columns].norm(dim=1)
        torch.testing.assert_close(lengths, torch.full((4,), WEIGHTS[name]))
    charts.chart[..., 20:] += 1.0
    assert not torch.equal(model(charts).pooled, output.pooled), "what the feet do is seen"


def test_a_model_without_body_sees_only_the_notes():
    model, charts = tiny_model(), batch([12, 20, 8, 16])
    before = model(charts)
    charts.chart[..., 20:] += 1.0
    torch.testing.assert_close(model(charts).embedding, before.embedding, rtol=0, atol=0)


def test_a_part_of_no_length_stays_finite():
    assert torch.equal(Parts(WEIGHTS, 2)(torch.zeros(1, 6)), functional.normalize(torch.zeros(1, 6)))
