"""Which simfile a path means: a file, or the only one of a song's folder. Nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

from groove.charts.library.scan import twins
from groove.charts.library.walk import SIMFILE_SUFFIXES
from groove.errors import LibraryError, SimfileError

_SHOWN = 8


def is_of_one_song(path: Path) -> bool:
    """Return whether `path` is a file, or a folder that itself holds simfiles; else it is a folder of songs."""
    return path.is_file() or (path.is_dir() and any(_simfiles(path)))


def the_simfile(path: Path) -> Path:
    """Return `path`, or the only simfile of the folder `path`; an .ssc file stands for the .sm file of its name.

    Raises:
        LibraryError: if it does not exist, or is a folder without a simfile, or with several.
        SimfileError: if it is another file.
    """
    if path.is_dir():
        return _only_simfile(path)
    if not path.is_file():
        raise LibraryError(f"simfile={path} does not exist")
    if path.suffix.lower() not in SIMFILE_SUFFIXES:
        raise SimfileError(f"simfile={path} is not a {' or '.join(SIMFILE_SUFFIXES)} file")
    return path


def _simfiles(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SIMFILE_SUFFIXES and path.is_file())


def _only_simfile(folder: Path) -> Path:
    found = _simfiles(folder)
    gone = twins(path.name for path in found)
    found = [path for path in found if path.name not in gone]
    if not found:
        raise LibraryError(f"simfile={folder} is a folder without a {' or '.join(SIMFILE_SUFFIXES)} file")
    if len(found) > 1:
        names = ", ".join(f'simfile="{path}"' for path in found[:_SHOWN])
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise LibraryError(f"simfile={folder} is a folder of {len(found)} simfiles; say which: {names}{more}")
    return found[0]
