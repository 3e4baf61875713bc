"""Which charts are one song: twins, copies in two packs, the same notes, title or audio under other names.

Any one piece of evidence that two charts share joins them, and joining is transitive (`_shared_keys` lists the
evidence). The names that `identities` gives are made of the content only: order and paths do not change a name, songs
that join do. The SHA-256 of audio files is kept between runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from groove.charts.chart import Chart, Timing
from groove.charts.library.walk import file_state
from groove.io.files import write_if_changed

MIN_ROWS_FOR_SAME_NOTES = 16  # shorter charts may be equal by chance
MIN_LONE_TITLE = 4  # characters (2 outside ASCII) of a title that joins songs without an artist
DIGESTS_FILE = "digests.json"  # in the folder of the index
GENERIC_TITLES = frozenset({"untitled", "unknown", "test", "song", "newsong", "title", "track", "music", "demo"})
GENERIC_ARTISTS = frozenset({"", "unknown", "unknownartist", "various", "variousartists", "artist", "na", "none"})


class SongTraits(NamedTuple):
    """What tells that a chart is of the same song as another; `title` and `artist` are normalised, `rows` counted."""

    simfile: str
    music: str
    title: str
    artist: str
    notes: str
    rows: int


def song_traits(chart: Chart) -> SongTraits:
    """Return the traits of one chart."""
    names = normalise(chart.title), normalise(chart.artist)
    return SongTraits(chart.simfile, chart.music or "", *names, notes_digest(chart), len(np.unique(chart.notes.beats)))


def notes_digest(chart: Chart) -> str:
    """Return the SHA-256 of a chart's steps type and notes, in hexadecimal."""
    digest = hashlib.sha256(chart.steps_type.encode())
    for array in (chart.notes.numerator, chart.notes.denominator, chart.notes.column, chart.notes.kind):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def content_digest(notes: str, timing: Timing) -> str:
    """Return the digest of a chart's notes (by their `notes_digest`) and timing, in hexadecimal."""
    return hashlib.sha256((notes + timing_digest(timing)).encode()).hexdigest()


def timing_digest(timing: Timing) -> str:
    """Return a digest that is equal for equal timings."""
    digest = hashlib.sha256()
    for name, array in sorted(vars(timing).items()):
        digest.update(f"{name} {array.shape} ".encode() + np.ascontiguousarray(array, dtype=np.float64).tobytes())
    return digest.hexdigest()


def identities(charts: Sequence[SongTraits], audio_digests: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Return one string per chart, equal for the charts of one song.

    Charts are one song if they share the simfile (or its ``.sm``/``.ssc`` twin), the audio (the file, or by
    `audio_digests` from its path its bytes), title and artist, or the notes; and so on from chart to chart.
    """
    titles = {chart.title for chart in charts if chart.artist in GENERIC_ARTISTS} - GENERIC_TITLES
    lone = {title for title in titles if len(title) >= (MIN_LONE_TITLE if title.isascii() else 2)}
    parent = list(range(len(charts)))

    def find(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    seen: dict[Hashable, int] = {}
    for index, chart in enumerate(charts):
        for key in _shared_keys(chart, lone, audio_digests):
            parent[find(index)] = find(seen.setdefault(key, index))
    smallest: dict[int, str] = {}
    for index, chart in enumerate(charts):
        content = "\0".join((chart.notes, chart.title, chart.artist))
        smallest[find(index)] = min(smallest.get(find(index), content), content)
    names = {root: hashlib.sha256(content.encode()).hexdigest()[:16] for root, content in smallest.items()}
    return [names[find(index)] for index in range(len(charts))]


def _shared_keys(chart: SongTraits, lone_titles: set[str], audio_digests: Mapping[str, str]) -> Iterator[Hashable]:
    """Yield what two charts must share to be one song; one shared key is enough."""
    yield "simfile", os.path.splitext(chart.simfile)[0].casefold()
    if chart.music:
        yield "music", chart.music
        if chart.music in audio_digests:
            yield "audio", audio_digests[chart.music]
    if chart.title in lone_titles:
        yield "title", chart.title
    elif chart.title and chart.artist not in GENERIC_ARTISTS:
        yield "title", chart.title, chart.artist
    if chart.rows >= MIN_ROWS_FOR_SAME_NOTES:
        yield "notes", chart.notes


def keys_across_libraries(content: str, title: str, artist: str) -> list[Hashable]:
    """Return what charts of two libraries must share to be one song: what a catalogue keeps of `_shared_keys`.

    That is notes with timing (`content_digest`), or title and artist; audio and lone titles are not kept.
    """
    names = normalise(title), normalise(artist)
    return [content, names] if names[0] and names[1] not in GENERIC_ARTISTS else [content]


def normalise(text: str) -> str:
    """Return `text` without case, width, punctuation and space, to compare names."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(character for character in folded if character.isalnum())


class AudioDigests:
    """Digests of the audio files below `root`; one of the same path, size and time of change is not read again."""

    def __init__(self, root: Path, cache: Path | None) -> None:
        """Read what the folder `cache` keeps."""
        self._root, self._real = root, root.resolve()
        self._path = cache / DIGESTS_FILE if cache is not None else None
        self._known = self._read()
        self._new = False

    def digest(self, music: str) -> str:
        """Return the digest of the audio at `music`, relative to the root, in hexadecimal; an `OSError` is raised."""
        path = self._root / music
        name, state = str(self._real / music), file_state(path)
        known_state, digest = self._known.get(name, ("", ""))
        if not state or known_state != state:
            digest = audio_digest(path)
            self._known[name] = (state, digest)
            self._new = True
        return digest

    def of_equal_sizes(self, music: Iterable[str]) -> dict[str, str]:
        """Return the digests of the files at `music` that have the size of another: others have no equal."""
        sizes = {}
        for name in sorted(set(music)):
            with suppress(OSError):
                sizes[name] = (self._root / name).stat().st_size
        often = Counter(sizes.values())
        found = {}
        for name, size in sizes.items():
            with suppress(OSError):
                if often[size] > 1:
                    found[name] = self.digest(name)
        self.save()
        return found

    def save(self) -> None:
        """Write the file, if it changed, with what another process has added in the meantime."""
        if self._path is not None and self._new:
            known = self._read() | {name: entry for name, entry in self._known.items() if entry[0]}
            write_if_changed(self._path, json.dumps(known, indent=0, sort_keys=True).encode())
            self._new = False

    def _read(self) -> dict[str, tuple[str, str]]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8")) if self._path else {}
            return {str(name): (str(state), str(digest)) for name, (state, digest) in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # a file that is missing or broken is made anew


def audio_digest(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
