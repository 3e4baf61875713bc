"""The words of a command line, made ready for Hydra: paths and names as they are written, mistakes said in one line.

Hydra's grammar trips over brackets, accents, commas and quotes in names of folders, and knows no ``~``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from groove.config.messages import key_exists
from groove.errors import ConfigError

PATH_KEYS = (
    "songs",
    "out",
    "index",
    "compare",
    "data.songs",
    "data.store",
    "data.generated.root",
    "pretrain.root",
    "pretrained",
    "ckpt_path",
    "runs",
    "run",
    "hydra.run.dir",
    "hydra.sweep.dir",
    "simfile",
    "store",
)
TEXT_KEYS = ("chart", "pack")
"""Values that name charts and packs: taken as they are written, brackets and all."""
LIST_KEYS = ("runs", "pack")
"""Of both kinds, those that may be a list: ``[a,b]``."""
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


def prepared_arguments(arguments: Sequence[str], schema: type) -> list[str]:
    """Return `arguments` (without the program's name) in Hydra's grammar, checked as far as words can be.

    Raises:
        ConfigError: for a word that is neither an option nor ``key=value``.
    """
    _check_words(arguments, schema)
    sweep = any(argument in SWEEP for argument in arguments)
    first = [argument for argument in arguments if argument in _ANYWHERE]  # Hydra's parser wants them before settings
    return first + [quoted(argument, sweep) for argument in arguments if argument not in _ANYWHERE]


def _check_words(arguments: Sequence[str], schema: type) -> None:
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


def _meant(word: str, schema: type) -> str:
    """Return what a `word` without ``=`` was probably meant to be."""
    if key_exists(word, schema):
        return f"{word}=VALUE"
    return next((f"{key}={word}" for key in _FOR_A_BARE_WORD if key_exists(key, schema)), f"KEY={word}")


def quoted(argument: str, sweep: bool = False) -> str:
    """Return `argument` with its value quoted, if its key names paths or charts and Hydra would read it otherwise.

    Kept are quoted values, interpolations, null, lists where they may be, and in a `sweep` several values.
    """
    key, separator, value = argument.partition("=")
    name = key.lstrip("+")
    if not separator or not value or name not in PATH_KEYS + TEXT_KEYS:
        return argument
    as_one = partial(_one, text=name in TEXT_KEYS)
    if name in LIST_KEYS and _is_list(value):
        value = _each_of_list(value, as_one)
    elif sweep and name in PATH_KEYS and not Path(value).exists():
        value = _each_of_sweep(value, as_one)
    else:
        value = as_one(value)
    return f"{key}={value}"


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
