"""A song library, a folder of packs (``Pack/Song/song.ssc``), as one table: how `radar` and `prepare` both read it.

Only folders that changed since the last scan are read (`index.py`). Nothing is dropped silently: each file or chart
that is not used has a line in `Library.left_out`. The order is by path, so that two scans of one folder agree.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from groove.charts.chart import chart_label
from groove.charts.library.identity import AudioDigests, SongTraits, identities
from groove.charts.library.index import COLUMNS, SongEnd, of_kind, to_text, up_to_date
from groove.charts.library.walk import LeftOut, check_folder, walk
from groove.errors import LibraryError
from groove.io.processes import OnStep, silent


@dataclass(frozen=True)
class Library:
    """The charts of one library, a row each, sorted by simfile, then index.

    Attributes:
        root: the library's folder.
        charts: the columns of the index (`COLUMNS`); text is bytes, which `text` decodes.
        left_out: what is not used, with the reason.
        digests: of its audio files.
        read: number of folders read in this scan, the others were known.
        folders: number of folders with simfiles.
    """

    root: Path
    charts: pa.Table
    left_out: list[LeftOut]
    digests: AudioDigests
    read: int
    folders: int

    @property
    def elements(self) -> list[str]:
        """The columns of the raw elements of the radars."""
        return [name for name in self.charts.column_names if name not in COLUMNS]

    def text(self, column: str) -> list[str]:
        """Return a column of text, decoded."""
        return _plain(self.charts, column)

    def left_out_chart(self, place: int, reason: str) -> LeftOut:
        """Return the line for the chart in row `place` that is not used for `reason`."""
        return LeftOut(*_labels(self.charts.slice(place, 1))[0], reason)

    @cached_property
    def chart_id(self) -> list[str]:
        """Return ``simfile#index`` of each chart."""
        indices = self.charts["index"].to_pylist()
        return [f"{simfile}#{index}" for simfile, index in zip(self.text("simfile"), indices, strict=True)]

    @cached_property
    def identity(self) -> list[str]:
        """Return which song each chart is of (`identities`): the one place where that is decided."""
        names = ("simfile", "music", "norm_title", "norm_artist", "notes", "rows")
        columns = [_plain(self.charts, name) for name in names]
        traits = [SongTraits(*values) for values in zip(*columns, strict=True)]
        return identities(traits, self.digests.of_equal_sizes(chart.music for chart in traits if chart.music))


def scan(
    root: Path,
    steps_types: Sequence[str] = ("dance-single",),
    song_end: SongEnd = "song",
    cache: Path | None = None,
    workers: int = 1,
    on_step: OnStep = silent,
) -> Library:
    """Return the charts of `steps_types` of the library at `root`, a folder that holds packs, or links to them.

    The konami radar's T ends at `song_end`; the index is kept in the folder `cache`, without one everything is read.
    A `LibraryError` is raised if `root` is no folder or holds no simfile, or if a process that reads ends.
    """
    check_folder(root)
    tree = walk(root)
    if not tree.folders:
        raise LibraryError(f"song folder '{root}' holds no .sm or .ssc file: {_what_is_there(tree.suffixes)}")
    rows, read = up_to_date(root, tree.folders, song_end, cache, workers, on_step)
    charts, refused = of_kind(rows, "chart"), of_kind(rows, "left_out").select(["simfile", "label", "reason"])
    left_out = {*tree.left_out, *(LeftOut(*map(to_text, row.values())) for row in refused.to_pylist())}
    reasons = _why_unused(charts, steps_types)
    used = pa.array([not reason for reason in reasons], pa.bool_())
    labels = _labels(charts.filter(pc.invert(used)))
    left_out |= {LeftOut(*label, reason) for label, reason in zip(labels, filter(None, reasons), strict=True)}
    return Library(root, charts.filter(used), sorted(left_out), AudioDigests(root, cache), read, len(tree.folders))


def _why_unused(charts: pa.Table, steps_types: Sequence[str]) -> list[str]:
    """Return why each of `charts` is not used, ``""`` for those that are."""
    places = list(zip(_plain(charts, "simfile"), _plain(charts, "steps_type"), strict=True))
    kept = twins(simfile for simfile, kind in places if kind in steps_types)
    twin = "twin of an .ssc file, which StepMania prefers; kept: "
    why = {name: twin + os.path.basename(preferred) for name, preferred in kept.items()}
    other = "steps type '{}' is not among steps_types"
    return [why.get(simfile, "") if kind in steps_types else other.format(kind) for simfile, kind in places]


def _labels(charts: pa.Table) -> list[tuple[str, str]]:
    """Return the simfile of each chart, and what ``left_out.csv`` calls it."""
    columns = [_plain(charts, name) for name in ("simfile", "index", "steps_type", "difficulty", "meter")]
    return [(simfile, chart_label(*label)) for simfile, *label in zip(*columns, strict=True)]


def _plain(charts: pa.Table, column: str) -> list:
    """Return a column as a list, text decoded."""
    values = charts[column].to_pylist()
    return [to_text(value) for value in values] if pa.types.is_binary(charts[column].type) else values


def twins(simfiles: Iterable[str]) -> dict[str, str]:
    """Return each `.sm` file of `simfiles` that lies beside an `.ssc` file of the same name, and that one."""
    preferred, others = {}, []
    for name in set(simfiles):
        stem, suffix = os.path.splitext(name.casefold())
        if suffix == ".ssc":
            preferred[stem] = name
        else:
            others.append((name, stem))
    return {name: preferred[stem] for name, stem in others if stem in preferred}


def _what_is_there(suffixes: Counter[str]) -> str:
    """Return what a folder without simfiles holds instead, for an error line."""
    if not suffixes:
        return "it holds no files at all"
    most = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))[:5]
    kinds = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in most)
    hint = "; .dwi files are not read" if ".dwi" in suffixes else ""
    return f"found {suffixes.total()} other files ({kinds}){hint}"


def count_reasons(left_out: Iterable[LeftOut]) -> dict[str, int]:
    """Return how often each reason occurs (without what was kept instead), the most frequent first."""
    counts = Counter(entry.reason.partition("; kept: ")[0] for entry in left_out)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def reasons_line(left_out: Iterable[LeftOut]) -> str:
    """Return the five most frequent reasons with their counts, for an error line about a library without charts."""
    counts = list(count_reasons(left_out).items())[:5]
    return "; ".join(f"{count} x {reason}" for reason, count in counts) or "nothing was left out either"
