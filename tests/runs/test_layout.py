"""Which file of a run a path means, and what is said of one that is none."""

from __future__ import annotations

import pytest

from groove.errors import CheckpointError
from groove.runs.layout import check_checkpoint


@pytest.mark.parametrize("key", ["pretrained", "ckpt_path"])
def test_a_run_folder_in_place_of_a_checkpoint_names_its_last_one(key, tmp_path):
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        check_checkpoint(key, str(tmp_path))
    last.touch()
    for folder in (tmp_path, last.parent):
        with pytest.raises(CheckpointError) as caught:
            check_checkpoint(key, str(folder))
        assert str(caught.value) == f"{key}={folder} is a folder; write {key}={last}, its last weights"
    for given in (str(last), "last", None):
        check_checkpoint(key, given)
