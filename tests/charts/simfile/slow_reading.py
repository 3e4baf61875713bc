"""A second reading of simfiles: character by character and row by row, as the game's sources say it.

Nothing here is fast or shared with `groove`; `test_slow_reading.py` holds the two against each other. Rows are 1/48 of
a beat, times seconds of the audio.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

FAST = 9_999_999.0
ENDLESS = 10**9
COLUMNS = {"dance-single": 4, "dance-double": 8}
OWN = "BPMS STOPS DELAYS WARPS FAKES TIMESIGNATURES TICKCOUNTS COMBOS SPEEDS SCROLLS LABELS".split()


def tags_of(text: str) -> list[list[str]]:
    """Return every tag with its values: `MsdFile.cpp`."""
    tags: list[list[str]] = []
    inside, at, value = False, 0, ""
    while at < len(text):
        sign = text[at]
        if text.startswith("//", at):
            while at < len(text) and text[at] != "\n":
                at += 1
            continue
        if inside and sign == "#":
            line = value.rpartition("\n")[2]
            if line.strip(" \t"):  # in the middle of a line: a sign like any other
                value += sign
                at += 1
                continue
            tags[-1].append(value.rstrip(" \t\n"))
            inside = False
        if not inside:
            if sign == "#":
                tags.append([])
                inside, value = True, ""
            elif sign == "\\":
                at += 1
            at += 1
        elif sign in ":;":
            tags[-1].append(value)
            inside, value = sign == ":", ""
            at += 1
        else:
            if sign == "\\":
                at += 1
            value += text[at : at + 1]
            at += 1
    if inside:
        tags[-1].append(value)
    return tags


def number(text: str) -> float:
    """Return the longest beginning of `text` that is a number, else 0: ``strtof``."""
    text = text.lstrip()
    for end in range(len(text), 0, -1):
        part = text[:end]
        if all(sign in "0123456789.eE+-" for sign in part):
            try:
                value = float(part)
            except ValueError:
                continue
            return value if abs(value) < 3.4e38 else 0.0
    return 0.0


def pairs(text: str) -> list[tuple[float, float]]:
    """Return the entries with one ``=``, in their order."""
    split = [[side for side in entry.split("=") if side] for entry in text.split(",") if entry]
    found = [(number(sides[0]), number(sides[1])) for sides in split if len(sides) == 2]
    return [pair for pair in found if abs(pair[0]) < ENDLESS]


@dataclass
class Slow:
    """Segments by row."""

    offset: float = 0.0
    bpms: dict[int, float] = field(default_factory=dict)
    stops: dict[int, float] = field(default_factory=dict)
    delays: dict[int, float] = field(default_factory=dict)
    warps: dict[int, int] = field(default_factory=dict)
    fakes: dict[int, int] = field(default_factory=dict)

    def tempo(self, row: int) -> float:
        """Return the tempo that holds at `row`: the last one that began, or the first one."""
        begun = [at for at in self.bpms if at <= row]
        return self.bpms[max(begun) if begun else min(self.bpms)]

    def add_tempo(self, row: int, bpm: float) -> None:
        """`TimingData::AddSegment`: what changes nothing is dropped, and an equal next tempo begins here instead."""
        others = {at: value for at, value in self.bpms.items() if at != row}
        earlier, later = [at for at in others if at < row], [at for at in others if at > row]
        if row in self.bpms and not earlier:
            before = self.bpms[row]
        else:
            before = others[max(earlier)] if earlier else (others[min(later)] if later else None)
        if later and others[min(later)] == bpm and (earlier or row in self.bpms):
            del others[min(later)]
        if before != bpm:
            others[row] = bpm
        elif row in self.bpms and not earlier:
            others[row] = bpm
        self.bpms = others

    def put(self, spans: dict[int, int], beat: float, beats: float) -> None:
        spans.pop(round(beat * 48), None)
        if round(min(beats, ENDLESS) * 48) > 0:
            spans[round(beat * 48)] = round(min(beats, ENDLESS) * 48)

    def times(self, last: int) -> list[float]:
        """Return when a note on each row from 0 to `last` is to be hit."""
        first = min([0, *self.warps, *self.delays])
        now = -self.offset + first / 48 * 60 / self.tempo(0)
        warp_until = first
        found = []
        for row in range(first, last + 1):
            now += self.delays.get(row, 0.0)
            if row >= 0:
                found.append(now)
            now += self.stops.get(row, 0.0)
            if row in self.warps:
                warp_until = max(warp_until, row + self.warps[row])
            if row >= warp_until:
                now += 60 / self.tempo(row) / 48
        return found

    def judged(self, row: int) -> bool:
        """Return whether a note on `row` counts: the last warp and the last fake that began decide."""
        for spans, pause_saves in ((self.warps, True), (self.fakes, False)):
            begun = [at for at in spans if at <= row]
            if begun and row < max(begun) + spans[max(begun)]:
                if not (pause_saves and (row in self.stops or row in self.delays)):
                    return False
        return True


def offset_of(tags: dict[str, str]) -> float:
    """Return ``#OFFSET``; one of days is none."""
    offset = number(tags.get("OFFSET", ""))
    return offset if abs(offset) <= 1e6 else 0.0


