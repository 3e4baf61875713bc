"""Both objectives on one forward pass, and frozen modules under a real optimizer."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
import torch
from torch.nn import functional
from torchmetrics import Metric

from groove.errors import NonFiniteLossError
from groove.training.module import GrooveModule
from tests.batches import SLOTS, batch, tiny_module

LENGTHS = [12, 20, 9, 16, 30, 7, 14, 11, 25, 18, 13, 10]


def logged(module: GrooveModule, monkeypatch) -> dict[str, Metric]:
    """Collect what a module logs: column -> torchmetrics object."""
    seen: dict[str, Metric] = {}
    monkeypatch.setattr(module, "log", lambda name, metric, **kwargs: seen.update({name: metric}))
    return seen


def test_objectives_are_the_two_losses_by_hand():
    """The contrastive one is that of the embedding and that of the pooled features, each on its sphere."""
    module, data = tiny_module("experiment=a"), batch(LENGTHS, classes=4)
    out = module(data)
    classification, contrastive = module.objectives(out, data, data.triplets)
    torch.testing.assert_close(classification, functional.cross_entropy(out.logits, data.label))
    losses = []
    for vectors in (out.embedding, out.pooled):
        placed, terms = 8.0 * functional.normalize(vectors, dim=1), []
        for a, p, n in data.triplets.tolist():
            gap = (placed[a] - placed[p]).norm() - (placed[a] - placed[n]).norm()
            terms.append(torch.relu(gap + 2.0 + ((data.radar[a] - data.radar[n]) * module.radar_unit).norm()))
        assert len(terms) > 0
        losses.append(torch.stack(terms).mean())
    torch.testing.assert_close(contrastive.loss, sum(losses))


def test_class_weights_and_smoothing_enter_the_classification_loss():
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    module = tiny_module("optimizer.label_smoothing=0.2", class_weights=weights)
    data = batch(LENGTHS)
    out = module(data)
    expected = functional.cross_entropy(out.logits, data.label, weight=weights, label_smoothing=0.2)
    torch.testing.assert_close(module.objectives(out, data, data.triplets)[0], expected)


@pytest.mark.parametrize(("weights", "expected"), [((0.3, 2.0), 0.3 * 5 + 2 * 7), ((0.0, 2.0), 14.0), ((0.8, 0), 4.0)])
def test_the_weighted_sum_by_hand(weights, expected):
    found = tiny_module(weights=weights).weighted(torch.tensor(5.0), torch.tensor(7.0), torch.tensor(11.0))
    assert float(found) == pytest.approx(expected)


@pytest.mark.parametrize("silent", ["classification", "contrastive"])
def test_a_silent_loss_contributes_nothing_at_all(silent):
    values = {
        "classification": torch.tensor(3.0, requires_grad=True),
        "contrastive": torch.tensor(4.0, requires_grad=True),
        "drift": torch.tensor(5.0, requires_grad=True),
    }
    values[silent] = torch.tensor(float("nan"), requires_grad=True)
    module = tiny_module(weights=(0.0, 2.0) if silent == "classification" else (2.0, 0.0))
    loss = module.weighted(**values)
    loss.backward()
    assert torch.isfinite(loss) and values[silent].grad is None


def test_the_drift_loss_by_hand():
    module, data = tiny_module(), batch(LENGTHS)
    pooled = module(data).pooled
    assert float(module.drift_loss(pooled, data)) == 0.0, "before epoch 0 is known"
    module.pooled_at_0 = torch.randn(40, pooled.shape[1], generator=torch.Generator().manual_seed(0))
    data = dataclasses.replace(data, index=torch.arange(39, 39 - len(LENGTHS), -1))
    terms = []
    for row, chart in enumerate(data.index.tolist()):
        then = module.pooled_at_0[chart]
        terms.append(1 - pooled[row] @ then / (pooled[row].norm() * then.norm()))
    torch.testing.assert_close(module.drift_loss(pooled, data), torch.stack(terms).mean())
    module.pooled_at_0[data.index] = 3 * pooled.detach()
    assert float(module.drift_loss(pooled, data).detach()) == pytest.approx(0.0, abs=1e-6), "a length is no drift"


def test_the_drift_enters_the_sum_and_is_logged_where_it_is_weighed(monkeypatch):
    module, data = tiny_module("experiment=a"), batch(LENGTHS)
    module.pooled_at_0 = torch.randn(len(LENGTHS), module(data).pooled.shape[1])
    seen = logged(module, monkeypatch)
    before = module.training_step(data, 0)
    drift = module.drift_loss(module(data).pooled, data)
    module.loss_weights["drift"] = 1.5
    torch.testing.assert_close(module.training_step(data, 0), before + 1.5 * drift)
    assert float(seen["train/drift_loss"].compute()) == pytest.approx(float(drift.detach()))


def test_a_training_step_is_the_weighted_sum_and_logs_both_objectives(monkeypatch):
    module, data = tiny_module("experiment=a"), batch(LENGTHS)
    seen = logged(module, monkeypatch)
    loss = module.training_step(data, 0)
    assert all(metric in list(module.modules()) for metric in seen.values())
    out = module(data)
    classification, contrastive = module.objectives(out, data, data.triplets)
    torch.testing.assert_close(loss, 0.3 * classification + 2.0 * contrastive.loss)
    expected = {
        "train/loss": loss,
        "train/classification_loss": classification,
        "train/accuracy": (out.logits.argmax(dim=1) == data.label).float().mean(),
        "train/embedding_norm": out.embedding.norm(dim=1).mean(),
        "train/contrastive_loss": contrastive.loss,
        "train/active_fraction": contrastive.active_fraction,
        "train/margin": contrastive.margin,
    }
    assert set(seen) == set(expected)
    for name, value in expected.items():
        assert float(seen[name].compute()) == pytest.approx(float(value.detach())), name


def test_epoch_means_weigh_batches_by_their_charts_or_triplets(monkeypatch):
    module = tiny_module("experiment=a")
    seen, steps, weight = logged(module, monkeypatch), [], []
    for part in (batch(LENGTHS), batch(LENGTHS[:7], seed=1), batch(LENGTHS, seed=2)):
        module.training_step(part, 0)
        out = module(part)
        classification, contrastive = module.objectives(out, part, part.triplets)
        right = (out.logits.argmax(dim=1) == part.label).float().mean()
        steps.append([float(x.detach()) for x in (classification, right, contrastive.loss, contrastive.margin)])
        weight.append([len(part.label)] * 2 + [len(part.triplets)] * 2)
    assert len({w[0] for w in weight}) == 2 and len({w[2] for w in weight}) > 1
    by_hand = [
        sum(s[k] * w[k] for s, w in zip(steps, weight, strict=True)) / sum(w[k] for w in weight) for k in range(4)
    ]
    names = ("train/classification_loss", "train/accuracy", "train/contrastive_loss", "train/margin")
    assert [float(seen[name].compute()) for name in names] == pytest.approx(by_hand)


def test_a_batch_without_triplets_trains_on_and_logs_no_triplet(monkeypatch):
    module = tiny_module()
    data = dataclasses.replace(batch(LENGTHS), triplets=torch.zeros(0, 3, dtype=torch.long))
    seen = logged(module, monkeypatch)
    module.training_step(data, 0).backward()
    assert set(seen) == {"train/loss", "train/classification_loss", "train/accuracy", "train/embedding_norm"}
    only = tiny_module(weights=(0.0, 2.0))
    logged(only, monkeypatch)
    loss = only.training_step(data, 0)
    loss.backward()
    assert float(loss.detach()) == 0.0


def test_the_configured_miner_is_used(monkeypatch):
    module, data = tiny_module("mining=hard"), batch(LENGTHS, percentiles=(40.0, 50.0), classes=2)
    seen = logged(module, monkeypatch)
    module.training_step(data, 0)
    out = module(data)
    mined = module.miner(out.embedding.detach(), data)
    assert (mined != data.triplets).any()
    expected = module.objectives(out, data, mined)[1].loss
    assert float(seen["train/contrastive_loss"].compute()) == pytest.approx(float(expected.detach()))


def test_a_loss_that_is_not_finite_names_the_charts_of_the_batch(monkeypatch):
    module = tiny_module()
    data = dataclasses.replace(batch(LENGTHS), index=torch.arange(100, 112))
    data.chart[3, 0, 0] = float("nan")
    logged(module, monkeypatch)
    with pytest.raises(NonFiniteLossError) as caught:
        module.training_step(data, 0)
    assert caught.value.charts == list(range(100, 112))


def test_validation_gives_the_outputs_and_measures_the_own_head(monkeypatch):
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    module, parts = tiny_module(class_weights=weights), (batch([8, 12]), batch(LENGTHS, seed=1))
    seen = logged(module, monkeypatch)
    outs = [module.validation_step(part, 0) for part in parts]
    assert torch.equal(outs[0].pooled, module.model(parts[0]).pooled)
    logits, label = torch.cat([out.logits for out in outs]), torch.cat([part.label for part in parts])
    assert float(seen["val/accuracy"].compute()) == pytest.approx(float((logits.argmax(dim=1) == label).float().mean()))
    loss = float(functional.cross_entropy(logits, label).detach())  # held-out charts are not weighed by class
    assert float(seen["val/classification_loss"].compute()) == pytest.approx(loss)


def test_one_named_group_per_module_holds_every_parameter_once():
    module = tiny_module("optimizer.lr=0.5", "optimizer.weight_decay=0.25", radar_mlp=True)
    module.model.freeze(["backbone"])  # what is frozen at the start may train later
    optimizer = module.configure_optimizers()
    groups = {group["name"]: group for group in optimizer.param_groups}
    assert list(groups) == module.model.module_names
    assert {(g["lr"], g["weight_decay"]) for g in groups.values()} == {(0.5, 0.25)}
    inside = [id(p) for group in groups.values() for p in group["params"]]
    assert sorted(inside) == sorted(id(p) for p in module.model.parameters())


def test_hyper_parameters_are_plain_and_rebuild_the_model():
    module = tiny_module("experiment=b")
    stored = dict(module.hparams)
    assert stored["classes"] == list(SLOTS) and stored["model"]["classes"] == 4
    assert (
        stored["config"]["experiment"]["name"] == "b"
        and stored["model"]["frames_per_beat"] == 4
        and set(stored["radar_scaler"]) == {"center", "scale"}
    )
    assert b"omegaconf" not in pickle.dumps(
        {key: stored[key] for key in ("model", "config", "classes", "radar_scaler")}
    )
    type(module.model)(**stored["model"]).load_state_dict(module.model.state_dict())


# --- frozen means frozen


def steps(module: GrooveModule, optimizer: torch.optim.Optimizer, count: int, monkeypatch) -> None:
    logged(module, monkeypatch)
    for step in range(count):
        optimizer.zero_grad()
        module.training_step(batch(LENGTHS, seed=step), step).backward()
        optimizer.step()


def snapshot(module: GrooveModule) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.model.state_dict().items()}


@pytest.mark.parametrize("frozen", [["classifier_head"], ["audio_encoder", "chart_encoder"], ["backbone", "pooling"]])
def test_frozen_modules_are_bit_identical_after_steps_with_weight_decay(frozen, monkeypatch):
    module = tiny_module("optimizer.lr=0.01", "optimizer.weight_decay=0.5")
    optimizer = module.configure_optimizers()
    module.model.freeze([])
    steps(module, optimizer, 2, monkeypatch)  # AdamW has momentum for every module now
    module.model.freeze(frozen)
    before = snapshot(module)
    steps(module, optimizer, 3, monkeypatch)
    buffers = {name for name, _ in module.model.named_buffers()}
    for name, value in module.model.state_dict().items():
        unchanged = name.split(".")[0] in frozen or name in buffers
        assert torch.equal(value, before[name]) == unchanged, name


def outputs_in_training(module: GrooveModule, data) -> dict[str, torch.Tensor]:
    """Return what each module gives for the first chunk of a batch, without leaving training mode."""
    seen: dict[str, torch.Tensor] = {}
    hooks = []
    for name in ("audio_encoder", "chart_encoder", "fusion_module", "backbone"):
        keep = lambda _, inputs, output, name=name: seen.setdefault(name, output)  # noqa: E731
        hooks.append(module.model.module(name).register_forward_hook(keep))
    assert module(data).layers == {}
    for hook in hooks:
        hook.remove()
    return seen


def test_a_frozen_module_gives_the_same_output_for_the_same_input_also_in_training(monkeypatch):
    module = tiny_module("optimizer.lr=0.01", dropout=0.5)
    optimizer = module.configure_optimizers()
    module.train()
    module.model.freeze(["audio_encoder", "chart_encoder", "classifier_head"])
    data, features = batch(LENGTHS), torch.randn(5, 16)
    before, logits = outputs_in_training(module, data), module.model.classifier_head(features)
    steps(module, optimizer, 3, monkeypatch)
    after = outputs_in_training(module, data)
    assert torch.equal(module.model.classifier_head(features), logits)
    assert all(torch.equal(before[name], after[name]) for name in ("audio_encoder", "chart_encoder"))
    assert not any(torch.equal(before[name], after[name]) for name in ("fusion_module", "backbone"))


def test_what_is_unfrozen_trains_again(monkeypatch):
    module = tiny_module("optimizer.lr=0.01")
    optimizer = module.configure_optimizers()
    module.model.freeze(["backbone", "classifier_head"])
    steps(module, optimizer, 2, monkeypatch)
    module.model.freeze([])
    before = snapshot(module)
    steps(module, optimizer, 1, monkeypatch)
    for name, parameter in module.model.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_freezing_between_backward_and_step_keeps_a_leftover_gradient_from_acting(monkeypatch):
    module = tiny_module("optimizer.lr=0.01")
    optimizer = module.configure_optimizers()
    module.model.freeze([])
    logged(module, monkeypatch)
    module.training_step(batch(LENGTHS), 0).backward()
    module.model.freeze(["backbone"])
    before = snapshot(module)
    optimizer.step()
    assert all(torch.equal(p, before[f"backbone.{n}"]) for n, p in module.model.backbone.named_parameters())


def test_a_few_steps_of_contrastive_training_lower_its_loss(monkeypatch):
    module = tiny_module("optimizer.lr=0.01", weights=(0.0, 2.0))
    data = batch(LENGTHS, classes=2)
    optimizer = module.configure_optimizers()

    def loss() -> float:
        return float(module.objectives(module(data), data, data.triplets)[1].loss.detach())

    before = loss()
    logged(module, monkeypatch)
    for _ in range(30):
        optimizer.zero_grad()
        module.training_step(data, 0).backward()
        optimizer.step()
    assert loss() < 0.7 * before


PARTS = {"radar": 1.0, "feet": 0.5, "flow": 0.5, "song": 0.7}


def module_with_parts(**model) -> GrooveModule:
    return tiny_module("loss=parts", parts=PARTS, **model)


def test_each_part_is_told_its_own_labels():
    module, data = module_with_parts(), batch(LENGTHS, classes=4)
    data = dataclasses.replace(data, song=torch.arange(len(LENGTHS)) // 3)
    feet, flow, song = (module.part_targets(name, data) for name in ("feet", "flow", "song"))
    assert torch.equal(feet.radar, data.parts[:, :11]) and torch.equal(feet.label, data.label)
    assert torch.equal(flow.radar, data.parts[:, 11:48]) and not flow.label.any(), "all charts are compared"
    assert not song.label.any()
    distance = torch.cdist(song.radar, song.radar)
    same = data.song[:, None] == data.song[None, :]
    assert not distance[same].any() and torch.all(distance[~same] == distance[0, 3])


def test_the_loss_of_parts_is_the_mean_of_each_part_alone():
    module, data = module_with_parts(), batch(LENGTHS, classes=4)
    out = module(data)
    own = [
        module.contrastive_loss(module.radar_part(out.embedding), module.targets(data.triplets, data.radar, data.label))
    ]
    losses = [own[0].loss]
    for index, name in enumerate(PARTS):
        if index:
            columns = out.embedding[:, 4 * index : 4 * index + 4]
            losses.append(module.contrastive_loss(columns, module.part_targets(name, data)).loss)
    torch.testing.assert_close(module.objectives(out, data, data.triplets)[1].loss, torch.stack(losses).mean())


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("pooling", ["statistics", "profile"])
def test_a_parts_loss_reaches_only_its_columns_of_the_head(name, pooling):
    module, data = module_with_parts(pooling=pooling, body=True), batch(LENGTHS, classes=4)
    data = dataclasses.replace(data, song=torch.arange(len(LENGTHS)) // 3)
    columns = module.model.parts.columns[name]
    targets = (
        module.targets(data.triplets, data.radar, data.label) if name == "radar" else module.part_targets(name, data)
    )
    module.contrastive_loss.placed_objective(module(data).embedding[:, columns], targets).backward()
    head = module.model.projection_head
    assert (head.direct is None) == (pooling == "statistics")
    for layer in [head[2]] + ([head.direct] if head.direct else []):
        reached = layer.weight.grad.abs().sum(dim=1) > 0
        assert torch.equal(torch.nonzero(reached)[:, 0], torch.arange(columns.start, columns.stop))


def test_charts_of_a_song_attract_each_other_and_no_others():
    module, data = module_with_parts(), batch(LENGTHS, classes=4)
    song = torch.tensor([7, 7, 7, 0, 0, 0, 3, 3, 3, 5, 5, 5])  # numbers of songs of the whole library
    targets = module.part_targets("song", dataclasses.replace(data, song=song))
    vectors = torch.randn(len(LENGTHS), 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    same = (song[:, None] == song[None, :]) & ~torch.eye(len(song), dtype=torch.bool)
    other = song[:, None] != song[None, :]

    def distances() -> torch.Tensor:
        return torch.cdist(*[functional.normalize(vectors.detach(), dim=1)] * 2)

    assert distances()[same].max() > distances()[other].min()
    optimizer = torch.optim.Adam([vectors], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        module.contrastive_loss.placed_objective(vectors, targets).backward()
        optimizer.step()
    assert distances()[same].max() < 0.5 * distances()[other].min()


def test_a_part_trains_towards_its_own_labels_alone():
    """Another part's labels change neither the loss of a part nor its gradient."""
    module, data = module_with_parts(), batch(LENGTHS, classes=4)
    other = torch.randn(data.parts.shape, generator=torch.Generator().manual_seed(1))
    changed = {
        "feet": dataclasses.replace(data, parts=torch.cat([data.parts[:, :11], other[:, 11:]], dim=1)),
        "flow": dataclasses.replace(data, parts=torch.cat([other[:, :11], data.parts[:, 11:]], dim=1)),
        "song": dataclasses.replace(data, parts=other, radar=data.radar.flip(0)),
    }
    for name, moved in changed.items():
        for found, expected in zip(module.part_targets(name, moved), module.part_targets(name, data), strict=True):
            assert torch.equal(found, expected)


def test_one_part_is_trained_as_before_there_were_parts():
    data = batch(LENGTHS, classes=4)
    module = tiny_module("loss=parts")
    out = module(data)
    loss = module.objectives(out, data, data.triplets)[1].loss
    targets = module.targets(data.triplets, data.radar, data.label)
    assert torch.equal(loss, module.contrastive_loss(out.embedding, targets).loss)


@pytest.mark.parametrize("pooling", ["statistics", "profile"])
def test_labels_of_the_parts_do_not_reach_the_embedding(pooling):
    module, data = module_with_parts(pooling=pooling, body=True), batch(LENGTHS, classes=4)
    before = module(data).embedding
    for order in (torch.arange(len(LENGTHS)).flip(0), torch.randperm(len(LENGTHS))):
        moved = dataclasses.replace(data, radar=data.radar[order], parts=data.parts[order], song=data.song[order])
        assert torch.equal(module(moved).embedding, before)
    only_radar = dataclasses.replace(data, radar=data.radar.flip(0))
    assert torch.equal(module(only_radar).embedding, before)
