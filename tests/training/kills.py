"""Runs of ``python -m groove.train`` in a process of their own, killed at a chosen moment or with little room.

`run_process` is the run itself; `KILL` is put before it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.training_runs import TINY

KILL = """
import os, signal
rename, seen = os.replace, 0
def replace(source, target):  # dies when the file NAME is about to get its name for the NUMBERth time, half written
    global seen
    if str(target).endswith(NAME):
        seen += 1
        if seen == NUMBER:
            os.truncate(source, os.path.getsize(source) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target)
os.replace = replace
"""
_RUN = """
import runpy, sys
sys.argv = ["groove.train", *ARGUMENTS]
runpy.run_module("groove.train", run_name="__main__")
"""


def run_process(before: str, folder: Path, into: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Run `before`, then a tiny run into the folder `into`, with songs, store and classifiers of `folder`."""
    paths = [f"data.songs={folder / 'songs'}", f"data.store={folder / 'store'}", f"pretrain.root={folder}/pretrained"]
    arguments = [*TINY, *paths, f"hydra.run.dir={into}", *overrides]
    script = before + _RUN.replace("ARGUMENTS", repr(arguments))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)


def killed_at(name: str, number: int, folder: Path, into: Path, *overrides: str) -> None:
    """Run as `run_process`; the process must be killed as the file `name` is written for the `number`th time."""
    before = KILL.replace("NAME", repr(name)).replace("NUMBER", str(number))
    done = run_process(before, folder, into, *overrides)
    assert done.returncode == -9, done.stderr
