"""``--help``: every setting of a command with its comment, the groups it uses and no others, quickly."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import time

import pytest
from omegaconf import OmegaConf

import groove.config.schema
from groove.cli.help import groups_of, help_text, settings_of
from groove.config.messages import keys_of
from groove.config.schema import CONF_DIR
from tests.batches import composed
from tests.config.test_groups import flat

COMMANDS = sorted(path.stem for path in CONF_DIR.glob("*.yaml"))
SCHEMAS = {name: getattr(groove.config.schema, f"{name.capitalize()}Config") for name in COMMANDS}
GROUPS = sorted(path.name for path in CONF_DIR.iterdir() if path.is_dir())


def text(command: str) -> str:
    module = importlib.import_module("groove.report" if command == "report" else f"groove.{command}")
    return help_text(command, module.__doc__ or "", SCHEMAS[command])


def shown(command: str) -> dict[str, object]:
    """Return the settings that the help shows, read back as the YAML that they are."""
    blocks = [block.split(":\n", 1)[1] for block in text(command).split("\n\n") if ":\n  " in block]
    written = [block for block in blocks if not block.startswith("  key=value")]
    merged = OmegaConf.merge(*(OmegaConf.create(block) for block in [*written[1:], written[0]]))  # its own count
    return flat(OmegaConf.to_container(merged))


@pytest.mark.parametrize("command", COMMANDS)
def test_all_settings_are_shown_with_their_values_and_nothing_else(command):
    assert shown(command) == flat(OmegaConf.to_container(composed(config_name=command)))


@pytest.mark.parametrize("command", COMMANDS)
def test_it_begins_with_what_the_command_does_and_an_example(command):
    first = text(command).split("\n\n")[0]
    assert f"python -m groove.{command} " in first and "``" not in text(command)
    assert not any(line.endswith(" ") for line in text(command).splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_comment_of_the_settings_is_there(command):
    lines = (CONF_DIR / f"{command}.yaml").read_text().splitlines()
    comments = [line for line in lines if "  # " in line]
    assert comments and all(f"  {line}\n" in text(command) for line in comments)


@pytest.mark.parametrize("command", COMMANDS)
def test_only_the_groups_of_the_command_are_named(command):
    used = {group for group, _ in groups_of(CONF_DIR / f"{command}.yaml")}
    assert (used == set(GROUPS)) == (command == "train")
    for group in GROUPS:
        options = [path.stem for path in (CONF_DIR / group).glob("*.yaml")]
        starts = [line for line in text(command).splitlines() if line.startswith(f"{group}=")]
        assert bool(starts) == (group in used)
        assert group not in used or all(any(f"{group}={name}" in line for line in starts) for name in options)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_of_the_schema_is_named(command):
    words = set(re.findall(r"\w+", text(command)))
    assert {part for key, _ in keys_of(SCHEMAS[command]) for part in key.split(".")} <= words


def test_what_is_for_hydra_is_left_out_wherever_it_stands(tmp_path):
    head, hydra = "# head\ndefaults:\n  - _self_\n", "hydra:\n  run: {dir: .}\n\n"
    (tmp_path / "x.yaml").write_text(f"{head}a: 1  # one\n{hydra}b:\n  # c\n  c: 2\n")
    assert settings_of(tmp_path / "x.yaml") == ["a: 1  # one", "b:", "  # c", "  c: 2"]


@pytest.mark.parametrize(("command", "option"), [("train", "--help"), ("recommend", "-h"), ("report", "--help")])
def test_help_costs_no_heavy_import(command, option, tmp_path):
    code = f"""
import runpy, sys
sys.argv = ["x", "experiment=zzz", {option!r}]
runpy.run_module("groove.{command}", run_name="__main__", alter_sys=True)
print([name for name in ("torch", "lightning", "librosa", "sklearn", "matplotlib") if name in sys.modules])
"""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"{text(command)}\n[]\n" and not done.stderr and time.perf_counter() - begun < 10
