"""How good a run's embeddings are, on any library: ``python -m groove.evaluate run=DIR songs=DIR``.

Charts that the run was not trained on ask for their neighbours among each other; the radar says who the true ones are.
Beside the run's two spaces stand its epoch 0, an untrained network, features without a network, and the radar itself.
Then come questions that the radar cannot answer well: which song, step artist, pack, and what the feet do.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groove.cli.entry import run_main
from groove.config.schema import EvaluateConfig
from groove.embedding.library import about, embedded_catalogue, trained_and_catalogue
from groove.errors import ConfigError, LibraryError
from groove.io.files import writing
from groove.runs.layout import EVALUATION_FILE

if TYPE_CHECKING:
    from groove.data.triplets import ChartLabels
    from groove.embedding.embedded import EmbeddedLibrary
    from groove.embedding.trained import TrainedModel
    from groove.features.catalogue import Catalogue
    from groove.retrieval.bootstrap import Interval
    from groove.retrieval.evaluation import Spaces

Table = dict[str, dict[str, "Interval"]]
"""Values with intervals, by what was measured within each space."""


def run(cfg: EvaluateConfig) -> None:
    """Measure, print the tables, and write them."""
    out = wanted_file(cfg.out)
    trained, catalogue, songs = trained_and_catalogue(cfg)
    library, path = embedded_catalogue(trained, catalogue, songs)
    print(about(library))
    rows = asked(library)
    part = library.take(rows)
    spaces, mirrors = all_spaces(trained, catalogue, part)
    tables = radar_tables(spaces, part, cfg.draws) | beyond_tables(spaces, mirrors, part, cfg.draws)
    if cfg.technique:
        tables |= technique_tables(spaces, part, songs, cfg.draws)
    width = max(120, shutil.get_terminal_size((160, 40)).columns)
    for title, table in tables.items():
        show(title, table, width)
    _write(tables, library, part, out or path.with_name(EVALUATION_FILE))


def wanted_file(out: str | None) -> Path | None:
    """Return where the result shall go, None for its place beside the embeddings.

    Raises:
        ConfigError: its name does not say that it is JSON.
    """
    if out and Path(out).suffix != ".json":
        raise ConfigError(f"out={out}: the result is JSON; allowed: a file that ends in .json")
    return Path(out) if out else None


def asked(library: EmbeddedLibrary) -> Any:
    """Return the rows of the charts of a class that the model was not trained on; say how many there are.

    Raises:
        LibraryError: if there are fewer than two.
    """
    known = np.array(library.column("split"))
    rows = np.flatnonzero((known != "train") & (library.label >= 0))
    songs = len(set(library.song[rows].tolist()))
    if songs < 2:
        raise LibraryError(f"{len(rows)} charts of {songs} songs that the run was not trained on: two songs are needed")
    if (known[rows] == "unknown").any():
        print("nobody can say which of these charts the run was trained on: its own embeddings are not there")
    print(f"{len(rows)} charts of {songs} songs, none of them trained on, look for their neighbours among each other")
    return rows


def all_spaces(trained: TrainedModel, catalogue: Catalogue, part: EmbeddedLibrary) -> tuple[Spaces, Spaces]:
    """Return vectors of the charts of `part` in every space, and of their mirror images where a space has them."""
    from groove.embedding.apply import scaled_table
    from groove.embedding.encode import encode, mirrored
    from groove.embedding.reference import raw_features, untrained

    store = catalogue.store
    table = scaled_table(trained, part.table)
    mirror = encode(trained.model, table, store, mirrored)
    spaces = {name: part.space(name).astype(float) for name in ("projection", "pooled")}
    mirrors = {name: mirror[name].astype(float) for name in spaces}
    first = _epoch_0(trained)
    if first is not None:
        spaces |= {f"epoch0_{name}": x.astype(float) for name, x in encode(first.model, table, store).items()}
    network = untrained(trained)
    spaces["untrained_pooled"] = encode(network, table, store)["pooled"].astype(float)
    mirrors["untrained_pooled"] = encode(network, table, store, mirrored)["pooled"].astype(float)
    spaces["raw_features"], mirrors["raw_features"] = raw_features(table, store), raw_features(table, store, True)
    spaces["random"] = np.random.default_rng(0).normal(size=(len(part), 8))
    spaces["radar"] = mirrors["radar"] = part.scaled_radar
    return spaces, mirrors


def _epoch_0(trained: TrainedModel) -> TrainedModel | None:
    """Return the model before its first step, or None, and say so, if its checkpoint is not kept."""
    from groove.embedding.trained import load_trained
    from groove.runs.layout import CHECKPOINTS, EPOCH_0

    path = trained.folder / CHECKPOINTS / EPOCH_0
    if not path.is_file():
        print(f"no {path}: epoch 0 is not in the tables")
        return None
    return load_trained(path)


def labels_of(part: EmbeddedLibrary) -> ChartLabels:
    """Return what decides a chart's candidates and its true neighbours."""
    from groove.data.triplets import ChartLabels

    return ChartLabels(part.scaled_radar, part.label, part.song)


