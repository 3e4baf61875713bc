"""Hydra's and OmegaConf's errors as one line that says what is allowed."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from groove.errors import did_you_mean

_EXAMPLES = {
    "songs": "DIR, a folder of packs (Pack/Song/song.ssc)",
    "run": "DIR, a run folder of groove.train, or a .ckpt file in one",
    "out": "PATH, where to write",
}
"""What to give for the keys that some commands cannot do without."""
_SEVERAL = re.compile(r"Ambiguous value for argument '(?P<key>[^=']+)=(?P<value>.*)'")


def explain(error: Exception, schema: type, cfg: Any = None) -> str:
    """Return Hydra's or OmegaConf's multi-line `error`, about `cfg` if that is composed, as one line."""
    from hydra.errors import MissingConfigException

    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name} does not exist: {did_you_mean(name, error.options)}"
    where = _full_key(error, schema)
    if isinstance(error, ConfigKeyError) and where:
        return _unknown_key(where, schema)
    text = str(error)
    if where and text.startswith("Missing mandatory value"):
        return f"{where} is not given: write {where}={_EXAMPLES.get(where, '...')}"
    if where and "is not a ListConfig" in text:
        found = _found(cfg, where)
        return f"{where} is {found}; a list is wanted: {where}=[{found}]"
    several = _SEVERAL.match(text)
    if several:
        return _not_a_sweep(several["key"], several["value"], schema)
    for prefix in ("Could not override '", "Key '"):
        if text.startswith(prefix):
            key = text.removeprefix(prefix).split("'")[0].lstrip("+~")
            if not key_exists(key, schema):
                return _unknown_key(key, schema)
            if text.startswith("Could not override"):
                return f"the files of this configuration do not set '{key}'; to set it write +{key}=..."
    line = next(iter(text.strip().splitlines()), f"these overrides cannot be used ({type(error).__name__})")
    return f"{where}: {line}" if where else line


def _found(cfg: Any, key: str) -> str:
    """Return the value of `key` in `cfg`, as far as it can be looked up (inside lists it cannot)."""
    found = None
    with suppress(OmegaConfBaseException):
        found = OmegaConf.select(cfg, key) if cfg is not None else None
    return "VALUE" if found is None else str(found)


def _not_a_sweep(key: str, value: str, schema: type) -> str:
    """Return the line for several values without ``-m``."""
    kind = _kind(key.lstrip("+"), schema)
    line = f"{key}={value} is several values"
    if typing.get_origin(kind) is list and "[" not in value:
        return f"{line}; a list is written {key}=[{value}]"
    as_text = f"; as one text '{key}=\"{value}\"'" if str in (kind, *typing.get_args(kind)) and '"' not in value else ""
    return f"{line}: for one run after the other write -m before it{as_text}"


def _full_key(error: Exception, schema: type) -> str | None:
    """Return the key that `error` is about; inside a list OmegaConf names it from the list's element on."""
    key = getattr(error, "full_key", None)
    place = _place(getattr(error, "object_type", None), schema)
    return f"{place}.{key.rpartition('.')[2]}" if key and place and not key.startswith(place) else key


def _place(wanted: Any, node: Any) -> str | None:
    """Return the dotted path from the dataclass `node` to a field of type `wanted`, or of a list of it."""
    for name, kind in _fields(node).items():
        if wanted is not None and wanted in (kind, *typing.get_args(kind)):
            return name
        below = _place(wanted, kind)
        if below:
            return f"{name}.{below}"
    return None


def _unknown_key(key: str, schema: type) -> str:
    """Return the line for a `key` that `schema` lacks: the first level at which it fails, and what exists there."""
    node: Any = schema
    parents: list[str] = []
    for part in key.split("."):
        fields = _fields(node)
        name = part.split("[")[0]
        if typing.get_origin(node) is dict:
            return f"there is no '{name}' in '{'.'.join(parents)}' yet; to add it write +{key}=..."
        if not _is_index(part, node) and name not in fields:
            where = f"in '{'.'.join(parents)}'" if parents else "at the top level"
            elsewhere = " or ".join(f"'{found}'" for found in _elsewhere(key, schema))
            hint = f"did you mean {elsewhere}?" if elsewhere else did_you_mean(name, fields)
            return f"unknown key '{key}': there is no '{name}' {where}; {hint}"
        parents.append(part)
        node = typing.get_args(node)[0] if _is_index(part, node) else fields[name]
    return f"unknown key '{key}'"


def _elsewhere(key: str, schema: type) -> list[str]:
    """Return the keys of `schema` that end as `key` does, whose beginning is missing or wrong: the shortest ones."""
    known = list(_keys(schema, ""))
    for ending in (key, key.rpartition(".")[2]):
        found = [name for name in known if f".{name}".endswith(f".{ending}")]
        least = min((name.count(".") for name in found), default=0)
        if found:
            return [name for name in found if name.count(".") == least]
    return []


def _keys(node: Any, prefix: str) -> Iterator[str]:
    """Yield the dotted keys of the dataclass `node`, without those inside lists."""
    for name, kind in _fields(node).items():
        yield f"{prefix}{name}"
        if dataclasses.is_dataclass(kind):
            yield from _keys(kind, f"{prefix}{name}.")


def key_exists(key: str, schema: type) -> bool:
    """Return whether `schema` has the dotted `key`."""
    return _kind(key, schema) is not None


def _kind(key: str, schema: type) -> Any:
    """Return the type of the dotted `key` in `schema`; None if there is none."""
    node: Any = schema
    for part in key.split("."):
        fields = _fields(node)
        if not _is_index(part, node) and part.split("[")[0] not in fields:
            return None
        node = typing.get_args(node)[0] if _is_index(part, node) else fields[part.split("[")[0]]
    return node


def _is_index(part: str, node: Any) -> bool:
    """Return whether `part` of a key is a position in the list `node`."""
    return part.isdigit() and typing.get_origin(node) is list


def _fields(node: Any) -> dict[str, Any]:
    """Return the field names of a dataclass with their types; of ``list[dataclass]``, those of its element."""
    arguments = typing.get_args(node)
    if typing.get_origin(node) is list and arguments:
        node = arguments[0]
    return dict(typing.get_type_hints(node)) if dataclasses.is_dataclass(node) else {}
