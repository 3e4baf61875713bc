"""One finished run on one tiny library for all tests that only use runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from groove.cli.logs import log_to_console
from tests.training_runs import run, write_library

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("quick", derandomize=True, max_examples=30, deadline=None, suppress_health_check=SLOW)
settings.register_profile(
    "long", max_examples=int(os.environ.get("EXAMPLES", "1000")), deadline=None, suppress_health_check=SLOW
)
log_to_console()  # as every command does
settings.load_profile("quick")  # the same few examples every time; --hypothesis-profile=long searches


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``songs``, ``store`` and the finished run ``run`` of the recipe; to be read only."""
    folder = tmp_path_factory.mktemp("finished")
    songs = write_library(folder / "songs")
    run(folder, songs, "run", "experiment=c", "experiment.warmup_epochs=1")
    return folder
