from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from groove.errors import RunError
from groove.runs.folder import find_runs, load_run
from tests.runs.builders import PHASES_B, good_a, good_b, write_csv


def test_reads_columns_phases_and_retrieval(tmp_path: Path) -> None:
    run = load_run(good_a(tmp_path))
    assert run.epochs == range(21)
    assert run.at("val/accuracy", 0) == 0.81 and run.final("val/accuracy") == pytest.approx(0.805)
    assert math.isnan(run.at("grad_norm/classifier_head", 3)), "an empty cell is not measured"
    assert [phase.name for phase in run.info.phases] == ["warmup", "finetune"]
    assert run.is_frozen("classifier_head", 5) and not run.is_frozen("classifier_head", 6)
    assert run.retrieval["split"] == "val"


def test_why_a_number_is_missing(tmp_path: Path) -> None:
    run = load_run(good_a(tmp_path, {"val/accuracy": {3: None, 4: math.nan}}))
    assert math.isnan(run.at("val/accuracy", 3)) and math.isnan(run.at("val/accuracy", 4))
    assert run.why_missing("val/accuracy", range(0, 5)) == "val/accuracy is empty at epoch 3"
    assert run.why_missing("val/accuracy", [4]) == "val/accuracy is nan at epoch 4", "it stays to be counted"
    assert run.why_missing("no/column", [1]) == "metrics.csv has no column no/column"
    assert np.isnan(run.column("no/column")).all() and len(run.column("no/column")) == 21


@pytest.mark.parametrize("key", ["references", "references_joint"])
@pytest.mark.parametrize("references", ["0.8", [0.8], {"random_forest": "0.8"}, {"random_forest": True}])
def test_references_that_are_no_numbers_are_one_line(tmp_path: Path, key: str, references: object) -> None:
    with pytest.raises(RunError, match=rf"run\.json: {key}\S* must be a .*, got .*") as caught:
        load_run(good_b(tmp_path, **{key: references}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["metrics.csv", "run.json"])
def test_missing_file(tmp_path: Path, name: str) -> None:
    good_a(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RunError, match=f"has no {name}"):
        load_run(tmp_path)


CORRUPT = {
    "a word": ("epoch,x\n0,1\n1,abc\n", "line 3, column x: 'abc' is not a number"),
    "a cut line": ("epoch,x,y\n0,1,2\n1,1\n", "line 3: 2 cells for 3 columns"),
    "no header": ("0,1\n1,1\n", "must name the columns"),
    "no epoch 0": ("epoch,x\n1,1\n", "epoch 1 where epoch 0 was expected"),
    "a gap": ("epoch,x\n0,1\n2,1\n", "epoch 2 where epoch 1 was expected"),
    "an epoch twice": ("epoch,x\n0,1\n0,1\n", "epoch 0 where epoch 1 was expected"),
    "only a header": ("epoch,x\n", "holds no epoch yet"),
    "nothing": ("", "must name the columns"),
    "an open quote": ('epoch,x\n0,"1\n', "not readable CSV"),
}


@pytest.mark.parametrize("case", CORRUPT)
def test_corrupt_csv_is_one_line_with_its_place(tmp_path: Path, case: str) -> None:
    text, expected = CORRUPT[case]
    good_a(tmp_path)
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(RunError) as caught:
        load_run(tmp_path)
    assert expected in str(caught.value) and "metrics.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "not readable JSON"),
        ("[]", "must be a"),
        ('{"experiment": "a", "verdict": "a"}', "has no 'seed'"),
    ],
)
def test_corrupt_run_json(tmp_path: Path, text: str, expected: str) -> None:
    good_a(tmp_path)
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=rf"run\.json.* {expected}"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"verdict": "basline"}, "verdict must be .*; did you mean 'baseline'"),
        ({"phases": {}}, "phases must be a list, got {}"),
        ({"phases": []}, "phases must be"),
        ({"phases": ["x"]}, "phases.0 must be a group"),
        ({"phases": [{"index": 0, "name": "x"}]}, "has no 'phases.0.first_epoch'"),
        ({"seed": "3"}, "seed must be a whole number, got '3'"),
        ({"processes": None}, "processes must be a whole number, got None"),
    ],
)
def test_a_wrong_value_of_run_json_is_one_line(tmp_path: Path, wrong: dict, expected: str) -> None:
    with pytest.raises(RunError, match=rf"run\.json:? {expected}") as caught:
        load_run(good_b(tmp_path, **wrong))
    assert "\n" not in str(caught.value)


def test_find_runs_also_lists_incomplete_folders_and_skips_hidden_ones(tmp_path: Path) -> None:
    good_a(tmp_path / "sweep" / "0")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "run.json").write_text("{}")
    good_a(tmp_path / ".trash" / "old")
    assert find_runs(tmp_path) == [tmp_path / "half", tmp_path / "sweep" / "0"]
    assert find_runs(tmp_path / "sweep" / "0") == [tmp_path / "sweep" / "0"]


def test_csv_of_one_epoch_is_a_run(tmp_path: Path) -> None:
    good_b(tmp_path)
    write_csv(tmp_path / "metrics.csv", {"val/accuracy": [0.8]}, PHASES_B)
    assert load_run(tmp_path).last_epoch == 0


def test_reading_and_judging_load_neither_torch_nor_matplotlib() -> None:
    code = (
        "import sys, groove.runs.verdict.verdict, groove.runs.comparison;"
        "print([m for m in ('torch', 'lightning', 'matplotlib', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
