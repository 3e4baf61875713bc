"""Write the groove radar of every chart of a library: ``python -m groove.radar songs=DIR out=radar.csv``.

One row per chart: where it is from, both radars (`konami_*` and `stepmania_*`, different features that share names),
the raw elements behind them, and which song it is of. Next to `out` lies ``left_out.csv``: every file and chart that
was not read, and why, and ``library.png``, a picture of the library. ``compare=stored`` compares with the values in the
simfiles, ``compare=FILE.csv`` with official ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from groove.charts.chart import DIFFICULTIES
from groove.charts.library.index import RadarTable, radar_table
from groove.charts.library.scan import count_reasons, reasons_line, write_left_out
from groove.charts.library.summary import LibraryReport, distribution_table
from groove.charts.radar.groove_radar import FAMILIES, RADAR_AXES
from groove.cli.console import table_console
from groove.cli.entry import run_main
from groove.config.schema import RadarConfig
from groove.errors import LibraryError
from groove.figures.library_figure import write_library_figure
from groove.io.files import write_bytes

if TYPE_CHECKING:
    from groove.charts.library.agreement import Comparison, OfficialValues

DECIMALS = 6
STORED = "stored"
FIGURE_FILE = "library.png"
WORST = 10
"""How many of the charts that disagree are listed."""
NAMED = 3
"""How many of the charts without a match are named."""
WIDE = 120
"""Columns of a table where no terminal says how many there are."""


def run(cfg: RadarConfig) -> None:
    """Scan, compute, write and say what was done.

    Raises:
        LibraryError: if there is no song folder, no simfile or no chart in it, or a file cannot be read or written.
    """
    out = Path(cfg.out)
    official = _official(cfg.compare)  # before the scan, which may take long
    radars = _radars(cfg)
    if not len(radars.table):
        raise LibraryError(f"no {' or '.join(cfg.steps_types)} chart in '{cfg.songs}': {reasons_line(radars.left_out)}")
    compared = None if cfg.compare is None else _compared(radars, official)
    left_out_path, figure_path = out.with_name("left_out.csv"), out.with_name(FIGURE_FILE)
    reports = [library_report(radars, family) for family in FAMILIES]
    try:
        write_bytes(out, as_csv(radars))
        write_left_out(radars.left_out, left_out_path)
        if cfg.figure:
            write_library_figure(reports[0], figure_path)
    except OSError as error:
        raise LibraryError(f"out='{out}' cannot be written: {error.strerror}") from error
    _report(radars)
    _distributions(reports)
    if compared is not None:
        _print_comparison(radars, compared, stored=official is None)
    print(f"radar:    {out}\nleft out: {left_out_path}" + (f"\nfigure:   {figure_path}" if cfg.figure else ""))


def _official(compare: str | None) -> OfficialValues | None:
    """Return the official values that `compare` names, if it names a file."""
    from groove.charts.library.agreement import read_official

    return None if compare in (None, STORED) else read_official(Path(str(compare)))


def _radars(cfg: RadarConfig) -> RadarTable:
    from rich.console import Console
    from rich.progress import Progress

    index = Path(cfg.index) if cfg.index else None
    console = Console(stderr=True)
    try:
        with Progress(transient=True, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("song folders", total=None)
            return radar_table(
                Path(cfg.songs),
                list(cfg.steps_types),
                cfg.song_end,
                index,
                cfg.workers,
                lambda done, total: progress.update(task, completed=done, total=total),
            )
    except BrokenProcessPool as error:
        raise LibraryError(
            "a process that reads songs ended (out of memory, or a damaged audio file); with workers=1 the song shows"
        ) from error
    except OSError as error:
        raise LibraryError(f"index='{index}' cannot be used: {error.strerror or error}") from error


def as_csv(radars: RadarTable) -> bytes:
    """Return the table's columns for users as CSV; file names that UTF-8 cannot hold keep their bytes."""
    import io

    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pacsv

    columns = {}
    for name in radars.shown:
        column = radars.table[name].combine_chunks()
        if pa.types.is_floating(column.type):
            column = pc.round(column, DECIMALS)
        elif pa.types.is_binary(column.type):  # taken for text without a check, so that any bytes pass
            column = pa.StringArray.from_buffers(len(column), column.buffers()[1], column.buffers()[2])
        columns[name] = column
    sink = io.BytesIO()
    pacsv.write_csv(pa.table(columns), sink)
    return sink.getvalue()


