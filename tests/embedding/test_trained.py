"""A model out and in again: bit for bit, without pickle, and one line for every folder that is damaged."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from groove.embedding.trained import load_safetensors, load_trained, weights_bytes
from groove.errors import CheckpointError
from groove.model.exported import read_card
from tests.batches import batch, tiny_model
from tests.embedding.exports import export_model, run_folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_folder(tmp_path / "run")


@pytest.fixture
def exported(run: Path, tmp_path: Path) -> Path:
    return export_model(load_trained(run), tmp_path / "exported")


@torch.no_grad()
@pytest.mark.parametrize(
    "arguments",
    [{}, {"pooling": "attention", "head": "ordinal"}, {"radar_mlp": True}, {"radar_mlp": True, "head": "counted"}],
    ids=str,
)
def test_the_model_is_bit_for_bit_that_of_the_run(tmp_path, arguments):
    trained = load_trained(run_folder(tmp_path / "run", **arguments))
    model = load_safetensors(export_model(trained, tmp_path / "exported"))
    charts = batch([9, 40, 17, 3])
    for before, after in zip(trained.model(charts)[:3], model(charts)[:3], strict=True):
        assert torch.equal(before, after)
    assert not model.training and model.state_dict().keys() == trained.model.state_dict().keys()


def test_a_folder_may_be_given_as_text_and_the_card_says_how(exported, monkeypatch):
    weights = load_safetensors(exported).state_dict()
    assert read_card(str(exported)) == read_card(exported)
    monkeypatch.chdir(exported.parent)
    names: dict = {}
    exec(read_card(exported)["how_to_load"].replace("FOLDER", exported.name), names)  # as a reader would paste it
    assert all(torch.equal(tensor, weights[name]) for name, tensor in names["model"].model.state_dict().items())


def test_an_exported_folder_is_as_good_as_the_run(run, exported):
    before, after = load_trained(run), load_trained(exported)
    assert (after.digest, after.classes, after.settings) == (before.digest, before.classes, before.settings)
    assert after.scaler.state() == before.scaler.state()
    assert after.folder == exported and after.path == exported / "model.safetensors"
    again = load_trained(export_model(after, exported.with_name("again")))
    assert again.digest == before.digest
    assert (exported / "model.json").read_text() == (exported.with_name("again") / "model.json").read_text()


def test_loading_unpickles_nothing_and_leaves_the_random_numbers_alone(exported, monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("pickle")

    monkeypatch.setattr("pickle.load", refuse)
    monkeypatch.setattr("pickle.loads", refuse)
    monkeypatch.setattr(torch, "load", refuse)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load_safetensors(exported)
    assert torch.equal(torch.rand(4), expected)


def test_equal_weights_are_equal_files():
    assert weights_bytes(tiny_model(seed=1)) == weights_bytes(tiny_model(seed=1))
    assert weights_bytes(tiny_model(seed=1)) != weights_bytes(tiny_model(seed=2))


def change_card(folder: Path, change) -> None:
    card = json.loads((folder / "model.json").read_text())
    change(card)
    (folder / "model.json").write_text(json.dumps(card))


def swap_weights(folder: Path) -> None:
    """Put weights of another size, whose checksum fits."""
    content = weights_bytes(tiny_model(fusion_dim=6))
    (folder / "model.safetensors").write_bytes(content)
    change_card(
        folder, lambda card: card["files"]["model.safetensors"].update(sha256=hashlib.sha256(content).hexdigest())
    )


def no_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no weights")
    digest = hashlib.sha256(b"no weights").hexdigest()
    change_card(folder, lambda card: card["files"]["model.safetensors"].update(sha256=digest))


DAMAGE = {
    "no card": (lambda folder: (folder / "model.json").unlink(), "model.json cannot be read: No such file"),
    "no json": (lambda folder: (folder / "model.json").write_text("{"), "is not JSON"),
    "foreign json": (lambda folder: (folder / "model.json").write_text("[]"), "has the format None, must be"),
    "other version": (lambda folder: change_card(folder, lambda card: card.update(format="groove model 9")), "model 9"),
    "no arguments": (lambda folder: change_card(folder, lambda card: card.pop("arguments")), "arguments"),
    "other arguments": (lambda folder: change_card(folder, lambda card: card["arguments"].update(depth=3)), "no depth"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors cannot be read"),
    "cut short": (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "damaged or not the one of"),
    "no safetensors": (no_safetensors, "does not fit model.json: SafetensorError"),
    "other sizes": (swap_weights, "does not fit model.json: RuntimeError"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_is_one_line(exported, damage):
    spoil, text = DAMAGE[damage]
    spoil(exported)
    with pytest.raises(CheckpointError, match=r".") as error:
        load_safetensors(exported)
    assert text in str(error.value) and "\n" not in str(error.value)


def test_a_card_without_what_a_run_needs_is_one_line(exported):
    change_card(exported, lambda card: card.pop("config"))
    assert read_card(exported)["format"]
    with pytest.raises(CheckpointError, match=r"model\.json is not a card of this version of groove: 'config'"):
        load_trained(exported)
