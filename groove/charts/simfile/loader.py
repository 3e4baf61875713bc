"""From the bytes of a `.sm` or `.ssc` file to its fields: the only module that parses them, with `msdparser`.

Which tag says what follows StepMania's `MsdFile.cpp`, `NotesLoaderSM.cpp` and `NotesLoaderSSC.cpp` (docs/reading.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from msdparser import parse_msd

from groove.charts.simfile.timing import SPLIT_TIMING_VERSION, leading_number
from groove.errors import SimfileError

_ENCODINGS = {
    "utf-8": "",
    "cp932": r"(?s)[ぁ-ヿ]|\A(?!.*[｡-ﾟ]).*[一-鿿]{2}",  # kana, or kanji without half-width kana
    "cp949": "[가-힣]{2}",
    "cp1252": "",
}
"""Encodings in the order in which they are tried, and what the text has to hold to be taken for one."""
_CHARTS = ("NOTES", "NOTES2")
"""Tags that end a chart; StepMania itself writes the second one for a chart with keysounds."""
_SM_FIELDS = ("STEPSTYPE", "DESCRIPTION", "DIFFICULTY", "METER", "RADARVALUES", "NOTES")
_TIMING = ("BPMS", "STOPS", "DELAYS", "WARPS", "FAKES")
"""Tags that may be given several times: their entries add up."""
_OWN_TIMING = (*_TIMING, "TIMESIGNATURES", "TICKCOUNTS", "COMBOS", "SPEEDS", "SCROLLS", "LABELS")
"""Tags of a chart, any of which with content gives it a timing of its own."""
_COMMENT = re.compile("//.*")


@dataclass
class Simfile:
    """The tags of a file by name, in capitals: those of the song, and of each of its charts.

    `broken` has charts that are none, as (label, reason): every ``#NOTES`` and ``#NOTEDATA`` is in it or in `charts`.
    """

    ssc: bool
    song: dict[str, str] = field(default_factory=dict)
    charts: list[dict[str, str]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)

    def timing_tags(self, chart: dict[str, str]) -> dict[str, str]:
        """Return the tags that hold the timing of `chart`: its own in an `.ssc` with split timing, else the song's.

        A chart without an offset of its own has the song's.
        """
        split = self.ssc and self.version >= SPLIT_TIMING_VERSION
        own = split and any(chart.get(tag, "").strip(", \t\n") for tag in _OWN_TIMING)
        return {"OFFSET": self.song.get("OFFSET", ""), **chart} if own else self.song

    @property
    def version(self) -> float:
        """Return ``#VERSION``; a file without one is read as a new one."""
        return leading_number(self.song["VERSION"]) if "VERSION" in self.song else SPLIT_TIMING_VERSION


def load_simfile(path: Path) -> Simfile:
    """Return the parsed file.

    Raises:
        SimfileError: if the file cannot be read or parsed at all.
    """
    if not path.is_file():
        raise SimfileError("not a regular file")
    try:
        text = decode(path.read_bytes())
    except OSError as error:
        raise SimfileError(f"cannot be read: {error.strerror or error}") from error
    if not text.strip():
        raise SimfileError("empty file")
    try:
        tags = list(parse(text))
    except Exception as error:  # the border to a third-party parser: any failure is a reason, its text is kept
        raise SimfileError(f"cannot be parsed: {type(error).__name__}: {error}") from error
    return _ssc(tags) if path.suffix.lower() == ".ssc" else _sm(tags)


def parse(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the tags of a file, name in capitals and values; every tag is one that the game sees.

    A ``#`` that is the first character of its line or value but for space ends a tag whose ``;`` is missing; the parser
    knows that of lines without the space only. The line break at the end keeps a last backslash from escaping nothing.
    """
    before = _COMMENT.sub("", text).split("#")
    for place, part in enumerate(before[:-1]):
        line = part.rstrip(" \t")
        if line.endswith("\n") or (line.endswith(":") and not line.endswith("\\:")) or not (line or place):
            before[place] = line + "\n"
    for tag in parse_msd(string="#".join(before) + "\n", ignore_stray_text=True):
        yield tag.key.upper(), list(tag.components[1:])


def _add(tags: dict[str, str], name: str, values: Sequence[str]) -> None:
    """Set a tag: of two the later one counts, but timing adds up."""
    value = values[0] if values else ""
    name = "STOPS" if name == "FREEZES" else name
    if name in _TIMING:
        value = ",".join(filter(None, (tags.get(name), value)))
    tags[name] = value


def _sm(tags: Sequence[tuple[str, list[str]]]) -> Simfile:
    simfile = Simfile(ssc=False)
    for name, values in tags:
        if name not in _CHARTS:
            _add(simfile.song, name, values)
        elif len(values) >= len(_SM_FIELDS):
            simfile.charts.append(dict(zip(_SM_FIELDS, map(str.strip, values), strict=False)))
        else:
            label = f"#{len(simfile.charts) + len(simfile.broken)}"
            reason = f"malformed #{name}: {len(values)} fields where {len(_SM_FIELDS)} are needed"
            simfile.broken.append((label, reason))
    return simfile


def _ssc(tags: Sequence[tuple[str, list[str]]]) -> Simfile:
    """A chart is what lies between ``#NOTEDATA`` and ``#NOTES``; everything else is of the song."""
    simfile = Simfile(ssc=True)
    chart: dict[str, str] | None = None

    def broken(reason: str) -> None:
        simfile.broken.append((f"#{len(simfile.charts) + len(simfile.broken)}", reason))

    for name, values in tags:
        if name == "NOTEDATA" and chart is not None:
            broken("#NOTEDATA without #NOTES: its tags go to the next chart, as in the game")
        elif name == "NOTEDATA":
            chart = {}
        elif name in _CHARTS and chart is None:
            broken(f"#{name} without #NOTEDATA")
        elif name in _CHARTS and chart is not None:
            simfile.charts.append({**chart, "NOTES": values[0] if values else ""})
            chart = None
        else:
            _add(simfile.song if chart is None or name == "VERSION" else chart, name, values)
    if chart is not None:
        broken("#NOTEDATA without #NOTES")
    return simfile


def decode(raw: bytes) -> str:
    """Return the text of a simfile: UTF-8 or UTF-16 by its mark, else the old code page whose script shows.

    StepMania tries UTF-8, CP1252, CP932, CP949 in this order, but almost any bytes are valid CP1252. A Japanese or
    Korean page is taken only where it yields kana, or two ideographs or syllables side by side: one alone among Latin
    letters is an accented letter misread. Half-width kana beside kanji are misread Korean.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        text = raw.decode("latin-1")
        for encoding, plausible in _ENCODINGS.items():
            with suppress(UnicodeDecodeError):
                if re.search(plausible, found := raw.decode(encoding)):
                    text = found
                    break
    return text.lstrip("\ufeff").replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
