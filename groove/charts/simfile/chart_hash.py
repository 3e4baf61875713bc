"""The hash by which ITGmania and GrooveStats know a chart: SHA-1 of its notes, written as short as can be, and tempos.

The rules are those of Simply Love's chart parser (``SL-ChartParser.lua``), which ITGmania's engine repeats: comments,
blanks and empty lines are taken out, every measure is halved while each second line of it is empty, numbers of
``#BPMS`` (the chart's own, if it has any) are written with three decimals; the first 16 hexadecimal digits count.
"""

from __future__ import annotations

import hashlib
import re

from groove.charts.simfile.timing import leading_number

_COMMA = re.compile("^,$", re.MULTILINE)
_BLANKS = " \t\f\v"


def groovestats_hash(notes: str, bpms: str) -> str:
    """Return the hash of a chart with the text `notes` of its ``#NOTES`` and `bpms` of its ``#BPMS``."""
    for blank in _BLANKS:
        notes = notes.replace(blank, "")
    measures = [_shortest([*filter(None, measure.split("\n"))]) for measure in _COMMA.split(notes)]
    lines = [line for measure in measures for line in (",", *measure)][1:]
    return hashlib.sha1(("\n".join(lines) + _rounded(bpms)).encode()).hexdigest()[:16]


def _shortest(lines: list[str]) -> list[str]:
    while lines and len(lines) % 2 == 0 and not "".join(lines[1::2]).strip("0"):
        lines = lines[::2]
    return lines


def _rounded(bpms: str) -> str:
    pairs = [entry.split("=") for entry in bpms.split(",") if entry.count("=") == 1]
    return ",".join(f"{leading_number(beat):.3f}={leading_number(bpm):.3f}" for beat, bpm in pairs)
