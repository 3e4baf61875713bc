"""The same sweep with Hydra's own launcher, joblib, and submitit's local executor: the same runs, the same table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from groove.runs.comparison import comparison_frame, comparison_rows
from groove.runs.folder import load_run
from tests.training_runs import TINY

LAUNCHERS = {
    "basic": [],
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit_local": ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=10"],
}
PLACES = ("folder", "figure")


@pytest.fixture(scope="module")
def sweeps(finished, tmp_path_factory) -> dict[str, list[Path]]:
    """The run folders of each launcher's sweep over two learning rates."""
    root = tmp_path_factory.mktemp("sweeps")
    settings = [*TINY, "experiment=baseline", "experiment.epochs=1", "optimizer.lr=1e-4,1e-3"]
    settings += [f"data.songs={finished / 'songs'}", f"data.store={finished / 'store'}"]
    settings += [f"pretrain.root={finished / 'pretrained'}"]
    for name, overrides in LAUNCHERS.items():
        command = [sys.executable, "-m", "groove.train", "-m", *settings, f"hydra.sweep.dir={root / name}", *overrides]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
    return {name: sorted((root / name).glob("*_baseline")) for name in LAUNCHERS}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [name for name in LAUNCHERS if name != "basic"])
def test_every_launcher_gives_the_runs_of_the_basic_one(launcher, sweeps):
    assert [folder.name for folder in sweeps[launcher]] == ["0_baseline", "1_baseline"]
    for ours, theirs in zip(sweeps[launcher], sweeps["basic"], strict=True):
        for file in ("metrics.csv", "retrieval.json", "verdict.json"):
            assert (ours / file).read_bytes() == (theirs / file).read_bytes(), file


@pytest.mark.slow
def test_every_launcher_gives_the_same_table(sweeps):
    tables = []
    for folders in sweeps.values():
        rows = comparison_rows(comparison_frame([load_run(folder) for folder in folders]))
        tables.append(rows.drop(columns=[*PLACES]))
    assert tables[0].equals(tables[1]) and tables[0].equals(tables[2]) and len(tables[0]) == 2
