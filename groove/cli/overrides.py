"""The words of a command line, made ready for Hydra: paths and names as they are written, mistakes said in one line.

Hydra's grammar trips over brackets, accents, commas and quotes in names of folders, and knows no ``~``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from groove.config.base import NAME, PATH
from groove.config.messages import kind_of, options, unknown_key
from groove.config.schema import CONF_DIR
from groove.errors import ConfigError

_FOLDERS_OF_HYDRA = ("hydra.run.dir", "hydra.sweep.dir")
SWEEP = ("-m", "--multirun", "hydra.mode=MULTIRUN")
_UNREADABLE = object()
_SEVERAL = re.compile(r"(choice|glob|interval|range|shuffle|sort|tag)\(")
_FOR_A_BARE_WORD = ("run", "runs", "songs", "data.songs")
"""What a word without a key may have meant: the first of these that a command has."""
_OPTIONS = (
    *("--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m"),
    *("--shell-completion", "-sc"),
)
_ANYWHERE = ("-m", "--multirun", "--resolve", "--help", "-h")
_OPTIONS_WITH_A_VALUE = (
    *("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
    *("--experimental-rerun", "--info", "-i"),
)


def prepared_arguments(arguments: Sequence[str], schema: type[BaseModel]) -> list[str]:
    """Return `arguments` (without the program's name) in Hydra's grammar, checked as far as words can be.

    Raises:
        ConfigError: for a word that is neither an option nor ``key=value``, and a key that does not exist.
    """
    _check_words(arguments, schema)
    sweep = any(argument in SWEEP for argument in arguments)
    first = [argument for argument in arguments if argument in _ANYWHERE]  # Hydra's parser wants them before settings
    return first + [_setting(argument, schema, sweep) for argument in arguments if argument not in _ANYWHERE]


def _setting(argument: str, schema: type[BaseModel], sweep: bool) -> str:
    """Return ``key=value`` with its value quoted where needed, and as ``++key=``: it need not stand in a YAML file."""
    key, separator, value = argument.partition("=")
    name = key.lstrip("+~")
    ours = re.fullmatch(r"[^\W\d]\w*([.\[].*)?", name) and not name.startswith("hydra.")
    if not separator or not ours or (CONF_DIR / name).is_dir():
        return quoted(argument, schema, sweep)
    if kind_of(name, schema) is None:
        if key.startswith("+"):  # a group of the user's own files; `checked` finds what is none
            return argument
        raise ConfigError(unknown_key(name, schema))
    return quoted(argument if key.startswith("~") else f"++{name}={value}", schema, sweep)


def _check_words(arguments: Sequence[str], schema: type[BaseModel]) -> None:
    before = ""
    for argument in arguments:
        name, separator, _ = argument.partition("=")
        if argument.startswith("--") and name not in _OPTIONS + _OPTIONS_WITH_A_VALUE:
            raise ConfigError(
                f"there is no option '{name}'; a setting is written without dashes: {_as_setting(argument)}"
            )
        is_setting = separator or argument.startswith(("-", "~")) or before in _OPTIONS_WITH_A_VALUE
        if not is_setting:
            raise ConfigError(f"'{argument}' is no setting; settings are key=value: {_meant(argument, schema)}")
        before = argument


def _as_setting(argument: str) -> str:
    name, _, value = argument.lstrip("-").partition("=")
    return f"{name}={value or 'VALUE'}"


def _meant(word: str, schema: type[BaseModel]) -> str:
    """Return what a `word` without ``=`` was probably meant to be."""
    if kind_of(word, schema) is not None:
        return f"{word}=VALUE"
    found = (f"{key}={word}" for key in _FOR_A_BARE_WORD if kind_of(key, schema) is not None)
    return next(found, f"KEY={word}")


def quoted(argument: str, schema: type[BaseModel], sweep: bool = False) -> str:
    """Return `argument` with its value quoted, if its key names paths or charts and Hydra would read it otherwise.

    Kept are quoted values, interpolations, null, lists where they may be, and in a `sweep` several values.
    """
    key, separator, value = argument.partition("=")
    mark, may_be_list = _written(key.lstrip("+"), schema)
    if not separator or not value or mark is None:
        return argument
    as_one = partial(_one, text=mark == NAME)
    if may_be_list and _is_list(value):
        value = _each_of_list(value, as_one)
    elif sweep and mark == PATH and not Path(value).exists():
        value = _each_of_sweep(value, as_one)
    else:
        value = as_one(value)
    return f"{key}={value}"


def _written(key: str, schema: type[BaseModel]) -> tuple[str | None, bool]:
    """Return whether `key` is a path or a name (None: neither), and whether it may be a list of them."""
    kind = kind_of(key, schema)
    marks = [PATH] if key in _FOLDERS_OF_HYDRA else [part for part in _inside(kind) if part in (PATH, NAME)]
    return next(iter(marks), None), any(get_origin(option) is list for option in options(kind))


def _inside(kind: Any) -> Iterator[Any]:
    """Yield every type and annotation that `kind` is made of."""
    yield kind
    for part in get_args(kind):
        yield from _inside(part)


def _one(value: str, text: bool) -> str:
    """Return one `value`, quoted where needed; a path that exists always is, `~` is expanded unless it is there."""
    if value[:1] in ('"', "'") and isinstance(_read(value), str):
        return value
    if text:
        return value if _read(value) is None and value.lower() == "null" else _quote(value)
    if Path(value).exists():
        return _quote(value)
    value = os.path.expanduser(value)
    read = _read(value)
    means_itself = read == value or (read is None and value.lower() == "null")
    return value if means_itself else _quote(value)


def _is_list(value: str) -> bool:
    """Return whether the whole `value` is one list: ``[x] y`` and ``[x] [y]`` are names."""
    return value.startswith("[") and value.find("]") == len(value) - 1 and not Path(value).exists()


def _each_of_list(value: str, as_one: Any) -> str:
    if "${" in value or (isinstance(_read(value), list) and "~" not in value):
        return value
    return f"[{','.join(as_one(part.strip()) for part in value[1:-1].split(','))}]"


def _each_of_sweep(value: str, as_one: Any) -> str:
    if "${" in value or _SEVERAL.match(value):
        return value
    if any(mark in value for mark in "\"'[") and _read(value) is not _UNREADABLE:
        return value
    return ",".join(as_one(part) for part in value.split(","))


def _read(value: str) -> Any:
    """Return what Hydra's grammar makes of `value`; something that is equal to nothing where it makes nothing of it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    try:
        (override,) = OverridesParser.create().parse_overrides([f"key={value}"])
        return override.value()
    except Exception:  # the grammar's errors are of many types
        return _UNREADABLE


def _quote(value: str) -> str:
    """Return `value` in Hydra's quotes, in which a backslash is itself, except before a quote (and the end is one)."""
    escaped = re.sub(r'(\\*)(?="|$)', r"\1\1", value).replace('"', '\\"')
    return f'"{escaped}"'
