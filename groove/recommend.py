"""Charts like this one: ``python -m groove.recommend run=DIR chart="Title [Hard]"``.

By a chart of the library, by a simfile that is not in it (``simfile=FILE``), or by a radar
(``radar.stream=high radar.air=20``). The filters ``difficulty= meter=8-10 bpm=140- length=-120 pack=`` say which charts
may be named. ``out=`` writes the answers: .csv, .json, a course (.crs) or preferred songs (.txt) for the game.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groove.cli.entry import run_main
from groove.config.schema import RecommendConfig
from groove.embedding.library import about, embedded
from groove.errors import ConfigError
from groove.io.files import writing

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from rich.table import Table

    from groove.embedding.embedded import EmbeddedLibrary
    from groove.retrieval.answers import Query
    from groove.retrieval.course import CourseEntry

SAME, ANY = "same", "any"
WIDE = 140
"""Columns from which on the answers' table has room for everything in columns of its own."""


def run(cfg: RecommendConfig) -> None:
    """Answer the query of `cfg`."""
    kinds = _check(cfg)
    library, path = embedded(cfg)
    print(about(library))
    query, allowed = _query(cfg, kinds, library)
    from groove.retrieval.answers import answer_table, recommend
    from groove.retrieval.index import saved_index

    index = None if query.vector is None else saved_index(library.space(cfg.space), path, cfg.space)
    found = recommend(library, query, cfg.k, allowed, index, cfg.same_song)
    table = answer_table(library, query, found)
    _show(cfg, query, table, int(allowed.sum()), library)
    if cfg.out:
        _write(table, query, Path(cfg.out))


def _check(cfg: RecommendConfig) -> str:
    """Return what is asked by: chart, simfile or radar.

    Raises:
        ConfigError: unless it is exactly one of them, `out` a kind of file that can be written, and every value one.
    """
    radar = any(value is not None for value in cfg.radar.model_dump().values())
    if cfg.simfile is None and (cfg.chart is None) == (not radar):
        given = "both chart= and radar.*=" if radar else "nothing"
        raise ConfigError(f'{given} given; ask by one of chart="Title [Hard]", simfile=FILE, radar.stream=high')
    if cfg.simfile is not None and radar:
        raise ConfigError("both simfile= and radar.*= given; ask by one of them")
    if cfg.out and Path(cfg.out).suffix not in WRITERS:
        raise ConfigError(f"out={cfg.out} is none of {', '.join(WRITERS)}")
    _check_values(cfg)
    return "simfile" if cfg.simfile is not None else "radar" if radar else "chart"


def _check_values(cfg: RecommendConfig) -> None:
    """Raise a `ConfigError` for a filter or a radar value that cannot be used, before anything is loaded."""
    from groove.retrieval.filters import check_filters

    difficulty = None if cfg.difficulty in (SAME, ANY) else cfg.difficulty
    check_filters({"difficulty": difficulty, "meter": cfg.meter, "bpm": cfg.bpm, "length": cfg.length})
    asked = {axis: value for axis, value in cfg.radar.model_dump().items() if value is not None}
    if asked:
        from groove.retrieval.answers import parse_level

        for axis, value in asked.items():
            parse_level(axis, str(value))


def _query(cfg: RecommendConfig, kind: str, library: EmbeddedLibrary) -> tuple[Query, NDArray[np.bool_]]:
    """Return the query and which charts may answer it."""
    from groove.retrieval.answers import query_by_chart, query_by_radar, query_by_row
    from groove.retrieval.lookup import find_chart, labels, only_chart

    if kind == "radar":
        allowed = _allowed(cfg, library, None)
        return query_by_radar(library, cfg.radar.model_dump(), allowed), allowed
    if kind == "simfile":
        outside = _outside(cfg)
        row = find_chart(outside, cfg.chart) if cfg.chart else only_chart(outside)
        slot = outside.column("difficulty")[row]
        return query_by_chart(library, outside, row, cfg.space, labels(outside)[row]), _allowed(cfg, library, slot)
    row = find_chart(library, cfg.chart or "")
    slot = library.column("difficulty")[row]
    return query_by_row(library, row, cfg.space, labels(library)[row]), _allowed(cfg, library, slot)


def _allowed(cfg: RecommendConfig, library: EmbeddedLibrary, slot: str | None) -> NDArray[np.bool_]:
    """Return which charts may answer; ``difficulty=same`` is the class of the query's `slot`."""
    from groove.retrieval.filters import allowed_charts

    difficulty = cfg.difficulty
    if difficulty == SAME:
        difficulty = _same(library, slot) if slot else None
    elif difficulty == ANY:
        difficulty = None
    filters = {"difficulty": difficulty, "meter": cfg.meter, "bpm": cfg.bpm, "length": cfg.length, "pack": cfg.pack}
    return allowed_charts(library, filters)


def _same(library: EmbeddedLibrary, slot: str) -> list[str]:
    """Return the slots of the class of `slot`, itself where it is of none; say which, where they are several."""
    slots = list(next((slots for slots in library.classes.values() if slot in slots), [slot]))
    if len(slots) > 1:
        print(f"difficulty=same: {' and '.join(slots)}, one class of the model")
    return slots


