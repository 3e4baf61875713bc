"""Compute the features of every chart of a library: ``python -m groove.prepare data.songs=DIR``.

They go into the store at `data.store`, if they are not there. Without ``data.songs`` the generated library is written
first. `groove.train` does the same by itself.

Several machines that share the store compute a part each with ``shard=0 shards=8`` (``-m 'shard=range(8)' shards=8``);
a run without `shard` afterwards finds everything and writes the catalogue.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np

from groove.charts.chart import DIFFICULTIES
from groove.charts.library.scan import count_reasons
from groove.charts.library.summary import LibraryReport, distribution_table
from groove.cli.console import WIDE, progress, table_console
from groove.cli.entry import run_main
from groove.config.schema import PrepareConfig
from groove.features.catalogue import Catalogue
from groove.features.preparation import Shard, prepare, prepare_shard, songs_of
from groove.figures.library_figure import write_library_figure
from groove.io.files import usable


def run(cfg: PrepareConfig) -> None:
    """Prepare the library of `cfg`, or one shard of it, and print what was found."""
    start = time.perf_counter()
    if cfg.shard is not None:
        return _run_shard(cfg, Shard(cfg.shard, cfg.shards), start)
    catalogue = prepare(cfg.data, cfg.features)
    _print_catalogue(catalogue, cfg.data.missing_audio)
    _show_radar(catalogue, cfg.data.radar, cfg.figure)
    print(f"{catalogue.computed} simfiles computed, {time.perf_counter() - start:.1f} s")


def _run_shard(cfg: PrepareConfig, shard: Shard, start: float) -> None:
    """Compute the records of `shard`, print how many, and which simfiles failed."""
    data = cfg.data
    with progress() as on_step:
        songs, workers = songs_of(data, on_step)
        part = prepare_shard(songs, Path(data.store), cfg.features, shard, data.steps_types, workers, on_step)
    for entry in part.failed:
        print(f"  {entry.path}: {entry.reason}")
    print(
        f"shard {cfg.shard} of {cfg.shards}: {part.simfiles} of {part.total} simfiles, {part.computed} computed, "
        f"{len(part.failed)} failed, {time.perf_counter() - start:.1f} s; a run without shard= writes the catalogue"
    )


def _print_catalogue(catalogue: Catalogue, missing_audio: str) -> None:
    """Print what is in the catalogue, what the frames merge, what was left out, and where it all lies."""
    table = catalogue.table
    print(f"{catalogue.summary} (missing_audio={missing_audio})")
    counts = Counter(table["difficulty"].to_pylist())
    print("  " + ", ".join(f"{counts[name]} {name}" for name in DIFFICULTIES if counts[name]))
    merged = table["merged_rows"].to_numpy()
    touched = np.count_nonzero(merged)
    share = merged.sum() / max(table["steps"].to_numpy().sum(), 1)
    print(f"{merged.sum()} rows ({share:.2%}) share a frame with another row, in {touched} charts "
          f"({touched / len(table):.1%}); they are counted in it")  # fmt: skip
    print(f"{len(catalogue.left_out)} left out:" if catalogue.left_out else "nothing left out")
    for reason, count in count_reasons(catalogue.left_out).items():
        print(f"  {count:6d}  {reason}")
    print(f"catalogue: {catalogue.path}\nleft out:  {catalogue.left_out_path}")


def _show_radar(catalogue: Catalogue, family: str, figure: bool) -> None:
    """Print the distributions of the radar of `family`, and draw the library beside its catalogue."""
    report = LibraryReport.of(
        catalogue.table,
        family,
        title=catalogue.summary,
        has_audio=catalogue.table["has_audio"].to_numpy(),
        audio_means="audio",
        left_out=count_reasons(catalogue.left_out),
    )
    table_console(WIDE).print(distribution_table(report))
    if figure:
        path = catalogue.store / f"library-{catalogue.fingerprint}.png"
        with usable(path):
            write_library_figure(report, path)
        print(f"figure:    {path}")


if __name__ == "__main__":
    run_main(run, config_name="prepare", schema=PrepareConfig)
