"""A song library: a folder of packs (``Pack/Song/song.ssc``), scanned into charts.

Nothing is dropped silently: each file or chart that is not read has a line in `Library.left_out`. The order is by path,
so that two scans of one folder agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from groove.charts.chart import PANELS, Chart
from groove.charts.library.walk import Folder, LeftOut, Tree, check_folder, walk
from groove.charts.simfile.reader import read_simfile
from groove.errors import LibraryError, did_you_mean
from groove.io.files import write_csv


@dataclass(frozen=True)
class Library:
    """What a scan found below `root`: the charts that can be used, and everything that was left out."""

    root: Path
    charts: list[Chart]
    left_out: list[LeftOut]


def scan(
    root: Path,
    steps_types: Sequence[str] = ("dance-single",),
    on_simfile: Callable[[int, int], None] | None = None,
) -> Library:
    """Read every simfile below `root`.

    Args:
        root: the folder that holds the packs; links to folders are followed.
        steps_types: which charts to keep, of `PANELS`; the others are listed as left out.
        on_simfile: called with (simfiles done, simfiles in all) after each, for a progress bar.

    Raises:
        LibraryError: if `root` is no folder or holds no simfile, or a steps type is unknown.
    """
    tree = walked(root, steps_types)
    charts: list[Chart] = []
    left_out = list(tree.left_out)
    total = sum(len(folder.simfiles) for folder in tree.folders)
    done = 0
    for folder in tree.folders:
        found, refused = read_folder(root, folder, steps_types)
        charts += found
        left_out += refused
        done += len(folder.simfiles)
        if on_simfile is not None:
            on_simfile(done, total)
    return Library(root, sorted(charts, key=lambda chart: (chart.simfile, chart.index)), sorted(left_out))


def walked(root: Path, steps_types: Sequence[str]) -> Tree:
    """Return what lies below `root`.

    Raises:
        LibraryError: if `root` is no folder or holds no simfile, or a steps type is unknown.
    """
    for steps_type in steps_types:
        if steps_type not in PANELS:
            raise LibraryError(f"steps type '{steps_type}' cannot be read; {did_you_mean(steps_type, PANELS)}")
    check_folder(root)
    tree = walk(root)
    if not tree.folders:
        raise LibraryError(f"song folder '{root}' holds no .sm or .ssc file: {_what_is_there(tree.suffixes)}")
    return tree


def read_folder(root: Path, folder: Folder, steps_types: Sequence[str]) -> tuple[list[Chart], list[LeftOut]]:
    """Return the charts of `steps_types` in one folder, and what was left out of it."""
    charts: list[Chart] = []
    left_out: list[LeftOut] = []
    for name in folder.simfiles:
        found, refused = read_simfile(root / folder.path / name, root)
        charts += [chart for chart in found if chart.steps_type in steps_types]
        left_out += refused
        left_out += [_of_other_type(chart) for chart in found if chart.steps_type not in steps_types]
    return charts, left_out


def _of_other_type(chart: Chart) -> LeftOut:
    return LeftOut(chart.simfile, chart.label, f"steps type '{chart.steps_type}' is not among steps_types")


def twins(simfiles: Iterable[str]) -> dict[str, str]:
    """Return each `.sm` file of `simfiles` that lies beside an `.ssc` file of the same name, and that one."""
    names = set(simfiles)
    preferred = {_stem(name): name for name in names if _suffix(name) == ".ssc"}
    return {name: preferred[_stem(name)] for name in names if _suffix(name) != ".ssc" and _stem(name) in preferred}


def left_out_twin(simfile: str, label: str, kept: str) -> LeftOut:
    """Return the line of a chart of `simfile` that is not used because `kept` holds its song."""
    name = PurePosixPath(kept).name
    return LeftOut(simfile, label, f"twin of an .ssc file, which StepMania prefers; kept: {name}")


def _stem(simfile: str) -> str:
    return str(PurePosixPath(simfile).with_suffix("")).casefold()


def _suffix(simfile: str) -> str:
    return PurePosixPath(simfile).suffix.lower()


def _what_is_there(suffixes: Mapping[str, int]) -> str:
    """Return what a folder without simfiles holds instead, for an error line."""
    if not suffixes:
        return "it holds no files at all"
    most = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))[:5]
    kinds = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in most)
    hint = "; .dwi files are not read" if ".dwi" in suffixes else ""
    return f"found {sum(suffixes.values())} other files ({kinds}){hint}"


def count_reasons(left_out: Iterable[LeftOut]) -> dict[str, int]:
    """Return how often each reason occurs, the most frequent first, without what was kept in its place."""
    counts = Counter(entry.reason.partition("; kept: ")[0] for entry in left_out)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def reasons_line(left_out: Iterable[LeftOut]) -> str:
    """Return the five most frequent reasons with their counts, for an error line about a library without charts."""
    counts = list(count_reasons(left_out).items())[:5]
    return "; ".join(f"{count} x {reason}" for reason, count in counts) or "nothing was left out either"


def write_left_out(left_out: Iterable[LeftOut], path: Path) -> None:
    """Write `left_out` to the CSV file `path` (columns path, chart, reason), whole or not at all."""
    write_csv(path, LeftOut._fields, left_out)
