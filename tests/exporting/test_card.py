from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from groove.config.schema import plain
from groove.embedding.trained import load_trained
from groove.errors import RunError
from groove.exporting.card import model_card
from groove.exporting.onnx_encoder import OnnxCheck
from groove.features.audio import AUDIO_FEATURES
from groove.features.frames import CHART_FEATURES
from groove.model.fusion import LateFusionClassifier
from tests.embedding.exports import run_folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_folder(tmp_path / "run")


def test_the_card_says_what_the_model_takes_gives_and_knows(run):
    trained = load_trained(run)
    card = model_card(trained, {"a": b"abc"}, None)
    json.dumps(card, allow_nan=False)
    assert card["inputs"]["chart"] == list(CHART_FEATURES) and card["inputs"]["audio"] == list(AUDIO_FEATURES)
    assert card["inputs"]["features"] == trained.settings.features.model_dump()
    assert list(card["classes"]) == trained.classes and card["config"] == plain(trained.settings)
    assert card["radar"]["scaler"] == trained.scaler.state()
    assert card["files"] == {"a": {"bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}}
    assert card["license"] is None and card["onnx"] is None
    assert (
        card["versions"]["torch"] == torch.__version__.split("+")[0] or card["versions"]["torch"] == torch.__version__
    )


def test_the_arguments_are_the_checkpoints_own(run):
    trained = load_trained(run)
    stored = torch.load(trained.path, weights_only=True)["hyper_parameters"]["model"]
    arguments = model_card(trained, {}, None)["arguments"]
    assert arguments == stored | {"frames_per_beat": 4}
    LateFusionClassifier(**arguments).load_state_dict(trained.model.state_dict())


def test_split_and_results_are_the_runs(run):
    card = model_card(load_trained(run), {}, None)
    assert card["data"]["fingerprint"] == "library" and card["checkpoint"] == "last.ckpt"
    assert card["data"]["split"] == {"seed": 0, "val_fraction": 0.2, "fold": 0}
    assert card["data"]["charts"] == {"train": 30, "val": 10}
    assert card["data"]["songs_in_split"] == {"train": 8, "val": 2}
    assert card["results"] == {
        "last_epoch": {"epoch": 1.0, "val/accuracy": 0.75},  # what is not held out or not a number is not told
        "retrieval": None,
        "verdict": {"state": "healthy", "passed": True, "summary": "s"},
    }


def test_a_run_that_kept_nothing_but_its_weights(run):
    for name in ("metrics.csv", "run.json", "verdict.json", "embeddings.parquet"):
        (run / name).unlink()
    card = model_card(load_trained(run), {}, None)
    assert card["data"]["fingerprint"] is None and card["data"]["charts"] == {"train": None, "val": None}
    assert card["results"] == {"last_epoch": None, "retrieval": None, "verdict": None}


def test_another_epochs_weights_do_not_get_the_last_epochs_results(run):
    other = (run / "checkpoints" / "last.ckpt").rename(run / "checkpoints" / "best_accuracy.ckpt")
    card = model_card(load_trained(other), {}, None)
    assert card["checkpoint"] == "best_accuracy.ckpt" and set(card["results"]) == {"note"}


def test_the_check_against_torch_is_told(run):
    check = OnnxCheck(7, (5, 9), {"pooled": 1e-6}, {"pooled": 1e-7})
    found = model_card(load_trained(run), {}, check)["onnx"]
    assert found["charts"] == 7 and found["frames"] == [5, 9] and found["allowed_relative"] == 1e-4
    assert found["max_abs_difference"] == {"pooled": 1e-6} and found["relative"] == {"pooled": 1e-7}


@pytest.mark.parametrize(
    ("name", "text"),
    [("metrics.csv", "epoch\n"), ("metrics.csv", "a,b\n1,2\n"), ("verdict.json", "{"), ("run.json", "x")],
)
def test_a_broken_file_of_the_run_is_one_line(run, name, text):
    (run / name).write_text(text)
    with pytest.raises(RunError, match=name) as error:
        model_card(load_trained(run), {}, None)
    assert "\n" not in str(error.value)


def test_the_data_statement_tells_generated_songs_from_a_users(run):
    trained = load_trained(run)
    assert "generates" in model_card(trained, {}, None)["data_statement"]["trained_on"]
    data = trained.settings.data.changed(songs="Songs")
    users = replace(trained, settings=trained.settings.changed(data=data))
    told = model_card(users, {}, None)["data_statement"]
    assert "whoever trained it" in told["trained_on"] and "dance-single only" in told["limits"]
