"""Hydra's and OmegaConf's errors as one line that says what is allowed."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from omegaconf.errors import ConfigKeyError

from groove.errors import did_you_mean


def explain(error: Exception, schema: type) -> str:
    """Return Hydra's or OmegaConf's multi-line `error` as one line that says what is allowed."""
    from hydra.errors import MissingConfigException

    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name} does not exist: {did_you_mean(name, error.options)}"
    where = _full_key(error, schema)
    if isinstance(error, ConfigKeyError) and where:
        return _unknown_key(where, schema)
    text = str(error)
    for prefix in ("Could not override '", "Key '"):
        if text.startswith(prefix):
            key = text.removeprefix(prefix).split("'")[0].lstrip("+~")
            if not key_exists(key, schema):
                return _unknown_key(key, schema)
            if text.startswith("Could not override"):
                return f"the files of this configuration do not set '{key}'; to set it write +{key}=..."
    line = next(iter(text.strip().splitlines()), f"these overrides cannot be used ({type(error).__name__})")
    return f"{where}: {line}" if where else line


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
            return f"unknown key '{key}': there is no '{name}' {where}; {did_you_mean(name, fields)}"
        parents.append(part)
        node = typing.get_args(node)[0] if _is_index(part, node) else fields[name]
    return f"unknown key '{key}'"


def key_exists(key: str, schema: type) -> bool:
    """Return whether `schema` has the dotted `key`."""
    node: Any = schema
    for part in key.split("."):
        fields = _fields(node)
        if not _is_index(part, node) and part.split("[")[0] not in fields:
            return False
        node = typing.get_args(node)[0] if _is_index(part, node) else fields[part.split("[")[0]]
    return True


def _is_index(part: str, node: Any) -> bool:
    """Return whether `part` of a key is a position in the list `node`."""
    return part.isdigit() and typing.get_origin(node) is list


def _fields(node: Any) -> dict[str, Any]:
    """Return the field names of a dataclass with their types; of ``list[dataclass]``, those of its element."""
    arguments = typing.get_args(node)
    if typing.get_origin(node) is list and arguments:
        node = arguments[0]
    return dict(typing.get_type_hints(node)) if dataclasses.is_dataclass(node) else {}
