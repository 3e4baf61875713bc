"""The network: names, padding, no leak of the radar, freezing."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from groove.charts.technique.body import BODY_FEATURES
from groove.config.modules import MODULES
from groove.data.dataset import ChartBatch
from groove.errors import ConfigError
from groove.features.frames import CHART_FEATURES
from groove.model.encoders import chart_inputs, position_mask
from groove.model.fusion import LateFusionClassifier, ModelOutput
from groove.training.fit import build_model
from tests.batches import TINY, batch, tiny_model, train_config

SEED_NAMES = [
    "audio_encoder",
    "chart_encoder",
    "fusion_module",
    "backbone",
    "pooling",
    "classifier_head",
    "projection_head",
]
SMALL = {
    **TINY,
    "audio_dim": 32,
    "chart_dim": 64,
    "fusion_dim": 64,
    "backbone_blocks": 3,
    "projection_dim": 64,
    "dropout": 0.3,
}
FULL = {**TINY, "audio_dim": 128, "fusion_dim": 256, "projection_dim": 128, "classifier_hidden": 64}
SIZES = pytest.mark.parametrize("sizes", [TINY, SMALL, FULL], ids=["tiny", "small", "full"])


@torch.no_grad()
def output(model: LateFusionClassifier, data: ChartBatch) -> ModelOutput:
    return model.eval()(data)


def tensors(out: ModelOutput) -> dict[str, torch.Tensor]:
    return {"logits": out.logits, "embedding": out.embedding, "pooled": out.pooled, **out.layers}


def differing(model: LateFusionClassifier, a: ChartBatch, b: ChartBatch) -> set[str]:
    """Names of the outputs that are not bit-identical."""
    one, other = tensors(output(model, a)), tensors(output(model, b))
    return {name for name in one if not torch.equal(one[name], other[name])}


def test_module_names_are_exactly_those_of_the_seed():
    model = tiny_model()
    assert model.module_names == SEED_NAMES
    assert [name for name, _ in model.named_children()] == SEED_NAMES
    assert tiny_model(radar_mlp=True).module_names == [*SEED_NAMES, "radar_mlp"] == list(MODULES)
    owners = {name.split(".")[0] for name in model.state_dict()}
    assert owners <= set(SEED_NAMES)


def test_model_full_has_the_sizes_of_the_source_document():
    model = build_model(train_config("model=full"), 4)
    assert model.audio_encoder.patch.out_channels == 128
    assert model.chart_encoder.patch.out_channels == 64
    assert model.fusion_module.mix.out_channels == 256
    assert len(model.backbone.blocks) == 4
    assert model.projection_head[-1].out_features == 128
    assert model.classifier_head.layers[0].out_features == 64
    assert model.max_frames == 1440 and model.pooling.out_dim == 512


def test_shapes_of_all_outputs():
    out = output(tiny_model(classes=5), batch([9, 4, 6]))
    assert out.logits.shape == (3, 5) and out.embedding.shape == (3, 4) and out.pooled.shape == (3, 16)
    assert {name: tuple(x.shape) for name, x in out.layers.items()} == {
        "audio_encoder": (3, 6),
        "chart_encoder": (3, 5),
        "fusion_module": (3, 8),
        "backbone": (3, 8),
    }


# --- padding never changes an output


@SIZES
@pytest.mark.parametrize("pooling", ["mean_max", "attention"])
def test_padding_and_companions_never_change_an_output(sizes, pooling):
    torch.manual_seed(0)
    model = tiny_model(**{**sizes, "pooling": pooling})
    lengths = [37, 1, 20]
    alone = [tensors(output(model, batch([n], chart_seeds=[i]))) for i, n in enumerate(lengths)]
    variants = [
        batch(lengths),
        batch(lengths, padded=64),
        batch([*lengths, 130, 3], padded=131),  # much longer and shorter companions
        batch([90] * 20 + lengths, chart_seeds=[*range(50, 70), 0, 1, 2]),  # in another chunk of the encoder
    ]
    for variant in variants:
        rows = {int(n): i for i, n in enumerate(variant.lengths.tolist())}
        found = tensors(output(model, variant))
        for i, length in enumerate(lengths):
            for name, value in found.items():
                torch.testing.assert_close(value[rows[length]], alone[i][name][0], rtol=1e-5, atol=1e-5, msg=name)
    assert (alone[0]["pooled"] - alone[2]["pooled"]).abs().max() > 1e-2  # charts do differ


def test_what_lies_in_the_padding_does_not_matter():
    model, data = tiny_model(), batch([21, 6], padded=30)
    dirty = dataclasses.replace(data, chart=data.chart.clone(), audio=data.audio.clone())
    for row, length in enumerate([21, 6]):
        dirty.chart[row, length:] = 7.0
        dirty.audio[row, length:] = -50.0
    assert differing(model, data, dirty) == set()


def test_outputs_come_in_the_order_of_the_batch():
    model = tiny_model()
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0)).tolist()
    lengths = [4 + 3 * i for i in range(40)]
    straight = output(model, batch(lengths))
    shuffled = output(model, batch([lengths[i] for i in order], chart_seeds=order))
    torch.testing.assert_close(shuffled.pooled, straight.pooled[order], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(shuffled.logits, straight.logits[order], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("frames_per_beat", [1, 2, 3, 4, 5, 8])
def test_any_number_of_frames_per_beat(frames_per_beat):
    model = tiny_model(frames_per_beat=frames_per_beat)
    alone, padded = output(model, batch([13])), output(model, batch([13, 40]))
    torch.testing.assert_close(padded.pooled[0], alone.pooled[0], rtol=1e-5, atol=1e-5)


def test_every_frame_enters_the_output():
    model, data = tiny_model(pooling="attention"), batch([18])
    data.chart.requires_grad_(True)
    data.audio.requires_grad_(True)
    model(data).pooled.square().sum().backward()
    assert (data.chart.grad.abs().sum(dim=2) > 0).all() and (data.audio.grad.abs().sum(dim=2) > 0).all()


# --- rule 1: the radar does not reach the embedding


def with_radar(data: ChartBatch, radar: torch.Tensor) -> ChartBatch:
    return dataclasses.replace(data, radar=radar)


@SIZES
@pytest.mark.parametrize("radar_mlp", [False, True])
def test_the_radar_never_reaches_embedding_pooled_or_layers(radar_mlp, sizes):
    torch.manual_seed(1)
    model = tiny_model(**{**sizes, "radar_mlp": radar_mlp})
    data = batch([20, 33, 9, 15])
    allowed = {"logits"} if radar_mlp else set()
    for radar in (data.radar.flip(0), torch.full_like(data.radar, 100.0), torch.zeros_like(data.radar)):
        assert differing(model, data, with_radar(data, radar)) == allowed


@pytest.mark.parametrize("radar_mlp", [False, True])
def test_no_gradient_flows_from_the_embedding_to_the_radar(radar_mlp):
    data = batch([8, 12])
    data.radar.requires_grad_(True)
    out = tiny_model(radar_mlp=radar_mlp)(data)
    reached = torch.autograd.grad(out.embedding.sum() + out.pooled.sum(), data.radar, allow_unused=True)
    assert reached == (None,)


def test_the_loud_ablation_does_leak():
    model, data = tiny_model(radar_in_projection=True), batch([20, 33, 9])
    assert differing(model, data, with_radar(data, data.radar.flip(0))) == {"logits", "embedding"}
    with pytest.warns(UserWarning, match="radar_in_projection=true: the label leaks"):
        build_model(train_config("model.radar_in_projection=true"), 4)


def test_without_the_ablation_nothing_is_said(recwarn):
    build_model(train_config("model.radar_mlp=true"), 4)
    assert len(recwarn) == 0


# --- inputs


def test_the_flag_of_missing_audio_is_seen():
    silent = batch([9, 12], has_audio=[0.0, 0.0])
    silent = dataclasses.replace(silent, audio=torch.zeros_like(silent.audio))
    heard = dataclasses.replace(silent, has_audio=torch.ones(2))
    assert differing(tiny_model(), silent, heard) >= {"logits", "embedding", "pooled", "audio_encoder"}


def test_audio_is_standardised_and_the_flag_is_not():
    model, data = tiny_model(), batch([9, 12])
    mean, std = torch.arange(23.0), torch.arange(1.0, 24.0)
    plain = output(model, data)
    moved = dataclasses.replace(data, audio=data.audio * std + mean)
    model.set_audio_statistics(mean, std)
    torch.testing.assert_close(output(model, moved).pooled, plain.pooled, rtol=1e-4, atol=1e-4)
    assert model.audio_encoder.mean[-1] == 0 and model.audio_encoder.std[-1] == 1
    assert torch.equal(model.state_dict()["audio_encoder.mean"][:-1], mean)  # travels in the checkpoint


def test_chart_inputs_by_hand():
    chart = torch.zeros(1, 1, len(CHART_FEATURES))
    at = CHART_FEATURES.index
    chart[0, 0, at("attacks_1")] = 2.0
    chart[0, 0, at("hold_beats_3")] = 4.0
    chart[0, 0, at("seconds")] = 0.25
    (row,) = chart_inputs(chart)[0].numpy()
    assert row[at("attacks_1")] == 2.0
    assert row[at("hold_beats_3")] == pytest.approx(1.6094379)  # log 5
    assert row[at("seconds")] == pytest.approx(0.2231436)  # log 1.25
    rates = row[len(CHART_FEATURES) :]
    assert len(rates) == 11 + len(BODY_FEATURES) - 1  # 4 attacks, mines, rows, jumps, 4 quantisations; no rate of rest
    assert chart_inputs(chart[..., :20]).shape[-1] == 20 + 11
    assert rates.tolist() == [0.0, 1.0, *[0.0] * 23]  # 2 attacks in a quarter second: 8 a second, the scale


def test_twice_the_tempo_is_another_chart():
    slow = batch([16])
    fast = dataclasses.replace(slow, chart=slow.chart.clone())
    fast.chart[..., CHART_FEATURES.index("seconds")] /= 2
    assert "chart_encoder" in differing(tiny_model(), slow, fast)


def test_a_frame_of_no_duration_is_finite():
    data = batch([6])
    data.chart[..., CHART_FEATURES.index("seconds")] = 0.0
    assert all(torch.isfinite(value).all() for value in tensors(output(tiny_model(), data)).values())


def test_the_position_mask_by_hand():
    expected = [[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert position_mask(torch.tensor([3, 1, 0]), 4).tolist() == expected


# --- names and freezing


def test_matching_is_by_prefix():
    model = tiny_model()
    assert model.matching(["classifier_head"], "x") == ["classifier_head"]
    assert model.matching(["p"], "x") == ["pooling", "projection_head"]
    assert model.matching(["projection_head", "audio"], "x") == ["audio_encoder", "projection_head"]
    assert model.matching([], "x") == []


@pytest.mark.parametrize("name", ["clasifier_head", "encoder", "radar_mlp", "backbone.blocks"])
def test_a_name_that_matches_nothing_is_an_error_that_names_what_exists(name):
    with pytest.raises(ConfigError) as caught:
        tiny_model().matching(["backbone", name], "phase 'warmup': freeze")
    text = str(caught.value)
    assert text.startswith(f"phase 'warmup': freeze names '{name}'") and "\n" not in text
    assert all(existing in text for existing in SEED_NAMES)
    assert ("did you mean 'classifier_head'" in text) == (name == "clasifier_head")


def test_freezing_sets_flags_mode_and_drops_gradients():
    model = tiny_model().train()
    model(batch([6, 9])).logits.sum().backward()
    frozen = {"backbone", "classifier_head"}
    model.freeze(sorted(frozen))
    for name in SEED_NAMES:
        module = model.module(name)
        assert all(p.requires_grad == (name not in frozen) for p in module.parameters())
        assert all(part.training == (name not in frozen) for part in module.modules())
        if name in frozen:
            assert all(p.grad is None for p in module.parameters())
        elif name != "projection_head":
            assert all(p.grad is not None for p in module.parameters())


def test_freezing_is_exact_not_cumulative():
    model = tiny_model()
    model.freeze(["backbone"])
    model.freeze(["pooling"])
    assert {n.split(".")[0] for n, p in model.named_parameters() if not p.requires_grad} == {"pooling"}
    model.freeze([])
    assert all(p.requires_grad for p in model.parameters()) and all(m.training for m in model.backbone.modules())


@pytest.mark.parametrize(
    "settings", [{}, {"radar_mlp": True}, {"pooling": "attention"}, {"head": "ordinal"}, {"head": "counted"}]
)
def test_a_backward_pass_reaches_every_parameter(settings):
    model = tiny_model(**settings).train()
    out = model(batch([10, 14, 30]))
    (out.logits.square().sum() + out.embedding.square().sum()).backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # softmax weights of attention do not change with one constant added to all scores
    assert [name for name in missing if name != "pooling.score.bias"] == []
