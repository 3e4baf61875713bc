"""Data flows one way: a package imports only what lies to its left, and light layers never load heavy libraries."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import groove

ROOT = Path(groove.__file__).parent
ORDER = (
    "errors",
    "io",
    "charts",
    "config",
    "cli",
    "runs",
    "figures",
    "features",
    "data",
    "model",
    "embedding",
    "retrieval",
    "styles",
    "training",
    "explorer",
    "exporting",
)
"""Packages, each to the right of what it may import; the commands, which import all of them, follow."""
COMMANDS = ("train", "prepare", "radar", "embed", "recommend", "evaluate", "explore", "substyles", "export", "report")
LIGHT = ("io", "charts", "config", "cli", "runs", "figures", "features")
MOST_FILES = 12


def imported(path: Path) -> set[str]:
    """Return the dotted names that `path` imports anywhere in its text."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_every_file_of_the_package_has_a_place():
    found = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert found == {*ORDER, *COMMANDS, "__init__"}


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_nothing_to_its_right(package):
    allowed = {*ORDER[: ORDER.index(package) + 1]}
    paths = [ROOT / f"{package}.py"] if package == "errors" else (ROOT / package).rglob("*.py")
    for path in paths:
        ours = {name.split(".")[1] for name in imported(path) if name.startswith("groove.")}
        assert ours <= allowed, f"{path.relative_to(ROOT)} imports {ours - allowed}"


def test_no_room_is_too_full():
    for folder in {path.parent for path in ROOT.rglob("*.py")}:
        files = list(folder.glob("*.py"))
        assert len(files) <= MOST_FILES, f"{folder.relative_to(ROOT)} has {len(files)} files"


@pytest.mark.parametrize("package", LIGHT)
def test_light_packages_never_import_torch(package):
    for path in (ROOT / package).rglob("*.py"):
        assert not {name.split(".")[0] for name in imported(path)} & {"torch", "lightning"}, path


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("train", ["experiment=zzz"]),
        ("train", ["data.batch_size=0"]),
        ("train", ["data.triplets.positive_percentile=90"]),
        ("train", ["experiment.phases.0.freeze=[clasifier_head]"]),
        ("train", ["pretrained=none.ckpt"]),
        ("train", ["data.songs=nowhere"]),
        ("prepare", ["data.songs=nowhere"]),
        ("embed", ["run=nowhere"]),
        ("recommend", ["run=nowhere", "chart=x", "meter=x"]),
        ("recommend", ["run=nowhere", "chart=x"]),
        ("evaluate", ["run=nowhere"]),
        ("substyles", ["run=nowhere"]),
        ("explore", ["run=nowhere"]),
        ("export", ["run=nowhere", "out=x"]),
    ],
)
def test_a_mistake_does_not_wait_for_torch(command, arguments, tmp_path):
    code = f"""
import runpy, sys
sys.argv = ["groove.{command}", *{arguments!r}]
try:
    runpy.run_module("groove.{command}", run_name="__main__", alter_sys=True)
except SystemExit as end:
    print(end.code, [name for name in ("torch", "lightning", "librosa", "sklearn") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "1 []" and len(done.stderr.splitlines()) == 1, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module",
    [
        *("groove.train", "groove.radar", "groove.prepare", "groove.embed", "groove.recommend"),
        *("groove.explore", "groove.export", "groove.report"),
    ],
)
def test_a_config_error_does_not_pay_for_heavy_imports(module):
    code = (
        f"import sys, {module}; print([m for m in ('torch', 'lightning', 'librosa', 'matplotlib') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
