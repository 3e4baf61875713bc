"""Resuming a run that was killed: which checkpoint, whether it fits, and what a run folder keeps meanwhile.

The files of one epoch are written in this order: ``metrics.csv``, the best checkpoints, ``last.ckpt``. A kill between
them leaves a ``last.ckpt`` of the epoch before; that epoch is repeated bit for bit and writes the others again.
``verdict.json`` is the last file of a run: a folder without it is unfinished.
"""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from groove.config.schema import NO_EFFECT, TrainConfig, flat, plain
from groove.data.datamodule import GrooveDataModule
from groove.errors import CheckpointError, ConfigError, GrooveError, RunError, disk_error
from groove.features.catalogue import content_fingerprint, load
from groove.io.files import remove_parts, write_bytes
from groove.model.weights import read_checkpoint
from groove.runs import layout
from groove.training.checkpoints import BEST
from groove.training.module import GrooveModule

log = logging.getLogger(__name__)

_RESULTS = (
    *(layout.METRICS_FILE, layout.RETRIEVAL_FILE, layout.EMBEDDINGS_FILE, layout.CURVES_FILE),
    layout.LEVEL_FILE,
)
_ELSEWHERE = (*NO_EFFECT, "data.songs", "data.generated", "pretrain", "pretrained")
"""Settings that a resumed run does not look at: the songs are known by their content, the start is behind it."""


def with_checkpoint(cfg: TrainConfig, folder: Path) -> TrainConfig:
    """Return `cfg` with the path in place of ``ckpt_path=last``; null, said in one line, where there is none yet.

    `pretrained` may stay on the command line of a run that goes on in its own folder: it is the start, where needed.

    Raises:
        ConfigError: if `pretrained` lies in `folder`, whose files this run would replace, or is given beside the
            checkpoint of another folder.
    """
    checkpoints = (folder / layout.CHECKPOINTS).resolve()
    own = cfg.ckpt_path == layout.LAST_WORD or (cfg.ckpt_path and Path(cfg.ckpt_path).resolve().parent == checkpoints)
    if cfg.pretrained and cfg.ckpt_path and not own:
        raise ConfigError(
            "both pretrained and ckpt_path are given: one starts a new run, the other resumes an existing one"
        )
    if cfg.pretrained and not cfg.ckpt_path and Path(cfg.pretrained).resolve().parent == checkpoints:
        raise ConfigError(f"pretrained={cfg.pretrained} lies in {folder}, which this run replaces; give another folder")
    if cfg.ckpt_path != layout.LAST_WORD:
        return cfg
    last = folder / layout.CHECKPOINTS / layout.LAST
    if last.is_file():
        return cfg.changed(ckpt_path=str(last))
    log.info(f"ckpt_path=last: no epoch was finished in {folder} (hydra.run.dir); starting from scratch")
    return cfg.changed(ckpt_path=None)


def continued(cfg: TrainConfig, folder: Path) -> TrainConfig | None:
    """Return `cfg` for one job of a sweep whose `folder` may hold an earlier try of the same settings.

    A finished one is not run again (None), one that was killed resumes from its last checkpoint. Anything else there,
    other settings above all, is started over.
    """
    last = folder / layout.CHECKPOINTS / layout.LAST
    try:
        stored = read_checkpoint(last).content["hyper_parameters"]["config"]
    except GrooveError:
        stored = None
    same = stored is not None and difference(stored, plain(cfg), NO_EFFECT) is None
    if same and (folder / layout.VERDICT_FILE).is_file():
        log.info(f"{folder} is complete: skipped")
        return None
    (folder / layout.VERDICT_FILE).unlink(missing_ok=True)  # its presence says that the run is complete
    if same:
        log.info(f"{folder} was interrupted: resuming from {last}")
        return cfg.changed(ckpt_path=str(last))
    if stored is not None:
        log.info(f"{folder} holds a run with other settings: starting over")
    return cfg.changed(ckpt_path=None) if cfg.ckpt_path == layout.LAST_WORD else cfg


def difference(there: Mapping[str, Any], here: Mapping[str, Any], but: Sequence[str]) -> str | None:
    """Return the first setting that differs and is not in `but`, with both values; None if there is none."""
    old, new = flat(there, but), flat(here, but)
    for name in old | new:
        if old.get(name) != new.get(name):
            return f"{name}={old.get(name)}, this run has {new.get(name)}"
    return None


