"""The hash by which ITGmania and GrooveStats know a chart: SHA-1 of its notes, written as short as can be, and tempos.

The rules are those of Simply Love's chart parser (``SL-ChartParser.lua``), which ITGmania's engine repeats: comments,
blanks and empty lines are taken out, every measure is halved while each second line of it is empty, numbers of
``#BPMS`` (the chart's own, if it has any) are written with three decimals; the first 16 hexadecimal digits count.
"""

from __future__ import annotations

import hashlib
import re

from groove.charts.simfile.timing import leading_number

_BLANK = re.compile(r"[^\S\n]+")


def groovestats_hash(notes: str, bpms: str) -> str:
    """Return the hash of a chart with the text `notes` of its ``#NOTES`` and `bpms` of its ``#BPMS``."""
    lines: list[str] = []
    measure: list[str] = []
    for line in [*filter(None, _BLANK.sub("", notes).split("\n")), None]:
        if line in (",", None):
            lines += _shortest(measure) + ([","] if line else [])
            measure = []
        else:
            measure.append(str(line))
    return hashlib.sha1(("\n".join(lines) + _rounded(bpms)).encode()).hexdigest()[:16]


def _shortest(measure: list[str]) -> list[str]:
    while measure and len(measure) % 2 == 0 and not any(line.strip("0") for line in measure[1::2]):
        measure = measure[::2]
    return measure


def _rounded(bpms: str) -> str:
    pairs = [entry.split("=") for entry in bpms.split(",") if entry.count("=") == 1]
    return ",".join(f"{leading_number(beat):.3f}={leading_number(bpm):.3f}" for beat, bpm in pairs)
