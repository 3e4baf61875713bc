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

from groove.charts.display import SHOWN
from groove.charts.radar.groove_radar import DIGITS, RADAR_AXES, shown
from groove.embedding.embedded import EmbeddedLibrary
from groove.embedding.seen_songs import same_song
from groove.errors import ConfigError, LibraryError
from groove.retrieval.filters import ANY, LEVELS, SAME, candidates, parse_filters, parse_level
from groove.retrieval.lookup import chart_names, find_chart, only_chart
from groove.retrieval.reasons import Reason, reason
from groove.retrieval.search import nearest


@dataclass(frozen=True)
class Query:
    """A chart, or a radar, to find charts like it.

    Attributes:
        text: how answers call it.
        space: which embedding is searched: `projection`, `pooled`; or `radar`.
        vector: (E,) where the query lies in it; for `radar` the scaled axes that the query names.
        radar: (R,) radar values; NaN in an axis that the query does not name.
        itself: (N,) which charts of the library it is (the same notes); never an answer.
        same: (N,) which charts of the library are of its song, `itself` included.
        slot: its difficulty; None of a radar.
    """

    text: str
    space: str
    vector: NDArray[np.floating]
    radar: NDArray[np.float64]
    itself: NDArray[np.bool_]
    same: NDArray[np.bool_]
    slot: str | None = None

    @property
    def axes(self) -> NDArray[np.intp]:
        """Return the radar axes that the query names."""
        return np.flatnonzero(~np.isnan(self.radar))


@dataclass(frozen=True)
class Recommendation:
    """One answer: the chart's row, how far it is, and why."""

    row: int
    distance: float
    reason: Reason


def find_query(
    library: EmbeddedLibrary,
    chart: str | None,
    other: EmbeddedLibrary | None,
    radar: Mapping[str, Any],
    space: str,
    filters: Mapping[str, Any],
) -> tuple[Query, NDArray[np.bool_]]:
    """Return the query for a chart of `library`, for one of `other` charts, or for a radar, and its candidates (N,).

    Args:
        library: N charts.
        chart: name of the chart; None for the only chart of `other`.
        other: charts that are not of the library.
        radar: values by axis; if any, they are the query.
        space: which embedding is searched, unless it is the radar.
        filters: as `parse_filters` takes them; the difficulty is "same", the class of the chart, by default.

    Raises:
        ConfigError: for a filter, a radar or a space that cannot be used, or no query.
        LibraryError: if there is no such chart, or no chart passes the filters.
    """
    charts = library if other is None else other
    if not radar and chart is None and other is None:
        raise ConfigError("no query: name a chart, a simfile or a radar")
    row = None if radar else find_chart(charts, chart) if chart is not None else only_chart(charts)
    slot = None if row is None else charts.column("difficulty")[row]
    among = candidates(library, parse_filters(with_difficulty(filters, library, slot)))
    if row is None:
        return query_by_radar(library, radar, among), among
    name = chart_names(charts)[row]
    if other is None:
        return query_by_row(library, row, space, name), among
    return query_by_chart(library, other, row, space, name), among


def with_difficulty(filters: Mapping[str, Any], library: EmbeddedLibrary, slot: str | None) -> dict[str, Any]:
    """Return `filters` with "same" as the slots of the class of `slot` (None: any), and "any" as no filter."""
    wanted = filters.get("difficulty", SAME)
    if wanted == SAME:
        wanted = library.slots_like(slot) if slot else None
    return {**filters, "difficulty": None if wanted == ANY else wanted}


def query_by_row(library: EmbeddedLibrary, row: int, space: str, text: str) -> Query:
    """Return the query for charts like the library's own chart at `row`."""
    itself = np.arange(len(library)) == row
    same, slot = library.song == library.song[row], library.column("difficulty")[row]
    return Query(text, space, library.space(space)[row], library.radar[row], itself, same, slot)


def query_by_chart(library: EmbeddedLibrary, other: EmbeddedLibrary, row: int, space: str, text: str) -> Query:
    """Return the query for charts like the chart at `row` of `other`, which is not of the library."""
    chart = other.table.slice(row, 1)
    itself = np.array(library.column("content")) == chart["content"][0].as_py()
    same, slot = same_song(library.table, chart), chart["difficulty"][0].as_py()
    return Query(text, space, other.space(space)[row], other.radar[row], itself, same, slot)


