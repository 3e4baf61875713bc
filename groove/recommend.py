"""Charts like this one: ``python -m groove.recommend run=DIR chart="Title [Hard]"``.

By a chart of the library, by a simfile that is not in it (``simfile=FILE``), or by a radar
(``radar.stream=high radar.air=20``). The filters ``difficulty= meter=8-10 bpm=140- length=-120 stream=32- pack=
step_artist= description= tags=XO technique.crossovers=5-`` say which charts are candidates, beside a chart also
``radar.stream=60-80`` and ``harder=1`` (one level harder). ``weights.feet=2 weights.radar=1`` weighs the parts of an
embedding that has several. ``out=`` writes the answers: .csv, .json, a course (.crs) or preferred songs (.txt).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groove.charts.display import chart_name, minutes
from groove.charts.radar.groove_radar import RADAR_AXES, shown
from groove.cli.entry import run_main
from groove.config.schema import RecommendConfig
from groove.errors import ConfigError
from groove.io.files import csv_bytes, json_bytes, write_bytes, writing
from groove.retrieval.course import (
    course_entry,
    course_refusal,
    course_text,
    left_out,
    preferred_refusal,
    preferred_text,
)
from groove.retrieval.filters import ANY, NAMES, RANGES, SAME, parse_filters, parse_level

if TYPE_CHECKING:
    import pyarrow as pa

    from groove.embedding.embedded import EmbeddedLibrary

log = logging.getLogger("groove.recommend")

WRITERS = (".csv", ".json", ".crs", ".txt")
"""What `out` may be: a table, a StepMania course, or its preferred songs."""
WIDE = 140
"""Columns from which on the answers' table has room for everything in columns of its own."""


def run(cfg: RecommendConfig) -> None:
    """Answer the query of `cfg`."""
    radar, filters = check(cfg)
    weights = cfg.weights.model_dump()
    from groove.embedding.library import about, embedded, embedded_simfile
    from groove.retrieval.answers import answer_table, find_query, radar_text, recommend

    library, _ = embedded(cfg)
    log.info(about(library))
    other = embedded_simfile(cfg, Path(cfg.simfile)) if cfg.simfile else None
    query, among = find_query(library, cfg.chart, other, radar, cfg.space, filters, weights)
    same = library.slots_like(query.slot) if query.slot and cfg.difficulty == SAME and cfg.harder is None else []
    if len(same) > 1:
        log.info(f"difficulty=same: {' and '.join(same)}, one class of the model")
    table = answer_table(library, query, recommend(library, query, cfg.k, among, cfg.same_song))
    values = "" if query.space == "radar" else f": {radar_text(query.radar, library.family)}"
    print(f"like {query.text}{values}")
    print(f"{len(table)} nearest of {int(among.sum())} candidates (space: {query.space}{_parts(library, cfg)})")
    _show(table, library.family)
    if cfg.out:
        _write(table, f"like {query.text}", Path(cfg.out))


def check(cfg: RecommendConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return radar axes and filters by name; raise an error for a mistake, before anything is loaded."""
    axes = cfg.radar.model_dump(exclude_none=True)
    by_radar = cfg.chart is None and cfg.simfile is None
    if by_radar and not axes:
        raise ConfigError('nothing given; search by one of chart="Title [Hard]", simfile=FILE, radar.stream=high')
    if cfg.out and Path(cfg.out).suffix not in WRITERS:
        raise ConfigError(f"out={cfg.out} must end in one of {', '.join(WRITERS)}")
    filters = cfg.model_dump(include={*NAMES, *RANGES, "technique"})
    asked = filters if by_radar else filters | {"radar": axes}
    parse_filters(asked | {"difficulty": None} if cfg.difficulty in (SAME, ANY) else asked)
    for axis, value in axes.items() if by_radar else ():
        parse_level(axis, str(value))
    if cfg.simfile is not None:
        from groove.embedding.outside import the_simfile

        the_simfile(Path(cfg.simfile))
    return axes, filters | {"harder": cfg.harder}


def _parts(library: EmbeddedLibrary, cfg: RecommendConfig) -> str:
    """Return the weights of the parts of the embedding that is searched, where it has several."""
    if len(library.weights) == 1 or cfg.space != "projection" or (cfg.chart is None and cfg.simfile is None):
        return ""
    given = cfg.weights.model_dump(exclude_none=True)
    return "; weights " + ", ".join(f"{name} {given.get(name, own):g}" for name, own in library.weights.items())


def _show(table: pa.Table, family: str) -> None:
    """Print the answers as a table; in a narrow terminal, what is long stands below the chart's name."""
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    from groove.cli.console import table_console

    console = table_console(WIDE)
    wide = console.width >= WIDE
    if wide:
        grid = Table("", "distance", "chart", "pack", "BPM", "length", *RADAR_AXES, "why")
    else:
        grid = Table("", "distance", "chart", *RADAR_AXES, box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for row in table.to_pylist():
        name = escape(chart_name(row["title"], row["difficulty"], row["meter"]))
        facts = [escape(row["pack"]), f"{row['bpm']:.0f}", minutes(row["length_s"])]
        radar = [shown(row[axis], family) for axis in RADAR_AXES]
        head = [str(row["rank"]), f"{row['distance']:.3f}"]
        below = f"{name}\n{facts[0]}, {facts[1]} BPM, {facts[2]}\n{row['reason']}"
        grid.add_row(*([*head, name, *facts, *radar, row["reason"]] if wide else [*head, below, *radar]))
    console.print(grid)


def _write(table: pa.Table, title: str, out: Path) -> None:
    """Write the answers in the form that the name of `out` says, and which of them it cannot hold."""
    rows = table.to_pylist()
    if out.suffix == ".csv":
        content = csv_bytes(table.column_names, [list(row.values()) for row in rows])
    elif out.suffix == ".json":
        content = json_bytes(rows)
    else:
        course = out.suffix == ".crs"
        entries = [course_entry(row | {"simfile": row["chart_id"].rpartition("#")[0]}) for row in rows]
        for entry, why in left_out(entries, course_refusal if course else preferred_refusal):
            log.info(f"left out of the file: {entry}: {why}")
        text = course_text(title, entries) if course else preferred_text({title: entries})
        content = text.encode("utf-8", "surrogateescape")
    with writing(out):
        write_bytes(out, content)
    log.info(f"answers: {out}")


if __name__ == "__main__":
    run_main(run, config_name="recommend", schema=RecommendConfig)
