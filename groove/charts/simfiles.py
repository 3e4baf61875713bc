"""From a `.sm` or `.ssc` file to charts: the only module that knows the simfile format and imports `simfile`.

The reading rules are StepMania's (`NoteDataUtil.cpp`, `NotesLoaderSM.cpp`, `NotesLoaderSSC.cpp`), because a library is
full of files that only had to please that engine. Beats of notes stay exact; beats of timing events are rounded to
1/48 of a beat, as the engine and `simfile` do. Nothing here raises on a broken file: what cannot be read is returned
as `LeftOut`. Dimension letters: N notes, R lines of note data, M measures, C columns.
"""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import PANELS, ROWS_PER_BEAT, Chart, NoteKind, Notes, Timing, inside, merged_spans
from groove.errors import SimfileError

with warnings.catch_warnings():  # of fs, on which simfile depends
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    warnings.filterwarnings("ignore", message="Deprecated call to `pkg_resources")
    from simfile.sm import SMChart, SMCharts, SMSimfile
    from simfile.ssc import SSCSimfile
    from simfile.timing import timing_source

AUDIO_SUFFIXES = (".ogg", ".mp3", ".wav", ".flac", ".oga", ".opus")
DEFAULT_BPM = 60.0
"""What StepMania plays when a file has no ``#BPMS``."""
SLOWEST_BPM = 1e-6
LONGEST_PAUSE_S = 1e6
"""Beyond these two a value is no music, and sums of it would not stay finite."""
FAST_BPM = 9_999_999.0
"""At this tempo and above StepMania's `.sm` reader makes a warp of the segment."""

_SYMBOLS = {"1": 1, "2": 2, "3": 3, "4": 4, "M": 5, "L": 6, "F": 7, "K": 8, "A": 9}
_KINDS = np.zeros(256, dtype=np.int8)
for _symbol, _kind in _SYMBOLS.items():
    _KINDS[ord(_symbol)] = NoteKind(_kind)
_ARROWS = (NoteKind.TAP, NoteKind.HOLD_HEAD, NoteKind.ROLL_HEAD, NoteKind.LIFT, NoteKind.ATTACK)
_EXTRAS = re.compile(r"\[[^\]]*\]?|\{[^}]*\}?|<[^>]*>?")
"""What may follow a note within a line: a keysound index, an attack, an item."""
_OLD_DIFFICULTIES = {
    "beginner": "Beginner",
    **dict.fromkeys(("easy", "basic", "light"), "Easy"),
    **dict.fromkeys(("medium", "another", "trick", "standard", "difficult"), "Medium"),
    **dict.fromkeys(("hard", "ssr", "maniac", "heavy"), "Hard"),
    **dict.fromkeys(("challenge", "expert", "oni", "smaniac", "s-maniac"), "Challenge"),
    "edit": "Edit",
}


class LeftOut(NamedTuple):
    """Something a scan did not read: `chart` is empty where the whole file is meant; `path` is relative to the root."""

    path: str
    chart: str
    reason: str


def read_simfile(path: Path, root: Path) -> tuple[list[Chart], list[LeftOut]]:
    """Return every chart of `path` with a steps type of `PANELS`, and what was left out with the reason.

    `root` is the library's folder: paths are stored relative to it, and no audio outside it is ever used.
    """
    name = relative_to(path, root)
    try:
        simfile, broken = _parse(path)
    except SimfileError as error:
        return [], [LeftOut(name, "", str(error))]
    left_out = [LeftOut(name, label, reason) for label, reason in broken]
    charts: list[Chart] = []
    for index, fields in enumerate(simfile.charts):
        try:
            charts.append(_chart(simfile, fields, index, path, root))
        except SimfileError as error:
            left_out.append(LeftOut(name, _label(fields, index), str(error)))
    if not simfile.charts and not broken:
        left_out.append(LeftOut(name, "", "no charts"))
    return charts, left_out


def relative_to(path: Path, root: Path) -> str:
    """Return `path` relative to `root` with ``/``, as all paths of a library are stored."""
    return Path(os.path.relpath(path, root)).as_posix()


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