def query_by_radar(library: EmbeddedLibrary, wanted: Mapping[str, Any], among: NDArray[np.bool_]) -> Query:
    """Return the query for a radar: a number for an axis, or one of `LEVELS` among some charts (N,).

    Raises:
        ConfigError: if no axis is named, or a value is neither a number nor a level.
    """
    values = np.full(len(RADAR_AXES), np.nan)
    for axis, name in enumerate(RADAR_AXES):
        if wanted.get(name) is not None:
            level = parse_level(name, str(wanted[name]))
            known = library.radar[among, axis]
            values[axis] = np.percentile(known, LEVELS[level]) if isinstance(level, str) else level
    if np.isnan(values).all():
        raise ConfigError(
            f"a query by radar needs at least one of {', '.join(f'radar.{name}=' for name in RADAR_AXES)}"
        )
    scaled = library.scaler(values[None])[0]
    none = np.zeros(len(library), dtype=bool)
    text = radar_text(values, library.family, ", ")
    return Query(text, "radar", scaled[~np.isnan(values)], values, none, none)


def radar_text(values: NDArray[np.float64], family: str, between: str = "  ") -> str:
    """Return ``stream 86  air 20`` of radar values (R,): the axes that have one."""
    pairs = zip(RADAR_AXES, values, strict=True)
    return between.join(f"{axis} {shown(value, family)}" for axis, value in pairs if not np.isnan(value))


def recommend(
    library: EmbeddedLibrary, query: Query, k: int, among: NDArray[np.bool_], own_song: bool = False
) -> list[Recommendation]:
    """Return the `k` charts nearest to `query` among the candidates `among` (N,), nearest first.

    Args:
        library: N charts.
        query: what is searched.
        k: how many, at most.
        among: which charts may be named.
        own_song: whether other charts of the query's own song may be named.

    Raises:
        ConfigError: if `k` is below 1.
        LibraryError: if the only candidates are of the query's own song.
    """
    if k < 1:
        raise ConfigError(f"k must be 1 or more, got {k}")
    rows = np.flatnonzero(among & ~(query.itself if own_song else query.same))
    if not len(rows):
        raise LibraryError("no chart passes the filters but those of the song itself; same_song=true includes them")
    axes, target, scaled = query.axes, library.scaler(query.radar[None])[0], library.scaled_radar
    vectors = scaled[:, axes] if query.space == "radar" else library.space(query.space)
    found = nearest(query.vector[None], vectors[rows], min(k, len(rows)))
    return [
        Recommendation(
            row, distance, reason(query.radar, library.radar[row], target, scaled[row], axes.tolist(), library.family)
        )
        for row, distance in zip(rows[found.rows[0]].tolist(), found.distance[0].tolist(), strict=True)
    ]


def answer_table(library: EmbeddedLibrary, query: Query, found: Sequence[Recommendation]) -> pa.Table:
    """Return the answers as a table: rank, distance, what each chart is, its radar, the query's, and the reason."""
    rows = pa.array([answer.row for answer in found], type=pa.int64())
    columns: dict[str, Any] = {
        "rank": list(range(1, len(found) + 1)),
        "distance": [round(answer.distance, 4) for answer in found],
    }
    columns |= {name: library.table[name].take(rows) for name in (*SHOWN, "split")}
    digits = DIGITS[library.family] + 1
    for axis, name in enumerate(RADAR_AXES):
        columns[name] = [round(float(library.radar[answer.row, axis]), digits) for answer in found]
        wanted = None if np.isnan(query.radar[axis]) else round(float(query.radar[axis]), digits)
        columns[f"query_{name}"] = pa.array([wanted] * len(found), pa.float64())
    for part in ("alike", "more", "less"):
        columns[part] = [" ".join(getattr(answer.reason, part)) for answer in found]
    columns["reason"] = [answer.reason.text for answer in found]
    return pa.table(columns)
