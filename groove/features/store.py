"""The feature store: one folder per simfile, named by what it was computed from, written once.

    <store>/<key[:2]>/<key>/record.json      one entry per chart: numbers, and the names of its arrays
                            chart_<index>.npy  (T, 35) float16
                            audio_<n>.npy      (T, 23) float16, shared by the charts with one timing and audio

A folder is written under `.part/` and renamed when it is complete; what has its final name is never written again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groove.config.schema import FeaturesConfig
from groove.errors import LibraryError

FEATURE_VERSION = 5  # to be raised with every change to the numbers of `frames`, `audio`, `record` or technique
STALE_S = 3600.0
_RECORD = "record.json"
_PARTS = ".part"


def record_key(charts: Sequence[tuple[int, str]], audio: Sequence[str], settings: FeaturesConfig) -> str:
    """Return the name of a record: equal if and only if everything that it is made of is equal.

    `charts` are index and content digest of every chart; `audio` of each the digest of its bytes, or why there is none.
    """
    parts = [FEATURE_VERSION, list(charts), list(audio), settings.model_dump()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class FeatureStore:
    """The records below `root`."""

    root: Path

    def path(self, key: str, name: str = "") -> str:
        """Return where the record `key` (or its file `name`) lies, relative to `root`."""
        return "/".join(filter(None, (key[:2], key, name)))

    def has(self, key: str) -> bool:
        """Return whether the record `key` is there."""
        return (self.root / self.path(key)).is_dir()

    def read(self, key: str) -> list[dict[str, Any]]:
        """Return the entries of the record `key`, one per chart."""
        return list(json.loads((self.root / self.path(key, _RECORD)).read_text(encoding="utf-8")))

    def write(self, key: str, entries: list[dict[str, Any]], arrays: Mapping[str, NDArray[np.float16]]) -> None:
        """Write the record `key`, whole or not at all; one that another process finished first is left as it is."""
        parts = self.root / _PARTS
        parts.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f"{key[:12]}.", dir=parts))
        try:
            for name, array in arrays.items():
                np.save(part / name, array)
            (part / _RECORD).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
            part.chmod(0o755)  # mkdtemp made it private
            folder = self.root / self.path(key)
            folder.parent.mkdir(exist_ok=True)
            try:
                part.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def clean(self) -> None:
        """Remove what killed runs left behind (younger parts may belong to a run that goes on)."""
        for part in (self.root / _PARTS).glob("*"):
            if time.time() - part.stat().st_mtime > STALE_S:
                shutil.rmtree(part, ignore_errors=True)


def load_array(root: Path, path: str) -> NDArray[np.float16]:
    """Return the array at `path` of the store at `root`, mapped into memory, never unpickled: a store may be shared.

    Raises:
        LibraryError: if it is gone or damaged.
    """
    try:
        array: NDArray[np.float16] = np.load(root / path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f":
            raise ValueError
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(root / path, getattr(error, "strerror", None) or "damaged") from error
    return array


def finite_array(root: Path, path: str) -> NDArray[np.float16]:
    """Return the array at `path` as `load_array` does, read to its end; a number that is not finite is an error too."""
    array = load_array(root, path)
    if not np.isfinite(array).all():
        raise _unreadable(root / path, "damaged (numbers that are not finite)")
    return array


def _unreadable(path: Path, why: str) -> LibraryError:
    return LibraryError(
        f"'{path}' of the feature store cannot be read: {why}; delete the folder '{path.parent}' and start again "
        "(resume a run with ckpt_path=last): it is then computed again"
    )
