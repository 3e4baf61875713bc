"""The commands: a user's mistake is one line and status 1, and nobody needs to read all of the output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# --- the command


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "groove.train", "data.songs=nowhere", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("experiment=zz", "groove: experiment=zz does not exist: must be one of a, b, baseline, "),
        (
            "trainer.devcies=2",
            "groove: unknown key 'trainer.devcies': there is no 'devcies' in 'trainer'; did you mean",
        ),
        (
            "+experiment.foo=1",
            "groove: unknown key 'experiment.foo': there is no 'foo' in 'experiment'; must be ",
        ),
        ("experiment.phases.0.freezed=[x]", "there is no 'freezed' in 'experiment.phases.0'; did you mean 'freeze'?"),
        ("data.classes.Expert=[Edti]", "or 'Edit', got 'Edti'; did you mean 'Edit'?"),
        ("loss.pooled_weight=-1", "groove: loss.pooled_weight must be >= 0, got -1"),
        ("seed=abc", "groove: seed must be a whole number, got 'abc'"),
        ("trainer.accelerator=[1", "groove: "),
        ("experiment.phases.0.freeze=[clasifier_head]", "names 'clasifier_head': did you mean 'classifier_head'?"),
        ("experiment.warmup_epochs=20", "do not add up to experiment.epochs=20"),
        ("pretrained=none.ckpt", "groove: no checkpoint at none.ckpt"),
        ("data.songs=nowhere", "groove: song folder 'nowhere' does not exist"),
        ("data.songs=It's (x), y", "groove: song folder 'It's (x), y' does not exist"),
        (
            "hydra.run.dir=/dev/null",
            "groove: '/dev/null' cannot be made: File exists; the folder of a run is what hydra",
        ),
        ("hydra.run.dir=/dev/null/x", "groove: '/dev/null/x' cannot be made: Not a directory; "),
        ("hydra.run.dir=/proc/x", "groove: '/proc/x' cannot be made: No such file or directory; "),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_status_1(argument, expected, tmp_path):
    done = train(tmp_path, argument)
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and expected in lines[0] and "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["experiment=c", "--cfg", "job"]])
def test_a_reader_that_leaves_ends_it_quietly(arguments, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-W", "ignore", "-m", "groove.train", *arguments]
    done = subprocess.run(command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_another_broken_pipe_is_a_bug_and_keeps_its_traceback(tmp_path):
    code = """
import sys
from groove.config.schema import PrepareConfig
from groove.cli.entry import run_main
def task(cfg):
    raise BrokenPipeError(32, "of a worker")
sys.argv = ["x"]
run_main(task, "prepare", PrepareConfig)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "of a worker" in done.stderr.splitlines()[-1] and "Traceback" in done.stderr
