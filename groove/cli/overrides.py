"""The words of a command line, made ready for Hydra: paths and names as they are written, mistakes said in one line.

Hydra's grammar trips over brackets, accents, commas and quotes in names of folders, and knows no ``~``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from groove.config.messages import kind_of, options, unknown_key
from groove.config.schema import CONF_DIR, NAME, PATH, PathText
from groove.errors import ConfigError

_FOLDERS_OF_HYDRA = ("hydra.run.dir", "hydra.sweep.dir")
_OURS = re.compile(r"(?!hydra\.)[^\W\d]\w*([.\[].*)?")
"""Keys that are settings, not Hydra's own, nor groups in folders or for packages."""
_IN_QUOTES = re.compile(r"""(["'])((?!\1|\\).|\\.)*\1""", re.DOTALL)
_SEVERAL = re.compile(r"(choice|glob|interval|range|shuffle|sort|tag)\(")
_FOR_A_BARE_WORD = ("run", "runs", "songs", "data.songs")
"""What a word without a key may have meant: the first of these that a command has."""


def prepared_arguments(arguments: Sequence[str], schema: type[BaseModel]) -> list[str]:
    """Return `arguments` (without the program's name) in Hydra's grammar, checked as far as words can be.

    The options, which may stand anywhere, follow the settings.

    Raises:
        ConfigError: for a word that is neither an option nor ``key=value``, and a key that does not exist.
    """
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    parser.allow_abbrev = False  # --experiment is none of Hydra's --experimental-rerun
    parser.exit_on_error = False  # with its usage: `run_main` prints one line
    given, unknown = parser.parse_known_intermixed_args(arguments)
    for option in unknown:
        name, _, value = option.partition("=")
        as_setting = f"{name.lstrip('-')}={value or 'VALUE'}"
        raise ConfigError(f"unknown option '{name}'; settings are written without dashes: {as_setting}")
    sweep = given.multirun or "hydra.mode=MULTIRUN" in given.overrides
    settings = [_setting(word, schema, sweep) for word in given.overrides]
    return settings + [word for word in arguments if word not in given.overrides]


def _setting(word: str, schema: type[BaseModel], sweep: bool) -> str:
    """Return ``key=value`` with its value quoted where needed, and as ``++key=``: it need not stand in a YAML file."""
    key, separator, value = word.partition("=")
    name = key.lstrip("+~")
    kind = kind_of(name, schema)
    if not separator and not word.startswith("~"):
        found = (f"{likely}={word}" for likely in _FOR_A_BARE_WORD if kind_of(likely, schema) is not None)
        meant = next(found, f"KEY={word}") if kind is None else f"{word}=VALUE"
        raise ConfigError(f"'{word}' is not a setting; settings are key=value: {meant}")
    if name in _FOLDERS_OF_HYDRA:
        return f"{key}={_quoted(value, PathText, sweep)}"
    if not _OURS.fullmatch(name) or (CONF_DIR / name).is_dir():
        return word
    if kind is None and not key.startswith(
        "+"
    ):  # with it a group of the user's own files; `checked` finds what is none
        raise ConfigError(unknown_key(name, schema))
    return word if kind is None or key.startswith("~") else f"++{name}={_quoted(value, kind, sweep)}"


def _quoted(value: str, kind: Any, sweep: bool) -> str:
    """Return `value` in quotes if its type `kind` is a path or a name, which are taken as they are written.

    Kept are quoted values, null, lists where they may be, and in a `sweep` several paths.
    """
    mark = next((part for part in _inside(kind) if part in (PATH, NAME)), None)
    if mark is None or not value:
        return value
    one = partial(_one, is_path=mark == PATH)
    if not os.path.exists(value):
        may_be_list = any(get_origin(option) is list for option in options(kind))
        if may_be_list and value.startswith("[") and value.find("]") == len(value) - 1:  # [x] y and [x] [y] are names
            return f"[{_each(value[1:-1], one)}]"
        if sweep and mark == PATH:
            return _each(value, one)
    return one(value)


def _inside(kind: Any) -> Iterator[Any]:
    """Yield every type and annotation that `kind` is made of."""
    yield kind
    for part in get_args(kind):
        yield from _inside(part)


def _each(values: str, one: Callable[[str], str]) -> str:
    """Return several `values`, each as `one` returns it, unless they are in Hydra's grammar already."""
    if "${" in values or _SEVERAL.match(values) or (set(values) & set("\"'[") and _is_readable(values)):
        return values
    return ",".join(one(value) for value in re.split(r",\s*", values))


def _is_readable(value: str) -> bool:
    """Return whether Hydra's grammar makes something of `value`."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    try:
        OverridesParser.create().parse_overrides([f"key={value}"])
    except Exception:  # the grammar's errors are of many types
        return False
    return True


def _one(value: str, is_path: bool) -> str:
    """Return one `value` in Hydra's quotes, unless it is null or has some; of a path ``~`` is the home folder.

    In them a backslash is itself, except before a quote (and the end is one).
    """
    there = is_path and os.path.exists(value)
    if _IN_QUOTES.fullmatch(value) or (value.lower() == "null" and not there):
        return value
    value = os.path.expanduser(value) if is_path and not there else value
    escaped = re.sub(r'(\\*)(?="|$)', r"\1\1", value).replace('"', '\\"')
    return f'"{escaped}"'
