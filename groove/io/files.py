"""Files written whole or not at all: under a temporary name, then renamed, so that a reader never sees half of one."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from groove.errors import ConfigError, LibraryError

_PART = ".part"


def write_atomically(path: Path, write: Callable[[Path], object], durable: bool = False) -> Path:
    """Let `write` fill a temporary file, then give it the name `path` (returned), whose folder is made if needed.

    If `durable`, the content is on the disk before it has its name. An `OSError` has `path` as its file name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PART)
        part = Path(name)
        try:
            write(part)
            if durable:
                os.fsync(handle)
            os.chmod(part, 0o644)  # mkstemp made it private
            os.replace(part, path)
        finally:
            os.close(handle)
            part.unlink(missing_ok=True)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # a full disk by itself names none
        raise
    return path


def write_bytes(path: Path, content: bytes | memoryview, durable: bool = False) -> Path:
    """Write `content` to `path` (`write_atomically`)."""
    return write_atomically(path, lambda part: part.write_bytes(content), durable)


def write_if_changed(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all, unless it is there already."""
    if not path.is_file() or path.read_bytes() != content:
        write_bytes(path, content)


def remove_parts(folder: Path) -> None:
    """Remove what killed writers left in `folder`, of which nobody else may be writing a file now."""
    for part in folder.glob(f".*{_PART}"):
        part.unlink(missing_ok=True)


def json_bytes(content: Any) -> bytes:
    """Return strict JSON (a NaN is an error of the caller)."""
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON (`json_bytes`)."""
    write_bytes(path, json_bytes(content))


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a CSV file's content; file names that UTF-8 cannot hold keep their bytes.

    A title such as ``=1+1`` stays as it is: whoever opens the file in a spreadsheet imports the columns as text.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file (`csv_bytes`)."""
    write_bytes(path, csv_bytes(header, rows))


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn an `OSError` while `out` is written into a `ConfigError`."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"out={out} cannot be written: {error.strerror}") from error


@contextmanager
def usable(store: Path) -> Iterator[None]:
    """Turn an `OSError` while `store`, or a file of it, is read or written into a `LibraryError`."""
    try:
        yield
    except OSError as error:
        raise LibraryError(f"'{error.filename or store}' cannot be used: {error.strerror or error}") from error
