"""Every file and folder name of a run, and which of its files a path given by a user means."""

from __future__ import annotations

from pathlib import Path

from groove.config.modules import BUILTIN
from groove.errors import CheckpointError, RunError

INFO_FILE = "run.json"
METRICS_FILE = "metrics.csv"
RETRIEVAL_FILE = "retrieval.json"
EMBEDDINGS_FILE = "embeddings.parquet"
CURVES_FILE = "training_curves.png"
LOG_FILE = "groove.log"  # every message of the run, with its time
VERDICT_FILE = "verdict.json"  # the last file that a run writes: a folder without it is unfinished
EVALUATION_FILE = "evaluation.json"
LEVEL_FILE = "level.json"
OVERRIDES_FILE = Path(".hydra") / "overrides.yaml"
TENSORBOARD = "tensorboard"
PROFILE = "profile"  # Lightning's profilers make it fit-profile.txt, and validate-profile.txt of epoch 0
LIBRARIES = "libraries"  # the folder of other libraries' embeddings

CHECKPOINTS = "checkpoints"
LAST = "last.ckpt"
LAST_WORD = "last"  # ckpt_path=last: the last checkpoint of the run folder itself
EPOCH_0 = "epoch0.ckpt"  # the weights before the first step, to measure by on any library
BEFORE_NONFINITE = "before_nonfinite.ckpt"  # the weights before the step whose loss was not finite

# What groove.report writes of several runs, and groove.export of a model
COMPARISON_FILE, COMPARISON_MARKDOWN = "comparison.csv", "comparison.md"
COMPARISON_FIGURE, PLANE_FIGURE, DIAL_FIGURE = "comparison.png", "plane.png", "dial.png"
WEIGHTS_FILE, CARD_FILE = "model.safetensors", "model.json"


def run_folder(path: Path) -> Path:
    """Return the run folder that `path`, the folder itself or a file of weights in it, belongs to."""
    if path.name != WEIGHTS_FILE and path.suffix != ".ckpt":
        return path
    return path.parent.parent if path.parent.name == CHECKPOINTS else path.parent


def check_checkpoint(key: str, value: str | None) -> None:
    """Check that the setting `key` names a file; of a run folder its last checkpoint is what to write.

    Raises:
        CheckpointError: otherwise.
    """
    if not value or value in (LAST_WORD, BUILTIN) or Path(value).is_file():
        return
    last = next(
        (
            file
            for file in (Path(value, CHECKPOINTS, LAST), Path(value, LAST), Path(value, WEIGHTS_FILE))
            if file.is_file()
        ),
        None,
    )
    if last is not None:
        raise CheckpointError(f"{key}={value} is a folder; write {key}={last}, its last weights")
    raise CheckpointError(f"no checkpoint at {value}: give a .ckpt file that groove.train wrote")


def checkpoint_path(run: Path) -> Path:
    """Return the weights that `run` means: a ``.ckpt`` file, a run folder's last epoch, or an exported model's.

    Raises:
        RunError: if there is no such file or folder, or no checkpoint in it.
    """
    if run.is_file():
        return run
    if not run.is_dir():
        raise RunError(
            f"run={run} does not exist; give a run folder of groove.train, a .ckpt file in it, or {BUILTIN}, the model "
            "in the box"
        )
    for path in (run / CHECKPOINTS / LAST, run / WEIGHTS_FILE):
        if path.is_file():
            return path
    runs = sorted(found.parent.parent.relative_to(run) for found in run.glob(f"*/{CHECKPOINTS}/{LAST}"))
    hint = f"; there are runs in it: {', '.join(map(str, runs[:5]))}" if runs else ""
    raise RunError(f"run={run} is not a run folder: it has no {CHECKPOINTS}/{LAST}{hint}")