def radar_tables(spaces: Spaces, part: EmbeddedLibrary, draws: int) -> dict[str, Table]:
    """Return retrieval and rank correlations within a difficulty and across, and the gain in each difficulty."""
    from groove.retrieval.evaluation import correlations, gain_by_class, space_scores
    from groove.retrieval.metrics import radar_truth

    labels = labels_of(part)
    classes = list(part.classes)
    found: dict[str, Table] = {}
    truths = {}
    for title, within in (("within a difficulty", True), ("across difficulties", False)):
        truths[within] = radar_truth(labels, within)
        found[f"retrieval {title}"] = {
            n: space_scores(x, labels, within, draws=draws, truth=truths[within]) for n, x in spaces.items()
        }
        found[f"correlation with radar distance {title}"] = {
            n: correlations(x, labels, within) for n, x in spaces.items()
        }
    return found | {
        "gain in each difficulty": {
            n: gain_by_class(x, labels, classes, draws, truth=truths[True]) for n, x in spaces.items()
        },
    }


def beyond_tables(spaces: Spaces, mirrors: Spaces, part: EmbeddedLibrary, draws: int) -> dict[str, Table]:
    """Return what is found that is no radar: mirror images, songs, step artists, packs."""
    from groove.retrieval.identification import finds_original, finds_song, shares_name

    labels = labels_of(part)
    artists, packs = part.column("description"), part.column("pack")
    return {
        "a mirrored chart finds its original": {n: finds_original(x, spaces[n], labels.song, draws)
                                                for n, x in mirrors.items()},
        "a chart finds another difficulty of its song": {n: finds_song(x, labels, draws) for n, x in spaces.items()},
        "neighbours share the step artist": {n: shares_name(x, labels, artists, draws) for n, x in spaces.items()},
        "neighbours share the pack": {n: shares_name(x, labels, packs, draws) for n, x in spaces.items()},
    }  # fmt: skip


def technique_tables(spaces: Spaces, part: EmbeddedLibrary, songs: Path, draws: int) -> dict[str, Table]:
    """Return the gain in what the feet do, as counted in the simfiles; nothing, and why, where that cannot be."""
    from groove.charts.technique.counting import RATES
    from groove.retrieval.evaluation import label_gains
    from groove.retrieval.technique import rates_of

    rates = rates_of(part, songs)
    known = np.flatnonzero(~np.isnan(rates).any(axis=1))
    print(f"technique counted in {len(known)} of {len(part)} charts")
    if len(known) < 2:
        return {}
    chosen = {name: vectors[known] for name, vectors in spaces.items()}
    return {"gain in technique": label_gains(chosen, rates[known], RATES, labels_of(part).take(known), draws)}


def show(title: str, table: Table, width: int) -> None:
    """Print one table, a row per space, with the intervals of those columns that have one.

    Columns without a number are named in one line instead. What does not fit into `width` characters follows as a table
    of its own: no name is broken.
    """
    columns = list(next(iter(table.values())))
    measured = [name for name in columns if not all(np.isnan(values[name].value) for values in table.values())]
    missing = [name for name in columns if name not in measured]
    cells = {name: [_head(name), *(_cell(values[name]) for values in table.values())] for name in measured}
    for number, part in enumerate(_parts(cells, width - 4 - max(map(len, table)))):
        _print(f"{title} (continued)" if number else title, list(table), [cells[name] for name in part])
    if missing:
        print(f"{title}: nothing of {', '.join(missing)}: no chart has it, or all charts have the same")


def _parts(cells: dict[str, list[str]], room: int) -> list[list[str]]:
    """Return the names of the columns in parts, each as wide as `room` allows and of at least one column."""
    parts: list[list[str]] = []
    left = 0
    for name, column in cells.items():
        needed = 3 + max(len(line) for cell in column for line in cell.splitlines())
        if not parts or needed > left:
            parts.append([])
            left = room
        parts[-1].append(name)
        left -= needed
    return parts


def _print(title: str, spaces: list[str], columns: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable

    shown = RichTable("", *(column[0] for column in columns), title=title)
    for row in zip(spaces, *(column[1:] for column in columns), strict=True):
        shown.add_row(*row)
    Console(width=Console(width=10_000).measure(shown).maximum).print(shown)


def _head(name: str) -> str:
    return name.replace("_at_", "@")


def _cell(found: Interval) -> str:
    if np.isnan(found.value):
        return "-"
    if np.isnan(found.low):
        return f"{found.value:.0f}" if found.value > 1 else f"{found.value:.3f}"
    return f"{found.value:.3f}\n{found.low:.2f} {found.high:.2f}"


def _write(tables: dict[str, Table], library: EmbeddedLibrary, part: EmbeddedLibrary, out: Path) -> None:
    from dataclasses import asdict

    from groove.io.files import write_json

    content = {
        "provenance": asdict(library.provenance),
        "charts": len(part),
        "songs": len(set(part.song.tolist())),
        "tables": {
            title: {space: {name: _numbers(x) for name, x in values.items()} for space, values in table.items()}
            for title, table in tables.items()
        },
    }
    with writing(out):
        write_json(out, content)
    print(f"95 % intervals by a bootstrap over songs; all numbers: {out}")


def _numbers(found: Interval) -> dict[str, float | None]:
    """Return value and interval, None for NaN."""
    return {name: None if np.isnan(value) else value for name, value in found._asdict().items()}


if __name__ == "__main__":
    run_main(run, config_name="evaluate", schema=EvaluateConfig)
