"""Several processes at once: how many may be started, and one at a time where two want to make the same thing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import current_process, get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

OnStep = Callable[[str, int, int], None]  # what is being done, how many are done, how many there are


def silent(what: str, done: int, total: int) -> None:
    """Show no progress."""


def usable_workers(workers: int) -> int:
    """Return `workers`, or 1 in a process that joblib started: a child of it could not import its main module again.

    Several jobs of a sweep run side by side there anyway.
    """
    return 1 if type(current_process()).__module__.startswith(("joblib.", "loky.")) else workers


def process_pool(workers: int, initializer: Callable[[], None] | None = None) -> ProcessPoolExecutor:
    """Return a pool of new processes that call `initializer` and end when this one does, even if it is killed."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start, initargs=(initializer,))


def _start(initializer: Callable[[], None] | None) -> None:
    parent = parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def end_with_parent() -> None:  # the worker of a killed process would wait for work for ever
        wait([sentinel])
        os._exit(1)

    Thread(target=end_with_parent, daemon=True).start()
    if initializer is not None:
        initializer()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock on the file `path` (made if needed), which ends with the process; wait for another that holds it.

    Where the operating system has no such locks (Windows) nothing is locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except ImportError:
            pass
        yield
