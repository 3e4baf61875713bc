"""The wheel, installed where the checkout cannot be imported, does what the checkout does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.builders import sm_text, steady

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


def run(*command: str | Path, cwd: Path) -> str:
    """Return the output of `command`, which must succeed and hears nothing of this process's paths."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def binaries(tmp_path_factory) -> Path:
    """Return the programs of an environment with the wheel and this environment's libraries, without the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("groove", "conf"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, folder / "source")
    run(
        *PIP,
        "wheel",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        folder / "source",
        cwd=folder,
    )
    (wheel,) = folder.glob("groove-*.whl")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    programs = folder / "env" / "bin"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(programs / "python", "-c", where, cwd=folder).strip())
    packages.joinpath("libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")  # .pth files in it do not count
    install = ("install", "--no-deps", "--no-index", "--ignore-installed")
    run(PIP[0], *PIP[1:3], "--python", programs / "python", *PIP[3:], *install, wheel, cwd=folder)
    shutil.rmtree(folder / "source")
    return programs


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("songs")
    (root / "Pack" / "Song").mkdir(parents=True)
    (root / "Pack" / "Song" / "song.sm").write_text(sm_text([("Hard", 7, steady(8, 8))]))
    return root


def test_the_package_its_settings_and_its_page_are_those_of_the_wheel(binaries, tmp_path):
    code = """
import importlib.resources, groove, groove.config.schema as schema
from groove.explorer.page import PROGRAM
static = importlib.resources.files("groove.explorer") / "static"
print(groove.__file__, schema.CONF_DIR, sorted(p.relative_to(schema.CONF_DIR).as_posix()
      for p in schema.CONF_DIR.rglob("*.yaml")), all((static / name).read_text() for name in PROGRAM), sep="\\n")
"""
    package, conf, settings, page = run(binaries / "python", "-c", code, cwd=tmp_path).splitlines()
    assert package.startswith(str(binaries.parent)) and conf.startswith(str(binaries.parent)) and page == "True"
    assert settings == str(sorted(path.relative_to(ROOT / "conf").as_posix() for path in ROOT.glob("conf/**/*.yaml")))


def test_both_ways_to_call_a_command_work(binaries, songs, tmp_path):
    run(binaries / "python", "-m", "groove.radar", f"songs={songs}", "out=module.csv", cwd=tmp_path)
    run(binaries / "groove", "radar", f"songs={songs}", "out=script.csv", cwd=tmp_path)
    assert (tmp_path / "module.csv").read_text() == (tmp_path / "script.csv").read_text()
    assert "Hard" in (tmp_path / "script.csv").read_text()
    assert "recommend" in run(binaries / "groove", cwd=tmp_path)
