"""Hints can be followed: they fit the loss and the phases of the run, and every setting in them exists by that name."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import groove
from groove.config.schema import CONF_DIR, TrainConfig
from groove.runs.folder import load_run
from groove.runs.verdict.rules_everyone import loss_hint
from groove.runs.verdict.rules_experiments import gain_reached
from groove.runs.verdict.verdict import judge
from tests.runs.builders import PHASES_A, PHASES_B, good_a, good_b, rigid_baseline
from tests.runs.verdict.checks import judged

PHASE_LIST = "experiment.phases"


def settings(schema: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every dotted name of `schema`, those of groups included."""
    for name, entry in schema.model_fields.items():
        yield prefix + name
        if isinstance(entry.annotation, type) and issubclass(entry.annotation, BaseModel):
            yield from settings(entry.annotation, f"{prefix}{name}.")


NAMES = set(settings(TrainConfig))
GROUPS = {
    folder.name: {path.stem for path in folder.glob("*.yaml")} for folder in CONF_DIR.iterdir() if folder.is_dir()
}
BARE = {name.rpartition(".")[2] for name in NAMES if "." in name and "_" in name.rpartition(".")[2]} - {"_target_"}
"""Last parts of settings that cannot be mistaken for plain words; standing alone they cannot be given."""


def wrong_settings(text: str) -> list[str]:
    """Return what looks like a setting in `text` and is none."""
    text = re.sub(r"\S*(?:val|train|grad_norm|retrieval|drift|weight_change)/\S+", "", text)  # columns
    text = re.sub(r"\S*(?:run|retrieval)\.json|\S*\.csv|\S*/\S+\.ckpt", "", text)
    wrong = []
    for name, value in re.findall(r"(?<![\w.])([a-z_]\w*(?:\.\w+)*)(?:=([\w.,]+))?", text):
        if name.startswith(f"{PHASE_LIST}."):
            known = re.fullmatch(rf"{PHASE_LIST}\.\d+\.weights\.(contrastive|classification)", name) is not None
        elif "." not in name and value and name in GROUPS:
            known = value.rstrip(".,") in GROUPS[name]
        else:
            known = name in NAMES if "." in name or value else name not in BARE
        if not known:
            wrong.append(f"{name}={value}" if value else name)
    return wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("set positive_percentile 10", ["positive_percentile"]),
        ("try mining=semihard, or mining=brutal.", ["mining=brutal."]),
        ("raise optimizer.rl or optimizer.lr", ["optimizer.rl"]),
        ("give lr=3", ["lr=3"]),
        ("experiment.phases.1.weights.contrastive=3 of experiment.phases.1.weight", ["experiment.phases.1.weight"]),
        ("the classification weight; val/triplet_margin in metrics.csv", []),
    ],
)
def test_a_setting_that_does_not_exist_is_found(text: str, wrong: list[str]) -> None:
    assert wrong_settings(text) == wrong


