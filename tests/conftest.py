"""One finished run on one tiny library for all tests that only use runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs import run, write_library


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``songs``, ``store`` and the finished run ``run`` of the recipe; to be read only."""
    folder = tmp_path_factory.mktemp("finished")
    songs = write_library(folder / "songs")
    run(folder, songs, "run", "experiment=c", "experiment.warmup_epochs=1")
    return folder
