"""Charts like this one: the nearest in the embedding, or in the radar itself, each with its reason.

Dimension letters: N charts of the library, E embedding size, R radar axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from groove.charts.radar.groove_radar import DIGITS, RADAR_AXES, shown
from groove.embedding.embedded import EmbeddedLibrary
from groove.embedding.seen_songs import same_song
from groove.errors import ConfigError, LibraryError
from groove.retrieval.index import ChartIndex
from groove.retrieval.reasons import Reason, reason

LEVELS = {"low": 10.0, "medium": 50.0, "high": 90.0}
"""Words for a radar value, and the percentile of the allowed charts that each means."""


@dataclass(frozen=True)
class Query:
    """What is asked for.

    Attributes:
        text: how answers call it.
        vector: (E,) where it lies in the embedding, or None for a query by radar, which is searched in the radar.
        radar: (R,) radar values; NaN in an axis that is not asked for.
        itself: (N,) which charts of the library it is (the same notes); never an answer.
        same: (N,) which charts of the library are of its song, `itself` included.
    """

    text: str
    vector: NDArray[np.float32] | None
    radar: NDArray[np.float64]
    itself: NDArray[np.bool_]
    same: NDArray[np.bool_]


@dataclass(frozen=True)
class Recommendation:
    """One answer: the chart's row, how far it is, and why."""

    row: int
    distance: float
    reason: Reason


def query_by_row(library: EmbeddedLibrary, row: int, space: str, text: str) -> Query:
    """Return the query for charts like the library's own chart at `row`."""
    itself = np.arange(len(library)) == row
    return Query(text, library.space(space)[row], library.radar[row], itself, library.song == library.song[row])


def query_by_chart(library: EmbeddedLibrary, other: EmbeddedLibrary, row: int, space: str, text: str) -> Query:
    """Return the query for charts like the chart at `row` of `other`, which is not of the library."""
    chart = other.table.slice(row, 1)
    itself = np.array(library.column("content")) == chart["content"][0].as_py()
    return Query(text, other.space(space)[row], other.radar[row], itself, same_song(library.table, chart))


def query_by_radar(library: EmbeddedLibrary, wanted: Mapping[str, Any], allowed: NDArray[np.bool_]) -> Query:
    """Return the query for a radar: a number for an axis, or one of `LEVELS` among the `allowed` charts.

    Raises:
        ConfigError: if no axis is asked for, or a value is neither a number nor a level.
    """
    values = np.full(len(RADAR_AXES), np.nan)
    for axis, name in enumerate(RADAR_AXES):
        if wanted.get(name) is not None:
            values[axis] = _level(name, str(wanted[name]), library.radar[allowed, axis])
    if np.isnan(values).all():
        raise ConfigError(
            f"a query by radar needs at least one of {', '.join(f'radar.{name}=' for name in RADAR_AXES)}"
        )
    none = np.zeros(len(library), dtype=bool)
    return Query(radar_text(values, library.family, ", "), None, values, none, none)


def radar_text(values: NDArray[np.float64], family: str, between: str = "  ") -> str:
    """Return ``stream 86  air 20`` of radar values (R,): the axes that have one."""
    pairs = zip(RADAR_AXES, values, strict=True)
    return between.join(f"{axis} {shown(value, family)}" for axis, value in pairs if not np.isnan(value))


def _level(axis: str, text: str, values: NDArray[np.float64]) -> float:
    level = parse_level(axis, text)
    return float(np.percentile(values, LEVELS[level])) if isinstance(level, str) else level


def parse_level(axis: str, text: str) -> float | str:
    """Return what `text` asks of a radar axis: a number, or one of `LEVELS`.

    Raises:
        ConfigError: for anything else.
    """
    if text.lower() in LEVELS:
        return text.lower()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ConfigError(f"radar.{axis}={text} is no value; give a number, or one of {', '.join(LEVELS)}")
    return value


def recommend(
    library: EmbeddedLibrary,
    query: Query,
    k: int,
    allowed: NDArray[np.bool_],
    index: ChartIndex | None = None,
    own_song: bool = False,
) -> list[Recommendation]:
    """Return the `k` charts nearest to `query` among the `allowed` ones (N,), nearest first.

    Args:
        library: N charts.
        query: what is asked for.
        k: how many, at most.
        allowed: which charts may be named.
        index: of the space of the query's vector; not needed for a query by radar.
        own_song: whether other charts of the query's own song may be named.

    Raises:
        ConfigError: if `k` is below 1.
        LibraryError: if nothing but the query's own song is allowed.
    """
    if k < 1:
        raise ConfigError(f"k={k}; allowed: 1 or more")
    allowed = allowed & ~(query.itself if own_song else query.same)
    if not allowed.any():
        raise LibraryError("no chart passes the filters but those of the song itself; same_song=true allows them")
    if query.vector is None:
        distances, rows = _nearest_radars(library, query, k, allowed)
    else:
        assert index is not None
        distance, row = index.search(query.vector[None], k, allowed)
        distances, rows = distance[0], row[0]
    axes = np.flatnonzero(~np.isnan(query.radar))
    target, scaled = library.scaler(query.radar[None])[0], library.scaled_radar
    return [
        Recommendation(
            int(r), float(d), reason(query.radar, library.radar[r], target, scaled[r], axes.tolist(), library.family)
        )
        for d, r in zip(distances, rows, strict=True)
    ]


def _nearest_radars(
    library: EmbeddedLibrary, query: Query, k: int, allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return distances and rows of the charts nearest in the axes that the query asks for, in scaled units."""
    axes = ~np.isnan(query.radar)
    difference = library.scaled_radar[:, axes] - library.scaler(query.radar[None])[0, axes]
    distance = np.where(allowed, np.sqrt((difference**2).sum(axis=1)), np.inf)
    rows = np.argsort(distance, kind="stable")[: min(k, int(allowed.sum()))]
    return distance[rows], rows


ANSWER_COLUMNS = ("chart_id", "title", "artist", "pack", "difficulty", "meter", "bpm", "length_s", "split")


def answer_table(library: EmbeddedLibrary, query: Query, found: Sequence[Recommendation]) -> pa.Table:
    """Return the answers as a table: rank, distance, what each chart is, its radar, the query's, and the reason."""
    rows = pa.array([answer.row for answer in found], type=pa.int64())
    columns: dict[str, Any] = {
        "rank": list(range(1, len(found) + 1)),
        "distance": [round(answer.distance, 4) for answer in found],
    }
    columns |= {name: library.table[name].take(rows) for name in ANSWER_COLUMNS}
    digits = DIGITS[library.family] + 1
    for axis, name in enumerate(RADAR_AXES):
        columns[name] = [round(float(library.radar[answer.row, axis]), digits) for answer in found]
        asked = None if np.isnan(query.radar[axis]) else round(float(query.radar[axis]), digits)
        columns[f"query_{name}"] = pa.array([asked] * len(found), pa.float64())
    for part in ("alike", "more", "less"):
        columns[part] = [" ".join(getattr(answer.reason, part)) for answer in found]
    columns["reason"] = [answer.reason.text for answer in found]
    return pa.table(columns)