def check_resumable(path: Path, module: GrooveModule, data: GrooveDataModule) -> int:
    """Return the finished epochs of the checkpoint at `path`, trained with the settings of `module` on `data`.

    Raises:
        CheckpointError: otherwise, with the first difference; of data with charts that changed, where the store still
            knows the old ones.
    """
    content = read_checkpoint(path).content
    stored = content["hyper_parameters"]
    if found := difference(stored["config"], plain(module.cfg), _ELSEWHERE):
        raise CheckpointError(
            f"{path} was trained with {found}; "
            "a resumed run must keep the settings it started with (to change them, start a new run with pretrained=...)"
        )
    if stored["data"] != data_identity(data):
        raise CheckpointError(
            f"{path} was trained on other data: {_changes(stored['data'], data)}; resuming would mix "
            "the two: restore the songs, or start a new run in another folder without ckpt_path"
        )
    return int(content["epoch"]) + 1


def data_identity(data: GrooveDataModule) -> dict[str, Any]:
    """Return fingerprints of `data`, which every checkpoint holds."""
    catalogue = content_fingerprint(data.catalogue)
    return {"fingerprint": data.fingerprint(catalogue), "catalogue": catalogue, "charts": len(data.catalogue)}


def _changes(stored: Mapping[str, Any], data: GrooveDataModule) -> str:
    counts = f"{stored['charts']} charts then, {len(data.catalogue)} now"
    try:
        tables = load(data.store, stored["catalogue"]), data.catalogue
    except GrooveError:
        return counts
    charts = pd.concat([table.select(["chart_id", "content", "key", "identity"]).to_pandas() for table in tables])
    changed = sorted(charts.drop_duplicates(keep=False)["chart_id"].unique())
    if not changed:
        return f"{counts}, other classes, split or augmentation"
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return f"{counts}, changed: {', '.join(changed[:3])}{more}"


def make_ready(folder: Path, checkpoint: Path | None) -> None:
    """Make `folder` ready for a run from the start, or from `checkpoint`: nothing in it may look finished.

    What killed writers left is removed; for a run from the start, all that an earlier run left (its curves would mix
    with the new ones). A run that goes on in another folder takes epoch 0 and the best checkpoints along.
    """
    checkpoints = folder / layout.CHECKPOINTS
    remove_parts(folder)
    remove_parts(checkpoints)
    (folder / layout.VERDICT_FILE).unlink(missing_ok=True)
    if checkpoint is None:
        earlier = [folder / name for name in _RESULTS if (folder / name).is_file()]
        earlier += folder.glob(f"*-{layout.PROFILE}.txt")  # which Lightning appends to
        earlier += [*checkpoints.glob("*.ckpt"), *(folder / layout.TENSORBOARD).glob("events.out.tfevents.*")]
        if earlier:
            log.info(f"{folder} holds an earlier run: starting over, its files are replaced")
        for path in earlier:
            path.unlink()
    elif checkpoint.resolve().parent != checkpoints.resolve():
        for path in (checkpoint.parent / name for name in (layout.EPOCH_0, *(f"{best}.ckpt" for best in BEST))):
            if path.is_file():
                write_bytes(checkpoints / path.name, path.read_bytes(), durable=True)


@contextmanager
def resume_hint(folder: Path, how: str) -> Iterator[None]:
    """Say `how` to go on where a run into `folder` is interrupted, or stopped by a full or failing disk.

    Raises:
        RunError: of the disk: one line that names the file, and the last good checkpoint.
    """
    hook, last = threading.excepthook, folder / layout.CHECKPOINTS / layout.LAST
    threading.excepthook = _unless_of_disk  # TensorBoard's writer would print a traceback, and be heard here anyway
    try:
        yield
    except OSError as error:
        line = disk_error(error)
        if line is None:
            raise
        try:
            kept = f"{last} (epoch {int(read_checkpoint(last).content['epoch']) + 1}) is intact"
        except GrooveError:
            kept = "no checkpoint yet"
        raise RunError(f"{line}; {kept}; once it can be written, resume with {how}") from error
    except (KeyboardInterrupt, SystemExit):
        if last.is_file():
            log.warning(f"interrupted; resume with {how}")
        raise
    finally:
        threading.excepthook = hook


def _unless_of_disk(args: Any) -> None:
    if not (isinstance(args.exc_value, OSError) and disk_error(args.exc_value)):
        threading.__excepthook__(args)


def resume_command(folder: Path) -> str:
    """Return what a command line needs to go on with the run in `folder` (a sweep is just started again)."""
    return f"ckpt_path=last {shlex.quote(f'hydra.run.dir={folder}')}"
