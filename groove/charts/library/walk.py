"""What lies where below a library's root: folders with simfiles, and everything that is no simfile we read.

Links to folders are followed (players link packs from other disks), each real folder once. Nothing is opened here.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from groove.charts.chart import LeftOut
from groove.errors import LibraryError

SIMFILE_SUFFIXES = (".sm", ".ssc")
OTHER_FORMATS = {  # are listed as left out
    **{".dwi": "DWI", ".sma": "SMA", ".ksf": "KSF", ".ucs": "UCS", ".edit": "EDIT", ".smzip": "zipped pack"},
    **dict.fromkeys((".bms", ".bme", ".bml", ".pms"), "BMS"),
}
TICK_NS, COARSE_TICK_NS = 20_000_000, 2_000_000_000  # of the clock of most file systems, and of whole seconds


class Folder(NamedTuple):
    """A folder that holds simfiles: its path below the root, their names, and its state.

    The state is a digest of names, sizes and times of change of its files, ``""`` if it changed just now.
    """

    path: str
    simfiles: tuple[str, ...]
    state: str


class Tree(NamedTuple):
    """What a walk found: `folders` sorted by path, the number of files by suffix, and what was left out."""

    folders: list[Folder]
    suffixes: Counter[str]
    left_out: list[LeftOut]


def check_folder(root: Path) -> None:
    """Raise a `LibraryError` unless `root` is a folder."""
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise LibraryError(f"song folder '{root}' {what}; give a folder of packs (Pack/Song/song.ssc)")


def walk(root: Path) -> Tree:
    """Walk the folder `root`."""
    tree = Tree([], Counter(), [])
    _walk(root, "", {root.resolve()}, tree)
    tree.folders.sort(key=lambda folder: folder.path)
    return tree


def _walk(root: Path, path: str, seen: set[Path], tree: Tree) -> None:
    """Add the folder at `path` and those below to `tree`; `seen`: the real paths of the root and followed links."""
    try:
        with os.scandir(root / path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        tree.left_out.append(LeftOut(path or ".", "", f"cannot be read: {error.strerror}"))
        return
    files = []
    for entry in entries:
        below = f"{path}/{entry.name}" if path else entry.name
        if not entry.is_dir():
            files.append(entry)
            suffix = os.path.splitext(entry.name)[1].lower()
            tree.suffixes[suffix] += 1
            if suffix in OTHER_FORMATS:
                reason = f"format {OTHER_FORMATS[suffix]} is not read, only .sm and .ssc are"
                tree.left_out.append(LeftOut(below, "", reason))
            continue
        if entry.is_symlink():
            real, real_root = Path(entry.path).resolve(), root.resolve()
            if real in seen or real.is_relative_to(real_root) or real_root.is_relative_to(real):
                tree.left_out.append(LeftOut(below, "", "link to a folder that is read already, not followed"))
                continue
            seen.add(real)
        _walk(root, below, seen, tree)
    simfiles = tuple(entry.name for entry in files if os.path.splitext(entry.name)[1].lower() in SIMFILE_SUFFIXES)
    if simfiles:
        tree.folders.append(Folder(path, simfiles, _state(files)))


def _state(files: list[os.DirEntry[str]]) -> str:
    """Return a digest of the names and states of a folder's files; ``""``, equal to none, if one has no state yet."""
    states = [file_state(entry) for entry in files]
    text = "\0".join(f"{entry.name}/{state}" for entry, state in zip(files, states, strict=True))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest() if all(states) else ""


def file_state(file: os.DirEntry[str] | Path) -> str:
    """Return the size and time of change of a file (of what a link names), which tell whether it changed since.

    A file that changed within the clock's tick may change again without another time: its state is ``""``.
    """
    try:
        stat = file.stat()
    except OSError:  # a link to nothing
        return "-"
    tick = COARSE_TICK_NS if stat.st_mtime_ns % 1_000_000_000 == 0 else TICK_NS
    return "" if stat.st_mtime_ns > time.time_ns() - tick else f"{stat.st_size}/{stat.st_mtime_ns}"
