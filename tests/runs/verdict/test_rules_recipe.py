"""What the recipe is judged by: its own bounds, on runs with one number changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from groove.runs.folder import Run, load_run
from groove.runs.verdict.rules_evidence import accuracy_kept
from groove.runs.verdict.rules_recipe import blind, gain_reached
from tests.runs.builders import good_a


def run_of(folder: Path, change=None, **retrieval) -> Run:
    run = load_run(good_a(folder, change))
    return replace(run, retrieval={"within_difficulty": retrieval} if retrieval else None)


@pytest.mark.parametrize(("end", "passed"), [(0.83, True), (0.792, True), (0.785, False)])
def test_accuracy_ends_within_two_points(tmp_path, end, passed):
    run = run_of(tmp_path / "run", {"val/accuracy": {0: 0.81, 20: end}})
    assert accuracy_kept(run, "recipe/accuracy_kept", "val/accuracy").passed is passed


@pytest.mark.parametrize(("layer", "end", "passed"), [("pooled", 0.88, True), ("pooled", 0.87, False)])
def test_gains(tmp_path, layer, end, passed):
    indicator = gain_reached(run_of(tmp_path / "run", {f"retrieval/gain/{layer}": {20: end}}), layer)
    assert indicator.passed is passed and indicator.name == "recipe/gain_pooled"
    assert (indicator.hint == "") is passed


def test_a_blind_network_knows_nothing(tmp_path):
    assert blind(run_of(tmp_path / "a", blind_projection={"gain": 0.02})).passed is True
    leaking = blind(run_of(tmp_path / "b", blind_projection={"gain": 0.9}))
    assert leaking.passed is False and "leaks into the embedding" in leaking.hint
    assert blind(run_of(tmp_path / "c")).passed is None