def written(path: Path) -> list[str]:
    """Return the sentences in the code of `path`, docstrings and names of indicators left out; {..} becomes 0."""
    tree = ast.parse(path.read_text())
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(part.value if isinstance(part, ast.Constant) else "0" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (inside | bare):
            found.append(node.value)
    return [text for text in found if " " in text]


def test_every_setting_that_a_rule_names_exists() -> None:
    files = [*Path(groove.__file__).parent.glob("runs/verdict/rules_*.py")]
    texts = [text for path in files for text in written(path)]
    assert len(files) == 3 and sum("optimizer.lr" in text for text in texts) >= 5
    assert [wrong for text in texts for wrong in wrong_settings(text)] == []


BAD = {
    "val/accuracy": [0.81] * 20 + [0.5],
    "val/contrastive_loss": [1.0] * 21,
    "drift/pooled/cosine": [1.0] * 21,
    "drift/pooled/l2": [0.0] * 21,
    "val/triplet_margin": [0.1] * 21,
    "val/positive_margin_fraction": [0.5] * 21,
    "retrieval/gain/pooled": [0.3] * 21,
    "grad_norm/backbone": [1e-6] * 21,
    "train/loss": [math.nan] * 21,
}


@pytest.mark.parametrize("build", [good_a, good_b, rigid_baseline])
def test_every_setting_in_the_hints_of_a_run_that_fails_exists(tmp_path: Path, build: Any) -> None:
    _, lines = judged(build(tmp_path, BAD, radar_in_projection=True))
    hints = [line.hint for line in lines.values() if line.hint]
    assert len(hints) > 10 and [wrong for hint in hints for wrong in wrong_settings(hint)] == []


def test_nobody_is_sent_to_where_he_is(tmp_path: Path) -> None:
    _, lines = judged(good_a(tmp_path / "a", BAD))
    for name in ("drift/pooled_cosine", "drift/pooled_l2", "warmup/drift_l2"):
        assert "more aggressive" in lines[name].hint and "experiment=a" not in lines[name].hint
        assert "experiment.warmup_epochs" in lines[name].hint
    _, lines = judged(rigid_baseline(tmp_path / "baseline", BAD))
    _, far = judged(good_b(tmp_path / "b", {"drift/pooled/cosine": {20: 0.5}}))
    assert "far from epoch 0" in far["drift/pooled_cosine"].hint
    assert "experiment=b" not in far["drift/pooled_cosine"].hint
    assert "experiment=a" in lines["drift/pooled_cosine"].hint and "warm-up" not in lines["drift/pooled_cosine"].hint


PHASES_C = [
    {**PHASES_A[0], "last_epoch": 2, "frozen": ["backbone", "classifier_head"], "index": 0},
    {**PHASES_A[1], "first_epoch": 3, "weights": {"classification": 1.0, "contrastive": 1.0}, "index": 1},
]


def recipe(folder: Path, change: dict | None = None, **info: Any) -> Path:
    """Write a run of c whose backbone is frozen for two epochs."""
    return good_a(folder, change, **{"experiment": "c", "verdict": "c", "phases": PHASES_C, **info})


def test_a_backbone_is_frozen_when_it_is_frozen_at_the_end(tmp_path: Path) -> None:
    run = load_run(recipe(tmp_path / "c"))
    assert "frozen (yes, at epoch 2)?" in loss_hint(run, 0.0, "it went", 2)
    assert "frozen (no, not after epoch 2)?" in loss_hint(run, 0.0, "it went", 20)
    assert "frozen (no)?" in loss_hint(load_run(good_a(tmp_path / "a")), 0.0, "it went", 20)
    _, lines = judged(recipe(tmp_path / "still", {"val/contrastive_loss": [1.0] * 21}, verdict="baseline"))
    assert "frozen (no, not after epoch 2)?" in lines["loss/contrastive_drop"].hint
    frozen = [{**PHASES_B[0], "frozen": ["backbone"]}]
    _, lines = judged(good_b(tmp_path / "b", {"val/contrastive_loss": [1.0] * 21}, phases=frozen))
    assert "frozen (yes, at epoch 20)?" in lines["loss/contrastive_drop"].hint


@pytest.mark.parametrize(
    ("loss", "margin", "mining"),
    [
        ("AdaptiveTripletLoss", True, True),
        ("NTXentLoss of triplets", False, True),
        ("SupConLoss of classes", False, False),
        ("RankNContrastLoss", False, False),
    ],
)
def test_hints_fit_the_loss(tmp_path: Path, loss: str, margin: bool, mining: bool) -> None:
    about = {"loss": loss, "loss_uses_margin": margin, "loss_uses_triplets": mining, "verdict": "baseline"}
    _, lines = judged(recipe(tmp_path, BAD, **about))
    hints = [lines[name].hint for name in ("loss/contrastive_drop", "triplet/margin_improvement")]
    assert all(("loss.triplet_margin" in hint) is margin for hint in hints)
    assert ("mining=semihard" in hints[0]) is mining and ("data.triplets" in hints[1]) is mining
    assert ("trains on no triplets" in hints[1]) is not mining
    assert ("experiment.phases.1.weights.contrastive, it is 1" in hints[1]) is not mining


def test_a_low_margin_is_not_lowered_further(tmp_path: Path) -> None:
    _, lines = judged(rigid_baseline(tmp_path, BAD, triplet_margin=1.0))
    assert "too small (loss.triplet_margin, it is 1)" in lines["loss/contrastive_drop"].hint
    hint = lines["triplet/margin_improvement"].hint
    assert "loss.triplet_margin=1.5" not in hint and "is 1, no more than the 1.5" in hint, "1 is not lowered to 1.5"


def test_no_change_is_zero_and_has_no_sign(tmp_path: Path) -> None:
    _, lines = judged(good_a(tmp_path, {"val/accuracy": [0.81] * 21}))
    line = lines["warmup/accuracy_dip"]
    assert line.passed is False and math.copysign(1.0, line.value or 0.0) == 1.0 and line.value == 0.0


def test_the_recipe_is_judged_by_accuracy_and_gain_wherever_it_moved(tmp_path: Path) -> None:
    for cosine, state in ((0.98, "moving"), (0.9, "healthy"), (0.5, "reshaped")):
        verdict = judge(load_run(recipe(tmp_path / state, {"drift/pooled/cosine": {20: cosine}})))
        assert verdict.state == state and "judge it by accuracy and gain" in verdict.summary


def test_a_missed_bound_says_by_how_much_and_that_runs_scatter(tmp_path: Path) -> None:
    change = {"retrieval/gain/projection": {20: 0.936}, "retrieval/gain/pooled": {20: 0.95}}
    run = load_run(recipe(tmp_path, change))
    line = gain_reached(run, "projection")
    assert line.passed is False and "0.004 short of 0.94 (single runs scatter, spread of 9 runs 0.006)" in line.hint
    assert "compare several seeds" in line.hint and "spread 0.006" in line.bound
    assert "gain: pooled 0.95 (bound >= 0.88), projection 0.936 (bound >= 0.94)" in judge(run).summary
