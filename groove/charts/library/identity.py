"""Which charts are one song: twins, copies in two packs, the same notes, title or audio under other names.

The names that `identities` gives are made of the content only: neither order nor paths nor the rest of a library
change them.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Hashable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from groove.charts.chart import Chart, Timing

MIN_ROWS_FOR_SAME_NOTES = 16
"""Shorter charts may be equal by chance."""
MIN_LONE_TITLE = 4
"""A title without an artist joins songs only if it has this many characters (2 outside ASCII)."""
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
    rows = len(np.unique(chart.notes.beats))
    title, artist = normalise(chart.title), normalise(chart.artist)
    return SongTraits(chart.simfile, chart.music or "", title, artist, notes_digest(chart), rows)


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
    parent = list(range(len(charts)))
    seen: dict[Hashable, int] = {}
    for index, chart in enumerate(charts):
        for key in _shared_keys(chart, audio_digests):
            parent[_find(parent, index)] = _find(parent, seen.setdefault(key, index))
    for group in _lone_title_groups(charts):
        for index in group[1:]:
            parent[_find(parent, index)] = _find(parent, group[0])
    smallest: dict[int, str] = {}
    for index, chart in enumerate(charts):
        root = _find(parent, index)
        content = "\0".join((chart.notes, chart.title, chart.artist))
        smallest[root] = min(smallest.get(root, content), content)
    names = {root: hashlib.sha256(content.encode()).hexdigest()[:16] for root, content in smallest.items()}
    return [names[_find(parent, index)] for index in range(len(charts))]


def _shared_keys(chart: SongTraits, audio_digests: Mapping[str, str]) -> Iterator[Hashable]:
    """Yield what two charts must share to be one song; one shared key is enough."""
    yield "simfile", os.path.splitext(chart.simfile)[0].casefold()
    if chart.music:
        yield "music", chart.music
        if chart.music in audio_digests:
            yield "audio", audio_digests[chart.music]
    if chart.title and chart.artist not in GENERIC_ARTISTS:
        yield "title", chart.title, chart.artist
    if chart.rows >= MIN_ROWS_FOR_SAME_NOTES:
        yield "notes", chart.notes


def _lone_title_groups(charts: Sequence[SongTraits]) -> Iterator[list[int]]:
    """Yield the charts of equal title where at least one names no artist, unless the title says nothing."""
    by_title: dict[str, list[int]] = {}
    lone: set[str] = set()
    for index, chart in enumerate(charts):
        by_title.setdefault(chart.title, []).append(index)
        if chart.artist in GENERIC_ARTISTS and chart.title not in GENERIC_TITLES:
            if len(chart.title) >= (MIN_LONE_TITLE if chart.title.isascii() else 2):
                lone.add(chart.title)
    for title in sorted(lone):
        yield by_title[title]


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
