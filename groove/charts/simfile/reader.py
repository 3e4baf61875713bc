"""From a `.sm` or `.ssc` file to charts: file -> fields (`loader.py`) -> notes, timing, music -> `Chart`.

The reading rules are StepMania's (`NotesLoaderSM.cpp`, `NotesLoaderSSC.cpp`), because a library is full of files that
only had to please that engine. Nothing here raises on a broken file: what cannot be read is returned as `LeftOut`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import PANELS, Chart, LeftOut, Notes, Timing
from groove.charts.radar.song_end import with_song_end
from groove.charts.rows import is_arrow
from groove.charts.simfile.chart_hash import groovestats_hash
from groove.charts.simfile.loader import Simfile, load_simfile
from groove.charts.simfile.music import find_music, relative_to
from groove.charts.simfile.notes import parse_notes
from groove.charts.simfile.timing import TIMING_TAGS, build_timing, leading_number, segments
from groove.errors import SimfileError

_OLD_DIFFICULTIES = {
    "beginner": "Beginner",
    **dict.fromkeys(("easy", "basic", "light"), "Easy"),
    **dict.fromkeys(("medium", "another", "trick", "standard", "difficult"), "Medium"),
    **dict.fromkeys(("hard", "ssr", "maniac", "heavy"), "Hard"),
    **dict.fromkeys(("challenge", "expert", "oni", "smaniac", "s-maniac"), "Challenge"),
    "edit": "Edit",
}


def read_simfile(path: Path, root: Path) -> tuple[list[Chart], list[LeftOut]]:
    """Return every chart of `path` with a steps type of `PANELS`, and what was left out with the reason.

    `root` is the library's folder: paths are stored relative to it, and no audio outside it is ever used.
    """
    name = relative_to(path, root)
    try:
        simfile = load_simfile(path)
    except SimfileError as error:
        return [], [LeftOut(name, "", str(error))]
    reader = _Reader(simfile, path, root)
    left_out = [LeftOut(name, label, reason) for label, reason in simfile.broken]
    charts: list[Chart] = []
    for index, fields in enumerate(simfile.charts):
        try:
            charts.append(reader.chart(fields, index))
        except SimfileError as error:
            parts = [_text(fields.get(key)) for key in ("STEPSTYPE", "DIFFICULTY", "METER")]
            label = " ".join([f"#{index}", *(part[:40] for part in parts if part)])
            left_out.append(LeftOut(name, label, str(error)))
    if not simfile.charts and not simfile.broken:
        left_out.append(LeftOut(name, "", "no charts"))
    left_out += [LeftOut(name, "", reason) for reason in reader.music_outside]
    charts, again = one_per_slot(charts)
    left_out += [LeftOut(name, chart.label, reason) for chart, reason in again]
    return with_song_end(charts), left_out


def one_per_slot(charts: Sequence[Chart]) -> tuple[list[Chart], list[tuple[Chart, str]]]:
    """Return the charts of one simfile as the game has them, and those that it removes, with the reason.

    Of several charts in one slot (but Edit) the one with the lowest meter keeps it, and the others become Edits; among
    equal meters it is the first by description. One that repeats another in everything is removed.
    """
    slots: dict[tuple[str, str], list[Chart]] = {}
    again = []
    for chart in charts:
        slot = slots.setdefault((chart.steps_type, chart.difficulty), [])
        same = [other for other in slot if _repeats(chart, other)] if chart.difficulty != "Edit" else []
        if same:
            again.append((chart, f"repeats another chart of its slot, as the game removes it; kept: #{same[0].index}"))
        else:
            slot.append(chart)
    found = {}
    for (_, difficulty), members in slots.items():
        for place, chart in enumerate(sorted(members, key=lambda chart: (chart.meter, chart.description))):
            if place and difficulty != "Edit":
                description = chart.description or f"{difficulty} Edit"
                chart = replace(chart, difficulty="Edit", description=description)
            found[chart.index] = chart
    return [found[index] for index in sorted(found)], again


def _repeats(chart: Chart, other: Chart) -> bool:
    """Return whether two charts of one slot are the same in everything that the game compares."""
    facts = [(one.meter, one.description, one.step_artist) for one in (chart, other)]
    return facts[0] == facts[1] and all(map(np.array_equal, vars_of(chart.notes), vars_of(other.notes)))


def vars_of(notes: Notes) -> tuple[NDArray[np.generic], ...]:
    """Return the arrays of `notes`."""
    return notes.numerator, notes.denominator, notes.column, notes.kind


class _Reader:
    """Builds the charts of one simfile; what they share (timing, audio) is made once."""

    def __init__(self, simfile: Simfile, path: Path, root: Path) -> None:
        self._simfile = simfile
        self._folder = path.parent
        self._root = root
        self._path = relative_to(path, root)
        self._folders = [root.resolve().name, *self._path.split("/")[:-1]]
        self._timings: dict[tuple[str, ...], Timing] = {}
        self._music: dict[str, str | None] = {}
        self.music_outside: list[str] = []

    def chart(self, fields: dict[str, str], index: int) -> Chart:
        """Build one chart.

        Raises:
            SimfileError: if its steps type is not in `PANELS`, or it has no arrows.
        """
        song = self._simfile.song
        steps_type = _text(fields.get("STEPSTYPE")).lower()
        if steps_type not in PANELS:
            raise SimfileError(f"steps type '{steps_type[:40]}' is not read, only {', '.join(PANELS)} are")
        notes = parse_notes(fields["NOTES"], PANELS[steps_type])
        if not is_arrow(notes).any():
            raise SimfileError("empty chart: no arrows")
        meter = _meter(fields.get("METER"))
        description = _text(fields.get("DESCRIPTION")) or _text(fields.get("CHARTNAME"))
        length = leading_number(song.get("MUSICLENGTH"))
        return Chart(
            simfile=self._path,
            index=index,
            pack=self._folders[-2] if len(self._folders) > 1 else self._folders[0],
            title=self._title(),
            artist=_text(song.get("ARTIST")) or _text(song.get("ARTISTTRANSLIT")),
            steps_type=steps_type,
            difficulty=_difficulty(_text(fields.get("DIFFICULTY")), description, meter),
            meter=meter,
            description=description,
            notes=notes,
            timing=self._timing(fields),
            music=self._find_music(_text(fields.get("MUSIC")) or _text(song.get("MUSIC"))),
            music_length_s=length if length > 0 else None,
            stored_radar=_floats(fields.get("RADARVALUES")),
            step_artist=_text(fields.get("CREDIT")) or _text(song.get("CREDIT")),
            chart_name=_text(fields.get("CHARTNAME")),
            chart_style=_text(fields.get("CHARTSTYLE")),
            groovestats_hash=groovestats_hash(fields["NOTES"], fields.get("BPMS") or song.get("BPMS", "")),
        )

    def _title(self) -> str:
        """Return the title with the subtitle, as the game shows it; without a title the name of the song's folder."""
        song = self._simfile.song
        title = _text(song.get("TITLE")) or _text(song.get("TITLETRANSLIT"))
        return " ".join(filter(None, (title, _text(song.get("SUBTITLE"))))) if title else _text(self._folders[-1])

    def _find_music(self, name: str) -> str | None:
        if name not in self._music:
            self._music[name] = None
            try:
                self._music[name] = find_music(name, self._folder, self._root)
            except SimfileError as error:  # the chart is none the worse
                self.music_outside.append(str(error))
        return self._music[name]

    def _timing(self, fields: dict[str, str]) -> Timing:
        tags = self._simfile.timing_tags(fields)
        key = tuple(tags.get(name, "") for name in TIMING_TAGS)
        if key not in self._timings:
            found = segments(tags, self._simfile.ssc, self._simfile.version)
            self._timings[key] = build_timing(found)
        return self._timings[key]


def _text(value: str | None) -> str:
    return unicodedata.normalize("NFC", " ".join((value or "").split()))


def _meter(text: str | None) -> int:
    """Return the leading integer of `text` as C's `atoi` does (0 without one), within 32 bits."""
    found = re.match(r"\s*([-+]?\d{1,12})", text or "", re.ASCII)
    return max(-(2**31), min(2**31 - 1, int(found[1]))) if found else 0


def _difficulty(name: str, description: str, meter: int) -> str:
    """Return one of `DIFFICULTIES` by StepMania's rules: old names, then the description, then the meter."""
    found = _OLD_DIFFICULTIES.get(name.lower())
    if found == "Hard" and description.lower() in ("smaniac", "challenge"):
        return "Challenge"  # how files older than the Challenge slot name it
    found = found or _OLD_DIFFICULTIES.get(description.lower())
    if found or meter < 1:
        return found or "Edit"
    return "Beginner" if meter == 1 else "Easy" if meter <= 3 else "Medium" if meter <= 6 else "Hard"


def _floats(text: str | None) -> tuple[float, ...]:
    """Return the leading numbers of the comma-separated parts of `text`."""
    return tuple(leading_number(part) for part in text.split(",")) if text else ()
