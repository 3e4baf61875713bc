"""``hparams_search=optuna``: what it may try, what it goes by, and what is said without its package."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import get_args

import pytest
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf

from groove.config.messages import explain, options
from groove.config.schema import CONF_DIR, TrainConfig
from groove.runs.folder import load_run
from tests.batches import train_config
from tests.config.test_groups import EXPERIMENTS
from tests.training_runs import TINY, rows

SEARCHES = sorted((CONF_DIR / "hparams_search").glob("*.yaml"))


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_takes_the_ends_of_what_is_tried(path, experiment):
    tried = OmegaConf.load(path).hydra.sweeper.params
    ends = {
        key: re.findall(r"[\d.]+(?:e-?\d+)?", re.search(r"interval\((.*?)\)", text)[1]) for key, text in tried.items()
    }
    for end in (0, 1):
        cfg = train_config(f"experiment={experiment}", *(f"{key}={values[end]}" for key, values in ends.items()))
        assert cfg.optimizer.lr == float(ends["optimizer.lr"][end])
    assert tried and all(len(values) == 2 for values in ends.values())


def test_what_a_search_goes_by_is_in_every_run(finished):
    named = [
        name for kind in options(TrainConfig.model_fields["optimized_metric"].annotation) for name in get_args(kind)
    ]
    assert len(named) == 3 and all(rows(finished / "run")[-1][name] for name in named)
    assert {OmegaConf.load(path).optimized_metric for path in SEARCHES} <= set(named)


def test_without_the_package_one_line_has_the_command():
    error = MissingConfigException("In 'train': Could not find", "hydra/sweeper/optuna", ["basic"])
    assert explain(error, TrainConfig) == (
        "hparams_search needs hydra/sweeper=optuna, not installed here: "
        "pip install --constraint constraints.txt --editable '.[search]'"
    )


@pytest.mark.slow
def test_a_search_ends_with_its_best_run_and_goes_on_where_it_was(finished, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="not installed (pip install '.[search]')")
    given = [*TINY, "experiment=baseline", "experiment.epochs=1", "hparams_search=optuna", "hydra.sweeper.n_trials=2"]
    given += [f"data.songs={finished / 'songs'}", f"data.store={finished / 'store'}"]
    given += [f"pretrain.root={finished / 'pretrained'}", f"hydra.sweep.dir={tmp_path}"]
    command = [sys.executable, "-W", "ignore", "-m", "groove.train", *given]
    first, again = (subprocess.run(command, capture_output=True, text=True, timeout=300) for _ in range(2))
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert again.stdout.count("is complete: skipped") == 2
    best = OmegaConf.load(tmp_path / "optimization_results.yaml")
    reached = [load_run(folder).final("retrieval/gain/projection") for folder in sorted(tmp_path.glob("*_baseline"))]
    assert len(reached) == 2 and best.best_value == max(reached) and "optimizer.lr" in best.best_params
