"""Several processes at once: how many may be started, and one at a time where two want to make the same thing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import current_process
from pathlib import Path


def usable_workers(workers: int) -> int:
    """Return `workers`, or 1 in a process that joblib started: a child of it could not import its main module again.

    Several jobs of a sweep run side by side there anyway.
    """
    return 1 if type(current_process()).__module__.startswith(("joblib.", "loky.")) else workers


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock on the file `path` (made if needed); wait for another process that holds it.

    The lock is the operating system's and ends with the process, however that ends. Where there are no such locks
    (Windows) nothing is locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except ImportError:
            pass
        yield
