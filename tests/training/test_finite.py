"""NaN in a weight, an input or a gradient: stopped before the step, with where it began."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from groove.errors import NonFiniteLossError
from groove.training.finite import all_finite, first_broken_gradient, module_with_broken_weights, where_it_began
from groove.training.module import GrooveModule
from tests.batches import batch, tiny_model
from tests.training.test_resume import SETTINGS
from tests.training_runs import run

NAN, INF = float("nan"), float("inf")


# --- where it began


@pytest.mark.parametrize("name", ["audio_encoder", "chart_encoder", "fusion_module", "backbone", "projection_head"])
@pytest.mark.parametrize("value", [NAN, INF])
def test_a_broken_weight_is_found_in_its_module_not_behind_it(name, value):
    model = tiny_model()
    assert module_with_broken_weights(model) is None
    next(model.module(name).parameters()).data.view(-1)[0] = value
    assert where_it_began(model, batch([8, 12])) == f"first in the weights of {name}"
    assert module_with_broken_weights(model) == name


def test_an_output_that_overflows_is_found_where_the_weights_are_finite():
    model = tiny_model()
    for parameter in model.backbone.parameters():
        parameter.data.fill_(3e38)
    assert where_it_began(model, batch([8, 12])) == "first in the output of backbone"


def test_frames_come_before_modules_and_the_loss_after_them():
    model, data = tiny_model(), batch([8, 12])
    assert where_it_began(model, data) == "every module's output is finite, so it began in the loss"
    frames = data.audio.clone()
    frames[1, 3, 0] = INF
    assert where_it_began(model, dataclasses.replace(data, audio=frames)) == "first in the input frames"
    assert not any(module._forward_hooks for module in model.modules())


def test_the_gradient_nearest_the_loss_is_named():
    model = tiny_model()
    assert first_broken_gradient(model, {}) == []
    assert first_broken_gradient(model, dict.fromkeys(model.module_names, 1.0)) == []
    broken = dict.fromkeys(model.module_names, 1.0) | {"audio_encoder": NAN, "fusion_module": NAN, "backbone": INF}
    assert first_broken_gradient(model, broken) == ["backbone"]
    assert first_broken_gradient(model, broken | {"projection_head": NAN}) == ["projection_head"]
    both = broken | {"projection_head": NAN, "classifier_head": NAN}
    assert sorted(first_broken_gradient(model, both)) == ["classifier_head", "projection_head"]


def test_nothing_is_finite():
    assert all_finite([]) and all_finite([torch.zeros(0), torch.ones(2)])
    assert not all_finite([torch.ones(2), torch.tensor([1.0, -INF])])


# --- in a run


def before_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, change) -> None:
    """Call ``change(module)`` at the start of the 1-based `epoch`."""
    original = GrooveModule.on_train_epoch_start

    def start(self):
        original(self)
        if self.current_epoch + 1 == epoch:
            change(self)

    monkeypatch.setattr(GrooveModule, "on_train_epoch_start", start)


def stopped(finished: Path, into: Path, *overrides: str) -> str:
    """Run into `into`; return the text of the error, whose hints are there."""
    with pytest.raises(NonFiniteLossError) as caught:
        run(finished, finished / "songs", str(into), *SETTINGS, *overrides)
    text = str(caught.value)
    for hint in ("gradient_clip_val=1.0", "optimizer.lr=", "contrastive weight 1.0", "Radar outliers:", "Pack/Song"):
        assert hint in text
    assert "\n" not in text
    return text


def weights(into: Path, name: str) -> dict[str, torch.Tensor]:
    return torch.load(into / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def assert_last_is_epoch_1(into: Path) -> None:
    content = torch.load(into / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["epoch"] == 0 and all_finite(content["state_dict"].values())


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_gradient_stops_before_the_step_and_names_its_module(accumulated, finished, tmp_path, monkeypatch):
    before = {}

    def poison(module):
        before.update({name: value.clone() for name, value in module.state_dict().items()})
        parameter = next(module.model.backbone.parameters())
        parameter.register_hook(lambda gradient: gradient * NAN)

    before_epoch(monkeypatch, 2, poison)
    start = next((finished / "pretrained").glob("*/checkpoints/last.ckpt"))  # another step, another classifier
    settings = f"trainer.accumulate_grad_batches={accumulated}", f"pretrained={start}"
    text = stopped(finished, tmp_path / "run", *settings)
    assert text.startswith("gradient not finite, first in backbone")
    assert text.split("Charts of the batch: ")[1].count("Pack/Song") > 16 * (accumulated - 1)
    kept = weights(tmp_path / "run", "before_nonfinite")
    assert f"weights are in {tmp_path / 'run' / 'checkpoints' / 'before_nonfinite.ckpt'}" in text
    assert all(torch.equal(kept[name], before[name]) for name in kept) and all_finite(kept.values())
    assert_last_is_epoch_1(tmp_path / "run")


def test_a_weight_is_named_and_never_kept(finished, tmp_path, monkeypatch):
    def poison(module):
        next(module.model.fusion_module.parameters()).data.view(-1)[0] = NAN

    before_epoch(monkeypatch, 2, poison)
    text = stopped(finished, tmp_path / "run")
    assert text.startswith("loss nan, first in the weights of fusion_module")
    assert "the weights of fusion_module are not finite either and are not kept" in text
    assert not (tmp_path / "run" / "checkpoints" / "before_nonfinite.ckpt").exists()
    assert_last_is_epoch_1(tmp_path / "run")


def test_weights_that_the_last_step_of_an_epoch_breaks_are_not_kept_as_that_epoch(finished, tmp_path, monkeypatch):
    def poison(module):
        original = module.on_validation_start

        def broken():
            original()
            next(module.model.pooling.parameters(), next(module.model.backbone.parameters())).data.view(-1)[0] = NAN

        monkeypatch.setattr(module, "on_validation_start", broken)

    before_epoch(monkeypatch, 2, poison)
    text = stopped(finished, tmp_path / "run")
    assert text.startswith("outputs on held-out charts not finite, first in the weights of ")
    assert_last_is_epoch_1(tmp_path / "run")


@pytest.mark.parametrize("mining", ["random", "distance_weighted"])
def test_a_damaged_array_of_the_store_is_named_with_its_chart(mining, finished, tmp_path):
    folder = tmp_path / "own"
    for name in ("songs", "store", "pretrained"):
        shutil.copytree(finished / name, folder / name)
    damaged = sorted((folder / "store").rglob("chart_2.npy"))
    for path in damaged:
        array = np.load(path)
        array[1, 0] = NAN
        np.save(path, array)
    text = stopped(folder, tmp_path / "run", f"mining={mining}")
    assert "first in the input frames of Pack/Song" in text and "their features are computed again" in text
    assert any(f"({path})" in text for path in damaged)
