"""Which audio file belongs to a simfile; none outside the library is ever used."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

AUDIO_SUFFIXES = (".ogg", ".mp3", ".wav", ".flac", ".oga", ".opus")


def find_music(name: str, folder: Path, root: Path) -> str | None:
    """Return the audio file of a song relative to `root`, or None.

    `name` (the ``#MUSIC`` field) is matched in `folder` without regard to case; if there is no such file, the only
    audio file of the folder is taken. A name that leads out of `root` (``..``, absolute, a link) is never used.
    """
    top = root.resolve()
    name = name.replace("\\", "/")
    outside = re.match(r"/|[A-Za-z]:/", name) or not _below(Path(os.path.normpath(folder.resolve() / name)), top)
    if name and outside:
        return None
    parts = name.split("/") if name else []
    found = _match(folder, parts) if parts else None
    if found is None:
        audio = [entry for entry in _entries(folder) if entry.suffix.lower() in AUDIO_SUFFIXES and entry.is_file()]
        found = audio[0] if len(audio) == 1 else None
    return relative_to(found, root) if found is not None and _below(found.resolve(), top) else None


def _match(folder: Path, parts: Sequence[str]) -> Path | None:
    """Return the file at `parts` below `folder`, exact case first, else any case."""
    here = folder
    for part in parts:
        names = [entry for entry in _entries(here) if entry.name.lower() == part.lower()]
        exact = [entry for entry in names if entry.name == part]
        if part in (".", ".."):
            exact = [here / part]
        if not names and not exact:
            return None
        here = (exact or names)[0]
    return Path(os.path.normpath(here)) if here.is_file() else None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _below(path: Path, top: Path) -> bool:
    return path.is_relative_to(top)


def relative_to(path: Path, root: Path) -> str:
    """Return `path` relative to `root` with ``/``, as all paths of a library are stored."""
    return Path(os.path.relpath(path, root)).as_posix()