def sm_timing(tags: dict[str, str]) -> Slow:
    """`NotesLoaderSM.cpp`, ProcessBPMsAndStops: negative changes become warps."""
    slow = Slow(offset_of(tags))
    bpms = sorted([p for p in pairs(tags.get("BPMS", "")) if abs(p[1]) > 1e-6], key=lambda p: p[0])
    stops = sorted([p for p in pairs(tags.get("STOPS", "")) if 0 < abs(p[1]) <= 1e6], key=lambda p: p[0])
    while stops and stops[0][0] < 0:
        slow.offset -= stops.pop(0)[1]
    bpm = 0.0
    while bpms and bpms[0][0] <= 0:
        bpm = bpms.pop(0)[1]
    if bpm == 0:
        bpm = bpms[0][1] if bpms else 60.0
    if 0 < bpm <= FAST:
        slow.add_tempo(0, bpm)
    beat, start, before, gained = 0.0, -1.0, 0.0, 0.0
    while bpms or stops:
        is_bpm = not stops or bool(bpms and bpms[0][0] <= stops[0][0])
        at, value = bpms.pop(0) if is_bpm else stops.pop(0)
        if bpm <= FAST:
            gained += (at - beat) * 60 / bpm
            if start >= 0 and bpm > 0 and gained > 0:
                slow.put(slow.warps, start, at - gained * bpm / 60 - start)
                if bpm != before:
                    slow.add_tempo(round(start * 48), bpm)
                start = -1.0
        beat = at
        if is_bpm:
            if start < 0 and (value < 0 or value > FAST):
                start, before, gained = at, bpm, 0.0
            elif start < 0:
                slow.add_tempo(round(at * 48), value)
            bpm = value
        elif start < 0 and value < 0:
            start, before, gained = at, bpm, value
        elif start < 0:
            slow.stops[round(at * 48)] = value
        else:
            gained += value
            if value > 0 and gained > 0:
                slow.put(slow.warps, start, at - start)
                slow.stops[round(at * 48)] = gained
                if bpm < 0 or bpm > FAST:
                    start, gained = at, 0.0
                else:
                    if bpm != before:
                        slow.add_tempo(round(start * 48), bpm)
                    start = -1.0
    if start >= 0:
        endless = bpm < 0 or bpm > FAST
        slow.put(slow.warps, start, ENDLESS if endless else beat - gained * bpm / 60 - start)
        if bpm != before and not endless:
            slow.add_tempo(round(start * 48), bpm)
    return slow


def ssc_timing(tags: dict[str, str], version: float) -> Slow:
    """`NotesLoaderSSC.cpp`: what is negative does not count."""
    slow = Slow(offset_of(tags))
    for beat, bpm in pairs(tags.get("BPMS", "")):
        if beat >= 0 and bpm > 1e-6:
            slow.add_tempo(round(beat * 48), bpm)
    for beat, seconds in pairs(tags.get("STOPS", "")):
        if beat >= 0 and 0 < seconds <= 1e6:
            slow.stops[round(beat * 48)] = seconds
    for beat, beats in pairs(tags.get("WARPS", "")):
        if version < 0.7 and beats > beat:
            slow.put(slow.warps, beat, beats - beat)
        elif beats > 0:
            slow.put(slow.warps, beat, beats)
    for beat, beats in pairs(tags.get("FAKES", "")):
        if beats > 0:
            slow.put(slow.fakes, beat, beats)
    return slow


