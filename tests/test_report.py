from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from groove.cli.logs import log_to_console
from groove.config.schema import ReportConfig, checked
from groove.errors import RunError
from groove.report import folders_of, report
from tests.runs.builders import good_a, good_b


def call(runs: object, out: Path) -> None:
    log_to_console()
    report(SimpleNamespace(runs=runs, out=str(out)))


def test_one_run_is_judged_again_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = good_a(tmp_path / "run")
    (folder / "verdict.json").write_text("old")
    call(str(folder), tmp_path / "out")
    assert json.loads((folder / "verdict.json").read_text())["passed"] is True
    assert (folder / "training_curves.png").is_file() and (tmp_path / "out" / "comparison.csv").is_file()
    printed = capsys.readouterr().out
    assert "warmup/accuracy_dip" in printed and "held-out retrieval" in printed and "comparison.csv" in printed


def test_a_broken_run_is_listed_and_does_not_stop_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good_a(tmp_path / "a")
    good_b(tmp_path / "deeper" / "b")
    good_b(tmp_path / "broken")
    (tmp_path / "broken" / "metrics.csv").write_text("epoch,x\n0,abc\n")
    call([str(tmp_path)], tmp_path / "out")
    printed = capsys.readouterr().out
    assert "left out: " in printed and "'abc' is not a number" in printed
    assert (tmp_path / "deeper" / "b" / "verdict.json").is_file()
    assert not (tmp_path / "broken" / "verdict.json").exists()
    assert len((tmp_path / "out" / "comparison.csv").read_text().splitlines()) == 3


def test_a_run_in_progress_gets_a_figure_and_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = good_a(tmp_path / "run")
    rows = (folder / "metrics.csv").read_text().splitlines()
    (folder / "metrics.csv").write_text("\n".join(rows[:5]) + "\n")
    call(str(folder), tmp_path / "out")
    assert (folder / "training_curves.png").is_file() and not (folder / "verdict.json").exists()
    assert f"unfinished (epoch 3), no verdict written: {folder}" in capsys.readouterr().out


def test_a_run_that_was_killed_is_no_result_of_its_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(3):
        good_a(tmp_path / str(seed), seed=seed)
    rows = (tmp_path / "2" / "metrics.csv").read_text().splitlines()
    (tmp_path / "2" / "metrics.csv").write_text("\n".join(rows[:2]) + "\n")
    call(str(tmp_path), tmp_path / "out")
    text = f"unfinished (epoch 0), no verdict written, left out of the comparison: {tmp_path / '2'}"
    assert text in capsys.readouterr().out
    with (tmp_path / "out" / "comparison.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [row["seed"] for row in found if row["row"] == "run"] == ["0", "1"]


def test_what_holds_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a folder"):
        folders_of(str(tmp_path / "nope"))
    with pytest.raises(RunError, match="holds no run"):
        folders_of(str(tmp_path))
    with pytest.raises(RunError, match="names no folder"):
        folders_of([])
    with pytest.raises(RunError, match="runs=5 is not a folder"):
        folders_of(checked({"runs": 5}, ReportConfig).runs)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunError, match="none of the 1 run folders"):
        call(str(tmp_path), tmp_path / "out")


def test_a_folder_named_twice_counts_once(tmp_path: Path) -> None:
    folder = good_a(tmp_path / "run")
    assert folders_of([str(folder), str(tmp_path)]) == [folder]


def test_the_command_line(tmp_path: Path) -> None:
    first, second = good_a(tmp_path / "1"), good_b(tmp_path / "2")
    command = [sys.executable, "-m", "groove.report", f"runs=[{first},{second}]", f"out={tmp_path / 'out'}"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "MPLBACKEND": "Agg"}
    )
    assert done.returncode == 0, done.stderr
    assert "healthy" in done.stdout and "moving" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "out"], "no Hydra clutter"
    done = subprocess.run([*command[:3], "rums=x"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and "did you mean 'runs'" in done.stderr