def decode(raw: bytes) -> str:
    """Return the text of a simfile: UTF-8 or UTF-16 by its mark, else the old code page whose script shows.

    StepMania tries UTF-8, CP1252, CP932, CP949 in this order, but almost any bytes are valid CP1252. A Japanese or
    Korean page is taken only where it yields kana, or two ideographs or syllables side by side: one alone among Latin
    letters is an accented letter misread.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        text = _decode_bytes(raw)
    return text.lstrip("\ufeff").replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def _decode_bytes(raw: bytes) -> str:
    for encoding, plausible in (("utf-8", None), ("cp932", _japanese), ("cp949", _korean), ("cp1252", None)):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if plausible is None or plausible(text):
            return text
    return raw.decode("latin-1")


def _japanese(text: str) -> bool:
    """Return whether `text` has kana, or kanji side by side without the half-width kana that misread Korean has."""
    kanji = re.search("[一-鿿]{2}", text) and not re.search("[｡-ﾟ]", text)
    return bool(re.search("[ぁ-ヿ]", text) or kanji)


def _korean(text: str) -> bool:
    return bool(re.search("[가-힣]{2}", text))


# ---- one chart -----------------------------------------------------------------------------------


def _chart(simfile: Any, fields: Any, index: int, path: Path, root: Path) -> Chart:
    """Build one chart.

    Raises:
        SimfileError: if its steps type is not in `PANELS`, or it has no arrows.
    """
    steps_type = _text(fields.stepstype).lower()
    if steps_type not in PANELS:
        raise SimfileError(f"steps type '{steps_type[:40]}' is not read, only {', '.join(PANELS)} are")
    notes = parse_notes(fields.notes or "", PANELS[steps_type])
    if not np.isin(notes.kind, _ARROWS).any():
        raise SimfileError("empty chart: no arrows")
    timing = _timing(simfile, fields)
    meter = _meter(fields.meter)
    description = _text(fields.get("DESCRIPTION")) or _text(fields.get("CHARTNAME"))
    folders = Path(relative_to(path, root)).parts[:-1]
    return Chart(
        simfile=relative_to(path, root),
        index=index,
        pack=folders[-2] if len(folders) > 1 else root.resolve().name,
        title=_text(simfile.get("TITLE")) or _text(simfile.get("TITLETRANSLIT")),
        artist=_text(simfile.get("ARTIST")) or _text(simfile.get("ARTISTTRANSLIT")),
        steps_type=steps_type,
        difficulty=_difficulty(_text(fields.difficulty), description, meter),
        meter=meter,
        description=description,
        notes=notes,
        timing=timing,
        music=find_music(_text(_own(fields, "MUSIC")) or _text(simfile.get("MUSIC")), path.parent, root),
        music_length_s=_positive(simfile.get("MUSICLENGTH")),
        stored_radar=_floats(fields.get("RADARVALUES")),
    )


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


def find_music(name: str, folder: Path, root: Path) -> str | None:
    """Return the audio file of a song relative to `root`, or None.

    `name` (the ``#MUSIC`` field) is matched in `folder` without regard to case; if there is no such file, the only
    audio file of the folder is taken. A name that leads out of `root` (``..``, absolute, a link) is never used.
    """
    top = root.resolve()
    name = name.replace("\\", "/")
    outside = re.match(r"/|[A-Za-z]:/", name) or not _below(Path(os.path.normpath(folder.resolve() / name)), top)
    if name and outside:
        return None
    parts = name.split("/") if name else []
    found = _match(folder, parts) if parts else None
    if found is None:
        audio = [entry for entry in _entries(folder) if entry.suffix.lower() in AUDIO_SUFFIXES and entry.is_file()]
        found = audio[0] if len(audio) == 1 else None
    return relative_to(found, root) if found is not None and _below(found.resolve(), top) else None


def _match(folder: Path, parts: Sequence[str]) -> Path | None:
    """Return the file at `parts` below `folder`, exact case first, else any case."""
    here = folder
    for part in parts:
        names = [entry for entry in _entries(here) if entry.name.lower() == part.lower()]
        exact = [entry for entry in names if entry.name == part]
        if part in (".", ".."):
            exact = [here / part]
        if not names and not exact:
            return None
        here = (exact or names)[0]
    return Path(os.path.normpath(here)) if here.is_file() else None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _below(path: Path, top: Path) -> bool:
    return path.is_relative_to(top)


# ---- notes ---------------------------------------------------------------------------------------


def parse_notes(text: str, columns: int) -> Notes:
    """Return the notes of a ``#NOTES`` field, holds balanced.

    Line l of n in measure m is beat ``4 * (m + l / n)``, kept as a reduced fraction. As in StepMania: empty lines and
    measures without any character do not count, unknown symbols are no notes, a short line is padded, a long one cut.
    A measure that is one long line has lost its line breaks, and gets them back.
    """
    lines, first, sizes = _lines(text, columns)
    if not lines:
        none = np.zeros(0, dtype=np.int64)
        return Notes(none, none, none.astype(np.int8), none.astype(np.int8))
    raw = np.frombuffer("".join(lines).encode("ascii", "replace"), dtype=np.uint8).reshape(-1, columns)
    kinds = _KINDS[raw]  # (R, C)
    row, column = np.nonzero(kinds)
    measure = np.repeat(np.arange(len(sizes)), sizes)[row]
    size = sizes[measure]
    numerator = 4 * (measure * size + row - first[measure])
    divisor = np.gcd(numerator, size)
    notes = Notes(numerator // divisor, size // divisor, column.astype(np.int8), kinds[row, column])
    return balance_holds(notes)


def _lines(text: str, columns: int) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return R lines of exactly `columns` symbols; per measure (M,) the index of its first line; and their number."""
    measures = [part for place, part in enumerate(text.split(",")) if part or place == 0]
    lines: list[str] = []
    sizes = np.zeros(len(measures), dtype=np.int64)
    for place, part in enumerate(measures):
        found = [line for line in map(str.strip, part.split("\n")) if line]
        if len(found) == 1 and len(found[0]) > columns and len(found[0]) % columns == 0 and found[0].isalnum():
            found = [found[0][start : start + columns] for start in range(0, len(found[0]), columns)]
        sizes[place] = len(found)
        lines += found
    if any(mark in text for mark in "[{<"):
        lines = [_EXTRAS.sub("", line) for line in lines]
    lines = [line if len(line) == columns else line[:columns].ljust(columns, "0") for line in lines]
    return lines, np.cumsum(sizes) - sizes, sizes


def balance_holds(notes: Notes) -> Notes:
    """Return `notes` in which every hold or roll head has exactly one tail after it in its column.

    A tail closes the last note before it in its column if that is a head (keysounds between do not matter); any other
    tail is dropped. A head that nothing closes, or that another note interrupts, becomes a tap: the arrow is kept.
    """
    solid = np.flatnonzero(notes.kind != NoteKind.KEYSOUND)
    order = solid[np.argsort(notes.column[solid], kind="stable")]  # by column, then beat
    kind, column = notes.kind[order], notes.column[order]
    head = (kind == NoteKind.HOLD_HEAD) | (kind == NoteKind.ROLL_HEAD)
    closed = np.zeros(len(order), dtype=bool)
    closed[:-1] = head[:-1] & (kind[1:] == NoteKind.TAIL) & (column[1:] == column[:-1])
    closing = np.roll(closed, 1)
    kinds = notes.kind.copy()
    kinds[order[head & ~closed]] = NoteKind.TAP
    kinds[order[(kind == NoteKind.TAIL) & ~closing]] = 0
    return Notes(notes.numerator, notes.denominator, notes.column, kinds).select(kinds != 0)


# ---- timing --------------------------------------------------------------------------------------


def _timing(simfile: Any, fields: Any) -> Timing:
    """Return the timing of a chart: its own in an `.ssc` with split timing, else the song's.

    As in StepMania, a chart without an offset of its own has the song's; so it is with the tempo.
    """
    try:
        source = timing_source(simfile, fields)
    except ValueError:  # a #VERSION that is no number
        source = simfile
    if isinstance(simfile, SMSimfile):
        tags: Mapping[str, str | None] = {**simfile, "STOPS": simfile.stops}
    else:
        tags = {key: source.get(key) for key in ("STOPS", "DELAYS", "WARPS", "FAKES")}
        tags |= {key: source.get(key) or simfile.get(key) for key in ("BPMS", "OFFSET")}
    return build_timing(
        bpms=beat_values(tags.get("BPMS")),
        stops=beat_values(tags.get("STOPS")),
        delays=beat_values(tags.get("DELAYS")),
        warps=beat_values(tags.get("WARPS")),
        fakes=beat_values(tags.get("FAKES")),
        offset=(*_floats(tags.get("OFFSET")), 0.0)[0],
    )


def beat_values(text: str | None) -> NDArray[np.float64]:
    """Return the entries of ``beat=value, ...`` as (n, 2), sorted by beat; entries that do not parse are skipped.

    Beats are rounded to 1/48.
    """
    pairs = []
    for entry in (text or "").split(","):
        beat, _, value = entry.partition("=")
        try:
            pair = (float(beat), float(value))
        except ValueError:
            continue
        if np.isfinite(pair).all() and abs(pair[0]) < 1e9:
            pairs.append((round(pair[0] * ROWS_PER_BEAT) / ROWS_PER_BEAT, pair[1]))
    return np.array(sorted(pairs, key=lambda pair: pair[0]), dtype=np.float64).reshape(-1, 2)


def build_timing(
    bpms: NDArray[np.float64],
    stops: NDArray[np.float64],
    delays: NDArray[np.float64],
    warps: NDArray[np.float64],
    fakes: NDArray[np.float64],
    offset: float,
) -> Timing:
    """Return the timing of a song whose beat 0 is at ``-offset`` seconds.

    All arrays are (n, 2) of (beat, value), sorted by beat; values are BPM, seconds, seconds, beats, beats. A tempo of 0
    is ignored (or one too near to 0 to reach another beat, or a pause of days), and so is all before beat 0 but the
    tempo. Where a negative tempo or stop turns time back, the audio does not: time is the running maximum over beats,
    and the beats until it is caught up are a warp.
    """
    bpms = _from_beat_0(bpms[np.abs(bpms[:, 1]) > SLOWEST_BPM])
    stops, delays = _pauses(stops), _pauses(delays)
    spans = merged_spans(_spans(warps))
    knots = np.unique(np.concatenate([[0.0], bpms[:, 0], stops[:, 0], delays[:, 0], spans.ravel()]))
    tempo = bpms[np.searchsorted(bpms[:, 0], knots, side="right") - 1, 1]  # the last of equal beats wins
    slope = np.where(inside(knots, spans) | (tempo >= FAST_BPM), 0.0, 60.0 / tempo)
    walk = _walk(knots, slope, _at(knots, delays), _at(knots, stops), -offset)
    pauses = np.concatenate([stops[stops[:, 1] > 0], delays[delays[:, 1] > 0]])
    caught_up = np.array(walk.warps, dtype=np.float64).reshape(-1, 2)
    return Timing(
        start_beat=np.array([0.0, *(segment[0] for segment in walk.segments)]),
        start_time=np.array([-offset, *(segment[1] for segment in walk.segments)]),
        seconds_per_beat=np.array([max(60.0 / bpms[0, 1], 0.0), *(segment[2] for segment in walk.segments)]),
        bpms=_from_beat_0(bpms[(bpms[:, 1] > 0) & (bpms[:, 1] < FAST_BPM)]),
        stops=pauses[np.argsort(pauses[:, 0], kind="stable")],
        delays=np.array(walk.delays, dtype=np.float64).reshape(-1, 2),
        warps=merged_spans(np.concatenate([spans, _rounded_spans(caught_up)])),
        fakes=merged_spans(_spans(fakes)),
    )


class _Walk(NamedTuple):
    """What a walk along the beats leaves behind."""

    segments: list[tuple[float, float, float]]
    delays: list[tuple[float, float]]
    warps: list[tuple[float, float]]


def _walk(
    knots: NDArray[np.float64],
    slope: NDArray[np.float64],
    delays: NDArray[np.float64],
    stops: NDArray[np.float64],
    start: float,
) -> _Walk:
    """Follow time along the K `knots`: `raw` may go back, `high` is its running maximum, which is what is returned."""
    walk = _Walk([], [], [])
    raw = high = start
    ends = np.append(knots[1:], np.inf)
    for beat, end, rate, delay, stop in np.column_stack([knots, ends, slope, delays, stops]).tolist():
        raw += delay
        if raw > high:
            walk.delays.append((beat, raw - high))
        high = max(high, raw)
        raw += stop
        high = max(high, raw)
        length = end - beat
        behind = (high - raw) / rate if rate > 0 else length  # beats until time is caught up
        if behind > 0:
            walk.segments.append((beat, high, 0.0))
            walk.warps.append((beat, min(beat + behind, end)))
        if behind < length:
            walk.segments.append((beat + behind, high, rate))
        if np.isfinite(length):
            raw += rate * length
            high = max(high, raw)
    return walk


def _pauses(pauses: NDArray[np.float64]) -> NDArray[np.float64]:
    return pauses[(pauses[:, 0] >= 0) & (np.abs(pauses[:, 1]) <= LONGEST_PAUSE_S)]


def _from_beat_0(bpms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `bpms` with the one that holds at beat 0 moved there, or the default tempo if there is none."""
    if len(bpms) == 0:
        return np.array([[0.0, DEFAULT_BPM]])
    bpms = bpms[max(np.searchsorted(bpms[:, 0], 0.0, side="right") - 1, 0) :].copy()
    bpms[0, 0] = 0.0
    return bpms


def _spans(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (first beat, last beat) for rows of (beat, length), lengths rounded to 1/48, empty ones dropped."""
    spans = np.column_stack([lengths[:, 0], lengths[:, 0] + _to_rows(lengths[:, 1])])
    return _rounded_spans(spans[spans[:, 0] >= 0])


def _rounded_spans(spans: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the `spans` (n, 2) that are not empty once rounded to 1/48, so that their ends compare equal to notes."""
    spans = _to_rows(spans)
    return spans[spans[:, 1] > spans[:, 0]]


def _to_rows(beats: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(beats * ROWS_PER_BEAT) / ROWS_PER_BEAT


def _at(knots: NDArray[np.float64], events: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the summed value of `events` at each knot (K,)."""
    total = np.zeros(len(knots))
    np.add.at(total, np.searchsorted(knots, events[:, 0]), events[:, 1])
    return total