def _outside(cfg: RecommendConfig) -> EmbeddedLibrary:
    """Return the charts of ``cfg.simfile``, embedded."""
    from groove.embedding.library import library_settings, model_of
    from groove.embedding.outside import embed_simfile

    trained = model_of(cfg)
    data, features = library_settings(trained, cfg)
    return embed_simfile(trained, Path(str(cfg.simfile)), Path(cfg.store), features, list(data.steps_types))


def _show(cfg: RecommendConfig, query: Query, table: pa.Table, allowed: int, library: EmbeddedLibrary) -> None:
    """Print the answers as a table."""
    from groove.cli.console import table_console
    from groove.retrieval.answers import radar_text

    where = "the radar" if query.vector is None else cfg.space
    asked = "" if query.vector is None else f": {radar_text(query.radar, library.family)}"
    print(f"like {query.text}{asked}\nthe {len(table)} nearest in {where} of the charts allowed ({allowed})")
    console = table_console(WIDE)
    shown = _wide if console.width >= WIDE else _narrow
    console.print(shown(table, library.family))


def _wide(table: pa.Table, family: str) -> Table:
    """Return the answers with a column for everything."""
    from rich.markup import escape
    from rich.table import Table

    from groove.charts.radar.groove_radar import RADAR_AXES

    shown = Table("", "distance", "chart", "pack", "BPM", "length", *RADAR_AXES, "why")
    for row in table.to_pylist():
        rank, distance, name, radar = _cells(row, family)
        shown.add_row(
            rank, distance, name, escape(row["pack"]), f"{row['bpm']:.0f}", _minutes(row), *radar, row["reason"]
        )
    return shown


def _narrow(table: pa.Table, family: str) -> Table:
    """Return the answers for a narrow terminal: what is long stands below the chart's name."""
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    from groove.charts.radar.groove_radar import RADAR_AXES

    shown = Table("", "distance", "chart", *RADAR_AXES, box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for row in table.to_pylist():
        rank, distance, name, radar = _cells(row, family)
        about = f"{escape(row['pack'])}, {row['bpm']:.0f} BPM, {_minutes(row)}"
        shown.add_row(rank, distance, f"{name}\n{about}\n{row['reason']}", *radar)
    return shown


def _cells(row: Mapping[str, Any], family: str) -> tuple[str, str, str, list[str]]:
    """Return rank, distance, name and radar of an answer."""
    from rich.markup import escape

    from groove.charts.radar.groove_radar import RADAR_AXES, shown
    from groove.retrieval.lookup import label

    name = escape(label(row["title"], row["difficulty"], row["meter"]))
    return str(row["rank"]), f"{row['distance']:.3f}", name, [shown(row[axis], family) for axis in RADAR_AXES]


def _minutes(row: Mapping[str, Any]) -> str:
    return f"{int(row['length_s']) // 60}:{int(row['length_s']) % 60:02d}"


def _write(table: pa.Table, query: Query, out: Path) -> None:
    """Write the answers in the form that the name of `out` says."""
    from groove.io.files import write_bytes

    with writing(out):
        write_bytes(out, WRITERS[out.suffix](table, query))
    print(f"answers: {out}")


def _as_csv(table: pa.Table, query: Query) -> bytes:
    from groove.io.files import csv_bytes

    return csv_bytes(table.column_names, [list(row.values()) for row in table.to_pylist()])


def _as_json(table: pa.Table, query: Query) -> bytes:
    from groove.io.files import json_bytes

    return json_bytes(table.to_pylist())


def _as_course(table: pa.Table, query: Query) -> bytes:
    from groove.retrieval.course import course_refusal, course_text

    return course_text(f"like {query.text}", _entries(table, course_refusal)).encode("utf-8", "surrogateescape")


def _as_preferred(table: pa.Table, query: Query) -> bytes:
    from groove.retrieval.course import preferred_refusal, preferred_text

    sections = {f"like {query.text}": _entries(table, preferred_refusal)}
    return preferred_text(sections).encode("utf-8", "surrogateescape")


def _entries(table: pa.Table, refusal: Callable[[CourseEntry], str | None]) -> list[CourseEntry]:
    """Return the answers as charts of a course; say which the format cannot hold."""
    from groove.retrieval.course import course_entry, left_out

    entries = [course_entry(row | {"simfile": row["chart_id"].rpartition("#")[0]}) for row in table.to_pylist()]
    for entry, why in left_out(entries, refusal):
        print(f"left out of the file: {entry}: {why}")
    return entries


WRITERS: dict[str, Callable[[pa.Table, Query], bytes]] = {
    ".csv": _as_csv,
    ".json": _as_json,
    ".crs": _as_course,
    ".txt": _as_preferred,
}
"""What `out` may be: a table, a StepMania course, or its preferred songs."""


if __name__ == "__main__":
    run_main(run, config_name="recommend", schema=RecommendConfig)
