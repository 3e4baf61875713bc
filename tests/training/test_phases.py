"""Phases as data: the real experiments, the errors, and the callback that applies them without state."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from groove.config.schema import ExperimentConfig, OptimizerConfig, TrainConfig, checked
from groove.errors import ConfigError
from groove.runs.folder import RecordedPhase
from groove.training.phases import PhaseScheduler, lr_schedule, phase_at, resolve_phases
from tests.batches import composed, tiny_model, tiny_module, train_config

ENCODERS = ["audio_encoder", "chart_encoder"]


CONSTANT = OptimizerConfig(schedule="constant")


def phases_of(*overrides: str, **model) -> list[RecordedPhase]:
    cfg = train_config(*overrides)
    return resolve_phases(cfg.experiment, tiny_model(**model))


def phase(name: str = "one", epochs: int | None = None, weights=(1.0, 1.0), **lists) -> dict[str, Any]:
    named = dict(zip(("classification", "contrastive", "drift"), weights, strict=False))
    return {"name": name, "epochs": epochs, "weights": named, **lists}


def resolved(phases: list[dict[str, Any]], epochs: int, model) -> list[RecordedPhase]:
    settings = {"name": "mine", "verdict": "control", "epochs": epochs, "phases": phases}
    return resolve_phases(checked(settings, ExperimentConfig), model)


def trace(phases: list[RecordedPhase], loss: str, epochs: int = 20) -> list[float]:
    return [phase_at(phases, epoch).weights[loss] for epoch in range(1, epochs + 1)]


# --- the experiments as they are shipped


def test_a_is_5_epochs_of_silence_then_15_at_0_3():
    phases = phases_of("experiment=a")
    assert trace(phases, "classification") == [0.0] * 5 + [0.3] * 15
    assert trace(phases, "contrastive") == [2.0] * 20
    assert [phase_at(phases, epoch).frozen for epoch in (1, 5, 6, 20)] == [["classifier_head"]] * 2 + [[]] * 2
    assert [(p.name, p.first_epoch, p.last_epoch) for p in phases] == [("warmup", 1, 5), ("finetune", 6, 20)]


@pytest.mark.parametrize("warmup", [0, 1, 2, 10, 15, 19])
def test_the_length_of_the_warmup_is_one_setting(warmup):
    phases = phases_of("experiment=a", f"experiment.warmup_epochs={warmup}")
    assert trace(phases, "classification") == [0.0] * warmup + [0.3] * (20 - warmup)
    assert len(phases) == (2 if warmup else 1)


@pytest.mark.parametrize("warmup", [20, 21, 100, -1])
def test_a_warmup_that_leaves_no_epoch_is_an_error(warmup):
    with pytest.raises(ConfigError, match=r"do not add up to experiment.epochs=20|must be >= 0, got -1"):
        phases_of("experiment=a", f"experiment.warmup_epochs={warmup}")


def test_b_freezes_the_encoders_throughout():
    (only,) = phases_of("experiment=b")
    assert (only.first_epoch, only.last_epoch, only.frozen) == (1, 20, ENCODERS)
    assert only.weights == {"classification": 0.8, "contrastive": 2.0, "drift": 1.5}
    assert only.lr_factor == {"classifier_head": 3.0}


@pytest.mark.parametrize("radar_mlp", [False, True])
def test_b_by_freeze_list_is_b_by_train_only_list(radar_mlp):
    lists = {"freeze": ["audio_encoder", "chart_encoder"], "lr_factor": {"classifier_head": 3.0}}
    by_freeze = phase("finetune", weights=(0.8, 2.0, 1.5), **lists)
    by_train = phases_of("experiment=b", radar_mlp=radar_mlp)
    assert resolved([by_freeze], 20, tiny_model(radar_mlp=radar_mlp)) == by_train


def test_the_baseline_freezes_nothing_and_has_the_old_values():
    (only,) = phases_of("experiment=baseline")
    assert only.frozen == [] and only.weights == {"classification": 0.8, "contrastive": 1.0, "drift": 0.75}


def test_pretraining_is_the_classifier_alone():
    (only,) = phases_of("experiment=pretrain")
    assert only.frozen == [] and only.weights == {"classification": 1.0, "contrastive": 0.0}


def test_the_margins_and_percentiles_of_the_experiments():
    found = {
        name: (
            cfg.loss.triplet_margin,
            cfg.loss.margin_scale,
            cfg.data.triplets.positive_percentile,
            cfg.data.triplets.negative_percentile,
            cfg.data.triplets.same_difficulty_only,
        )
        for name in ("a", "b", "baseline")
        for cfg in [train_config(f"experiment={name}")]
    }
    assert found == {
        "a": (2.0, 1.0, 15.0, 85.0, True),
        "b": (2.0, 1.0, 15.0, 85.0, True),
        "baseline": (1.0, 0.5, 20.0, 80.0, True),
    }


# --- phases are data


def test_gradual_unfreezing_and_discriminative_rates_are_lists():
    model = tiny_model()
    phases = resolved(
        [
            phase("head", 2, weights=(0.0, 1.0), train_only=["projection_head"]),
            phase("upper", 3, freeze=["audio", "chart"], lr_factor={"backbone": 0.5, "p": 2.0}),
            phase("all", None, lr_factor={"audio_encoder": 0.1}),
        ],
        10,
        model,
    )
    assert [(p.first_epoch, p.last_epoch) for p in phases] == [(1, 2), (3, 5), (6, 10)]
    assert phases[0].frozen == [name for name in model.module_names if name != "projection_head"]
    assert phases[1].frozen == ENCODERS
    assert phases[1].lr_factor == {"backbone": 0.5, "pooling": 2.0, "projection_head": 2.0}
    assert phases[2].frozen == [] and phases[2].lr_factor == {"audio_encoder": 0.1}


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([], "phases must be a list of 1 or more"),
        ([phase(epochs=4)], r"epochs \[4\] do not add up to experiment.epochs=10"),
        ([phase(epochs=6), phase(epochs=6)], r"epochs \[6, 6\] do not add up"),
        ([phase(epochs=10), phase()], "remaining epochs, at least 1"),
        ([phase(), phase()], "null, in one phase only"),
        ([phase(epochs=-1), phase()], "phases.0.epochs must be >= 0, got -1"),
        ([phase("warm", freeze=["clasifier_head"])], "phases.0.freeze names 'clasifier_head': did you mean"),
        ([phase("warm", train_only=["bakbone"])], "phases.0.train_only names 'bakbone': did you mean 'backbone'"),
        ([phase("warm", lr_factor={"heads": 1.0})], "phases.0.lr_factor names 'heads': .*must be one of audio_encoder"),
        ([phase("warm", freeze=["radar_mlp"])], "freeze names 'radar_mlp'"),
        ([phase("warm", freeze=["pooling"], train_only=["backbone"])], "phases.0.freeze and train_only are both given"),
        ([phase("warm", weights=(0.0, 0.0))], "phases.0.weights must have classification or contrastive above 0"),
        ([phase("warm", weights=(-1.0, 1.0))], "phases.0.weights.classification must be >= 0, got -1"),
        ([phase("warm", freeze=["a", "b", "c", "f", "p"])], "phase 'warm' freezes every module"),
        ([phase("warm", train_only=["radar_mlp"])], "phase 'warm' freezes every module"),
        (
            [phase("warm", weights=(1.0, 0.0), train_only=["projection_head"])],
            "phase 'warm' trains only projection_head, which no loss of its weights reaches",
        ),
        (
            [phase("warm", weights=(0.0, 1.0), train_only=["classifier_head"])],
            "phase 'warm' trains only classifier_head, which no loss",
        ),
    ],
)
def test_mistakes_name_the_phase_and_what_exists(phases, message):
    with pytest.raises(ConfigError, match=message) as caught:
        resolved(phases, 10, tiny_model())
    assert "\n" not in str(caught.value)


def test_an_unknown_module_lists_every_module_there_is():
    with pytest.raises(ConfigError) as caught:
        resolved([phase(freeze=["encoder"])], 1, tiny_model())
    assert all(name in str(caught.value) for name in tiny_model().module_names)


def test_a_mistake_in_a_phase_of_no_epochs_is_found_too():
    with pytest.raises(ConfigError, match="clasifier_head"):
        resolved([phase("warm", 0, freeze=["clasifier_head"]), phase()], 10, tiny_model())


def test_a_loss_that_is_absent_is_an_error_that_names_those_there_are():
    cfg = composed("experiment=a", "+experiment.phases.0.weights={triplet: 1.0}")
    with pytest.raises(
        ConfigError, match=r"no 'triplet' in 'experiment\.phases\.0\.weights'; must be one of classification, contr"
    ):
        checked(cfg, TrainConfig)


# --- the callback


FOUR = [
    phase("warmup", 2, weights=(0.0, 2.0), freeze=["classifier_head"]),
    phase("middle", 2, weights=(0.5, 1.0), freeze=["audio_encoder", "backbone"]),
    phase("finetune", None, weights=(0.3, 2.0)),
]


def flags(module) -> dict[str, tuple[bool, bool]]:
    training = {name: part.training for name, part in module.model.named_modules() if name}
    return training | {name: p.requires_grad for name, p in module.model.named_parameters()} | module.loss_weights


def test_applying_an_epoch_does_not_depend_on_what_was_applied_before():
    phases = resolved(FOUR, 6, tiny_model())
    expected = {}
    for epoch in range(7):
        fresh = tiny_module()
        PhaseScheduler(phases, CONSTANT).apply(fresh, epoch)
        expected[epoch] = flags(fresh)
    assert expected[0] == expected[1] == expected[2] != expected[3] == expected[4] != expected[5] == expected[6]
    module, scheduler = tiny_module(), PhaseScheduler(phases, CONSTANT)
    for epoch in np.random.default_rng(0).integers(0, 7, 60):
        scheduler.apply(module, int(epoch))
        assert flags(module) == expected[epoch]


def test_what_an_epoch_freezes_has_no_gradient_and_no_dropout():
    module, scheduler = tiny_module(), PhaseScheduler(resolved(FOUR, 6, tiny_model()), CONSTANT)
    for epoch, frozen in ((1, {"classifier_head"}), (3, {"audio_encoder", "backbone"}), (6, set())):
        scheduler.apply(module, epoch)
        model = module.model
        assert {n.split(".")[0] for n, p in model.named_parameters() if not p.requires_grad} == frozen
        assert {n.split(".")[0] for n, part in model.named_modules() if n and not part.training} == frozen


def test_the_scheduler_keeps_no_state():
    scheduler = PhaseScheduler(resolved(FOUR, 6, tiny_model()), CONSTANT)
    before = dict(vars(scheduler))
    scheduler.apply(tiny_module(), 3)
    assert vars(scheduler) == before and scheduler.state_dict() == {}


def run_epochs(phases: list[RecordedPhase], epochs: range, capsys) -> list[str]:
    module, scheduler = tiny_module(), PhaseScheduler(phases, CONSTANT)
    for epoch in epochs:
        scheduler.on_train_epoch_start(SimpleNamespace(current_epoch=epoch - 1), module)
    return capsys.readouterr().out.splitlines()


def test_the_messages_of_a_are_verbatim_and_count_parameters(capsys):
    lines = run_epochs(phases_of("experiment=a"), range(1, 21), capsys)
    model = tiny_model()
    total = sum(p.numel() for p in model.parameters())
    head = sum(p.numel() for p in model.classifier_head.parameters())
    assert lines == [
        "WARMUP PHASE: Freezing classifier_head",
        f"  epochs 1-5: {total - head:,} of {total:,} parameters trainable; "
        "loss weights: classification 0, contrastive 2, drift 1.5",
        "PHASE TRANSITION: Warmup → Fine-tune",
        f"  epochs 6-20: {total:,} of {total:,} parameters trainable; "
        "loss weights: classification 0.3, contrastive 2, drift 1.5",
    ]


def test_a_run_resumed_inside_a_phase_says_nothing_until_the_next_begins(capsys):
    lines = run_epochs(phases_of("experiment=a"), range(3, 21), capsys)
    assert lines[0] == "PHASE TRANSITION: Warmup → Fine-tune" and len(lines) == 2


def test_without_a_warmup_there_is_no_transition(capsys):
    lines = run_epochs(phases_of("experiment=a", "experiment.warmup_epochs=0"), range(1, 21), capsys)
    assert len(lines) == 1 and lines[0].startswith("  epochs 1-20")


def test_everything_is_trainable_when_ddp_wraps_it():
    module = tiny_module()
    module.model.freeze(["backbone"])
    PhaseScheduler(resolved(FOUR, 6, tiny_model()), CONSTANT).setup(SimpleNamespace(), module, "fit")
    assert all(p.requires_grad for p in module.model.parameters())


# --- learning rates


@pytest.mark.parametrize(
    ("progress", "value"),
    [
        (0.0, 0.02),  # a fiftieth of the peak
        (0.024, 0.5 * 0.5 * (1 + np.cos(0.024 * np.pi))),  # half of the rise
        (0.05, 0.5 * (1 + np.cos(0.05 * np.pi))),
        (0.5, 0.5),
        (0.75, 0.5 * (1 - 2**-0.5)),
        (1.0, 0.0),
        (1.2, 0.0),
    ],
)
def test_the_cosine_schedule(progress, value):
    assert lr_schedule(OptimizerConfig(ramp=0.05), progress) == pytest.approx(value, abs=1e-9)


def test_without_a_ramp_the_rate_begins_at_its_peak():
    assert lr_schedule(OptimizerConfig(ramp=0), 0.0) == 1.0
    assert lr_schedule(OptimizerConfig(ramp=1), 0.499) == pytest.approx(0.5 * 0.5 * (1 + np.cos(0.499 * np.pi)))


def test_the_constant_schedule_is_constant():
    assert {lr_schedule(CONSTANT, progress) for progress in (0.0, 0.3, 1.0)} == {1.0}


def rates(scheduler: PhaseScheduler, epoch: int, batch: int, batches: int) -> dict[str, float]:
    module = tiny_module()
    optimizer = module.configure_optimizers()
    trainer = SimpleNamespace(current_epoch=epoch - 1, num_training_batches=batches, optimizers=[optimizer])
    scheduler.on_train_batch_start(trainer, module, None, batch)
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


def test_a_rate_is_base_times_schedule_times_the_factor_of_its_module():
    phases = resolved([phase(epochs=4), phase(lr_factor={"backbone": 0.1, "audio": 0.0})], 10, tiny_model())
    assert set(rates(PhaseScheduler(phases, CONSTANT), 4, 0, 8).values()) == {1e-3}
    later = rates(PhaseScheduler(phases, CONSTANT), 5, 0, 8)
    assert later == pytest.approx(dict.fromkeys(later, 1e-3) | {"backbone": 1e-4, "audio_encoder": 0.0})
    # epoch 5 of 10, batch 4 of 8: 4.5 / 10 of the fit
    cosine = rates(PhaseScheduler(phases, OptimizerConfig()), 5, 4, 8)
    factor = 0.5 * (1 + np.cos(0.45 * np.pi))
    assert cosine["pooling"] == pytest.approx(1e-3 * factor) and cosine["backbone"] == pytest.approx(1e-4 * factor)


def test_a_rate_of_0_leaves_a_module_where_it_is():
    phases = resolved([phase(lr_factor={"backbone": 0.0})], 1, tiny_model())
    module = tiny_module()
    optimizer = module.configure_optimizers()
    before = {n: p.detach().clone() for n, p in module.model.named_parameters()}
    for p in module.parameters():
        p.grad = torch.ones_like(p)
    trainer = SimpleNamespace(current_epoch=0, num_training_batches=1, optimizers=[optimizer])
    PhaseScheduler(phases, CONSTANT).on_train_batch_start(trainer, module, None, 0)
    optimizer.step()
    for name, p in module.model.named_parameters():
        assert torch.equal(p, before[name]) == name.startswith("backbone")
