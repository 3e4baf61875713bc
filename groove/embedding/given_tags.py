"""Tags of charts from a file, in place of those that their step artists wrote into the simfiles."""

from __future__ import annotations

import csv
import logging
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from groove.charts.notation import tags_of
from groove.embedding.embedded import EmbeddedLibrary
from groove.errors import ConfigError, LibraryError

log = logging.getLogger(__name__)

TAG_COLUMNS = ("simfile", "difficulty", "tags")


def with_tags(library: EmbeddedLibrary, path: Path) -> EmbeddedLibrary:
    """Return `library` with the tags that the CSV file `path` gives its charts by simfile and difficulty.

    They are read as a description is (`groove.charts.notation.tags_of`): ``FS-`` is ``FS``, words that are no `TAGS`
    are passed over. Charts that the file does not name keep the tags of their own description.

    Raises:
        ConfigError: if the file cannot be read, or lacks a column of `TAG_COLUMNS`.
        LibraryError: if it names no chart of `library`.
    """
    given = _read(path)
    slots = (slot.casefold() for slot in library.column("difficulty"))
    keys = list(zip(library.column("simfile"), slots, strict=True))
    named = given.keys() & set(keys)
    if not named:
        raise LibraryError(
            f"tags={path} names none of the {len(keys)} charts: {len(given)} rows by simfile, difficulty"
        )
    log.info(f"tags={path}: {len(named)} of its {len(given)} charts are among the {len(keys)} that are asked")
    own = zip(keys, library.column("tags"), strict=True)
    tags = pa.array([given.get(key, tags) for key, tags in own], pa.string())
    return replace(library, table=library.table.set_column(library.table.column_names.index("tags"), "tags", tags))


def _read(path: Path) -> dict[tuple[str, str], str]:
    """Return the tags of each chart of the CSV file `path`, by its simfile and its difficulty in lower case."""
    line, found = 0, dict[tuple[str, str], str]()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets begin a file with a mark
            reader = csv.DictReader(file)
            missing = [name for name in TAG_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(
                    f"tags={path} has no column {', '.join(missing)}: "
                    f"it must be a CSV file with the columns {', '.join(TAG_COLUMNS)}"
                )
            for row in reader:
                found[row["simfile"], row["difficulty"].casefold()] = tags_of(row["tags"])
                line = reader.line_num
    except OSError as error:
        raise ConfigError(f"tags={path} cannot be read: {error.strerror}") from error
    except (AttributeError, TypeError, ValueError, csv.Error) as error:  # a row that is too short, bytes of no text
        raise ConfigError(
            f"tags={path} must be a CSV file with the columns {', '.join(TAG_COLUMNS)} in every row: "
            f"error after line {line} ({type(error).__name__})"
        ) from error
    return found
