"""A song library: a folder of packs (``Pack/Song/song.ssc``), scanned into charts; and which charts are one song.

Nothing is dropped silently: each file or chart that is not read has a line in `Library.left_out`. The order is by path,
so that two scans of one folder agree, and the names that `song_identities` gives depend on neither order nor paths.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np

from groove.charts.chart import PANELS, Chart
from groove.charts.files import write_csv
from groove.charts.music import relative_to
from groove.charts.simfiles import LeftOut, read_simfile
from groove.errors import LibraryError, did_you_mean

SIMFILE_SUFFIXES = (".sm", ".ssc")
OTHER_FORMATS = {
    ".dwi": "DWI",
    ".sma": "SMA",
    ".bms": "BMS",
    ".bme": "BMS",
    ".bml": "BMS",
    ".pms": "BMS",
    ".ksf": "KSF",
    ".ucs": "UCS",
    ".smzip": "zipped pack",
}
"""Step files of other formats, which are listed as left out."""

MIN_ROWS_FOR_SAME_NOTES = 16
"""Shorter charts may be equal by chance."""
MIN_LONE_TITLE = 4
"""A title without an artist joins songs only if it has this many characters (2 outside ASCII)."""
GENERIC_TITLES = frozenset({"untitled", "unknown", "test", "song", "newsong", "title", "track", "music", "demo"})
GENERIC_ARTISTS = frozenset({"", "unknown", "unknownartist", "various", "variousartists", "artist", "na", "none"})


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
        root: the folder that holds the packs; links that lead out of it are not followed.
        steps_types: which charts to keep, of `PANELS`; the others are listed as left out.
        on_simfile: called with (simfiles done, simfiles in all) after each, for a progress bar.

    Raises:
        LibraryError: if `root` is no folder or holds no simfile, or a steps type is unknown.
    """
    for steps_type in steps_types:
        if steps_type not in PANELS:
            raise LibraryError(f"steps type '{steps_type}' cannot be read; {did_you_mean(steps_type, PANELS)}")
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise LibraryError(f"song folder '{root}' {what}; give a folder of packs (Pack/Song/song.ssc)")
    left_out: list[LeftOut] = []
    files = sorted(_files(root, left_out), key=lambda path: relative_to(path, root))
    simfiles = [path for path in files if path.suffix.lower() in SIMFILE_SUFFIXES]
    if not simfiles:
        raise LibraryError(f"song folder '{root}' holds no .sm or .ssc file: {_what_is_there(files)}")
    left_out += [LeftOut(relative_to(path, root), "", _format_reason(path)) for path in files if _format_reason(path)]
    charts: list[Chart] = []
    for done, path in enumerate(simfiles, start=1):
        found, refused = read_simfile(path, root)
        charts += [chart for chart in found if chart.steps_type in steps_types]
        left_out += refused
        left_out += [_of_other_type(chart) for chart in found if chart.steps_type not in steps_types]
        if on_simfile is not None:
            on_simfile(done, len(simfiles))
    return Library(root, charts, sorted(left_out))


def _files(root: Path, left_out: list[LeftOut]) -> Iterator[Path]:
    """Yield the files below `root`; note unreadable folders and links that are not followed in `left_out`."""
    top = root.resolve()

    def unreadable(error: OSError) -> None:
        left_out.append(LeftOut(relative_to(Path(error.filename), root), "", f"cannot be read: {error.strerror}"))

    for folder, folders, names in os.walk(root, onerror=unreadable, followlinks=False):
        for name in folders:
            if (Path(folder) / name).is_symlink():
                path = relative_to(Path(folder) / name, root)
                left_out.append(LeftOut(path, "", "link to a folder, not followed"))
        for name in names:
            path_of_file = Path(folder) / name
            if path_of_file.is_symlink() and not path_of_file.resolve().is_relative_to(top):
                left_out.append(LeftOut(relative_to(path_of_file, root), "", "link out of the library, not followed"))
            else:
                yield path_of_file


def _format_reason(path: Path) -> str:
    name = OTHER_FORMATS.get(path.suffix.lower())
    return f"format {name} is not read, only .sm and .ssc are" if name else ""


def _of_other_type(chart: Chart) -> LeftOut:
    return LeftOut(chart.simfile, chart.label, f"steps type '{chart.steps_type}' is not among steps_types")


