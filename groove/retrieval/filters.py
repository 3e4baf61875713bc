"""Which charts a recommendation may name: by difficulty, meter, BPM, length, pack. Ranges are written ``8-10``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import DIFFICULTIES
from groove.errors import ConfigError, LibraryError, did_you_mean

if TYPE_CHECKING:
    from groove.embedding.embedded import EmbeddedLibrary

RANGES = {"meter": "meter", "bpm": "bpm", "length": "length_s"}
"""Filters by a range, and the columns that they look at; length is in seconds."""
TIMES = ("length",)
"""Those whose numbers may be written as minutes and seconds, ``1:30``."""
_NUMBER = r"\d+(?:\.\d+)?"
_TIME = rf"\d+:[0-5]\d|{_NUMBER}"


def parse_range(name: str, text: str) -> tuple[float, float]:
    """Return the bounds, both included, of ``8-10``, ``8-`` (at least), ``-10`` (at most) or ``9``.

    Those of `TIMES` are seconds, or minutes and seconds: ``90-2:00``.

    Raises:
        ConfigError: for anything else, and for a range that holds nothing.
    """
    number = _TIME if name in TIMES else _NUMBER
    match = re.fullmatch(rf"\s*({number})?\s*(-)?\s*({number})?\s*", text)
    low, dash, high = match.groups() if match else (None, None, None)
    if low is None and high is None:
        one, other, unit = ("1:30", "2:00", ", in m:ss or in seconds") if name in TIMES else ("8", "10", "")
        ways = f"{name}={one}-{other}, {name}={one}- (at least), {name}=-{other} or {name}={one}"
        raise ConfigError(f"{name}={text} is no range; write {ways}{unit}")
    first = _number(low) if low is not None else -math.inf
    last = _number(high) if high is not None else (math.inf if dash else first)
    if first > last:
        raise ConfigError(f"{name}={text} holds nothing: {low} is above {high}")
    return first, last


def _number(text: str) -> float:
    """Return a number; ``1:30`` is 90."""
    minutes, _, seconds = text.rpartition(":")
    return 60 * int(minutes or 0) + float(seconds)


def check_filters(filters: Mapping[str, Any]) -> None:
    """Check what can be checked of `filters` (as `allowed_charts` takes them) without a library.

    Raises:
        ConfigError: for a difficulty that does not exist, or a range that is none.
    """
    for name, value in filters.items():
        if value in (None, []):
            continue
        if name in RANGES:
            parse_range(name, str(value))
        elif name == "difficulty":
            _slots(_names(value))


def allowed_charts(library: EmbeddedLibrary, filters: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return which charts of `library` pass all `filters`, (N,).

    Args:
        library: N charts.
        filters: `difficulty` and `pack` (a name, or a list of them), `meter`, `bpm`, `length` (ranges); None or absent
            is no filter. A pack is named by any part of its name.

    Raises:
        ConfigError: for a difficulty that does not exist, or a range that is none.
        LibraryError: if no chart passes, with how many each filter lets through.
    """
    passed = {name: _passed(library, name, value) for name, value in filters.items() if value not in (None, [])}
    allowed = np.logical_and.reduce([np.ones(len(library), dtype=bool), *passed.values()])
    if not allowed.any():
        counts = ", ".join(f"{name}={filters[name]} {int(mask.sum())}" for name, mask in passed.items())
        raise LibraryError(f"no chart of {len(library)} passes all filters; each alone lets through: {counts}")
    return allowed


def _passed(library: EmbeddedLibrary, name: str, value: Any) -> NDArray[np.bool_]:
    if name in RANGES:
        low, high = parse_range(name, str(value))
        column = library.table[RANGES[name]].to_numpy()
        return (column >= low) & (column <= high)
    wanted = _names(value)
    if name == "difficulty":
        names = _slots(wanted)
        return np.array([slot in names for slot in library.column("difficulty")])
    parts = [text.casefold() for text in wanted]
    found = [any(part in pack.casefold() for part in parts) for pack in library.column("pack")]
    if not any(found):
        raise LibraryError(f"pack={value} is in no pack's name: {did_you_mean(wanted[0], set(library.column('pack')))}")
    return np.array(found)


def _names(value: Any) -> list[str]:
    """Return `value`, a name or a list of them, as a list."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return [str(entry) for entry in value] if several else [str(value)]


def _slots(wanted: Sequence[str]) -> set[str]:
    """Return the difficulty slots called `wanted`, in any case.

    Raises:
        ConfigError: for one that does not exist.
    """
    slots = {slot.casefold(): slot for slot in DIFFICULTIES}
    for name in wanted:
        if name.casefold() not in slots:
            raise ConfigError(f"difficulty={name} does not exist: {did_you_mean(name, DIFFICULTIES)}")
    return {slots[name.casefold()] for name in wanted}
