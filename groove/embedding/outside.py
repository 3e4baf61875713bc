"""A simfile given by its path or by its song's folder. Nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

from groove.charts.library.scan import twins
from groove.charts.library.walk import SIMFILE_SUFFIXES
from groove.errors import LibraryError, SimfileError

_SHOWN = 8


def is_of_one_song(path: Path) -> bool:
    """Return whether `path` is a file, or a folder that itself holds simfiles; else it is a folder of songs."""
    return path.is_file() or (path.is_dir() and any(_simfiles(path)))


def _simfiles(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SIMFILE_SUFFIXES and path.is_file())


def the_simfile(path: Path) -> Path:
    """Return `path`, or the only simfile of the folder `path`; an .ssc file stands for the .sm file of its name.

    Raises:
        LibraryError: if it does not exist, or is a folder without a simfile, or with several.
        SimfileError: if it is another file.
    """
    kinds = " or ".join(SIMFILE_SUFFIXES)
    if path.is_file():
        if path.suffix.lower() not in SIMFILE_SUFFIXES:
            raise SimfileError(f"simfile={path} is not a {kinds} file")
        return path
    if not path.is_dir():
        raise LibraryError(f"simfile={path} does not exist")
    found = _simfiles(path)
    gone = twins(file.name for file in found)
    found = [file for file in found if file.name not in gone]
    if not found:
        raise LibraryError(f"simfile={path} is a folder without a {kinds} file")
    if len(found) > 1:
        names = ", ".join(f'simfile="{file}"' for file in found[:_SHOWN])
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise LibraryError(f"simfile={path} is a folder of {len(found)} simfiles; choose one: {names}{more}")
    return found[0]
