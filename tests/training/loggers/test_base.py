"""Whatever the logger, it is shown all that a run has; one that cannot be made is one line."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from groove.config.schema import LoggerConfig
from groove.errors import ConfigError
from groove.training.loggers.base import NoLogger, logger_class, make_logger, markdown_table
from groove.training.pipeline import check_settings
from tests.batches import train_config
from tests.training.test_resume import SETTINGS
from tests.training_runs import rows, run

SHOWN: list[tuple[Any, ...]] = []


class Recorder(NoLogger):
    """Keeps what it is shown in `SHOWN`."""

    def log_metrics(self, metrics, step=None):
        SHOWN.append(("metrics", step, dict(metrics)))

    def log_hyperparams(self, params, *args, **kwargs):
        SHOWN.append(("settings", params["config"]["experiment"]["name"]))

    def log_figure(self, name, figure, step):
        SHOWN.append(("figure", name, len(figure.axes)))

    def log_verdict(self, header, rows, step):
        SHOWN.append(("verdict", header, rows))

    def log_vectors(self, vectors, header, about, step):
        SHOWN.append(("vectors", {name: len(matrix) for name, matrix in vectors.items()}, len(about)))

    def log_result(self, settings, metrics):
        SHOWN.append(("result", settings, metrics))

    def close(self):
        SHOWN.append(("close",))


RECORDER = f"logger._target_={__name__}.Recorder"


def shown(kind: str) -> list[tuple[Any, ...]]:
    return [entry for entry in SHOWN if entry[0] == kind]


def assert_all_epochs(table: list[dict[str, str]]) -> None:
    """Every number of every epoch of ``metrics.csv``, once, in its order."""
    expected = [
        ("metrics", int(row["epoch"]), {k: float(v) for k, v in row.items() if v and k not in ("epoch", "phase")})
        for row in table
    ]
    assert shown("metrics") == expected


def test_a_logger_is_shown_all_that_a_run_has_and_a_resumed_one_too(finished, tmp_path):
    SHOWN.clear()
    folder = run(finished, finished / "songs", str(tmp_path / "run"), *SETTINGS, RECORDER)
    assert_all_epochs(rows(folder))
    kinds = list(dict.fromkeys(entry[0] for entry in SHOWN if entry[0] != "metrics"))
    assert kinds == ["settings", "vectors", "figure", "verdict", "result", "close"]
    ((_, sizes, charts),) = shown("vectors")
    assert list(sizes) == ["projection", "pooled"] and set(sizes.values()) == {charts} and charts > 0
    ((_, settings, metrics),) = shown("result")
    assert settings["experiment.epochs"] == 3
    assert all(value == pytest.approx(float(rows(folder)[-1][name])) for name, value in metrics.items()) and metrics
    SHOWN.clear()
    run(finished, finished / "songs", str(tmp_path / "run"), *SETTINGS, RECORDER, "ckpt_path=last")
    assert_all_epochs(rows(folder))
    assert shown("close")


@pytest.mark.parametrize(("name", "extra"), [("wandb", "wandb"), ("mlflow", "mlflow")])
def test_a_missing_package_is_one_line_with_the_command_before_any_song_is_read(name, extra, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None if package == name else found(package))
    with pytest.raises(ConfigError) as caught:
        check_settings(train_config(f"logger={name}"))
    command = f"pip install --constraint constraints.txt --editable '.[{extra}]'"
    assert str(caught.value) == f"logger={name} needs {name}, not installed here: {command}"


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("groove.training.loggers.base.RunLogger", "must be a RunLogger as in groove.training.loggers, got "),
        ("lightning.pytorch.loggers.CSVLogger", "must be a RunLogger as in groove.training.loggers, got "),
        ("nowhere.Logger", "cannot be imported: "),
    ],
)
def test_what_is_no_logger_is_refused(target, line):
    with pytest.raises(ConfigError, match=r"^logger\._target_ ") as caught:
        logger_class(LoggerConfig(_target_=target))
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_a_logger_that_cannot_be_made_is_one_line(tmp_path):
    settings = LoggerConfig(_target_=f"{__name__}.Recorder", offline=True)
    with pytest.raises(ConfigError, match=r"^logger=tests.*unexpected keyword argument 'offline'"):
        make_logger(settings, tmp_path, None)


def test_a_bar_in_a_text_draws_no_column():
    assert markdown_table(["a", "b"], [["x|y", "1"]]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 |\n"
    assert markdown_table(["a"], []) == "| a |\n| --- |\n"


def test_what_a_service_cannot_show_is_left_out_in_silence(tmp_path, capsys):
    logger = NoLogger(tmp_path)
    logger.log_vectors({"pooled": np.zeros((1, 2), np.float32)}, ["title"], [["x"]], 0)
    logger.log_verdict(["a"], [["b"]], 0)
    logger.close()
    assert capsys.readouterr() == ("", "") and not list(tmp_path.iterdir())
