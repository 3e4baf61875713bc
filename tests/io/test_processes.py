"""Locks between processes, and how many workers a process may start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

import groove
from groove.io.processes import alone, process_pool, usable_workers

HOLD = "import sys, time; from pathlib import Path; from groove.io.processes import alone\n"
HOLD += "with alone(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"


WORK = """
import os, sys, time
from pathlib import Path
from groove.io.processes import process_pool

def work(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)

if __name__ == "__main__":
    pool = process_pool(2)
    for _ in range(2):
        pool.submit(work, sys.argv[1])
    time.sleep(60)
"""


def test_workers_end_with_a_killed_process(tmp_path: Path) -> None:
    script, pids = tmp_path / "work.py", tmp_path / "pids"
    script.write_text(WORK)
    pids.mkdir()
    root = Path(groove.__file__).parent.parent
    main = subprocess.Popen([sys.executable, str(script), str(pids)], env={**os.environ, "PYTHONPATH": str(root)})
    wait_until(lambda: len(list(pids.iterdir())) == 2)
    main.kill()
    main.wait()
    wait_until(lambda: not any(alive(int(path.name)) for path in pids.iterdir()))


def alive(pid: int) -> bool:
    """Return whether the process still runs; one that has ended and whom nobody has asked does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # on Linux
    return not status.is_file() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.1)


def square(number: int) -> int:
    return number * number


def fail() -> None:
    raise OSError("no")


def test_a_pool_works_and_its_initializer_is_called() -> None:
    with process_pool(2) as pool:
        assert list(pool.map(square, range(5))) == [0, 1, 4, 9, 16]
    with process_pool(1, fail) as pool, pytest.raises(BrokenProcessPool):
        pool.submit(square, 2).result()


def test_a_lock_is_waited_for_and_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    waiter = "import sys; from pathlib import Path; from groove.io.processes import alone\n"
    waiter += "with alone(Path(sys.argv[1])):\n    print('mine')\n"
    waiting = subprocess.Popen([sys.executable, "-c", waiter, str(path)], stdout=subprocess.PIPE, text=True)
    time.sleep(1.0)
    assert waiting.poll() is None
    holder.kill()
    assert waiting.communicate(timeout=30)[0] == "mine\n"
    holder.wait()
    with alone(path):
        pass


def test_workers_within_joblib(tmp_path: Path) -> None:
    assert usable_workers(4) == 4
    from joblib import Parallel, delayed

    assert Parallel(n_jobs=2, backend="loky")(delayed(usable_workers)(4) for _ in range(2)) == [1, 1]
