"""Measure a run's embeddings on any library: ``python -m groove.evaluate run=DIR songs=DIR``.

Charts that the run was not trained on are queries and candidates of each other; the radar gives the true neighbors.
Beside the run's two spaces, and the parts of its embedding where it has several, stand its epoch 0, an untrained
network, counts and features without a network, and the radar itself. One table says what each space knows, beside the
radar: technique, level, tempo, density profile, song, step artist, tags (those of the charts' descriptions, or of
``tags=FILE.csv``), and players' tiers (``tiers=FILE.csv``).
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from groove.cli.entry import run_main
from groove.config.schema import EvaluateConfig
from groove.errors import ConfigError, LibraryError
from groove.io.files import write_json, writing
from groove.runs.layout import EVALUATION_FILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groove.embedding.embedded import EmbeddedLibrary
    from groove.embedding.trained import TrainedModel
    from groove.retrieval.evaluation import Table
    from groove.retrieval.intervals import Interval

log = logging.getLogger("groove.evaluate")


def run(cfg: EvaluateConfig) -> None:
    """Measure, print the tables, and write them."""
    if cfg.out and Path(cfg.out).suffix != ".json":
        raise ConfigError(f"out={cfg.out} must end in .json")
    from groove.embedding.given_rows import check_given, tiers_of, with_tags

    check_given(cfg.tags, cfg.tiers)  # before anything is embedded
    from groove.embedding.library import about, embedded_catalogue, trained_and_catalogue
    from groove.retrieval.evaluation import beyond_tables, radar_tables, technique_tables

    trained, catalogue, songs = trained_and_catalogue(cfg)
    library, path = embedded_catalogue(trained, catalogue, songs)
    log.info(about(library))
    part = library.take(queries(library))
    if cfg.tags:
        part = with_tags(part, Path(cfg.tags))
    tiers = tiers_of(part, Path(cfg.tiers)) if cfg.tiers else None
    from groove.embedding.reference import compared_spaces
    from groove.retrieval.known import beside_radar, known_table  # scikit-learn: not before it is needed

    spaces, mirrors = compared_spaces(trained, part, catalogue.store)
    if "counts" in spaces:
        spaces["counts"] = beside_radar(spaces["counts"], part)
    tables = difficulty_table(trained, part, cfg.draws) | audio_table(trained, part, catalogue.store, cfg.draws)
    tables["what the space knows"] = known_table(spaces, part, cfg.draws, tiers)
    tables |= radar_tables(spaces, part, cfg.draws) | beyond_tables(spaces, mirrors, part, cfg.draws)
    tables |= technique_tables(spaces, part, cfg.draws)
    width = max(120, shutil.get_terminal_size((160, 40)).columns)
    for title, table in tables.items():
        show(title, table, width)
    _write(tables, library, part, Path(cfg.out) if cfg.out else path.with_name(EVALUATION_FILE))


def queries(library: EmbeddedLibrary) -> NDArray[np.intp]:
    """Return the rows of the charts of a class that the model was not trained on; a `LibraryError` for one song."""
    split = np.array(library.column("split"))
    rows = np.flatnonzero((split != "train") & (library.label >= 0))
    songs = len(set(library.song[rows].tolist()))
    if songs < 2:
        raise LibraryError(f"{len(rows)} charts of {songs} songs that the run was not trained on: two songs are needed")
    if (split[rows] == "unknown").any():
        log.info("cannot tell which charts were trained on: embeddings.parquet is missing")
    log.info(
        f"{len(rows)} charts of {songs} songs that the run was not trained on: queries and candidates of each other"
    )
    return rows


def difficulty_table(trained: TrainedModel, part: EmbeddedLibrary, draws: int) -> dict[str, Table]:
    """Return how often the model's own head names the class of a chart, chart by chart; nothing of a head that counts.

    Such a head reads the notes too, not only the pooled features that are kept.
    """
    if trained.model.classifier_head.counts:
        log.info("accuracy left out: the head reads counts of the notes, which are not kept with the embeddings")
        return {}
    return {"accuracy": {"own head": {"accuracy": _accuracy(trained, part, part.space("pooled"), draws)}}}


def _accuracy(trained: TrainedModel, part: EmbeddedLibrary, pooled: NDArray[np.float32], draws: int) -> Interval:
    """Return how often the model's own head names the class of the charts of `part` from their `pooled` (N, D)."""
    import torch

    from groove.retrieval.intervals import mean_intervals

    with torch.no_grad():
        logits = trained.model.logits(torch.from_numpy(pooled), torch.from_numpy(part.scaled_radar).float())
    right = trained.model.classifier_head.predict(logits).numpy() == part.label
    return mean_intervals([right.astype(np.float64)], part.song, draws)[0]


