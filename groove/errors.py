"""Errors that a person can act on: the value found, where it was found, what it must be.

What a user's input can cause derives from `GrooveError`, which commands print as one line and end with status 1
(`groove.cli.entry.run_main`); anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Sequence


class GrooveError(Exception):
    """Base of every error caused by input; its text is one clear line."""


class ConfigError(GrooveError):
    """A setting that does not exist, or a value that cannot be."""


class LibraryError(GrooveError):
    """A song folder that does not exist, or holds nothing that can be used."""


class SimfileError(GrooveError):
    """A simfile or chart that cannot be read; ends in `left_out.csv`, never stops a scan."""


class AudioError(GrooveError):
    """An audio file that cannot be decoded, or is missing where `missing_audio=error`."""


class CheckpointError(GrooveError):
    """A checkpoint that is missing, corrupt, or of another model."""


class RunError(GrooveError):
    """A run folder that is missing or lacks what a report needs."""


class NonFiniteLossError(GrooveError):
    """The loss, a gradient or an output on held-out charts became NaN or infinite.

    `charts` are the rows of the batch in the table of `split` (train, val), `bad_inputs` those with bad frames.
    """

    def __init__(self, text: str, charts: Sequence[int] = (), split: str = "train", bad_inputs: Sequence[int] = ()):
        super().__init__(text)
        self.charts, self.split, self.bad_inputs = charts, split, bad_inputs


_DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""A full disk, a quota, a limit on a file's size, a disk or folder that is read-only, a disk that fails."""


def disk_error(error: OSError) -> str | None:
    """Return the line for an `error` of the disk or of permissions; None for one that is a bug."""
    if error.errno not in _DISK_ERRNOS:
        return None
    return f"'{error.filename or 'a file'}' cannot be written or read: {error.strerror}"


def one_line(cause: object) -> str:
    """Return the text of `cause`, an error's or any other, on one line."""
    return " ".join(str(cause).split())


def install_command(extra: str) -> str:
    """Return the command that installs the packages of an `extra` of pyproject.toml."""
    return f"pip install --constraint constraints.txt --editable '.[{extra}]'"


def did_you_mean(found: str, names: Iterable[str]) -> str:
    """Return ``did you mean 'A'? must be one of A, B`` (the closest name first), for the tail of an error line."""
    known = sorted(names)
    return f"{suggestion(found, known)}must be one of {', '.join(known)}"


def suggestion(found: str, names: Iterable[str]) -> str:
    """Return ``did you mean 'A'? `` for the closest of `names`; nothing if none is close."""
    close = difflib.get_close_matches(found, list(names), n=1)
    return f"did you mean '{close[0]}'? " if close else ""
