"""From a `.sm` or `.ssc` file to charts: file -> fields (`loader.py`) -> notes, timing, music -> `Chart`.

The reading rules are StepMania's (`NotesLoaderSM.cpp`, `NotesLoaderSSC.cpp`), because a library is full of files that
only had to please that engine. Nothing here raises on a broken file: what cannot be read is returned as `LeftOut`.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

from groove.charts.chart import PANELS, Chart, LeftOut, Timing
from groove.charts.radar.song_end import with_song_end
from groove.charts.rows import is_arrow
from groove.charts.simfile.loader import load_simfile, timing_tags
from groove.charts.simfile.music import find_music, relative_to
from groove.charts.simfile.notes import parse_notes
from groove.charts.simfile.timing import beat_values, build_timing
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
        simfile, broken = load_simfile(path)
    except SimfileError as error:
        return [], [LeftOut(name, "", str(error))]
    reader = _Reader(simfile, path, root)
    left_out = [LeftOut(name, label, reason) for label, reason in broken]
    charts: list[Chart] = []
    for index, fields in enumerate(simfile.charts):
        try:
            charts.append(reader.chart(fields, index))
        except SimfileError as error:
            parts = (_text(fields.stepstype), _text(fields.difficulty), _text(fields.meter))
            label = " ".join([f"#{index}", *(part[:40] for part in parts if part)])
            left_out.append(LeftOut(name, label, str(error)))
    if not simfile.charts and not broken:
        left_out.append(LeftOut(name, "", "no charts"))
    left_out += [LeftOut(name, "", reason) for reason in reader.music_outside]
    return with_song_end(charts), left_out


class _Reader:
    """Builds the charts of one simfile; what they share (timing, audio) is made once."""

    def __init__(self, simfile: Any, path: Path, root: Path) -> None:
        self._simfile = simfile
        self._folder = path.parent
        self._root = root
        self._path = relative_to(path, root)
        folders = self._path.split("/")[:-1]
        self._pack = folders[-2] if len(folders) > 1 else root.resolve().name
        self._timings: dict[tuple[str | None, ...], Timing] = {}
        self._music: dict[str, str | None] = {}
        self.music_outside: list[str] = []

    def chart(self, fields: Any, index: int) -> Chart:
        """Build one chart.

        Raises:
            SimfileError: if its steps type is not in `PANELS`, or it has no arrows.
        """
        song = self._simfile
        steps_type = _text(fields.stepstype).lower()
        if steps_type not in PANELS:
            raise SimfileError(f"steps type '{steps_type[:40]}' is not read, only {', '.join(PANELS)} are")
        notes = parse_notes(fields.notes or "", PANELS[steps_type])
        if not is_arrow(notes).any():
            raise SimfileError("empty chart: no arrows")
        meter = _meter(fields.meter)
        description = _text(fields.get("DESCRIPTION")) or _text(fields.get("CHARTNAME"))
        length = _floats(song.get("MUSICLENGTH"))
        return Chart(
            simfile=self._path,
            index=index,
            pack=self._pack,
            title=_text(song.get("TITLE")) or _text(song.get("TITLETRANSLIT")),
            artist=_text(song.get("ARTIST")) or _text(song.get("ARTISTTRANSLIT")),
            steps_type=steps_type,
            difficulty=_difficulty(_text(fields.difficulty), description, meter),
            meter=meter,
            description=description,
            notes=notes,
            timing=self._timing(fields),
            music=self._find_music(_text(fields.get("MUSIC")) or _text(song.get("MUSIC"))),
            music_length_s=length[0] if len(length) == 1 and length[0] > 0 else None,
            stored_radar=_floats(fields.get("RADARVALUES")),
            step_artist=_text(fields.get("CREDIT")) or _text(song.get("CREDIT")),
            chart_name=_text(fields.get("CHARTNAME")),
            chart_style=_text(fields.get("CHARTSTYLE")),
        )

    def _find_music(self, name: str) -> str | None:
        if name not in self._music:
            self._music[name] = None
            try:
                self._music[name] = find_music(name, self._folder, self._root)
            except SimfileError as error:  # the chart is none the worse
                self.music_outside.append(str(error))
        return self._music[name]

    def _timing(self, fields: Any) -> Timing:
        texts = timing_tags(self._simfile, fields)
        if texts not in self._timings:
            bpms, stops, delays, warps, fakes = map(beat_values, texts[:5])
            self._timings[texts] = build_timing(bpms, stops, delays, warps, fakes, (*_floats(texts[5]), 0.0)[0])
        return self._timings[texts]


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
    """Return the comma-separated numbers of `text`, or nothing if one of them is none."""
    try:
        values = tuple(float(part) for part in (text or "").split(","))
    except ValueError:
        return ()
    return values if np.isfinite(values).all() else ()
