"""``--help`` of a command: what it does, its settings with the comments of their files, and how to change them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from omegaconf import OmegaConf
from pydantic import BaseModel

from groove.config.messages import keys_of, kind_of
from groove.config.schema import CONF_DIR

HELP = ("--help", "-h")
_HOW = """\
How to write them:
  key=value             one setting; dots lead down: group.key=value
  key=[a,b]             a list
  key=null              no value, where the settings list null
  'key="x, y"'          a text with commas or brackets (paths and names of charts and packs need no such quotes)
  --cfg job             show the settings and do nothing"""
_SWEEP = """
  -m key=a,b            a sweep: one run per value"""


def help_text(config_name: str, about: str, schema: type[BaseModel]) -> str:
    """Return the help of the command of `conf/<config_name>.yaml` and `schema`; `about` is its module's docstring."""
    path = CONF_DIR / f"{config_name}.yaml"
    groups = sorted(groups_of(path), key=lambda group: group[0] != "experiment")
    command = f"groove {config_name}, or python -m groove.{config_name}"
    return "\n\n".join([
        about.replace("``", "`").strip(),
        "\n  ".join([f"Settings of {command} (??? must be given):", *settings_of(path)]),
        *(_of_group(group, name, schema) for group, name in groups),
        _HOW + (_SWEEP if OmegaConf.load(path).hydra.get("sweep") else ""),
    ])  # fmt: skip


def settings_of(path: Path) -> list[str]:
    """Return the lines of a configuration file, comments and all, without its head and what is for Hydra."""
    kept: list[str] = []
    for_hydra = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line[:1] not in (" ", "-", ""):
            for_hydra = line.startswith(("defaults:", "hydra:"))
        if not for_hydra and line and not (line.startswith("#") and not kept):
            kept.append(line)
    return kept


def groups_of(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the groups of a primary configuration file, each with the file of it that is taken by default."""
    for entry in OmegaConf.select(OmegaConf.load(path), "defaults", default=[]):
        if not isinstance(entry, str):
            yield from ((group, name) for group, name in entry.items() if not group.startswith("override"))


def _of_group(group: str, name: str | None, schema: type[BaseModel]) -> str:
    """Return the files of a `group` with the comment that each begins with, and the settings of its file `name`.

    Without a name none of them is taken by default: each changes settings of other groups.
    """
    options = sorted((CONF_DIR / group).glob("*.yaml"))
    widest = max(len(option.stem) for option in options)
    named = [f"{group}={option.stem:<{widest}}  {_comment(option)}".rstrip() for option in options]
    if name is None:
        return "\n".join(named)
    head = f"{group}={name}:" if len(options) == 1 else "\n".join([*named, f"{group}={name}, the default:"])
    lines = _own(group, name)
    known = (key for key, _ in keys_of(kind_of(group, schema)) if "." not in key and not key.startswith("_"))
    more = [key for key in known if not any(line.startswith(f"{key}:") for line in lines)]
    lines += [f"# and {', '.join(more)}: see the other files"] if more else []
    return "\n    ".join([f"{head}\n  {group}:", *lines])


def _comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line[2:] for line in lines if line.startswith("# ") and "@package" not in line), "")


def _own(group: str, name: str) -> list[str]:
    """Return the settings of a group's file; of an experiment's only its own, what it says of other groups aside."""
    lines = settings_of(CONF_DIR / group / f"{name}.yaml")
    if f"{group}:" not in lines:
        return lines
    inner = lines[lines.index(f"{group}:") + 1 :]
    return [line[2:] for line in takewhile(lambda line: line.startswith(" "), inner)]
