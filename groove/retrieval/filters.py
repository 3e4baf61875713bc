"""What a query may say, as text: filters by names and ranges (``8-10``), levels of a radar axis."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import DIFFICULTIES
from groove.charts.notation import TAGS
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.charts.technique.counting import TECHNIQUES
from groove.errors import ConfigError, LibraryError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from groove.embedding.embedded import EmbeddedLibrary

SAME, ANY = "same", "any"
"""Words for a difficulty: the class of the query's chart; every slot."""
RANGES = {"meter": "meter", "bpm": "bpm", "length": "length_s", "stream": "stream_measures"}
"""Filters by a range, and the columns that they look at; length is in seconds, stream in measures."""
NAMES = ("difficulty", "pack", "step_artist", "description", "tags")
"""Filters by names: of slots, parts of a pack's or a step artist's name or of a description, tech notation."""
GROUPS = {"technique": TECHNIQUES, "radar": RADAR_AXES}
"""Filters by a range of one of several numbers, ``technique.crossovers``: times in 100 steps, values of the radar."""
LEVELS = {"low": 10.0, "medium": 50.0, "high": 90.0}
"""Words for a radar value, and the percentile of the candidates that each means."""
_NUMBER = r"\d+(?:\.\d+)?"
_TIME = rf"\d+:[0-5]\d|{_NUMBER}"


class Filter(NamedTuple):
    """One condition: a number between `low` and `high`, or one of some names (of slots; parts of a pack's name)."""

    key: str
    text: str
    low: float = -math.inf
    high: float = math.inf
    names: tuple[str, ...] = ()


def parse_filters(values: Mapping[str, Any]) -> list[Filter]:
    """Return the conditions that `values` name; None or an empty list is none.

    Args:
        values: `NAMES` (a name, or a list of them), `RANGES`, and `GROUPS` (ranges by name).

    Raises:
        ConfigError: for a filter or a difficulty that does not exist, or a range that is none.
    """
    filters = []
    slots = {slot.casefold(): slot for slot in DIFFICULTIES}
    for key, value in values.items():
        if value in (None, []):
            continue
        if key in RANGES:
            filters.append(Filter(key, str(value), *parse_range(key, str(value))))
            continue
        if key in GROUPS:
            for name, text in value.items():
                if name not in GROUPS[key]:
                    raise ConfigError(f"filter '{key}.{name}' does not exist: {did_you_mean(name, GROUPS[key])}")
                if text is not None:
                    filters.append(Filter(f"{key}.{name}", str(text), *parse_range(f"{key}.{name}", str(text))))
            continue
        if key not in NAMES:
            raise ConfigError(f"filter '{key}' does not exist: {did_you_mean(key, (*NAMES, *RANGES, *GROUPS))}")
        names = [str(name) for name in (value if isinstance(value, list | tuple) else [value])]
        wrong = [name for name in names if key == "difficulty" and name.casefold() not in slots]
        if wrong:
            raise ConfigError(f"difficulty={wrong[0]} does not exist: {did_you_mean(wrong[0], DIFFICULTIES)}")
        unknown = [name for name in names if key == "tags" and name.upper() not in TAGS]
        if unknown:
            raise ConfigError(f"tags={unknown[0]} does not exist: {did_you_mean(unknown[0].upper(), TAGS)}")
        filters.append(Filter(key, str(value), names=tuple(slots.get(name.casefold(), name) for name in names)))
    return filters


def parse_range(key: str, text: str) -> tuple[float, float]:
    """Return the bounds, both included, of ``8-10``, ``8-`` (at least), ``-10`` (at most) or ``9``.

    Those of `length` are seconds, or minutes and seconds: ``90-2:00``.

    Raises:
        ConfigError: for anything else, and for a range that is empty.
    """
    is_time = key == "length"
    number = _TIME if is_time else _NUMBER
    match = re.fullmatch(rf"\s*({number})?\s*(-)?\s*({number})?\s*", text)
    low, dash, high = match.groups() if match else (None, None, None)
    if low is None and high is None:
        one, other, unit = ("1:30", "2:00", ", in m:ss or in seconds") if is_time else ("8", "10", "")
        ways = f"{key}={one}-{other}, {key}={one}- (at least), {key}=-{other} or {key}={one}"
        raise ConfigError(f"{key} must be a range, got {text}; write {ways}{unit}")
    first = -math.inf if low is None else _number(low)
    last = _number(high) if high is not None else math.inf if dash else first
    if first > last:
        raise ConfigError(f"{key} must be a range from low to high, got {text}")
    return first, last


def _number(text: str) -> float:
    """Return a number; ``1:30`` is 90."""
    whole, _, seconds = text.rpartition(":")
    return 60 * int(whole or 0) + float(seconds)


def parse_level(axis: str, text: str) -> float | str:
    """Return what `text` says of a radar axis: a number, or one of `LEVELS`.

    Raises:
        ConfigError: for anything else.
    """
    if text.lower() in LEVELS:
        return text.lower()
    with suppress(ValueError):
        if math.isfinite(value := float(text)):
            return value
    raise ConfigError(f"radar.{axis}={text} must be a number, or one of {', '.join(LEVELS)}")


def candidates(library: EmbeddedLibrary, filters: Sequence[Filter]) -> NDArray[np.bool_]:
    """Return which charts of `library` pass all `filters`, (N,).

    Raises:
        LibraryError: if no chart passes, with how many pass each filter alone, or no pack is called so.
    """
    passed = [_passed(library, one) for one in filters]
    found = np.logical_and.reduce([np.ones(len(library), dtype=bool), *passed])
    if not found.any():
        counts = ", ".join(f"{one.key}={one.text} {int(mask.sum())}" for one, mask in zip(filters, passed, strict=True))
        raise LibraryError(f"none of {len(library)} charts passes all filters; charts that pass each alone: {counts}")
    return found


def per_100_steps(table: pa.Table, technique: str) -> NDArray[np.float64]:
    """Return how often `technique` comes in 100 steps of each chart of `table`, (N,); NaN where it is not counted."""
    count, steps = (table[f"technique_{name}"].to_numpy(zero_copy_only=False) for name in (technique, "steps"))
    return 100.0 * count.astype(np.float64) / np.maximum(steps.astype(np.float64), 1.0)


def _passed(library: EmbeddedLibrary, one: Filter) -> NDArray[np.bool_]:
    if one.key in RANGES:
        values = library.table[RANGES[one.key]].to_numpy()
        return (values >= one.low) & (values <= one.high)
    group, _, name = one.key.partition(".")
    if group in GROUPS:
        values = library.radar[:, RADAR_AXES.index(name)] if group == "radar" else per_100_steps(library.table, name)
        return (values >= one.low) & (values <= one.high)
    if one.key == "difficulty":
        return np.isin(library.column("difficulty"), one.names)
    if one.key == "tags":
        return np.array([{name.upper() for name in one.names} <= set(tags.split()) for tags in library.column("tags")])
    values = library.column(one.key)
    found = [any(part.casefold() in value.casefold() for part in one.names) for value in values]
    if not any(found):
        raise LibraryError(f"{one.key}={one.text} matches no {one.key}: {did_you_mean(one.names[0], set(values))}")
    return np.array(found)
