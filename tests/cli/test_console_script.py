"""The console script ``groove``: its list of commands, and what a wrong word costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import groove
from groove.cli.console_script import COMMANDS, main
from groove.config.schema import CONF_DIR

SCRIPT = "import sys; from groove.cli.console_script import main; main()"


def called(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_every_command_has_a_word():
    modules = {path.stem for path in Path(groove.__file__).parent.glob("*.py")}
    assert set(COMMANDS) == modules - {"__init__", "errors"} == {path.stem for path in CONF_DIR.glob("*.yaml")}


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_it_lists_the_commands_with_a_line_each(monkeypatch, capsys, words):
    monkeypatch.setattr(sys, "argv", ["groove", *words])
    main()
    lines = capsys.readouterr().out.splitlines()
    for command, about in COMMANDS.items():
        assert [line.split(None, 1) for line in lines if line.startswith(f"  {command} ")] == [[command, about]]


def test_a_misspelt_command_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["groove", "recomend", "run=x"])
    with pytest.raises(SystemExit) as end:
        main()
    assert str(end.value).startswith("groove: unknown command 'recomend'; did you mean 'recommend'?")


def test_the_list_imports_next_to_nothing():
    code = f"{SCRIPT}; print([m for m in ('numpy', 'hydra', 'omegaconf', 'torch', 'librosa') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_a_command_runs_as_with_python_m(tmp_path):
    """Its settings reach it, mistakes end with its status, and its help is that of the module."""
    helped = called("radar", "--help")
    assert helped.returncode == 0 and "groove radar, or python -m groove.radar" in helped.stdout
    done = called("radar", "songs=nowhere", cwd=tmp_path)
    by_module = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "groove.radar", "songs=nowhere"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (by_module.returncode, by_module.stderr) == (1, done.stderr)
    assert len(done.stderr.splitlines()) == 1
