"""Which audio file belongs to a simfile; none outside the library is ever used."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from groove.errors import SimfileError

AUDIO_SUFFIXES = (".ogg", ".mp3", ".wav", ".flac", ".oga", ".opus")


def find_music(name: str, folder: Path, root: Path) -> str | None:
    """Return the audio file of a song relative to `root`, or None.

    `name` (the ``#MUSIC`` field) is matched in `folder` without regard to case; if there is no such file, the only
    audio file of the folder is taken. The library is what lies below `root`, and the folder itself where a link leads
    to it.

    Raises:
        SimfileError: if the name leads out of the library (``..``, absolute, a link); its file is not even looked for.
    """
    here, top = folder.resolve(), root.resolve()
    outside = SimfileError(f"audio '{name[:80]}' leads out of the library and is not read")
    name = name.replace("\\", "/")
    wanted = Path(os.path.normpath(here / name))
    if re.match(r"/|[A-Za-z]:/", name) or not (wanted.is_relative_to(here) or wanted.is_relative_to(top)):
        raise outside
    found = _match(folder, name.split("/")) if name else None
    if found is None:
        audio = [entry for entry in _entries(folder) if entry.suffix.lower() in AUDIO_SUFFIXES and entry.is_file()]
        found = audio[0] if len(audio) == 1 else None
    if found is None:
        return None
    if not (found.resolve().is_relative_to(here) or found.resolve().is_relative_to(top)):
        raise outside
    return relative_to(found, root)


def _match(folder: Path, parts: Sequence[str]) -> Path | None:
    """Return the file at `parts` below `folder`, exact case first, else any case."""
    here = folder
    for part in parts:
        exact = here / part
        same = [entry for entry in _entries(here) if entry.name.lower() == part.lower()]
        if part not in (".", "..") and not same:
            return None
        here = exact if part in (".", "..") or exact in same else same[0]
    return Path(os.path.normpath(here)) if here.is_file() else None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def relative_to(path: Path, root: Path) -> str:
    """Return `path` relative to `root` with ``/``, as all paths of a library are stored."""
    return Path(os.path.relpath(path, root)).as_posix()