def timing(tags: dict[str, str], ssc: bool, version: float = 0.83) -> Slow:
    """Return the timing of either format."""
    slow = ssc_timing(tags, version) if ssc else sm_timing(tags)
    for beat, seconds in pairs(tags.get("DELAYS", "")):
        if 0 < seconds <= 1e6:
            slow.delays[round(beat * 48)] = seconds
    if not slow.bpms:
        slow.bpms[0] = 60.0
    first = min(slow.bpms)
    slow.bpms[0] = slow.bpms.pop(first)
    return slow


def notes_of(text: str, columns: int) -> dict[tuple[Fraction, int], str]:
    """Return the notes by beat and column, with the symbol that made them; holds have their tails as ``3``."""
    found: dict[tuple[Fraction, int], str] = {}
    open_heads: dict[int, Fraction] = {}
    measure = 0
    for part in text.split(","):
        if not part:
            continue
        lines = [line.strip(" \t\r\n") for line in part.split("\n")]
        lines = [line for line in lines if line]
        for number_of_line, line in enumerate(lines):
            beat = 4 * (measure + Fraction(number_of_line, len(lines)))
            at = column = 0
            while column < columns and at < len(line):
                sign = line[at]
                at += 1
                if at < len(line) and line[at] == "[":
                    while at < len(line) and line[at] != "]":
                        at += 1
                    at += 1
                if sign == "3" and column in open_heads:
                    found[beat, column] = "3"
                    del open_heads[column]
                elif sign in "124MLFK":
                    if sign != "K" and column in open_heads:  # a head that another note interrupts
                        del found[open_heads.pop(column), column]
                    found[beat, column] = sign
                    if sign in "24":
                        open_heads[column] = beat
                column += 1
        measure += 1
    for column, beat in open_heads.items():
        del found[beat, column]
    return found


@dataclass
class SlowChart:
    """One chart: steps type, notes, timing."""

    steps_type: str
    notes: dict[tuple[Fraction, int], str]
    timing: Slow


def read(text: str, ssc: bool) -> tuple[list[SlowChart], int]:
    """Return the charts of known steps types with an arrow, and how many charts the file declares."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    song: dict[str, str] = {}
    charts: list[tuple[str, str, dict[str, str] | None]] = []
    declared = 0
    chart: dict[str, str] | None = None
    for name, *values in tags_of(text):
        name = name.upper()
        value = values[0] if values else ""
        place = song if chart is None or name == "VERSION" else chart
        if name in ("NOTES", "NOTES2") and not ssc:
            declared += 1
            if len(values) >= 6:
                charts.append((values[0].strip().lower(), values[5].strip(), None))
        elif name in ("NOTES", "NOTES2"):
            declared += chart is None
            if chart is not None:
                charts.append((chart.get("STEPSTYPE", "").strip().lower(), value, chart))
            chart = None
        elif name == "NOTEDATA" and ssc:
            declared += 1
            chart = {} if chart is None else chart
        elif name in (*OWN[:5], "FREEZES"):
            name = name.replace("FREEZES", "STOPS")
            place[name] = f"{place.get(name, '')},{value}"
        else:
            place[name] = value
    version = number(song["VERSION"]) if "VERSION" in song else 0.83
    read_charts = []
    for steps_type, notes, own in charts:
        tags = song
        if own is not None and version >= 0.7 and any(own.get(name, "").strip(", \t\n") for name in OWN):
            tags = {"OFFSET": song.get("OFFSET", ""), **own}
        if steps_type in COLUMNS:
            found = notes_of(notes, COLUMNS[steps_type])
            if any(sign in "124L" for sign in found.values()):
                read_charts.append(SlowChart(steps_type, found, timing(tags, ssc, version)))
    return read_charts, declared
