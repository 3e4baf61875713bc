"""Records are computed in several processes; a song that fails, or ends its process, is reported and set aside."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool

from groove.config.schema import FeaturesConfig
from groove.errors import one_line
from groove.features.record import SimfileTask, compute_record
from groove.features.store import FeatureStore
from groove.io.processes import OnStep, process_pool

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def compute_missing(
    tasks: Sequence[SimfileTask], settings: FeaturesConfig, store: FeatureStore, workers: int, on_step: OnStep
) -> tuple[dict[str, str], int]:
    """Compute the records that `store` lacks; return the reasons of the failed ones by key, and the number of all."""
    store.clean()
    todo = list({task.key: task for task in tasks if not store.has(task.key)}.values())
    failed = {}
    for done, (task, reason) in enumerate(compute_all(todo, settings, store, workers), start=1):
        if reason:
            failed[task.key] = reason
        on_step("features computed", done, len(todo))
    return failed, len(todo)


def compute_all(
    tasks: Sequence[SimfileTask], settings: FeaturesConfig, store: FeatureStore, workers: int
) -> Iterator[tuple[SimfileTask, str]]:
    """Write the records of all `tasks`; yield each when it is done, with the reason if it failed, else ``""``.

    One worker is this process itself. A decoder can crash and end its process: what was lost with it is computed one
    after the other, which tells the song.

    Raises:
        OSError: if the store cannot be written.
    """
    if workers == 1:
        for task in tasks:
            yield task, compute_one(task, settings, store)
        return
    todo = list(tasks)
    while todo:
        lost = []
        pool = process_pool(min(workers, len(todo)), _start_worker)
        try:
            futures = {pool.submit(compute_one, task, settings, store): task for task in todo}
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    lost.append(future)
        finally:
            pool.shutdown(cancel_futures=True)
        todo = [task for future, task in futures.items() if future in lost]
        if todo and workers == 1:
            yield todo.pop(0), "failed: ended the process that computed it"
        workers = 1


def compute_one(task: SimfileTask, settings: FeaturesConfig, store: FeatureStore) -> str:
    """Write the record of `task`; return the reason if it cannot be computed, else ``""``."""
    try:
        entries, arrays = compute_record(task, settings)
    except Exception as error:  # any failure of one song is set aside with its cause, and the rest goes on
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"failed: {type(error).__name__}: {one_line(error)} ({os.path.basename(place.filename)}:{place.lineno})"
    store.write(task.key, entries, arrays)
    return ""


def _start_worker() -> None:
    """Leave Ctrl-C to the main process, and keep to one thread.

    Libraries loaded from now on learn the number of threads from the environment, the others from threadpoolctl.
    """
    import threadpoolctl

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    threadpoolctl.threadpool_limits(1)
