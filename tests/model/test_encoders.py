"""The encoders' own layers against PyTorch's, and 16 bits against 32."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from groove.model.encoders import BeatConv, ChannelNorm
from tests.batches import batch, tiny_model


@pytest.mark.parametrize("settings", [{"kernel_size": 8, "stride": 4, "padding": 2}, {"kernel_size": 1}])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_beat_convolution_is_a_convolution(settings, dilation):
    torch.manual_seed(0)
    ours = BeatConv(5, 7, dilation=dilation, **settings)
    theirs = nn.Conv1d(5, 7, dilation=dilation, **settings)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 40, 5).transpose(1, 2)
    found, expected = ours(x), theirs(x)
    torch.testing.assert_close(found, expected)
    for layer, out in ((ours, found), (theirs, expected)):
        out.square().sum().backward()
        assert layer.weight.grad is not None
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-4, atol=1e-4)


def test_beats_stay_in_one_layout_from_layer_to_layer():
    x = BeatConv(4, 6, kernel_size=3, padding=1)(torch.randn(2, 9, 4).transpose(1, 2))
    assert x.transpose(1, 2).is_contiguous() and ChannelNorm(6)(x).transpose(1, 2).is_contiguous()


def test_in_16_bits_encoders_are_16_heads_32_and_the_numbers_near():
    model, data = tiny_model(dropout=0.0), batch([40, 23, 57, 31])
    seen: dict[str, torch.dtype] = {}
    for name in ("backbone", "pooling", "projection_head"):
        hook = lambda module, inputs, output, name=name: seen.update({name: output.dtype})  # noqa: E731
        model.module(name).register_forward_hook(hook)
    exact = model(data)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(data)
    assert seen == {"backbone": torch.bfloat16, "pooling": torch.float32, "projection_head": torch.float32}
    assert {half.logits.dtype, half.embedding.dtype, half.layers["backbone"].dtype} == {torch.float32}
    torch.testing.assert_close(half.embedding, exact.embedding, rtol=0.1, atol=0.05)
    assert not torch.equal(half.embedding, exact.embedding)
