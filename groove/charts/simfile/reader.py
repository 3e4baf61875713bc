"""From a `.sm` or `.ssc` file to charts: the only module that knows the simfile format and imports `simfile`.

The reading rules are StepMania's (`NotesLoaderSM.cpp`, `NotesLoaderSSC.cpp`; those for note data and timing are in
`notes.py` and `timing.py`), because a library is full of files that only had to please that engine. Nothing here raises
on a broken file: what cannot be read is returned as `LeftOut`.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from groove.charts.chart import PANELS, Chart, Timing
from groove.charts.library.walk import LeftOut
from groove.charts.radar.song_end import with_song_end
from groove.charts.rows import is_arrow
from groove.charts.simfile.decoding import decode
from groove.charts.simfile.music import OutsideError, find_music, relative_to
from groove.charts.simfile.notes import parse_notes
from groove.charts.simfile.timing import beat_values, build_timing
from groove.errors import SimfileError

with warnings.catch_warnings():  # of fs, on which simfile depends
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    warnings.filterwarnings("ignore", message="Deprecated call to `pkg_resources")
    from simfile.sm import SMChart, SMCharts, SMSimfile
    from simfile.ssc import SSCSimfile
    from simfile.timing import timing_source

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
        simfile, broken = _parse(path)
    except SimfileError as error:
        return [], [LeftOut(name, "", str(error))]
    reader = _Reader(simfile, path, root)
    left_out = [LeftOut(name, label, reason) for label, reason in broken]
    charts: list[Chart] = []
    for index, fields in enumerate(simfile.charts):
        try:
            charts.append(reader.chart(fields, index))
        except SimfileError as error:
            left_out.append(LeftOut(name, _label(fields, index), str(error)))
    if not simfile.charts and not broken:
        left_out.append(LeftOut(name, "", "no charts"))
    left_out += [LeftOut(name, "", reason) for reason in reader.music_outside]
    return with_song_end(charts), left_out


# ---- the file ------------------------------------------------------------------------------------


class _TolerantSM(SMSimfile):
    """An `.sm` file in which one malformed ``#NOTES`` does not lose the others."""

    def _parse(self, parser: Any) -> None:
        self._charts = SMCharts()
        self.broken: list[tuple[str, str]] = []
        for param in parser:
            key = param.key.upper()
            if key != "NOTES":
                self[key] = param.value
                continue
            try:
                self._charts.append(SMChart.from_msd(param.components[1:]))
            except ValueError as error:
                self.broken.append((f"#{len(self._charts) + len(self.broken)}", f"malformed #NOTES: {error}"))


def _parse(path: Path) -> tuple[Any, list[tuple[str, str]]]:
    """Return the parsed file and its malformed charts as (label, reason).

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
        if path.suffix.lower() == ".ssc":
            return SSCSimfile(string=text, strict=False), []
        simfile = _TolerantSM(string=text, strict=False)
        return simfile, simfile.broken
    except Exception as error:  # the border to a third-party parser: any failure is a reason, its text is kept
        raise SimfileError(f"cannot be parsed: {type(error).__name__}: {error}") from error


# ---- one chart -----------------------------------------------------------------------------------


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
        simfile = self._simfile
        steps_type = _text(fields.stepstype).lower()
        if steps_type not in PANELS:
            raise SimfileError(f"steps type '{steps_type[:40]}' is not read, only {', '.join(PANELS)} are")
        notes = parse_notes(fields.notes or "", PANELS[steps_type])
        if not is_arrow(notes).any():
            raise SimfileError("empty chart: no arrows")
        meter = _meter(fields.meter)
        description = _text(fields.get("DESCRIPTION")) or _text(fields.get("CHARTNAME"))
        return Chart(
            simfile=self._path,
            index=index,
            pack=self._pack,
            title=_text(simfile.get("TITLE")) or _text(simfile.get("TITLETRANSLIT")),
            artist=_text(simfile.get("ARTIST")) or _text(simfile.get("ARTISTTRANSLIT")),
            steps_type=steps_type,
            difficulty=_difficulty(_text(fields.difficulty), description, meter),
            meter=meter,
            description=description,
            notes=notes,
            timing=self._timing(fields),
            music=self._find_music(_text(_own(fields, "MUSIC")) or _text(simfile.get("MUSIC"))),
            music_length_s=_positive(simfile.get("MUSICLENGTH")),
            stored_radar=_floats(fields.get("RADARVALUES")),
        )

    def _find_music(self, name: str) -> str | None:
        if name not in self._music:
            self._music[name] = None
            try:
                self._music[name] = find_music(name, self._folder, self._root)
            except OutsideError:
                reason = f"audio '{name[:80]}' leads out of the library and is not read"
                self.music_outside.append(reason)
        return self._music[name]

    def _timing(self, fields: Any) -> Timing:
        """Return the timing of a chart: its own in an `.ssc` with split timing, else the song's.

        As in StepMania, a chart without an offset of its own has the song's; so it is with the tempo.
        """
        simfile = self._simfile
        if isinstance(simfile, SMSimfile):
            tags: Mapping[str, str | None] = {**simfile, "STOPS": simfile.stops}
        else:
            try:
                source = timing_source(simfile, fields)
            except ValueError:  # a #VERSION that is no number
                source = simfile
            tags = {key: source.get(key) for key in ("STOPS", "DELAYS", "WARPS", "FAKES")}
            tags |= {key: source.get(key) or simfile.get(key) for key in ("BPMS", "OFFSET")}
        texts = tuple(tags.get(key) for key in ("BPMS", "STOPS", "DELAYS", "WARPS", "FAKES", "OFFSET"))
        if texts not in self._timings:
            bpms, stops, delays, warps, fakes = (beat_values(text) for text in texts[:5])
            self._timings[texts] = build_timing(bpms, stops, delays, warps, fakes, (*_floats(texts[5]), 0.0)[0])
        return self._timings[texts]


def _own(fields: Any, key: str) -> str | None:
    """Return a field that only `.ssc` charts may have (`SMChart` raises on unknown keys)."""
    return None if isinstance(fields, SMChart) else fields.get(key)


def _text(value: str | None) -> str:
    return unicodedata.normalize("NFC", " ".join((value or "").split()))


def _label(fields: Any, index: int) -> str:
    parts = (_text(fields.stepstype), _text(fields.difficulty), _text(fields.meter))
    return " ".join([f"#{index}", *(part[:40] for part in parts if part)])


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


def _positive(text: str | None) -> float | None:
    values = _floats(text)
    return values[0] if len(values) == 1 and values[0] > 0 else None


def _floats(text: str | None) -> tuple[float, ...]:
    """Return the comma-separated numbers of `text`, or nothing if one of them is none."""
    try:
        values = tuple(float(part) for part in (text or "").split(","))
    except ValueError:
        return ()
    return values if np.isfinite(values).all() else ()
