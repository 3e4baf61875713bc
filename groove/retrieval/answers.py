"""Charts like this one: the nearest in the embedding, or in the radar itself, each with its reason.

Dimension letters: N charts of the library, E embedding size, R radar axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from groove.charts.display import SHOWN, WORDS, chart_name
from groove.charts.radar.groove_radar import DIGITS, RADAR_AXES, shown
from groove.charts.technique.counting import TECHNIQUES
from groove.embedding.embedded import EmbeddedLibrary
from groove.embedding.seen_songs import same_song
from groove.errors import ConfigError, LibraryError
from groove.retrieval.filters import ANY, LEVELS, SAME, candidates, parse_filters, parse_level, per_100_steps
from groove.retrieval.lookup import find_chart, only_chart
from groove.retrieval.reasons import Played, Reason, played_alike, reason
from groove.retrieval.search import nearest


@dataclass(frozen=True)
class Query:
    """A chart, or a radar, to find charts like it; `text` is how answers call it."""

    text: str
    space: str  # which embedding is searched: projection, pooled; or radar
    vector: NDArray[np.floating]  # (E,) where the query lies in it; for radar the scaled axes that the query names
    radar: NDArray[np.float64]  # (R,) values; NaN in an axis that the query does not name
    itself: NDArray[np.bool_]  # (N,) which charts of the library it is (the same notes); never an answer
    same: NDArray[np.bool_]  # (N,) which charts of the library are of its song, `itself` included
    slot: str | None = None  # its difficulty; None of a radar
    played: Played | None = None  # what of it the reasons compare beside the radar
    factors: NDArray[np.float64] | None = None  # (E,) of the space's columns, for other weights of its parts


class Recommendation(NamedTuple):
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
    weights: Mapping[str, float | None] | None = None,
) -> tuple[Query, NDArray[np.bool_]]:
    """Return the query for a chart of `library`, for one of `other` charts, or for a radar, and its candidates (N,).

    Args:
        library: N charts.
        chart: name of the chart; None for the only chart of `other`.
        other: charts that are not of the library.
        radar: values by axis; if any, they are the query.
        space: which embedding is searched, unless it is the radar.
        filters: as `parse_filters` takes them, and `harder`, levels above that of the chart. The difficulty is "same",
            the class of the chart, by default ("any" with `harder`), or "any". A radar beside a chart is a filter.
        weights: of the embedding's parts in distances, by name; None is that of the library.

    Raises:
        ConfigError: for a filter, a radar or a space that cannot be used, or no query.
        LibraryError: if there is no such chart, or no chart passes the filters.
    """
    charts = library if other is None else other
    if chart is not None or other is not None:
        row = find_chart(charts, chart) if chart is not None else only_chart(charts)
        conditions = {**_beside_chart(library, charts, row, filters), "radar": radar}
        query = replace(
            query_by_chart(library, charts, row, space), factors=part_factors(library, weights or {}, space)
        )
        return query, candidates(library, parse_filters(conditions))
    if not radar:
        raise ConfigError("no query: name a chart, a simfile or a radar")
    if filters.get("harder") is not None:
        raise ConfigError("harder= needs a chart to compare with; a radar has no level")
    if any(weight is not None for weight in (weights or {}).values()):
        raise ConfigError("weights.*= need a chart to compare with; a radar is searched among radars")
    wanted = filters.get("difficulty", SAME)
    conditions = {**filters, "harder": None, "difficulty": None if wanted in (SAME, ANY) else wanted}
    among = candidates(library, parse_filters(conditions))
    return query_by_radar(library, radar, among), among


def _beside_chart(
    library: EmbeddedLibrary, charts: EmbeddedLibrary, row: int, filters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return `filters` as `parse_filters` takes them: `harder` as a meter, the difficulty as slots or None.

    Both are relative to the chart at `row` of `charts`.
    """
    harder, wanted = filters.get("harder"), filters.get("difficulty", SAME)
    found = {**filters, "harder": None}
    if harder is not None:
        if filters.get("meter") is not None:
            raise ConfigError(f"both harder={harder} and meter={filters['meter']} given; give one of them")
        found["meter"] = str(max(0, charts.column("meter")[row] + harder))
        wanted = ANY if wanted == SAME else wanted
    if wanted == SAME:
        wanted = library.slots_like(charts.column("difficulty")[row])
    return found | {"difficulty": None if wanted == ANY else wanted}


def part_factors(
    library: EmbeddedLibrary, weights: Mapping[str, float | None], space: str
) -> NDArray[np.float64] | None:
    """Return the factor on each column of the projection (E,) that gives its parts `weights`; None for no change.

    Raises:
        ConfigError: for a part that the library's embedding does not have, another space, or no weight above 0.
    """
    given = {name: weight for name, weight in weights.items() if weight is not None}
    if not given:
        return None
    for name in given:
        if name not in library.weights or len(library.weights) == 1 or space != "projection":
            has = f"parts {', '.join(library.weights)}" if len(library.weights) > 1 else "one part only, the radar"
            where = "the projection" if space == "projection" else f"space={space} has no parts; the projection"
            raise ConfigError(f"weights.{name}={given[name]:g} cannot be: {where} of this run has {has}")
    wanted = {**library.weights, **given}
    if not any(wanted.values()):
        raise ConfigError("weights are 0 for every part: nothing is left to compare")
    factors = np.empty(library.vectors["projection"].shape[1])
    for name, (first, end) in library.parts.items():
        factors[first:end] = wanted[name] / library.weights[name]
    return factors