def audio_table(trained: TrainedModel, part: EmbeddedLibrary, store: Path, draws: int) -> dict[str, Table]:
    """Return what the charts that have audio lose without it, and with another song's: accuracy and radar gain.

    Nothing where fewer than two songs have audio, or the head counts notes. What another song's audio costs more than
    none is what the network took from it, right or wrong.
    """
    from groove.embedding.apply import scaled_table
    from groove.embedding.embedded import SPACES
    from groove.embedding.encode import deafened, encode, swapped
    from groove.retrieval.evaluation import space_scores

    heard = part.take(np.flatnonzero(part.column("has_audio")))
    if len(set(heard.song.tolist())) < 2 or trained.model.classifier_head.counts:
        return {}
    table = scaled_table(trained, heard.table)
    given = {
        "its own": heard.vectors,
        "none": encode(trained.model, table, store, deafened),
        "another song's": encode(trained.model, table, store, swapped),
    }

    def measured(vectors: Mapping[str, NDArray[np.float32]]) -> dict[str, Interval]:
        spaces = {name: vectors[name].astype(float) for name in reversed(SPACES)}
        gains = {f"{n} gain": space_scores(x, heard.labels, True, (5,), draws)["gain"] for n, x in spaces.items()}
        return {"accuracy": _accuracy(trained, heard, vectors["pooled"], draws), **gains}

    title = f"{len(heard)} charts with audio, by the audio that the model is given"
    return {title: {name: measured(vectors) for name, vectors in given.items()}}


def show(title: str, table: Table, width: int) -> None:
    """Print one table, a row per space, with the intervals of those columns that have one.

    Columns without a number are named in one line instead. What does not fit into `width` characters follows as a table
    of its own: no name is broken.
    """
    from rich.console import Console
    from rich.table import Table as RichTable

    names = list(next(iter(table.values())))
    missing = [name for name in names if all(np.isnan(values[name].value) for values in table.values())]
    parts: list[list[list[str]]] = []  # of columns, a cell per space below the name
    room = left = width - 4 - max(map(len, table))
    for name in (name for name in names if name not in missing):
        column = [name.replace("_at_", "@"), *(_cell(values[name]) for values in table.values())]
        needed = 3 + max(len(line) for cell in column for line in cell.splitlines())
        if not parts or needed > left:
            parts.append([])
            left = room
        parts[-1].append(column)
        left -= needed
    for number, part in enumerate(parts):
        shown = RichTable("", *(column[0] for column in part), title=f"{title} (continued)" if number else title)
        for row in zip(table, *(column[1:] for column in part), strict=True):
            shown.add_row(*row)
        Console(width=Console(width=10_000).measure(shown).maximum).print(shown)
    if missing:
        print(f"{title}, left out: {', '.join(missing)} (no chart has a value, or all have the same one)")


def _cell(found: Interval) -> str:
    if np.isnan(found.value):
        return "-"
    if np.isnan(found.low):
        return f"{found.value:.0f}" if found.value > 1 else f"{found.value:.3f}"
    return f"{found.value:.3f}\n{found.low:.2f} {found.high:.2f}"


def _write(tables: dict[str, Table], library: EmbeddedLibrary, part: EmbeddedLibrary, out: Path) -> None:
    def numbers(found: Interval) -> dict[str, float | None]:
        return {name: None if np.isnan(value) else value for name, value in found._asdict().items()}

    content = {
        "provenance": asdict(library.provenance),
        "charts": len(part),
        "songs": len(set(part.song.tolist())),
        "tables": {
            title: {space: {name: numbers(x) for name, x in values.items()} for space, values in table.items()}
            for title, table in tables.items()
        },
    }
    with writing(out):
        write_json(out, content)
    log.info(f"95 % intervals by a bootstrap over songs (tags, step artist: over step artists); all numbers: {out}")


if __name__ == "__main__":
    run_main(run, config_name="evaluate", schema=EvaluateConfig)
