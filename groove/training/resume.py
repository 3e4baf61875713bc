"""Going on with a run that was killed: which checkpoint, whether it fits, and what a run folder keeps meanwhile.

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

import lightning as L

from groove.config.schema import NO_EFFECT, TrainConfig, flat, plain
from groove.data.datamodule import GrooveDataModule
from groove.errors import CheckpointError, ConfigError, GrooveError, RunError, disk_error
from groove.features.catalogue import content_fingerprint, load
from groove.io.files import remove_parts, write_bytes
from groove.model.weights import Checkpoint, read_checkpoint
from groove.runs.layout import (
    CHECKPOINTS,
    CURVES_FILE,
    EMBEDDINGS_FILE,
    EPOCH_0,
    LAST,
    LAST_WORD,
    METRICS_FILE,
    RETRIEVAL_FILE,
    TENSORBOARD,
    VERDICT_FILE,
)
from groove.training.module import GrooveModule

log = logging.getLogger(__name__)

_NAMED = 3
"""Charts that an error names."""
_RESULTS = (METRICS_FILE, RETRIEVAL_FILE, EMBEDDINGS_FILE, CURVES_FILE)
_ELSEWHERE = (*NO_EFFECT, "data.songs", "data.generated", "pretrain", "pretrained")
"""Settings that a resumed run does not look at: the songs are known by their content, the start is behind it."""


def with_checkpoint(cfg: TrainConfig, folder: Path) -> TrainConfig:
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
        return cfg.changed(ckpt_path=str(last))
    log.info(f"ckpt_path=last: no epoch was finished in {folder} (hydra.run.dir names it): begun from the start")
    return cfg.changed(ckpt_path=None)


def _in(folder: Path, file: str) -> bool:
    return Path(file).resolve().parent == folder.resolve()


def continued(cfg: TrainConfig, folder: Path) -> TrainConfig | None:
    """Return `cfg` for one job of a sweep whose `folder` may hold an earlier try of the same settings.

    A finished one is not run again (None), one that was killed goes on from its last checkpoint. Anything else there,
    other settings above all, is begun anew.
    """
    last = folder / CHECKPOINTS / LAST
    try:
        stored = read_checkpoint(last).content["hyper_parameters"]["config"]
    except GrooveError:
        stored = None
    same = stored is not None and difference(stored, plain(cfg), NO_EFFECT) is None
    if same and (folder / VERDICT_FILE).is_file():
        log.info(f"{folder} is finished: not run again")
        return None
    (folder / VERDICT_FILE).unlink(missing_ok=True)  # its presence says that the run is complete
    if same:
        log.info(f"{folder} was interrupted: going on from {last}")
        return cfg.changed(ckpt_path=str(last))
    if stored is not None:
        log.info(f"{folder} holds a run with other settings: begun anew")
    return cfg.changed(ckpt_path=None) if cfg.ckpt_path == LAST_WORD else cfg


def difference(there: Mapping[str, Any], here: Mapping[str, Any], but: Sequence[str]) -> str | None:
    """Return the first setting that differs and is not in `but`, with both values; None if there is none."""
    old, new = flat(there, but), flat(here, but)
    for name in old | new:
        if old.get(name) != new.get(name):
            return f"{name}={old.get(name)}, this run has {new.get(name)}"
    return None


def check_resumable(path: Path, module: GrooveModule, identity: DataIdentity) -> Checkpoint:
    """Return the checkpoint at `path`, which is of this model, these settings and this data.

    Raises:
        CheckpointError: otherwise, with the first difference.
    """
    checkpoint = read_checkpoint(path)
    own = {name: tensor.shape for name, tensor in module.model.state_dict().items()}
    there = {name: tensor.shape for name, tensor in checkpoint.weights.items()}
    different = next((n for n in own | there if own.get(n) != there.get(n)), None)
    if different:
        raise CheckpointError(
            f"{path} is of another model: {different} is {there.get(different)} there, {own.get(different)} here; "
            "resume with the settings it was trained with"
        )
    found = difference(checkpoint.content["hyper_parameters"]["config"], plain(module.cfg), _ELSEWHERE)
    if found:
        raise CheckpointError(
            f"{path} was trained with {found}; "
            "a resumed run must have the settings it began with (start a new one with pretrained=...)"
        )
    identity.check(checkpoint)
    return checkpoint


class DataIdentity(L.Callback):
    """Writes fingerprints of the data into every checkpoint, and compares them before a run goes on."""

    def __init__(self, data: GrooveDataModule) -> None:
        """Identify `data`."""
        self.data = data
        self.catalogue = content_fingerprint(data.catalogue)
        self.fingerprint = data.fingerprint(self.catalogue)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"fingerprint": self.fingerprint, "catalogue": self.catalogue, "charts": len(self.data.catalogue)}

    def check(self, checkpoint: Checkpoint) -> None:
        """Check that `checkpoint` was trained on the same data.

        Raises:
            CheckpointError: otherwise, naming charts that changed where the store still knows the old ones.
        """
        stored = checkpoint.content["callbacks"][self.state_key]
        if stored["fingerprint"] != self.fingerprint:
            raise CheckpointError(
                f"{checkpoint.path} was trained on other data: {self._changes(stored)}; going on would not give the "
                "result of either: put the songs back, or begin anew in another folder without ckpt_path"
            )

    def _changes(self, stored: dict[str, Any]) -> str:
        """Return what changed since `stored` was written."""
        counts = f"{stored['charts']} charts then, {len(self.data.catalogue)} now"
        if stored["catalogue"] == self.catalogue:
            return f"{counts}, other classes, split or augmentation"
        try:
            before = _contents(load(self.data.store, stored["catalogue"]).table)
        except GrooveError:
            return counts
        now = _contents(self.data.catalogue)
        changed = sorted(name for name in before | now if before.get(name) != now.get(name))
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        return f"{counts}, changed: {', '.join(changed[:_NAMED])}{more}"


def _contents(table: Any) -> dict[str, tuple[str, str]]:
    columns = (table[name].to_pylist() for name in ("chart_id", "content", "key"))
    return {chart: (content, key) for chart, content, key in zip(*columns, strict=True)}


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
        log.info(f"{folder} holds an earlier run: begun anew, its files are replaced")
    for path in found:
        path.unlink()


@contextmanager
def resume_hint_on_disk_error(folder: Path, how: str) -> Iterator[None]:
    """Turn a full or failing disk while a run writes into `folder` into one line; `how` says what to run afterwards.

    Raises:
        RunError: naming the file, and the last good checkpoint.
    """
    hook = threading.excepthook
    threading.excepthook = _unless_of_disk  # TensorBoard's writer would print a traceback, and be heard here anyway
    try:
        yield
    except OSError as error:
        line = disk_error(error)
        if line is None:
            raise
        raise RunError(f"{line}; {_kept(folder)}; once there is room, go on with {how}") from error
    finally:
        threading.excepthook = hook


def resume_command(folder: Path) -> str:
    """Return what a command line needs to go on with the run in `folder` (a sweep is just started again)."""
    return f"ckpt_path=last {shlex.quote(f'hydra.run.dir={folder}')}"


def _unless_of_disk(args: Any) -> None:
    if not (isinstance(args.exc_value, OSError) and disk_error(args.exc_value)):
        threading.__excepthook__(args)


def _kept(folder: Path) -> str:
    last = folder / CHECKPOINTS / LAST
    try:
        epoch = int(read_checkpoint(last).content["epoch"]) + 1
    except GrooveError:
        return "no epoch is kept yet"
    return f"{last} of epoch {epoch} is whole"
