"""The ONNX encoder against torch; what needs the packages of the extra `onnx` is skipped without them."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from groove.errors import RunError
from groove.exporting.onnx_encoder import (
    OUTPUTS,
    FrameInput,
    check_onnx,
    feed,
    input_names,
    onnx_bytes,
    sample_batches,
    session_of,
)
from tests.batches import batch, labels, table, tiny_model


def need_packages() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)


@pytest.fixture(scope="module")
def model():
    return tiny_model(seed=5)


@pytest.fixture(scope="module")
def content(model) -> bytes:
    need_packages()
    return onnx_bytes(model, {"classes": ["a"]})


@torch.no_grad()
@pytest.mark.parametrize("padded", [None, 41, 60])
def test_the_wrapper_is_the_model_without_its_chunks(model, padded):
    charts = batch([41, 1, 8, 20, 7], padded, has_audio=[1, 0, 1, 1, 0])
    output = model(charts)
    found = FrameInput(model)(charts.chart, charts.audio, charts.has_audio, charts.lengths)
    for name, tensor in zip(OUTPUTS, found, strict=True):
        torch.testing.assert_close(tensor, getattr(output, name), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("lengths", [[1], [2], [3], [4], [5], [97], [128], [9, 1], [3, 50, 17, 4], [30] * 20])
def test_any_batch_and_any_length(model, content, lengths):
    charts = batch(lengths, has_audio=[float(i % 2) for i in range(len(lengths))])
    found = session_of(content).run(list(OUTPUTS), feed(charts, input_names(model)))
    output = model(charts)
    for name, array in zip(OUTPUTS, found, strict=True):
        np.testing.assert_allclose(array, getattr(output, name).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_padding_and_what_stands_in_it_change_nothing(model, content):
    session = session_of(content)
    alone = session.run(None, feed(batch([9], chart_seeds=[1]), input_names(model)))
    inputs = feed(batch([50, 9], 70, chart_seeds=[0, 1]), input_names(model))
    inputs["chart"][1, 9:], inputs["audio"][1, 9:] = 7.0, -3.0
    for one, two in zip(alone, session.run(None, inputs), strict=True):
        np.testing.assert_allclose(one[0], two[1], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_file_says_what_it_is_and_nothing_of_the_machine_that_made_it(content):
    session = session_of(content)
    shapes = {entry.name: (entry.shape, entry.type) for entry in session.get_inputs()}
    assert shapes == {
        "chart": (["batch", "frames", 35], "tensor(float)"),
        "audio": (["batch", "frames", 23], "tensor(float)"),
        "has_audio": (["batch"], "tensor(float)"),
        "lengths": (["batch"], "tensor(int64)"),
    }
    assert [entry.shape for entry in session.get_outputs()] == [["batch", 16], ["batch", 4], ["batch", 4]]
    assert json.loads(session.get_modelmeta().custom_metadata_map["groove"]) == {"classes": ["a"]}
    assert b"site-packages" not in content and b".py" not in content


def test_sampled_charts_come_alone_and_in_batches_of_mixed_lengths(model, tmp_path):
    lengths = list(range(10, 50))
    charts = table(tmp_path, lengths, labels(40), silent=[3])
    batches = list(sample_batches(model, charts, tmp_path, 16))
    alone, together = batches[:16], batches[16:]
    assert all(len(one.lengths) == 1 for one in alone)
    assert alone[0].lengths.item() == 10 and alone[-1].lengths.item() == 49
    assert [len(some.lengths) for some in together] == [8, 8]
    rows = sorted(i for some in together for i in some.index.tolist())
    assert rows == sorted(one.index.item() for one in alone)
    assert all(int(some.lengths.max()) > 2 * int(some.lengths.min()) for some in together)
    assert len(list(sample_batches(model, charts.take(np.array([5])), tmp_path, 50))) == 2


@pytest.mark.slow
def test_the_check_counts_the_charts_and_measures(model, content, tmp_path):
    charts = table(tmp_path, [5, 9, 33], labels(3), silent=[1])
    check = check_onnx(content, model, sample_batches(model, charts, tmp_path, 50))
    assert check.charts == 3 and check.frames == (5, 33)
    assert set(check.relative) == set(OUTPUTS) and 0 < max(check.relative.values()) < 1e-5


@pytest.mark.slow
def test_a_file_of_another_model_is_refused(content):
    with pytest.raises(RunError, match=r"differs from torch: \w+ by .* nothing was written"):
        check_onnx(content, tiny_model(seed=6), [batch([9, 30])])


@pytest.mark.slow
def test_numbers_that_are_none_are_refused(content):
    broken = tiny_model(seed=5)
    with torch.no_grad():
        broken.projection_head[2].bias[0] = float("nan")
    with pytest.raises(RunError, match="embedding by nan"):
        check_onnx(content, broken, [batch([9])])


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(
    "arguments",
    [
        {"pooling": "mean_max"},
        {"pooling": "attention", "head": "ordinal", "frames_per_beat": 3},
        {"pooling": "statistics", "head": "counted"},
        {"radar_mlp": True, "frames_per_beat": 1},
        {"radar_in_projection": True},
    ],
    ids=str,
)
def test_every_kind_of_model(arguments):
    need_packages()
    model = tiny_model(**arguments)
    content = onnx_bytes(model, {})
    check = check_onnx(content, model, [batch([9, 1, 50, 33]), batch([4]), batch([2, 2])])
    assert max(check.relative.values()) < 1e-5
    names = [entry.name for entry in session_of(content).get_inputs()]
    assert names == list(input_names(model)) and ("radar" in names) == (model.radar_mlp is not None)


def test_nothing_is_imported_before_it_is_needed():
    import subprocess

    code = "import sys, groove.exporting.onnx_encoder; print([m for m in ('onnx', 'onnxruntime') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
