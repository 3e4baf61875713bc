"""What a CSV file of a user says of charts, by simfile and difficulty: tags, players' tiers."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import pyarrow as pa

from groove.charts.notation import tags_of
from groove.embedding.embedded import EmbeddedLibrary
from groove.errors import ConfigError, LibraryError

log = logging.getLogger(__name__)

_KEY = ("simfile", "difficulty")
TAG_COLUMNS = (*_KEY, "tags")
TIER_COLUMNS = (*_KEY, "level", "tier")
_Chart = tuple[str, str]
"""A simfile, and a difficulty in lower case."""
Value = TypeVar("Value")


class Tier(NamedTuple):
    """The level that players give a chart, a whole number, and the finer one between levels."""

    level: int
    tier: float


def check_given(tags: str | None, tiers: str | None) -> None:
    """Read the files `tags` and `tiers`, where given: a mistake in them must not wait for a library to be embedded.

    Raises:
        ConfigError: as `with_tags` and `tiers_of` do.
    """
    if tags:
        _tags_in(Path(tags))
    if tiers:
        _tiers_in(Path(tiers))


def with_tags(library: EmbeddedLibrary, path: Path) -> EmbeddedLibrary:
    """Return `library` with the tags that the CSV file `path` gives its charts.

    They are read as a description is (`groove.charts.notation.tags_of`): ``FS-`` is ``FS``, words that are no `TAGS`
    are passed over. Charts that the file does not name keep the tags of their own description.

    Raises:
        ConfigError: if the file cannot be read, or lacks a column of `TAG_COLUMNS`.
        LibraryError: if it names no chart of `library`.
    """
    given = _tags_in(path)
    found = _by_row(library, given, f"tags={path}")
    log.info(f"tags={path}: {len(found)} of its {len(given)} charts are among the {len(library)} that are asked")
    tags = pa.array([found.get(row, own) for row, own in enumerate(library.column("tags"))], pa.string())
    return replace(library, table=library.table.set_column(library.table.column_names.index("tags"), "tags", tags))


def tiers_of(library: EmbeddedLibrary, path: Path) -> dict[int, Tier]:
    """Return the tiers that the CSV file `path` gives the charts of `library`, by their row.

    Raises:
        ConfigError: if the file cannot be read, or lacks a column of `TIER_COLUMNS`.
        LibraryError: if it names no chart of `library`.
    """
    given = _tiers_in(path)
    found = _by_row(library, given, f"tiers={path}")
    log.info(f"tiers={path}: {len(found)} of the {len(library)} charts that are asked have one")
    return found


def _tags_in(path: Path) -> dict[_Chart, str]:
    return _read(path, "tags", TAG_COLUMNS, lambda row: tags_of(row["tags"]))


def _tiers_in(path: Path) -> dict[_Chart, Tier]:
    return _read(path, "tiers", TIER_COLUMNS, lambda row: Tier(int(row["level"]), float(row["tier"])))


def _by_row(library: EmbeddedLibrary, given: Mapping[_Chart, Value], setting: str) -> dict[int, Value]:
    """Return what is `given` of the charts of `library`, by their row; a `LibraryError` if it is of other charts."""
    slots = (slot.casefold() for slot in library.column("difficulty"))
    keys = enumerate(zip(library.column("simfile"), slots, strict=True))
    found = {row: given[key] for row, key in keys if key in given}
    if not found:
        raise LibraryError(
            f"{setting} names none of the {len(library)} charts: {len(given)} rows by simfile, difficulty"
        )
    return found


def _read(
    path: Path, setting: str, columns: tuple[str, ...], value: Callable[[Mapping[str, str]], Value]
) -> dict[_Chart, Value]:
    """Return the `value` of each row of the CSV file `path`, which the user calls `setting`, by its chart."""
    line, found = 0, dict[_Chart, Value]()
    must = f"must be a CSV file with the columns {', '.join(columns)}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets begin a file with a mark
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(f"{setting}={path} has no column {', '.join(missing)}: it {must}")
            for row in reader:
                found[row["simfile"], row["difficulty"].casefold()] = value(row)
                line = reader.line_num
    except OSError as error:
        raise ConfigError(f"{setting}={path} cannot be read: {error.strerror}") from error
    except (AttributeError, TypeError, ValueError, csv.Error) as error:  # a row that is too short, no number, no text
        why = f": {error}" if type(error) is ValueError else ""  # of a number that is none; others tell users nothing
        raise ConfigError(
            f"{setting}={path} {must} in every row: error after line {line} ({type(error).__name__}{why})"
        ) from error
    return found
