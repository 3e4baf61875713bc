"""Mistakes in settings as one line: the key, the value found, and what it must be.

Pydantic finds what a value must not be, Hydra what cannot be composed; here both are put into words.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union

from omegaconf import MissingMandatoryValue
from pydantic import BaseModel, ValidationError

from groove.errors import did_you_mean, install_command, suggestion

_EXAMPLES = {
    "songs": "DIR, a folder of packs (Pack/Song/song.ssc)",
    "run": "DIR, a run folder of groove.train, a .ckpt file in one, or a folder of groove.export",
    "out": "PATH, where to write",
}
"""What to give for the keys that some commands cannot do without."""
_GROUP = "a group of settings, {{key: value}}"
_MUST_BE = {
    "greater_than": "> {gt:.12g}",
    "greater_than_equal": ">= {ge:.12g}",
    "less_than": "< {lt:.12g}",
    "less_than_equal": "<= {le:.12g}",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": _GROUP,
    "model_type": _GROUP,
    "too_short": "a list of {min_length} or more",
    "literal_error": "{expected}",
}
"""What a value must be, by the type of pydantic's error."""
_SHOWN = 60
"""Characters of a wrong value that a message shows."""


def line_of(error: ValidationError, schema: type[BaseModel]) -> str:
    """Return the first mistake of `error`, about settings of `schema`, as one line."""
    found = error.errors(include_url=False)
    first = found[0]
    key, kind, value = _key(first["loc"], schema), first["type"], first["input"]
    if kind == "extra_forbidden":
        return unknown_key(".".join(map(str, first["loc"])), schema)
    if kind == "missing":
        return _not_given(key)
    if kind == "value_error":
        return f"{key}{'.' if key else ''}{first['ctx']['error']}"
    if kind == "list_type" and isinstance(value, str | int | float):
        return f"{key} must be a list: {key}=[{value}]"
    same = (other for other in found if _key(other["loc"], schema) == key)  # one for each type that it may have
    texts = [_MUST_BE.get(other["type"], other["msg"]).format(**other.get("ctx", {})) for other in same]
    wanted, shown = " or ".join(dict.fromkeys(texts)), repr(value)
    hint = suggestion(str(value), re.findall(r"'([^']+)'", wanted)).strip()
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return f"{key} must be {wanted}, got {shown}" + (f"; {hint}" if hint else "")


def _not_given(key: str) -> str:
    return f"{key} is required: give {key}={_EXAMPLES.get(key, '...')}"


def _key(loc: tuple[int | str, ...], schema: Any) -> str:
    """Return the dotted key of pydantic's place `loc`, which also names the alternatives of a type."""
    parts: list[str] = []
    for part in map(str, loc):
        inner = below(schema, part)
        if inner is not None:
            parts.append(part)
            schema = inner
    return ".".join(parts)


def unknown_key(key: str, schema: type[BaseModel]) -> str:
    """Return the line for a `key` that `schema` lacks: the first level at which it fails, and what exists there."""
    node: Any = schema
    parts = parts_of(key)
    depth = 0
    while (inner := below(node, parts[depth])) is not None:
        node, depth = inner, depth + 1
    where = f"in '{'.'.join(parts[:depth])}'" if depth else "at the top level"
    elsewhere = " or ".join(f"'{found}'" for found in _elsewhere(key, schema))
    names = _fields(node)
    hint = did_you_mean(parts[depth], names) if names else "it is a value"
    hint = f"did you mean {elsewhere}?" if elsewhere else hint
    return f"unknown key '{key}': there is no '{parts[depth]}' {where}; {hint}"


def _elsewhere(key: str, schema: type[BaseModel]) -> list[str]:
    """Return the keys of `schema` that end as `key` does, whose beginning is missing or wrong: the shortest ones."""
    known = [name for name, _ in keys_of(schema)]
    for ending in (key, key.rpartition(".")[2]):
        found = [name for name in known if f".{name}".endswith(f".{ending}")]
        if found:
            least = min(name.count(".") for name in found)
            return [name for name in found if name.count(".") == least]
    return []


# --- the keys of a schema


def parts_of(key: str) -> list[str]:
    """Return the parts of a dotted key, in which ``phases[0]`` is ``phases.0``."""
    return key.replace("[", ".").replace("]", "").split(".")


def keys_of(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys below the class `node` with their types, without those inside lists."""
    for name, kind in _fields(node).items():
        yield f"{prefix}{name}", kind
        yield from keys_of(kind, f"{prefix}{name}.")


def kind_of(key: str, schema: type[BaseModel]) -> Any:
    """Return the type of the dotted `key` in `schema`; None if there is none."""
    return functools.reduce(below, parts_of(key), schema)


def below(kind: Any, part: str) -> Any:
    """Return the type of what `part` names in a value of type `kind`: a setting, a key, a place; None for nothing."""
    for option in options(kind):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is dict or (origin is list and part.isdigit()):
            return arguments[-1]
        if part in _fields(option):
            return _fields(option)[part]
    return None


def options(kind: Any) -> list[Any]:
    """Return the types of which `kind` is one, without their annotations."""
    if typing.get_origin(kind) is Annotated:
        return options(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (Union, UnionType):
        return [found for part in typing.get_args(kind) for found in options(part)]
    return [kind]


def _fields(kind: Any) -> dict[str, Any]:
    """Return the keys of a class of settings with their types; none for any other type."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {}
    return {
        field.alias or name: Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        for name, field in kind.model_fields.items()
    }


# --- Hydra's and OmegaConf's own errors


def explain(error: Exception, schema: type[BaseModel]) -> str:
    """Return Hydra's or OmegaConf's multi-line `error` as one line."""
    from hydra.errors import MissingConfigException, OverrideParseException

    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        if group == "hydra/sweeper":
            return f"hparams_search needs hydra/sweeper={name}, not installed here: {install_command('search')}"
        return f"{group}={name} does not exist: {did_you_mean(name, error.options)}"
    where = getattr(error, "full_key", None)
    if isinstance(error, MissingMandatoryValue) and where:
        return _not_given(where)
    if isinstance(error, OverrideParseException) and "=" in error.override:
        key, _, value = error.override.lstrip("+~").partition("=")
        how = f"a number, a word, a list [a,b] or a text in quotes '{key}=\"TEXT\"'"
        return f"{key} must be {how}, got {value}: brackets and quotes must be closed"
    text = str(error)
    several = re.match(r"Ambiguous value for argument '\+*([^=']+)=(.*)'", text)
    if several:
        key, value = several.groups()
        kinds = options(kind_of(key, schema))
        if any(typing.get_origin(kind) is list for kind in kinds) and "[" not in value:
            return f"{key}={value} holds several values; write a list as {key}=[{value}]"
        as_text = f"; as one text '{key}=\"{value}\"'" if str in kinds and '"' not in value else ""
        return f"{key}={value} holds several values: for one run per value put -m before it{as_text}"
    line = next(iter(text.strip().splitlines()), f"these overrides cannot be used ({type(error).__name__})")
    return f"{where}: {line}" if where else line
