"""Write the groove radar of every chart of a library: ``python -m groove.radar songs=DIR out=radar.csv``.

One row per chart: where it is from, both radars (`konami_*` and `stepmania_*`, different features that share names),
the raw elements behind them, and which song it is of. Next to `out` lie ``left_out.csv``, what was not read and why,
and ``library.png``. ``compare=stored`` compares with values in the simfiles, ``compare=FILE.csv`` with official ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from groove.charts.display import WORDS
from groove.charts.library.agreement import Comparison, cause, compare_official, compare_stored, read_official
from groove.charts.library.index import CHART_COLUMNS, INDEX_FOLDER, RADAR_COLUMNS
from groove.charts.library.scan import Library, count_reasons, reasons_line, scan
from groove.charts.library.summary import LibraryReport, distribution_table
from groove.charts.library.walk import LeftOut
from groove.charts.radar.groove_radar import FAMILIES, RADAR_AXES
from groove.cli.console import WIDE, progress, table_console
from groove.cli.entry import run_main
from groove.config.schema import RadarConfig
from groove.errors import LibraryError
from groove.figures.library_figure import write_library_figure
from groove.io.files import usable, write_bytes, write_csv, writing

DECIMALS = 6
STORED = "stored"
FIGURE_FILE = "library.png"
WORST = 10  # charts that disagree, and songs that lie in several folders, are listed
NAMED = 3  # charts without a match are named


def run(cfg: RadarConfig) -> None:
    """Scan, compute, write and say what was done."""
    out, official = Path(cfg.out), None
    if cfg.compare not in (None, STORED):
        official = read_official(Path(cfg.compare))  # before the scan, which may take long
    with usable(Path(cfg.store or cfg.songs)), progress() as on_step:
        index = Path(cfg.store) / INDEX_FOLDER if cfg.store else None
        library = scan(Path(cfg.songs), cfg.steps_types, cfg.song_end, index, cfg.workers, on_step)
        reports = [report_of(library, family) for family in FAMILIES]  # reads audio
    if not len(library.charts):
        kinds = " or ".join(cfg.steps_types)
        raise LibraryError(f"no {kinds} chart in '{cfg.songs}': {reasons_line(library.left_out)}")
    compared = None
    if cfg.compare is not None:
        compared = compare_stored(library) if official is None else compare_official(library, official)
    left_out_path, figure_path = out.with_name("left_out.csv"), out.with_name(FIGURE_FILE)
    with writing(out):
        write_bytes(out, as_csv(library))
        write_csv(left_out_path, LeftOut._fields, library.left_out)
        if cfg.figure:
            write_library_figure(reports[0], figure_path)
    _print_summary(library, reports[0])
    for report in reports:
        table_console(WIDE).print(distribution_table(report))
    if compared is not None:
        _print_comparison(library, compared, stored=official is None)
    print(f"radar:    {out}\nleft out: {left_out_path}" + (f"\nfigure:   {figure_path}" if cfg.figure else ""))


def as_csv(library: Library) -> bytes:
    """Return the columns for users as CSV; file names that UTF-8 cannot hold keep their bytes."""
    columns = {}
    for name in (*CHART_COLUMNS, "description", *WORDS, *RADAR_COLUMNS, *library.elements):
        column = library.charts[name].combine_chunks()
        if pa.types.is_floating(column.type):
            column = pc.round(column, DECIMALS)
        elif pa.types.is_binary(column.type):  # taken for text without a check, so that any bytes pass
            column = pa.StringArray.from_buffers(len(column), column.buffers()[1], column.buffers()[2])
        columns[name] = column
    sink = pa.BufferOutputStream()
    pacsv.write_csv(pa.table({**columns, "identity": library.identity}), sink)
    return sink.getvalue().to_pybytes()


def report_of(library: Library, family: str) -> LibraryReport:
    """Return the library in numbers, with the radar of `family`."""
    return LibraryReport.of(
        library.charts,
        family,
        title=f"{len(library.charts)} charts of {len(set(library.identity))} songs",
        has_audio=library.charts["length_known"].to_numpy(),
        audio_means="audio or #MUSICLENGTH",
        left_out=count_reasons(library.left_out),
    )


def _print_summary(library: Library, report: LibraryReport) -> None:
    """Print what was found and what was left out."""
    print(f"{report.title}: " + ", ".join(f"{n} {name}" for name, n in Counter(report.difficulty).items()))
    known = library.folders - library.read
    print(f"{library.read} song folders read" + (f", {known} unchanged since the last run" if known else ""))
    folders: defaultdict[str, set[str]] = defaultdict(set)
    for identity, simfile in zip(library.identity, library.text("simfile"), strict=True):
        folders[identity].add(simfile.rpartition("/")[0])
    copies = sorted(sorted(found) for found in folders.values() if len(found) > 1)
    print(f"{len(copies)} songs lie in more than one folder" + (":" if copies else ""))
    for copy in copies[:WORST]:
        print(f"  {' = '.join(copy)}")
    if len(copies) > WORST:
        print(f"  and {len(copies) - WORST} more: see the column identity")
    without = np.count_nonzero(~report.has_audio)
    print(f"{without} charts without audio or #MUSICLENGTH: their stepmania radar ends with the last measure")
    print(f"{len(library.left_out)} left out:" if library.left_out else "nothing left out")
    for reason, count in report.left_out.items():
        print(f"  {count:6d}  {reason}")


def _print_comparison(library: Library, found: Comparison, stored: bool) -> None:
    """Print the shares that agree (by engine build or pack), what was not compared, and where they disagree most."""
    from rich.table import Table

    if not found.groups:
        print("compare=stored: no simfile holds values other than zero, so there is nothing to compare")
        return
    of = "stepmania, within 0.002 of the simfile's" if stored else "konami, within 1 point of the official ones"
    names = "written by StepMania" if stored else "pack"
    table = Table("charts", names, *RADAR_AXES, title=f"share of values: {of}")
    rows = found.shares()
    if not stored:  # the game shows integers
        rows |= {f"{name}, floored": share for name, share in found.floored().shares().items()}
    for name, (count, shares) in rows.items():
        table.add_row(str(count), name, *("-" if np.isnan(share) else f"{share:.3f}" for share in shares))
    table_console(WIDE).print(table)
    if found.missing:
        more = ", ..." if len(found.missing) > NAMED else ""
        print(f"{len(found.missing)} charts with official values are not in this library: "
              f"{', '.join(found.missing[:NAMED])}{more}")  # fmt: skip
    digits = 3 if stored else 1
    for index in found.worst(WORST):
        place, theirs = int(found.places[index]), found.theirs[index]
        wrong = np.flatnonzero(~found.agrees[index] & ~np.isnan(theirs))
        pairs = (f"{RADAR_AXES[i]} {found.ours[index, i]:.{digits}f} here, {theirs[i]:g} there" for i in wrong)
        why = "" if stored else f" ({cause(library, place, theirs)})"
        simfile, difficulty = (library.text(column)[place] for column in ("simfile", "difficulty"))
        print(f"  {simfile} [{difficulty}]: {', '.join(pairs)}{why}")


if __name__ == "__main__":
    run_main(run, config_name="radar", schema=RadarConfig)
