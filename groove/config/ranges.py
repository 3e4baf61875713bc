"""What a setting may be, declared where the setting is and checked in one place, before any work.

A field of a configuration schema is declared as ``lr: float = between(1e-4, above=0)`` or
``radar: str = one_of("konami", "stepmania")``. `check_ranges` walks a merged configuration beside its schema and
refuses the first value outside, in one line: the key, the value found, what is allowed, and why where that is not
plain. NaN and infinity are refused everywhere. Nothing heavy is imported here.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from groove.errors import ConfigError, did_you_mean

_KEY = "allowed"
PROCESSES = 1024
"""The most processes or threads that a setting may ask for."""


@dataclass(frozen=True)
class Between:
    """Numbers from `least` (or above `above`) to `most` (or below `below`); `why` explains a bound."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    why: str = ""

    def holds(self, value: float) -> bool:
        """Return whether `value` is a finite number between the bounds."""
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        if self.least is not None and self.most is not None:
            text = f"{self.least:.12g} to {self.most:.12g}"
        else:
            low = [(self.least, "{:.12g} or more"), (self.above, "above {:.12g}")]
            high = [(self.most, "at most {:.12g}"), (self.below, "below {:.12g}")]
            text = " and ".join(word.format(bound) for bound, word in low + high if bound is not None)
        return (text or "a finite number") + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True)
class OneOf:
    """One of some words."""

    words: tuple[str, ...]


def between(
    default: Any,
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    why: str = "",
) -> Any:
    """Return a dataclass field for numbers between bounds; in a list or dict they hold for every value.

    `default` may be a function that makes the default (``dict``). None is always allowed where the field's type is.
    """
    allowed = {_KEY: Between(least, most, above, below, why)}
    if callable(default):
        return field(default_factory=default, metadata=allowed)
    return field(default=default, metadata=allowed)


def one_of(*words: str, default: str | None = None) -> Any:
    """Return a dataclass field for one of `words`, by default the first."""
    return field(default=words[0] if default is None else default, metadata={_KEY: OneOf(words)})


def check_ranges(config: Any, schema: type) -> None:
    """Check every value of `config`, plain containers with the fields of the dataclass `schema`.

    Raises:
        ConfigError: for the first one that is not allowed.
    """
    for key, value, allowed in _leaves(config, schema, "", None):
        _check(key, value, allowed)


def _leaves(value: Any, kind: Any, key: str, allowed: Any) -> Iterable[tuple[str, Any, Any]]:
    """Yield key, value and what is allowed, of all that is no container in `value`, which is of the type `kind`."""
    if dataclasses.is_dataclass(kind):
        types = typing.get_type_hints(kind)
        for entry in dataclasses.fields(kind):
            name = f"{key}.{entry.name}" if key else entry.name
            yield from _leaves(value[entry.name], types[entry.name], name, entry.metadata.get(_KEY))
    elif isinstance(value, (list, Mapping)):
        named = value if isinstance(value, Mapping) else dict(enumerate(value))
        of_each = (typing.get_args(kind) or (Any,))[-1]
        for place, part in named.items():
            yield from _leaves(part, of_each, f"{key}.{place}", allowed)
    else:
        yield key, value, allowed


def _check(key: str, value: Any, allowed: Any) -> None:
    if isinstance(allowed, OneOf) and value is not None and value not in allowed.words:
        raise ConfigError(f"{key} is '{value}': {did_you_mean(str(value), allowed.words)}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    limits = allowed if isinstance(allowed, Between) else Between()
    if not limits.holds(value):
        raise ConfigError(f"{key} is {value}; allowed: {limits}")
