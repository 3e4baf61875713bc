"""What lies where below a library's root: folders with simfiles, and everything that is no simfile we read.

Links to folders are followed (players link packs from other disks), each real folder once. Nothing is opened here: a
folder's state is made of names, sizes and times of change, so that an unchanged one is known without reading it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from groove.charts.chart import LeftOut
from groove.errors import LibraryError

SIMFILE_SUFFIXES = (".sm", ".ssc")
OTHER_FORMATS = {
    ".dwi": "DWI",
    ".sma": "SMA",
    ".bms": "BMS",
    ".bme": "BMS",
    ".bml": "BMS",
    ".pms": "BMS",
    ".ksf": "KSF",
    ".ucs": "UCS",
    ".edit": "EDIT",
    ".smzip": "zipped pack",
}
"""Step files of other formats, which are listed as left out."""
TICK_NS, COARSE_TICK_NS = 20_000_000, 2_000_000_000
"""How far apart two changes must be to differ in time, on most file systems and on those that count whole seconds."""


@dataclass(frozen=True)
class Folder:
    """A folder that holds simfiles.

    Attributes:
        path: relative to the root, with ``/``.
        simfiles: their names, sorted.
        state: digest of names, sizes and times of change of its files, `""` if it changed just now.
    """

    path: str
    simfiles: tuple[str, ...]
    state: str


@dataclass(frozen=True)
class Tree:
    """What a walk found: `folders` sorted by path, the number of files by suffix, and what was left out."""

    folders: list[Folder]
    suffixes: dict[str, int]
    left_out: list[LeftOut]


def check_folder(root: Path) -> None:
    """Raise a `LibraryError` unless `root` is a folder."""
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise LibraryError(f"song folder '{root}' {what}; give a folder of packs (Pack/Song/song.ssc)")


def walk(root: Path) -> Tree:
    """Walk the folder `root`."""
    tree = Tree([], {}, [])
    real = os.path.realpath(root)
    for path, entries in _folders(str(root), "", {real}, real, tree.left_out):
        _note(path, entries, tree)
    tree.folders.sort(key=lambda folder: folder.path)
    return tree


def _folders(
    folder: str, path: str, seen: set[str], real_root: str, left_out: list[LeftOut]
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Yield (path, files) of every folder from `folder` down; `seen` are the real paths of followed links."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        left_out.append(LeftOut(path or ".", "", f"cannot be read: {error.strerror}"))
        return
    files = []
    for entry in entries:
        below = f"{path}/{entry.name}" if path else entry.name
        if not entry.is_dir():
            files.append(entry)
        elif not entry.is_symlink():
            yield from _folders(entry.path, below, seen, real_root, left_out)
        elif (real := os.path.realpath(entry.path)) in seen or _within(real, real_root) or _within(real_root, real):
            left_out.append(LeftOut(below, "", "link to a folder that is read already, not followed"))
        else:
            seen.add(real)
            yield from _folders(entry.path, below, seen, real_root, left_out)
    yield path, files


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip(os.sep) + os.sep)


def _note(path: str, files: list[os.DirEntry[str]], tree: Tree) -> None:
    """Add the folder at `path` to `tree`, if it holds simfiles, and its step files of other formats."""
    simfiles = []
    for entry in files:
        suffix = os.path.splitext(entry.name)[1].lower()
        tree.suffixes[suffix] = tree.suffixes.get(suffix, 0) + 1
        if suffix in SIMFILE_SUFFIXES:
            simfiles.append(entry.name)
        elif suffix in OTHER_FORMATS:
            below = f"{path}/{entry.name}" if path else entry.name
            reason = f"format {OTHER_FORMATS[suffix]} is not read, only .sm and .ssc are"
            tree.left_out.append(LeftOut(below, "", reason))
    if simfiles:
        tree.folders.append(Folder(path, tuple(simfiles), _state(files)))


def _state(files: list[os.DirEntry[str]]) -> str:
    """Return a digest of the names and states of a folder's files; ``""``, equal to none, if one has no state yet."""
    states = [file_state(entry) for entry in files]
    text = "\0".join(f"{entry.name}/{state}" for entry, state in zip(files, states, strict=True))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest() if all(states) else ""


def file_state(file: os.DirEntry[str] | Path) -> str:
    """Return the size and time of change of a file (of what a link names), which tell whether it changed since.

    A file that changed just now may change again without another time, within the clock's tick (some file systems count
    whole seconds only): its state is ``""``, which is to be taken for changed.
    """
    try:
        stat = file.stat()
    except OSError:  # a link to nothing
        return "-"
    tick = COARSE_TICK_NS if stat.st_mtime_ns % 1_000_000_000 == 0 else TICK_NS
    return "" if stat.st_mtime_ns > time.time_ns() - tick else f"{stat.st_size}/{stat.st_mtime_ns}"
