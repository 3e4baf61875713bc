"""`from_pretrained`: what is loaded, skipped and new, and one-line errors for files that do not fit."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from groove.errors import CheckpointError, ConfigError
from groove.model.fusion import LateFusionClassifier
from groove.model.weights import read_checkpoint
from tests.batches import TINY, batch, tiny_model


def saved(path: Path, model: LateFusionClassifier, **config) -> Path:
    content = {
        "state_dict": {f"model.{name}": value for name, value in model.state_dict().items()} | {"other": torch.ones(1)},
        "hyper_parameters": {"model": {**TINY, "classes": 4, "frames_per_beat": 4, **config}},
    }
    torch.save(content, path)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return saved(tmp_path / "classifier.ckpt", tiny_model(seed=3))


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_all_but_the_new_modules_are_loaded_and_listed(checkpoint):
    model, report = LateFusionClassifier.from_pretrained(checkpoint)
    original = tiny_model(seed=3)
    for name in original.module_names:
        assert equal(model.module(name), original.module(name)) == (name != "projection_head")
    head = [f"projection_head.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")]
    assert sorted(report.new) == sorted(report.skipped) == sorted(head)
    assert sorted(report.loaded + head) == sorted(original.state_dict())
    loaded, skipped, new = report.lines()
    assert loaded.startswith("  loaded: audio_encoder (") and "projection_head" not in loaded
    assert skipped == "  skipped: projection_head (4)" and new == "  new: projection_head (4)"


def test_nothing_new_loads_everything(checkpoint):
    model, report = LateFusionClassifier.from_pretrained(checkpoint, new=())
    assert equal(model, tiny_model(seed=3)) and report.new == report.skipped == []
    assert report.lines()[1:] == ["  skipped: nothing", "  new: nothing"]


def test_the_loaded_model_gives_the_same_logits(checkpoint):
    model, _ = LateFusionClassifier.from_pretrained(checkpoint)
    data = batch([9, 14])
    with torch.no_grad():
        assert torch.equal(model.eval()(data).logits, tiny_model(seed=3)(data).logits)


def test_buffers_of_the_audio_statistics_are_loaded(tmp_path):
    original = tiny_model()
    original.set_audio_statistics(torch.full((23,), 7.0), torch.full((23,), 2.0))
    model, _ = LateFusionClassifier.from_pretrained(saved(tmp_path / "x.ckpt", original))
    assert model.audio_encoder.mean[:-1].unique().tolist() == [7.0]


def test_selective_freeze_by_prefix(checkpoint):
    model, _ = LateFusionClassifier.from_pretrained(checkpoint, selective_freeze=["audio_encoder", "classifier"])
    frozen = {name.split(".")[0] for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {"audio_encoder", "classifier_head"}
    with pytest.raises(ConfigError, match="selective_freeze names 'claffisier_head': did you mean 'classifier_head'"):
        LateFusionClassifier.from_pretrained(checkpoint, selective_freeze=["claffisier_head"])


def test_a_module_the_file_lacks_is_new_and_one_the_model_lacks_is_skipped(tmp_path):
    plain = saved(tmp_path / "plain.ckpt", tiny_model())
    _, report = LateFusionClassifier.from_pretrained(plain, radar_mlp=True)
    assert {"radar_mlp.0.weight", "classifier_head.layers.0.weight"} <= set(report.new)
    _, report = LateFusionClassifier.from_pretrained(
        saved(tmp_path / "radar.ckpt", tiny_model(radar_mlp=True), radar_mlp=True), radar_mlp=False
    )
    assert "radar_mlp.0.weight" in report.skipped


def test_another_head_is_new(checkpoint):
    model, report = LateFusionClassifier.from_pretrained(checkpoint, classes=6)
    assert "classifier_head.layers.3.weight" in report.new and "classifier_head.layers.3.weight" in report.skipped
    assert model(batch([8])).logits.shape == (1, 6)


def test_a_backward_pass_reaches_every_module(checkpoint):
    model, _ = LateFusionClassifier.from_pretrained(checkpoint)
    out = model.train()(batch([10, 14, 30]))
    (out.logits.square().sum() + out.embedding.square().sum()).backward()
    for name in model.module_names:
        gradients = [p.grad for p in model.module(name).parameters()]
        assert all(g is not None for g in gradients) and sum(float(g.abs().sum()) for g in gradients) > 0, name


# --- files that do not fit: one line each


def error_of(path: Path, **config) -> str:
    with pytest.raises(CheckpointError) as caught:
        LateFusionClassifier.from_pretrained(path, **config)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_file(tmp_path):
    assert error_of(tmp_path / "no.ckpt").startswith("no checkpoint at")
    assert error_of(tmp_path).startswith("no checkpoint at")  # a folder


@pytest.mark.parametrize(
    "content",
    [b"", b"not a checkpoint\n", b"PK\x03\x04 but no zip", b"\x80\x02}q\x00.", b"\x00" * 100, b"\x80\x04\x95", b"1\n."],
)
def test_a_corrupt_file(content, tmp_path):
    path = tmp_path / "corrupt.ckpt"
    path.write_bytes(content)
    error_of(path)


def test_any_truncation_or_damage_is_one_line(checkpoint):
    whole = checkpoint.read_bytes()
    generator = random.Random(0)
    for _ in range(60):
        if generator.random() < 0.5:
            checkpoint.write_bytes(whole[: generator.randrange(len(whole) // 2)])
        else:
            checkpoint.write_bytes(generator.randbytes(generator.randrange(1, 400)))
        error_of(checkpoint)


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {"weights": torch.ones(2)},
        {"state_dict": {"layer.weight": torch.ones(2)}, "hyper_parameters": {"model": {}}},
        {"state_dict": {"model.weight": torch.ones(2)}},
        {"state_dict": {"model.weight": torch.ones(2)}, "hyper_parameters": None},
        {"state_dict": {"model.weight": torch.ones(2)}, "hyper_parameters": {"model": "resnet"}},
        {"state_dict": [1, 2], "hyper_parameters": {"model": {}}},
    ],
)
def test_a_file_of_something_else(content, tmp_path):
    torch.save(content, tmp_path / "other.ckpt")
    assert "holds no groove model" in error_of(tmp_path / "other.ckpt")


def test_arguments_this_version_does_not_know(tmp_path):
    assert "of another model" in error_of(saved(tmp_path / "x.ckpt", tiny_model(), attention_heads=3))


@pytest.mark.parametrize("config", [{"fusion_dim": 16}, {"chart_dim": 6}, {"backbone_blocks": 5}, {"audio_dim": 7}])
def test_other_sizes(checkpoint, config):
    text = error_of(checkpoint, **config)
    assert "is of another model" in text and "use the model=... settings it was trained with" in text


def test_the_error_of_other_sizes_names_both_shapes(checkpoint):
    assert "fusion_module.mix.weight has shape (8, 11, 1) there, (12, 11, 1) here" in error_of(
        checkpoint, fusion_dim=12
    )
    assert "backbone.blocks.2.norm.weight has no such weight there" in error_of(checkpoint, backbone_blocks=3)


def test_read_checkpoint_gives_weights_and_arguments(checkpoint):
    read = read_checkpoint(checkpoint)
    assert set(read.weights) == set(tiny_model().state_dict())
    assert read.model_config["classes"] == 4 and read.path == checkpoint
