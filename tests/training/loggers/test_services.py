"""Weights & Biases and MLflow without a server, where their packages are installed."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from groove.config.schema import LoggerConfig
from groove.training.loggers.base import make_logger
from tests.batches import train_config

HEADER, ROWS = ["indicator", "value"], [["run/complete", "3"]]


def settings_of(name: str, **changed: object) -> LoggerConfig:
    return train_config(f"logger={name}").logger.changed(**changed)


def log_everything(logger) -> None:
    logger.go_on([{"epoch": 0, "phase": "initial", "val/accuracy": 0.25}])
    logger.log_metrics({"val/accuracy": 0.5}, step=1)
    logger.log_hyperparams({"config": {"optimizer": {"lr": 0.1}}, "classes": ["Easy"]})
    logger.finalize("success")  # as Lightning after the fit
    logger.log_figure("training_curves", Figure(), 1)
    logger.log_verdict(HEADER, ROWS, 1)
    logger.log_vectors({}, [], [], 1)
    logger.log_result({}, {})
    logger.close()


def test_mlflow_keeps_a_run_in_a_folder(tmp_path):
    pytest.importorskip("mlflow", reason="mlflow is not installed (pip install '.[mlflow]')")
    settings = settings_of("mlflow", tracking_uri=str(tmp_path / "runs"))
    logger = make_logger(settings, tmp_path / "outputs" / "a", None)
    log_everything(logger)
    client, run = logger.experiment, logger.experiment.get_run(logger.run_id)
    assert run.info.run_name == "outputs/a" and run.info.status == "FINISHED"
    assert run.data.params == {"optimizer.lr": "0.1"}
    history = client.get_metric_history(logger.run_id, "val/accuracy")
    assert [(point.step, point.value) for point in history] == [(0, 0.25), (1, 0.5)]
    assert {file.path for file in client.list_artifacts(logger.run_id)} == {"training_curves.png", "verdict.md"}


def test_wandb_keeps_a_run_offline_in_its_folder(tmp_path):
    pytest.importorskip("wandb", reason="wandb is not installed (pip install '.[wandb]')")
    (tmp_path / "a").mkdir()
    logger = make_logger(settings_of("wandb"), tmp_path / "a", None)
    log_everything(logger)
    assert logger.experiment.name == f"{tmp_path.name}/a"
    (file,) = (tmp_path / "a").glob("wandb/offline-run-*/*.wandb")
    content = file.read_bytes()
    assert all(name in content for name in (b"optimizer.lr", b"val/accuracy", b"training_curves", b"verdict"))
    second = make_logger(settings_of("wandb"), tmp_path / "b", None)
    (tmp_path / "b").mkdir()
    second.log_metrics({"val/accuracy": 1.0}, step=0)
    second.finalize("failed")
    assert second.experiment.id != logger.experiment.id, "the next fit of a process is a run of its own"
