"""``--help`` of a command: what it does, its settings with the comments of their files, and how to change them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from pydantic import BaseModel

from groove.config.messages import keys_of, kind_of
from groove.config.schema import CONF_DIR

HELP = ("--help", "-h")
_OF_HYDRA = ("defaults:", "hydra:")
_HOW = """\
How to write them:
  key=value             one setting{nested}
  key=[a,b]             a list
  key=null              none, where the settings say so
  'key="x, y"'          a text with commas or brackets (paths and names of charts and packs need no such quotes)
  --cfg job             show the settings and do nothing"""
_SWEEP = """
  -m key=a,b            one run after the other, for each value"""
_GROUP = """
  {choice:<20}  another file of conf/{group}"""


def help_text(config_name: str, about: str, schema: type[BaseModel]) -> str:
    """Return the help of the command of `conf/<config_name>.yaml` and `schema`; `about` is its module's docstring."""
    path = CONF_DIR / f"{config_name}.yaml"
    groups = sorted(groups_of(path), key=lambda group: group[0] != "experiment")
    parts = [about.replace("``", "`").strip()]
    command = f"groove {config_name}, or python -m groove.{config_name}"
    parts.append(f"Settings of {command} (??? must be given):\n{_indented(settings_of(path))}")
    parts += [_of_group(group, name, schema) for group, name in groups]
    parts.append(_how(path, groups))
    return "\n\n".join(parts)


def settings_of(path: Path) -> list[str]:
    """Return the lines of a configuration file, comments and all, without its head and what is for Hydra."""
    kept: list[str] = []
    for_hydra = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line[:1] not in (" ", "-", ""):
            for_hydra = line.startswith(_OF_HYDRA)
        if not for_hydra and line and not (line.startswith("#") and not kept):
            kept.append(line)
    return kept


def groups_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the groups of a primary configuration file, each with the file of it that is taken by default."""
    for entry in _content(path).get("defaults", []):
        if not isinstance(entry, str):
            yield from ((group, name) for group, name in entry.items() if not group.startswith("override"))


def _content(path: Path) -> dict[str, Any]:
    content: Any = OmegaConf.to_container(OmegaConf.load(path))
    return content


def options_of(group: str) -> dict[str, str]:
    """Return the names of the files of a `group`, each with the comment that it begins with."""
    return {path.stem: _comment(path) for path in sorted((CONF_DIR / group).glob("*.yaml"))}


def _comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = (line.removeprefix("# ") for line in lines if line.startswith("# ") and "@package" not in line)
    return next(comments, "")


def _of_group(group: str, name: str, schema: type[BaseModel]) -> str:
    options = options_of(group)
    widest = max(len(option) for option in options)
    named = [f"{group}={option:<{widest}}  {comment}".rstrip() for option, comment in options.items()]
    head = f"{group}={name}:" if len(options) == 1 else "\n".join([*named, f"{group}={name}, the default:"])
    lines = _own(group, name)
    known = (key for key, _ in keys_of(kind_of(group, schema)) if "." not in key and not key.startswith("_"))
    more = [key for key in known if not any(line.startswith(f"{key}:") for line in lines)]
    lines += [f"# and {', '.join(more)}: see the other files"] if more else []
    return f"{head}\n{_indented([f'{group}:', *(f'  {line}' for line in lines)])}"


def _own(group: str, name: str) -> list[str]:
    """Return the settings of a group's file; of an experiment's only its own, what it says of other groups aside."""
    lines = settings_of(CONF_DIR / group / f"{name}.yaml")
    if f"{group}:" not in lines:
        return lines
    start = lines.index(f"{group}:") + 1
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith(" ")), len(lines))
    return [line[2:] for line in lines[start:end]]


def _how(path: Path, groups: list[tuple[str, str]]) -> str:
    text = _HOW.format(nested="; dots lead down, as in data.triplets.per_anchor=2" if groups else "")
    for group, name in groups:
        others = [option for option in options_of(group) if option != name]
        if others:
            text += _GROUP.format(choice=f"{group}={others[0]}", group=group)
            break
    return text + (_SWEEP if "sweep" in _content(path).get("hydra", {}) else "")


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
