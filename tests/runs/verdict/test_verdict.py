"""States, what a verdict needs to pass, and how it is written and shown."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from groove.runs.folder import load_run
from groove.runs.verdict.indicator import Verdict
from groove.runs.verdict.thresholds import state_of
from groove.runs.verdict.verdict import judge, verdict_table, write_verdict
from tests.runs.builders import good_a, good_b, good_pretrain, ramp, rigid_baseline
from tests.runs.verdict.checks import judged


@pytest.mark.parametrize(
    ("cosine", "state"),
    [
        (1.0, "rigid"),
        (0.9901, "rigid"),
        (0.99, "moving"),
        (0.95, "moving"),
        (0.9499, "healthy"),
        (0.85, "healthy"),
        (0.8499, "disrupted"),
        (-1.0, "disrupted"),
        (math.nan, "unknown"),
    ],
)
def test_state_borders(cosine: float, state: str) -> None:
    assert state_of(cosine) == state


@pytest.mark.parametrize("build", [good_a, good_b, good_pretrain])
def test_no_verdict_passes_without_a_number_that_decides(tmp_path: Path, build: Any) -> None:
    run = load_run(build(tmp_path))
    used: set[str] = set()

    class Spy(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            used.add(key)
            return super().get(key, default)

    spied = replace(run, columns=Spy(run.columns))
    assert judge(spied).passed
    advisory = ("probe", "knn", "embedding_norm", "grad_norm_c", "grad_cosine", "projection/cosine", "parameters/")
    deciding = {name for name in used & run.columns.keys() if not any(part in name for part in advisory)}
    deciding -= {"weight_change/classifier_head", "weight_change/backbone"}  # of a hint and of a cause only
    if build is good_b:
        deciding -= {"val/triplet_margin", "val/positive_margin_fraction"}
    if build is good_pretrain:
        deciding -= {name for name in deciding if name.startswith(("drift/", "val/contrastive"))}
    assert len(deciding) > 3
    for name in deciding:
        kept = {key: cells for key, cells in run.columns.items() if key != name}
        verdict = judge(replace(run, columns=kept))
        assert not verdict.passed, name
        assert all(line.hint for line in verdict.indicators if line.passed is not True)


def test_a_run_of_nothing_but_epochs_is_judged_and_fails(tmp_path: Path) -> None:
    for build in (good_a, good_b, rigid_baseline, good_pretrain):
        folder = build(tmp_path / build.__name__)
        (folder / "metrics.csv").write_text("epoch\n0\n")
        verdict, _ = judged(folder)
        assert not verdict.passed and verdict.state == "unknown"
        write_verdict(verdict, folder)


def test_the_file_is_strict_json_with_these_keys(tmp_path: Path) -> None:
    folder = good_a(tmp_path, {"train/loss": {4: math.nan}, "drift/pooled/l2": {20: math.inf}})
    verdict, _ = judged(folder)
    path = write_verdict(verdict, folder)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    content = json.loads(path.read_text(), parse_constant=refuse)
    assert path.name == "verdict.json"
    assert list(content) == ["experiment", "state", "passed", "summary", "diagnosis", "indicators", "causes"]
    assert all(list(line) == ["name", "value", "bound", "passed", "hint"] for line in content["indicators"])
    assert all(list(cause) == ["name", "value", "holds", "text"] for cause in content["causes"])
    assert content["passed"] is False and content["state"] == "healthy"
    assert not list(folder.glob(".*verdict*")), "no temporary file stays"


def shown(verdict: Verdict, width: int = 160) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(verdict_table(verdict))
    return console.export_text()


def test_the_table_says_first_what_happened_then_what_failed_and_what_to_try(tmp_path: Path) -> None:
    verdict, _ = judged(rigid_baseline(tmp_path))
    text = shown(verdict)
    order = [text.index(part) for part in ("baseline: rigid, FAIL", "drift/pooled_cosine", "did not move")]
    assert order == sorted(order) and order[-1] < text.index("(advisory)") < text.index("cause:")
    assert "holds" in text and "0.995" in text


def test_what_passes_is_a_line(tmp_path: Path) -> None:
    verdict = judge(load_run(good_b(tmp_path)))
    text = shown(verdict, 120)
    assert verdict.passed and "b: moving, pass" in text and "FAIL" not in text and "cause:" not in text
    named = "".join(text.split())
    assert all("".join(line.name.split()) in named for line in verdict.indicators)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 120 and "…" not in text


@pytest.mark.parametrize("build", [good_a, good_b, rigid_baseline, good_pretrain])
def test_hints_are_short_and_say_what_to_do(tmp_path: Path, build: Any) -> None:
    columns = load_run(build(tmp_path / "good")).columns
    bad = {"drift/pooled/cosine": 0.99987, "drift/pooled/l2": 0.01612, "grad_norm/backbone": 1.2345e-6}
    change = {name: [None if cells[0] is None else bad.get(name, cells[0])] * 21 for name, cells in columns.items()}
    change["val/contrastive_loss"] = ramp(1.2345, 1.0567)
    verdict, _ = judged(build(tmp_path / "bad", change, radar_in_projection=True))
    hints = [line.hint for line in verdict.indicators if line.passed is False]
    assert len(hints) >= 3 and max(len(hint) for hint in hints) <= 340
