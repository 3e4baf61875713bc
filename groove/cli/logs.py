"""Messages: as they are on the console, with time, level and origin in the log file of a run folder.

Every module logs to ``logging.getLogger(__name__)``, below the logger ``groove`` (a command, whose name is ``__main__``
when it runs, writes its name out); a command prints its answer itself.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groove.errors import GrooveError

_GROOVE = logging.getLogger("groove")
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class _Console(logging.Handler):
    """Writes to what standard output is at that moment (a progress bar may stand in for it), warnings to the other."""

    def emit(self, record: logging.LogRecord) -> None:
        stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
        print(self.format(record), file=stream, flush=True)  # raises where nobody reads, as print does


class _File(logging.FileHandler):
    """A file that says so when it cannot be written: the disk of a run is full, and the run cannot go on either."""

    def handleError(self, record: logging.LogRecord) -> None:
        raise


def log_to_console() -> None:
    """Show messages on the console; called again it changes nothing."""
    logging.getLogger().setLevel(logging.ERROR)  # libraries say no more than that
    _GROOVE.setLevel(logging.INFO)
    if not any(isinstance(handler, _Console) for handler in _GROOVE.handlers):
        _GROOVE.addHandler(_Console())


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Append messages to the file at `path` as well, and at the end the error that ended the work, if one did.

    Raises:
        OSError: if it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _File(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(_FORMAT))
    level = _GROOVE.level
    _GROOVE.setLevel(logging.INFO)
    _GROOVE.addHandler(handler)
    try:
        yield
    except Exception as error:
        trace = None if isinstance(error, GrooveError) else sys.exc_info()
        handler.handle(_GROOVE.makeRecord("groove", logging.ERROR, __file__, 0, "%s", (error,), trace))
        raise
    finally:
        _GROOVE.setLevel(level)
        _GROOVE.removeHandler(handler)
        handler.close()
