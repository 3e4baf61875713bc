"""Locks between processes, and how many workers a process may start."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from groove.charts.processes import alone, usable_workers

HOLD = "import sys, time; from pathlib import Path; from groove.charts.processes import alone\n"
HOLD += "with alone(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"


def test_a_lock_is_waited_for_and_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    waiter = "import sys; from pathlib import Path; from groove.charts.processes import alone\n"
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
