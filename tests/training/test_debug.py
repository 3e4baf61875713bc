"""The presets of ``debug=``: one batch through everything, triplets that must be learned, where the time goes."""

from __future__ import annotations

import json
import shutil

import pytest

from groove.runs.verdict.indicator import Indicator
from groove.runs.verdict.rules_experiments import overfitted
from tests.config.test_groups import EXPERIMENTS, settings
from tests.runs.builders import good_a
from tests.training.test_resume import SETTINGS, assert_equal_runs
from tests.training_runs import composed, rows, run


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_has_all_its_phases_in_a_fast_run(experiment, tmp_path):
    found = settings(f"experiment={experiment}", "debug=fast")
    assert found["trainer.limit_train_batches"] == 1 and found["pretrain.epochs"] == 1
    cfg = composed(tmp_path, tmp_path, f"experiment={experiment}", "debug=fast", "experiment.epochs=6")
    assert sum(cfg.experiment.phase_lengths) == 6 and min(cfg.experiment.phase_lengths) >= 1


def test_a_fast_run_takes_one_step_per_epoch_and_resumes(finished, tmp_path):
    """As a user calls it, but for the sizes of the network and the library."""
    given = ("experiment=a", "debug=fast", "experiment.epochs=2", "experiment.warmup_epochs=1", "pretrain.epochs=2")
    folder = run(finished, finished / "songs", str(tmp_path / "run"), *given)
    assert len(rows(folder)) == 3
    kept = shutil.copytree(folder, tmp_path / "kept")
    (folder / "verdict.json").unlink()
    assert_equal_runs(run(finished, finished / "songs", str(folder), *given, "ckpt_path=last"), kept)


def test_a_few_triplets_are_learned(finished, tmp_path):
    small = ("data.batch_size=24", "experiment.epochs=10", "optimizer.lr=0.02")
    folder = run(finished, finished / "songs", str(tmp_path / "run"), "experiment=c", "debug=overfit", *small)
    losses = [float(row["train/contrastive_loss"]) for row in rows(folder)]
    assert losses[0] > 0.1 and losses[-1] <= 0.01 * losses[0]
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["passed"] and "overfit/loss" in [line["name"] for line in verdict["indicators"]]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_whatever_the_experiment_the_triplets_are_the_same_and_nothing_else_trains(experiment):
    found = settings(f"experiment={experiment}", "debug=overfit", "model.parts={radar:1.0}")
    assert found["loss._target_"].endswith("AdaptiveTripletLoss") and found["loss.margin_scale"] == 0.0
    assert found["data.overfit_batches"] == 1 and found["model.dropout"] == 0.0
    assert [phase["weights"] for phase in found["experiment.phases"]] == [{"contrastive": 1.0}]


def judged(tmp_path, first: float | None, last: float | None) -> Indicator:
    from groove.runs.folder import load_run

    return overfitted(load_run(good_a(tmp_path, {"train/contrastive_loss": {0: first, 20: last}})))


def test_the_loss_that_is_left_is_a_share_of_where_it_began(tmp_path):
    assert judged(tmp_path / "a", 2.0, 0.01).value == pytest.approx(0.005) and judged(tmp_path / "a", 2.0, 0.01).passed
    assert judged(tmp_path / "b", 2.0, 0.03).passed is False
    assert judged(tmp_path / "c", 2.0, 0.0).passed is True


def test_without_triplets_nothing_is_said(tmp_path):
    line = judged(tmp_path, None, None)
    assert line.passed is None and "raise data.batch_size" in line.hint
    assert judged(tmp_path / "zero", 0.0, 0.0).passed is None


def test_a_profile_lies_in_the_run_folder_and_changes_nothing(finished, tmp_path, capsys):
    folder = run(finished, finished / "songs", str(tmp_path / "run"), *SETTINGS, "debug=profiler")
    assert f"profile: {folder / 'fit-profile.txt'}" in capsys.readouterr().out
    assert "run_training_epoch" in (folder / "fit-profile.txt").read_text()
    assert_equal_runs(folder, finished / "run")
    assert composed(tmp_path, tmp_path, "debug=profiler").trainer.profiler == "simple"
