"""What settings must satisfy together, checked before torch is imported: a mistake costs a fraction of a second.

What needs the model itself (which modules a phase may freeze, say) is checked by `groove.training.pipeline`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from groove.charts.library.walk import check_folder
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.data.settings import check_data_settings, check_steps_types
from groove.errors import CheckpointError, ConfigError
from groove.features.settings import FeatureSettings
from groove.training.phase_settings import check_names_of_phases, check_phases

LAST_WORD = "last"
"""``ckpt_path=last``: the last checkpoint of the run folder itself, which `groove.training.resume` looks up."""


def check_training(cfg: Any) -> None:
    """Check `cfg` (a `TrainConfig`), and that the checkpoints that it names are there.

    Raises:
        GrooveError: with the first mistake.
    """
    check_data_settings(cfg.data)
    FeatureSettings.of(cfg.features)
    check_phases(cfg.experiment.phases, cfg.experiment.epochs)
    check_names_of_phases(cfg.experiment)
    if cfg.loss._target_.endswith(".RadarRegressionLoss") and cfg.model.projection_dim < len(RADAR_AXES):
        wide = f"model.projection_dim is {cfg.model.projection_dim}"
        raise ConfigError(f"{wide}; allowed: {len(RADAR_AXES)} or more (the loss predicts the radar)")
    check_start(cfg)


def check_preparation(cfg: Any) -> None:
    """Check `cfg` (a `PrepareConfig`), which has data and features but no model.

    Raises:
        GrooveError: with the first mistake.
    """
    check_steps_types(cfg.data.steps_types)
    FeatureSettings.of(cfg.features)
    check_songs(cfg.data)


def check_songs(data: Any) -> None:
    """Raise a `LibraryError` if the folder of songs that `data` (a `DataConfig`) names is not there."""
    if data.songs:
        check_folder(Path(data.songs))


def check_start(cfg: Any) -> None:
    """Check the checkpoints that `cfg` starts from.

    Raises:
        CheckpointError: if there is no such file.
    """
    for key in ("pretrained", "ckpt_path"):
        if cfg[key] and cfg[key] != LAST_WORD and not Path(cfg[key]).is_file():
            raise CheckpointError(_no_checkpoint(key, Path(cfg[key])))


def _no_checkpoint(key: str, path: Path) -> str:
    """Return the line for a `path` that is no file; of a run folder it names the last checkpoint."""
    last = next((file for file in (path / "checkpoints" / "last.ckpt", path / "last.ckpt") if file.is_file()), None)
    if last is not None:
        return f"{key}={path} is a folder; write {key}={last}, its last checkpoint"
    return f"no checkpoint at {path}: give a .ckpt file that groove.train wrote"
