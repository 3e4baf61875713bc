"""Going on with a run that was killed: which checkpoint, whether it fits, and what a run folder keeps meanwhile.

The files of one epoch are written in this order: ``metrics.csv``, the best checkpoints, ``last.ckpt``. A kill between
them leaves a ``last.ckpt`` of the epoch before; that epoch is repeated bit for bit and writes the others again.
``verdict.json`` is the last file of a run: a folder without it is unfinished.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from groove.config.checks import LAST_WORD
from groove.config.schema import plain
from groove.errors import CheckpointError, ConfigError, GrooveError
from groove.io.files import remove_parts, write_bytes
from groove.model.weights import Checkpoint, read_checkpoint
from groove.runs.layout import (
    CHECKPOINTS,
    CURVES_FILE,
    EMBEDDINGS_FILE,
    EPOCH_0,
    LAST,
    METRICS_FILE,
    RETRIEVAL_FILE,
    TENSORBOARD,
    VERDICT_FILE,
)

_RESULTS = (METRICS_FILE, RETRIEVAL_FILE, EMBEDDINGS_FILE, CURVES_FILE)
_NO_EFFECT = (
    *("ckpt_path", "data.store", "data.workers", "pretrain.root"),
    *("trainer.accelerator", "trainer.strategy", "trainer.threads", "trainer.progress_bar"),
)
"""Settings that cannot change a result."""
_ELSEWHERE = (*_NO_EFFECT, "data.songs", "data.generated", "pretrain", "pretrained")
"""Settings that a resumed run does not look at: the songs are known by their content, the start is behind it."""


def with_checkpoint(cfg: Any, folder: Path) -> Any:
    """Return `cfg` with the path in place of ``ckpt_path=last``; null, said in one line, where there is none yet.

    `pretrained` may stay on the command line of a run that goes on in its own folder: it is the start, where needed.

    Raises:
        ConfigError: if `pretrained` lies in `folder`, whose files this run would replace, or is given beside the
            checkpoint of another folder.
    """
    checkpoints = folder / CHECKPOINTS
    own = cfg.ckpt_path == LAST_WORD or (cfg.ckpt_path and _in(checkpoints, cfg.ckpt_path))
    if cfg.pretrained and cfg.ckpt_path and not own:
        raise ConfigError("both pretrained and ckpt_path are given: one starts a new run, the other resumes an old one")
    if cfg.pretrained and not cfg.ckpt_path and _in(checkpoints, cfg.pretrained):
        raise ConfigError(f"pretrained={cfg.pretrained} lies in {folder}, which this run replaces; give another folder")
    if cfg.ckpt_path != LAST_WORD:
        return cfg
    last = checkpoints / LAST
    if last.is_file():
        return _from(cfg, str(last))
    print(
        f"ckpt_path=last: no epoch was finished in {folder} (hydra.run.dir names it): begun from the start", flush=True
    )
    return _from(cfg, None)


def _in(folder: Path, file: str) -> bool:
    return Path(file).resolve().parent == folder.resolve()


def _from(cfg: Any, path: str | None) -> Any:
    merged = OmegaConf.merge(cfg, {"ckpt_path": path})
    OmegaConf.set_readonly(merged, True)
    return merged


def continued(cfg: Any, folder: Path) -> Any:
    """Return `cfg` for one job of a sweep whose `folder` may hold an earlier try of the same settings.

    A finished one is not run again (None), one that was killed goes on from its last checkpoint. Anything else there,
    other settings above all, is begun anew.
    """
    last = folder / CHECKPOINTS / LAST
    try:
        stored = read_checkpoint(last).content["hyper_parameters"]["config"]
    except GrooveError:
        stored = None
    same = stored is not None and difference(stored, plain(cfg), _NO_EFFECT) is None
    if same and (folder / VERDICT_FILE).is_file():
        print(f"{folder} is finished: not run again", flush=True)
        return None
    (folder / VERDICT_FILE).unlink(missing_ok=True)  # its presence says that the run is complete
    if same:
        print(f"{folder} was interrupted: going on from {last}", flush=True)
        return _from(cfg, str(last))
    if stored is not None:
        print(f"{folder} holds a run with other settings: begun anew", flush=True)
    return _from(cfg, None) if cfg.ckpt_path == LAST_WORD else cfg


def difference(there: Mapping[str, Any], here: Mapping[str, Any], but: tuple[str, ...]) -> str | None:
    """Return the first setting that differs and is not in `but`, with both values; None if there is none.

    A setting that `there`, of an older version, does not have does not count.
    """
    old, new = _two_levels(there), _two_levels(here)
    for name, value in old.items():
        if name not in but and name.split(".")[0] not in but and new.get(name) != value:
            return f"{name}={value}, this run has {new.get(name)}"
    return None


def _two_levels(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``group.name`` -> value of nested settings; what is nested deeper is a value."""
    flat: dict[str, Any] = {}
    for group, value in settings.items():
        flat |= (
            {f"{group}.{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {group: value}
        )
    return flat


def check_settings_of(checkpoint: Checkpoint, config: Mapping[str, Any]) -> None:
    """Check that `checkpoint` was trained with the settings `config`, as far as they decide a result.

    Raises:
        CheckpointError: otherwise, with the first difference.
    """
    found = difference(checkpoint.content["hyper_parameters"]["config"], config, _ELSEWHERE)
    if found:
        raise CheckpointError(
            f"{checkpoint.path} was trained with {found}; "
            "a resumed run must have the settings it began with (start a new one with pretrained=...)"
        )


def make_ready(folder: Path, checkpoint: Path | None) -> None:
    """Make `folder` ready for a run from the start, or from `checkpoint`: nothing in it may look finished.

    What killed writers left is removed; for a run from the start, all that an earlier run left (its curves would mix
    with the new ones). A run that goes on in another folder takes the weights of epoch 0 along.
    """
    for place in (folder, folder / CHECKPOINTS):
        remove_parts(place)
    (folder / VERDICT_FILE).unlink(missing_ok=True)
    if checkpoint is None:
        _clear(folder)
        return
    epoch_0, here = checkpoint.parent / EPOCH_0, folder / CHECKPOINTS / EPOCH_0
    if epoch_0.is_file() and not here.is_file():
        write_bytes(here, epoch_0.read_bytes())


def _clear(folder: Path) -> None:
    earlier = [folder / name for name in _RESULTS]
    earlier += [*(folder / CHECKPOINTS).glob("*.ckpt"), *(folder / TENSORBOARD).glob("events.out.tfevents.*")]
    found = [path for path in earlier if path.is_file()]
    if found:
        print(f"{folder} holds an earlier run: begun anew, its files are replaced", flush=True)
    for path in found:
        path.unlink()
