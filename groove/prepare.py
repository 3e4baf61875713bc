"""Compute the features of every chart of a library: ``python -m groove.prepare data.songs=DIR``.

They go into the store at `data.store`; what is there already is not computed again. Without ``data.songs`` the
generated library is written first. `groove.train` does the same by itself.

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
from groove.errors import LibraryError
from groove.features.catalogue import Catalogue
from groove.features.preparation import Shard, prepare, prepare_shard, songs_of
from groove.figures.library_figure import write_library_figure


def run(cfg: PrepareConfig) -> None:
    """Prepare the library of `cfg`, or one shard of it, and print what was found."""
    start = time.perf_counter()
    if cfg.shard is not None:
        return _run_shard(cfg, Shard(cfg.shard, cfg.shards), start)
    catalogue = prepare(cfg.data, cfg.features)
    _report(catalogue, cfg.data.missing_audio)
    _show(report_of(catalogue, cfg.data.radar), catalogue.figure_path if cfg.figure else None)
    print(f"{catalogue.computed} simfiles computed, {time.perf_counter() - start:.1f} s")


def _run_shard(cfg: PrepareConfig, shard: Shard, start: float) -> None:
    """Compute the records of `shard`, print how many, and which simfiles failed."""
    with progress() as on_step:
        songs, workers = songs_of(cfg.data, on_step)
        steps_types = list(cfg.data.steps_types)
        part = prepare_shard(songs, Path(cfg.data.store), cfg.features, shard, steps_types, workers, on_step)
    for entry in part.failed:
        print(f"  {entry.path}: {entry.reason}")
    print(
        f"{shard}: {part.simfiles} of {part.total} simfiles, {part.computed} computed, {len(part.failed)} failed, "
        f"{time.perf_counter() - start:.1f} s; a run without shard= writes the catalogue"
    )


def _report(catalogue: Catalogue, missing_audio: str) -> None:
    """Print what is in the catalogue, what the frames merge, what was left out, and where it all lies."""
    table = catalogue.table
    print(f"{catalogue.summary} (missing_audio={missing_audio})")
    counts = Counter(table["difficulty"].to_pylist())
    print("  " + ", ".join(f"{counts[name]} {name}" for name in DIFFICULTIES if counts[name]))
    merged = table["merged_rows"].to_pylist()
    touched = sum(count > 0 for count in merged)
    share = sum(merged) / max(sum(table["steps"].to_pylist()), 1)
    print(f"{sum(merged)} rows ({share:.2%}) share a frame with another row, in {touched} charts", end="")
    print(f" ({touched / len(table):.1%}); they are counted in it")
    print(f"{len(catalogue.left_out)} left out:" if catalogue.left_out else "nothing left out")
    for reason, count in count_reasons(catalogue.left_out).items():
        print(f"  {count:6d}  {reason}")
    print(f"catalogue: {catalogue.path}\nleft out:  {catalogue.left_out_path}")


def report_of(catalogue: Catalogue, family: str) -> LibraryReport:
    """Return `catalogue` in numbers, with the radar of `family`."""
    has_audio = np.array(catalogue.table["has_audio"].to_pylist(), dtype=bool)
    return LibraryReport.of(catalogue.summary, catalogue.table, family, has_audio, "audio", catalogue.left_out)


def _show(report: LibraryReport, figure_path: Path | None) -> None:
    """Print the radar distributions, and draw everything into the file at `figure_path`."""
    table_console(WIDE).print(distribution_table(report))
    if figure_path is not None:
        try:
            write_library_figure(report, figure_path)
        except OSError as error:
            raise LibraryError(f"'{figure_path}' cannot be written: {error.strerror or error}") from error
        print(f"figure:    {figure_path}")


if __name__ == "__main__":
    run_main(run, config_name="prepare", schema=PrepareConfig)