def query_by_chart(library: EmbeddedLibrary, charts: EmbeddedLibrary, row: int, space: str) -> Query:
    """Return the query for charts of `library` like the chart at `row` of `charts`: the library itself, or others."""
    chart = charts.table.slice(row, 1)
    if charts is library:
        itself, same = np.arange(len(library)) == row, library.song == library.song[row]
    else:
        itself = np.array(library.column("content")) == chart["content"][0].as_py()
        same = same_song(library.table, chart)
    title, slot, meter = (chart[name][0].as_py() for name in ("title", "difficulty", "meter"))
    name = chart_name(title, slot, meter)
    played = played_of(charts, row) if len(library.weights) > 1 else None
    return Query(name, space, charts.space(space)[row], charts.radar[row], itself, same, slot, played)


def played_of(library: EmbeddedLibrary, row: int) -> Played:
    """Return what the chart at `row` asks of the feet, and its tempo."""
    one = library.table.slice(row, 1)
    technique = np.array([per_100_steps(one, name)[0] for name in TECHNIQUES])
    return Played(technique, one["bpm"][0].as_py(), int(one["stream_measures"][0].as_py()))


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
    vector = library.scaler(values)[~np.isnan(values)]
    none = np.zeros(len(library), dtype=bool)
    return Query(radar_text(values, library.family, ", "), "radar", vector, values, none, none)


def radar_text(values: NDArray[np.float64], family: str, between: str = "  ") -> str:
    """Return ``stream 86  air 20`` of radar values (R,): the axes that have one."""
    pairs = zip(RADAR_AXES, values, strict=True)
    return between.join(f"{axis} {shown(value, family)}" for axis, value in pairs if not np.isnan(value))


def recommend(
    library: EmbeddedLibrary, query: Query, k: int, among: NDArray[np.bool_], own_song: bool = False
) -> list[Recommendation]:
    """Return the `k` charts, at most, nearest to `query` among the candidates `among` (N,), nearest first.

    With `own_song` other charts of the query's own song may be among them.

    Raises:
        ConfigError: if `k` is below 1.
        LibraryError: if the only candidates are of the query's own song.
    """
    if k < 1:
        raise ConfigError(f"k must be 1 or more, got {k}")
    rows = np.flatnonzero(among & ~(query.itself if own_song else query.same))
    if not len(rows):
        raise LibraryError("no chart passes the filters but those of the song itself; same_song=true includes them")
    by_radar = query.space == "radar"
    vectors = library.scaled_radar[:, ~np.isnan(query.radar)] if by_radar else library.space(query.space)
    asked, among_vectors = query.vector, vectors[rows]
    if query.factors is not None:
        asked, among_vectors = asked * query.factors, among_vectors * query.factors
    found = nearest(asked[None], among_vectors, min(k, len(rows)))
    values, scaled, answers = library.radar, library.scaled_radar, []  # what reasons compare, by `REASON_AXES`
    wanted, wanted_scaled = query.radar, library.scaler(query.radar)
    for row, distance in zip(rows[found.rows[0]].tolist(), found.distance[0].tolist(), strict=True):
        why = reason(wanted, values[row], wanted_scaled, scaled[row], library.family)
        if query.played is not None:
            why = why._replace(text="; ".join([why.text, *played_alike(query.played, played_of(library, row))]))
        answers.append(Recommendation(row, distance, why))
    return answers


def answer_table(library: EmbeddedLibrary, query: Query, found: Sequence[Recommendation]) -> pa.Table:
    """Return the answers as a table: rank, distance, what each chart is, its radar, the query's, and the reason."""
    rows = pa.array([answer.row for answer in found], type=pa.int64())
    columns: dict[str, Any] = {
        "rank": list(range(1, len(found) + 1)),
        "distance": [round(answer.distance, 4) for answer in found],
    }
    columns |= {name: library.table[name].take(rows) for name in (*SHOWN, "level", *WORDS, "split")}
    digits = DIGITS[library.family] + 1
    for axis, name in enumerate(RADAR_AXES):
        columns[name] = [round(float(library.radar[answer.row, axis]), digits) for answer in found]
        wanted = None if np.isnan(query.radar[axis]) else round(float(query.radar[axis]), digits)
        columns[f"query_{name}"] = pa.array([wanted] * len(found), pa.float64())
    for part in ("alike", "more", "less"):
        columns[part] = [" ".join(getattr(answer.reason, part)) for answer in found]
    columns["reason"] = [answer.reason.text for answer in found]
    return pa.table(columns)