def library_report(radars: RadarTable, family: str) -> LibraryReport:
    """Return the library in numbers, with the radar of `family`."""
    table = radars.table
    return LibraryReport(
        title=_summary(radars),
        family=family,
        axes=RADAR_AXES,
        slots=DIFFICULTIES,
        difficulty=radars.text("difficulty"),
        radar=np.column_stack([table[f"{family}_{axis}"].to_numpy() for axis in RADAR_AXES]),
        has_audio=table["length_known"].to_numpy(),
        audio_means="audio or #MUSICLENGTH",
        left_out=count_reasons(radars.left_out),
    )


def _distributions(reports: Sequence[LibraryReport]) -> None:
    """Print the distributions of both radars."""
    console = table_console(WIDE)
    for report in reports:
        console.print(distribution_table(report))


def _summary(radars: RadarTable) -> str:
    return f"{len(radars.table)} charts of {len(set(radars.text('identity')))} songs"


def _report(radars: RadarTable) -> None:
    """Print what was found and what was left out."""
    table = radars.table
    difficulties = Counter(radars.text("difficulty"))
    print(f"{_summary(radars)}: " + ", ".join(f"{n} {name}" for name, n in difficulties.items()))
    known = radars.folders - radars.read
    print(f"{radars.read} song folders read" + (f", {known} unchanged since the last run" if known else ""))
    copies = duplicates(radars)
    print(f"{len(copies)} songs lie in more than one folder" + (":" if copies else ""))
    for folders in copies[:WORST]:
        print(f"  {' = '.join(folders)}")
    if len(copies) > WORST:
        print(f"  and {len(copies) - WORST} more: see the column identity")
    without = len(table) - int(np.count_nonzero(table["length_known"].to_numpy()))
    print(f"{without} charts without audio or #MUSICLENGTH: their stepmania values take the end of the last measure")
    print(f"{len(radars.left_out)} left out:")
    for reason, count in count_reasons(radars.left_out).items():
        print(f"  {count:6d}  {reason}")


def duplicates(radars: RadarTable) -> list[list[str]]:
    """Return the folders of every song that lies in more than one, sorted."""
    folders: dict[str, set[str]] = {}
    for identity, simfile in zip(radars.text("identity"), radars.text("simfile"), strict=True):
        folders.setdefault(identity, set()).add(simfile.rpartition("/")[0])
    return sorted(sorted(found) for found in folders.values() if len(found) > 1)


def _compared(radars: RadarTable, official: OfficialValues | None) -> Comparison:
    """Return our radars beside the `official` values, or without them beside those in the simfiles."""
    from groove.charts.library.agreement import compare_official, compare_stored

    return compare_stored(radars) if official is None else compare_official(radars, official)


def _print_comparison(radars: RadarTable, found: Comparison, stored: bool) -> None:
    """Print the table of agreement, what could not be compared, and the charts that disagree most."""
    if not found.groups:
        print("compare=stored: no simfile holds values other than zero, so there is nothing to compare")
        return
    _print_shares(found, stored)
    if found.missing:
        more = ", ..." if len(found.missing) > NAMED else ""
        print(f"{len(found.missing)} charts with official values are not in this library: "
              f"{', '.join(found.missing[:NAMED])}{more}")  # fmt: skip
    _print_worst(radars, found, stored)


def _print_shares(found: Comparison, stored: bool) -> None:
    """Print what share of the values agrees, by engine build or by pack."""
    from rich.table import Table

    of = "stepmania, within 0.002 of the simfile's" if stored else "konami, within 1 point of the official ones"
    names = "written by StepMania" if stored else "pack"
    table = Table("charts", names, *RADAR_AXES, title=f"share of values: {of}")
    rows = found.shares()
    if not stored:  # the game shows integers
        rows |= {f"{name}, floored": share for name, share in found.floored().shares().items()}
    for name, (count, shares) in rows.items():
        table.add_row(str(count), name, *("-" if np.isnan(share) else f"{share:.3f}" for share in shares))
    table_console(WIDE).print(table)


def _print_worst(radars: RadarTable, found: Comparison, stored: bool) -> None:
    """Print the charts that disagree most, and with official values why."""
    from groove.charts.library.agreement import cause

    simfiles, difficulties = radars.text("simfile"), radars.text("difficulty")
    for index in found.worst(WORST):
        place = int(found.places[index])
        digits = 3 if stored else 1
        pairs = (
            f"{axis} {ours:.{digits}f} here, {theirs:g} there"
            for axis, ours, theirs, agrees in zip(
                RADAR_AXES, found.ours[index], found.theirs[index], found.agrees[index], strict=True
            )
            if not agrees and not np.isnan(theirs)
        )
        why = "" if stored else f" ({cause(radars, place, found.theirs[index].tolist())})"
        print(f"  {simfiles[place]} [{difficulties[place]}]: {', '.join(pairs)}{why}")


if __name__ == "__main__":
    run_main(run, config_name="radar", schema=RadarConfig)