def _what_is_there(files: Sequence[Path]) -> str:
    """Return what a folder without simfiles holds instead, for an error line."""
    if not files:
        return "it holds no files at all"
    suffixes = Counter(path.suffix.lower() or "without suffix" for path in files)
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(5))
    hint = "; .dwi files are not read" if ".dwi" in suffixes else ""
    return f"found {len(files)} other files ({kinds}){hint}"


def count_reasons(left_out: Iterable[LeftOut]) -> dict[str, int]:
    """Return how often each reason occurs, the most frequent first."""
    counts = Counter(entry.reason for entry in left_out)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def reasons_line(left_out: Iterable[LeftOut]) -> str:
    """Return the five most frequent reasons with their counts, for an error line about a library without charts."""
    counts = list(count_reasons(left_out).items())[:5]
    return "; ".join(f"{count} x {reason}" for reason, count in counts) or "nothing was left out either"


def write_left_out(left_out: Iterable[LeftOut], path: Path) -> None:
    """Write `left_out` to the CSV file `path` (columns path, chart, reason), whole or not at all."""
    write_csv(path, LeftOut._fields, left_out)


# ---- which charts are one song -------------------------------------------------------------------


def audio_digest(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def notes_digest(chart: Chart) -> str:
    """Return the SHA-256 of a chart's steps type and notes, in hexadecimal."""
    digest = hashlib.sha256(chart.steps_type.encode())
    for array in (chart.notes.numerator, chart.notes.denominator, chart.notes.column, chart.notes.kind):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def song_identities(charts: Sequence[Chart], audio_digests: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Return one string per chart, equal for the charts of one song.

    Charts are one song if they share the simfile (or its ``.sm``/``.ssc`` twin), the audio (the file, or by
    `audio_digests` from `Chart.music` its bytes), title and artist, or the notes; and so on from chart to chart. The
    string is made of the content only: neither order nor paths nor the rest of the library change it.
    """
    digests = [notes_digest(chart) for chart in charts]
    parent = list(range(len(charts)))
    seen: dict[Hashable, int] = {}
    for index, (chart, digest) in enumerate(zip(charts, digests, strict=True)):
        for key in _song_keys(chart, digest, audio_digests):
            parent[_find(parent, index)] = _find(parent, seen.setdefault(key, index))
    for group in _lone_title_groups(charts):
        for index in group[1:]:
            parent[_find(parent, index)] = _find(parent, group[0])
    smallest: dict[int, str] = {}
    for index, (chart, digest) in enumerate(zip(charts, digests, strict=True)):
        root = _find(parent, index)
        content = "\0".join((digest, *_normalised(chart)))
        smallest[root] = min(smallest.get(root, content), content)
    names = {root: hashlib.sha256(content.encode()).hexdigest()[:16] for root, content in smallest.items()}
    return [names[_find(parent, index)] for index in range(len(charts))]


def _song_keys(chart: Chart, digest: str, audio_digests: Mapping[str, str]) -> Iterator[Hashable]:
    """Yield what two charts must share to be one song; one shared key is enough."""
    path = PurePosixPath(chart.simfile)
    yield "simfile", str(path.with_suffix("")).casefold()
    if chart.music is not None:
        yield "music", chart.music
        if chart.music in audio_digests:
            yield "audio", audio_digests[chart.music]
    title, artist = _normalised(chart)
    if title and artist not in GENERIC_ARTISTS:
        yield "title", title, artist
    if len(np.unique(chart.notes.beats)) >= MIN_ROWS_FOR_SAME_NOTES:
        yield "notes", digest


def _lone_title_groups(charts: Sequence[Chart]) -> Iterator[list[int]]:
    """Yield the charts of equal title where at least one names no artist, unless the title says nothing."""
    by_title: dict[str, list[int]] = {}
    lone: set[str] = set()
    for index, chart in enumerate(charts):
        title, artist = _normalised(chart)
        by_title.setdefault(title, []).append(index)
        if artist in GENERIC_ARTISTS and title not in GENERIC_TITLES:
            if len(title) >= (MIN_LONE_TITLE if title.isascii() else 2):
                lone.add(title)
    for title in sorted(lone):
        yield by_title[title]


def _normalised(chart: Chart) -> tuple[str, str]:
    return normalise(chart.title), normalise(chart.artist)


def normalise(text: str) -> str:
    """Return `text` without case, width, punctuation and space, to compare names."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(character for character in folded if character.isalnum())


def _find(parent: list[int], index: int) -> int:
    """Return the root of `index`, halving the path on the way."""
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index
