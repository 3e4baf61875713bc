"""Diagnostics against autograd by hand, loops and scikit-learn."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from groove.training.diagnostics import (
    cross_validated,
    drift,
    gradient_norms,
    knn,
    linear_probe,
    objective_gradients,
    weight_change,
)
from tests.batches import batch, tiny_model, tiny_module

LENGTHS = [12, 20, 9, 16, 30, 7, 14, 11, 25, 18, 13, 10]
SHARED = ("audio_encoder", "chart_encoder", "fusion_module", "backbone", "pooling")


def gradients(module, data, loss: str | None) -> dict[str, torch.Tensor]:
    """The gradient of one loss (None: of the weighted sum), flat per module, by a plain backward pass."""
    module.zero_grad(set_to_none=True)
    out = module(data)
    classification, contrastive = module.objectives(out, data, module.miner(out.embedding.detach(), data))
    terms = {"classification": classification, "contrastive": contrastive.loss}
    total = terms[loss] if loss else sum(module.loss_weights[name] * term for name, term in terms.items())
    total.backward()
    flat = {}
    for name in module.model.module_names:
        own = [p for p in module.model.module(name).parameters() if p.requires_grad]
        if own:
            flat[name] = torch.cat([torch.zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in own])
    module.zero_grad(set_to_none=True)
    return flat


def norm(vector: torch.Tensor) -> float:
    return math.sqrt(sum(float(x) ** 2 for x in vector))


def test_gradient_norms_by_hand():
    model = tiny_model()
    model(batch(LENGTHS)).logits.sum().backward()
    found = gradient_norms(model)
    assert set(found) == {*SHARED, "classifier_head"}  # nothing reached the projection head
    for name, value in found.items():
        flat = torch.cat([p.grad.flatten() for p in model.module(name).parameters()])
        assert value == pytest.approx(norm(flat), rel=1e-5)


def test_frozen_modules_have_no_gradient_norm():
    model = tiny_model()
    assert gradient_norms(model) == {}
    model(batch(LENGTHS)).logits.sum().backward()
    model.freeze(["backbone", "classifier_head"])
    assert set(gradient_norms(model)) == set(SHARED) - {"backbone"}


@pytest.mark.parametrize("frozen", [[], ["classifier_head"], ["audio_encoder", "chart_encoder"]])
@pytest.mark.parametrize("weights", [(0.3, 2.0), (0.0, 2.0), (1.0, 0.0)])
def test_objective_gradients_against_plain_backward_passes(weights, frozen):
    module, data = tiny_module(weights=weights), batch(LENGTHS)
    module.model.freeze(frozen)
    module.eval()
    found = objective_gradients(module, data)
    parts = {loss: gradients(module, data, loss) for loss in ("classification", "contrastive")}
    total = gradients(module, data, None)
    expected = {f"grad_norm/{name}": norm(vector) for name, vector in total.items()}
    for name in total:
        norms = {loss: norm(flat[name]) for loss, flat in parts.items()}
        expected |= {f"grad_norm_{loss}/{name}": value for loss, value in norms.items() if value > 0}
        if all(norms.values()):
            product = float(parts["classification"][name].double() @ parts["contrastive"][name].double())
            expected[f"grad_cosine/{name}"] = product / norms["classification"] / norms["contrastive"]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert {key.split("/")[1] for key in found} == set(module.model.module_names) - set(frozen)
    assert not any(key.endswith("classifier_head") and "contrastive" in key for key in found)
    assert not any(key.endswith("projection_head") and "classification" in key for key in found)


def test_objective_gradients_leave_the_model_as_it_was_even_without_grad_mode():
    module, data = tiny_module(), batch(LENGTHS)
    with torch.no_grad():
        found = objective_gradients(module, data)
    assert found["grad_norm/backbone"] > 0
    assert all(p.grad is None for p in module.parameters()) and not module.model.training


def test_without_triplets_there_is_no_contrastive_gradient():
    module = tiny_module()
    data = batch([8, 9], percentiles=(10.0, 90.0))
    assert len(data.triplets) == 0
    found = objective_gradients(module, data)
    assert not any("contrastive" in key or "cosine" in key for key in found)
    assert found["grad_norm/backbone"] == pytest.approx(0.3 * found["grad_norm_classification/backbone"], rel=1e-5)


# --- drift


def vectors(n: int = 40, dim: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, dim)))


def rotation(dim: int = 6) -> torch.Tensor:
    return torch.linalg.qr(vectors(dim, dim, 9))[0]


def test_no_drift():
    found = drift(vectors().float(), vectors().float())
    assert found == pytest.approx({"cosine": 1.0, "l2": 0.0, "cka": 1.0, "overlap": 1.0}, abs=1e-6)


def test_a_rotation_moves_every_vector_and_nothing_between_them():
    found = drift(vectors(), vectors() @ rotation())
    assert found["cka"] == pytest.approx(1.0) and found["overlap"] == 1.0
    assert found["cosine"] < 0.9 and found["l2"] > 0.3


def test_a_longer_vector_has_not_drifted():
    found = drift(vectors(), vectors() * 5)
    assert found == pytest.approx({"cosine": 1.0, "l2": 0.0, "cka": 1.0, "overlap": 1.0}, abs=1e-6)


def test_unrelated_vectors():
    found = drift(vectors(400, 20), vectors(400, 20, seed=1))
    assert abs(found["cosine"]) < 0.05 and found["l2"] == pytest.approx(math.sqrt(2), abs=0.05)
    assert found["cka"] < 0.1 and found["overlap"] < 0.1


def test_l2_is_the_mean_over_charts_of_the_root_of_2_minus_2_cosine():
    a, b = vectors(), vectors() + 0.3 * vectors(seed=1)
    cosines = [float(x @ y / x.norm() / y.norm()) for x, y in zip(a, b, strict=True)]
    found = drift(a, b)
    assert found["cosine"] == pytest.approx(np.mean(cosines))
    assert found["l2"] == pytest.approx(np.mean([math.sqrt(2 - 2 * c) for c in cosines]))
    # at one angle for all charts, the source document's pair: cosine 0.995 is an l2 of 0.1
    angle = math.acos(0.995)
    turned = drift(torch.tensor([[1.0, 0.0]]), torch.tensor([[math.cos(angle), math.sin(angle)]]))
    assert turned["l2"] == pytest.approx(0.1, abs=1e-3)


def test_cka_by_gram_matrices():
    a, b = vectors(30, 6), vectors(30, 4, 2) + vectors(30, 6)[:, :4]
    centre = np.eye(30) - 1 / 30
    k, m = (centre @ (x.numpy() @ x.numpy().T) @ centre for x in (a, b))
    expected = np.trace(k @ m) / math.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert drift(a, b.new_zeros(30, 6).index_copy(1, torch.arange(4), b))["cka"] == pytest.approx(expected)


def test_overlap_by_a_loop():
    a, b = vectors(), vectors() + 0.7 * vectors(seed=1)

    def nearest(x: torch.Tensor, i: int) -> set[int]:
        return set(sorted((j for j in range(40) if j != i), key=lambda j: float((x[i] - x[j]).norm()))[:10])

    shares = [len(nearest(a, i) & nearest(b, i)) / 10 for i in range(40)]
    assert drift(a, b)["overlap"] == pytest.approx(np.mean(shares)) and 0.3 < np.mean(shares) < 0.95


def test_few_or_equal_charts_are_defined():
    assert math.isnan(drift(vectors(1), vectors(1))["overlap"])
    assert drift(vectors(3), vectors(3))["overlap"] == 1.0
    assert math.isnan(drift(torch.ones(5, 3), torch.ones(5, 3))["cka"])


# --- weights


def test_weight_change_by_hand():
    model = tiny_model(pooling="mean_max")
    initial = {name: p.detach().clone() for name, p in model.named_parameters()}
    assert weight_change(initial, model) == {f"weight_change/{name}": 0.0 for name in model.module_names}
    with torch.no_grad():
        for p in model.backbone.parameters():
            p.mul_(1.1)
        model.pooling.norm.bias.add_(3.0)
    found = weight_change(initial, model)
    assert found["weight_change/backbone"] == pytest.approx(0.1, rel=1e-4)
    # pooling: 16 weights of 1 and 16 biases of 0, each of which moved by 3
    assert found["weight_change/pooling"] == pytest.approx(math.sqrt(16 * 9) / math.sqrt(16))
    assert found["weight_change/audio_encoder"] == 0.0


# --- probes


def accuracy(new, train, label, val, val_label) -> float:
    return float((new(len(train)).fit(train, label).predict(val) == val_label).mean())


def noisy_classes(n: int, seed: int, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(4, 6))
    label = generator.integers(0, 4, n)
    return centres[label] + spread * generator.normal(size=(n, 6)) + 50, label


@pytest.mark.parametrize("seed", range(5))
def test_the_linear_probe_is_a_ridge_on_one_hot_targets_of_standardised_features(seed):
    (train, label), (val, val_label) = noisy_classes(120, seed), noisy_classes(300, seed + 100)
    mean, std = train.mean(axis=0), train.std(axis=0)
    reference = Ridge(alpha=1e-2 * len(train)).fit((train - mean) / std, np.eye(4)[label])
    expected = (reference.predict((val - mean) / std).argmax(axis=1) == val_label).mean()
    found = accuracy(linear_probe, train, label, val, val_label)
    assert found == pytest.approx(expected, abs=1 / 300 + 1e-9)
    assert 0.3 < found < 0.9


def test_the_linear_probe_of_separable_classes_is_perfect_and_scales_do_not_matter():
    train, label = noisy_classes(120, 0, spread=0.05)
    val, val_label = noisy_classes(80, 1, spread=0.05)
    scales = 10.0 ** np.arange(-3, 3)
    assert accuracy(linear_probe, train, label, val, val_label) == 1.0
    assert accuracy(linear_probe, train * scales, label, val * scales, val_label) == 1.0


def test_a_constant_feature_and_a_class_that_training_lacks_are_defined():
    train, label = noisy_classes(60, 0, spread=0.05)
    train[:, 2] = 1.0
    kept = label < 3
    val, val_label = noisy_classes(60, 1, spread=0.05)
    val[:, 2] = 1.0
    found = accuracy(linear_probe, train[kept], label[kept], val, val_label)
    assert found == pytest.approx((val_label < 3).mean(), abs=0.1)


def test_cross_validation_by_song_against_a_loop():
    generator = np.random.default_rng(3)
    song, label = np.repeat(np.arange(13), 3), np.tile(np.arange(3), 13)
    features = generator.normal(size=(39, 4)) + label[:, None]
    right, seen = 0, []
    for train, test in GroupKFold(5, shuffle=True, random_state=0).split(features, label, song):
        assert not set(song[train]) & set(song[test]) and len(set(song[test])) in (2, 3)
        seen += test.tolist()
        own = np.isin(np.arange(39), test)
        right += round(own.sum() * accuracy(knn, features[~own], label[~own], features[own], label[own]))
    assert sorted(seen) == list(range(39))
    assert cross_validated(knn, features, label, song) == pytest.approx(right / 39)


def test_cross_validation_of_songs_that_give_themselves_away_learns_nothing_from_them():
    """A feature that names the song would tell every label if a song were on both sides."""
    song = np.repeat(np.arange(20), 2)
    label = np.random.default_rng(0).integers(0, 2, 20)[song]
    features = np.random.default_rng(1).normal(size=(20, 30))[song]
    assert accuracy(knn, features, label, features, label) <= 1.0
    assert cross_validated(linear_probe, features, label, song) < 0.8


def test_a_large_set_is_represented_by_some_of_its_charts(monkeypatch):
    generator = np.random.default_rng(5)
    features, label, song = generator.normal(size=(40, 3)), generator.integers(0, 2, 40), np.arange(40)
    kept = [0, 4, 8, 13, 17, 21, 26, 30, 34, 39]
    expected = cross_validated(knn, features[kept], label[kept], song[kept])
    x, y = (torch.randn(40, 3) for _ in range(2))
    overlap = drift(x[kept], y[kept])["overlap"]
    monkeypatch.setattr("groove.training.diagnostics._MOST_CHARTS", 10)
    assert cross_validated(knn, features, label, song) == expected
    assert drift(x, y)["overlap"] == overlap


@pytest.mark.parametrize("new", [linear_probe, knn])
def test_few_charts_and_a_single_class_are_defined(new):
    few = np.arange(6.0).reshape(3, 2)
    assert cross_validated(new, few, np.zeros(3, dtype=np.int64), np.arange(3)) == 1.0
    assert 0 <= cross_validated(new, few, np.array([0, 1, 1]), np.arange(3)) <= 1


@pytest.mark.parametrize("songs", [0, 1])
def test_cross_validation_needs_two_songs(songs):
    label = np.zeros(songs, dtype=np.int64)
    assert np.isnan(cross_validated(knn, np.zeros((songs, 3)), label, label))


@pytest.mark.parametrize("size", [4, 10, 60])
def test_knn_by_a_loop(size):
    (train, label), (val, val_label) = noisy_classes(size, 3), noisy_classes(50, 4)
    hits = 0
    for chart, own in zip(val, val_label, strict=True):
        nearest = sorted(range(size), key=lambda i: float(((train[i] - chart) ** 2).sum()))[:10]
        votes = Counter(int(label[i]) for i in nearest)
        hits += min(votes, key=lambda c: (-votes[c], c)) == own
    assert accuracy(knn, train, label, val, val_label) == pytest.approx(hits / 50)
