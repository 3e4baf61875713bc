"""From the text of a ``#NOTES`` field to notes, by the rules of StepMania's `NoteDataUtil.cpp`.

A library is full of files that only had to please that engine. Beats stay exact; the engine's own are rounded to 1/48.
Dimension letters: N notes, R lines of note data, M measures, C columns.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import NoteKind, Notes

_KINDS = np.zeros(256, dtype=np.int8)
_KINDS[list(b"1234MLFK")] = list(NoteKind)
_BLANK = re.compile(r"[^\S\n]")
_KEYSOUND = re.compile(r"(.)\[[^\]]*\]?")
"""The index that may follow a note within a line."""


def parse_notes(text: str, columns: int) -> Notes:
    """Return the notes of a ``#NOTES`` field, holds balanced.

    Line l of n in measure m is beat ``4 * (m + l / n)``, kept as a reduced fraction. As in StepMania: empty lines and
    measures without any character do not count, unknown symbols are no notes, a short line is padded, a long one cut.
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
    tidy = _BLANK.search(text) is None
    measures = list(filter(None, text.split(",")))
    lines: list[str] = []
    sizes = np.zeros(len(measures), dtype=np.int64)
    for place, part in enumerate(measures):
        found = part.split() if tidy else [line for line in map(str.strip, part.split("\n")) if line]
        sizes[place] = len(found)
        lines += found
    if "[" in text:
        lines = [_KEYSOUND.sub(r"\1", line) for line in lines]
    if set(map(len, lines)) != {columns}:
        lines = [line if len(line) == columns else line[:columns].ljust(columns, "0") for line in lines]
    return lines, np.cumsum(sizes) - sizes, sizes


def balance_holds(notes: Notes) -> Notes:
    """Return `notes` in which every hold or roll head has exactly one tail after it in its column.

    A tail closes the last note before it in its column if that is a head (keysounds between do not matter); any other
    tail is dropped, and so is a head that nothing closes or that another note interrupts.
    """
    solid = np.flatnonzero(notes.kind != NoteKind.KEYSOUND)
    order = solid[np.argsort(notes.column[solid], kind="stable")]  # by column, then beat
    kind, column = notes.kind[order], notes.column[order]
    head = (kind == NoteKind.HOLD_HEAD) | (kind == NoteKind.ROLL_HEAD)
    closed = np.zeros(len(order), dtype=bool)
    closed[:-1] = head[:-1] & (kind[1:] == NoteKind.TAIL) & (column[1:] == column[:-1])
    closing = np.roll(closed, 1)
    kinds = notes.kind.copy()
    kinds[order[head & ~closed]] = 0
    kinds[order[(kind == NoteKind.TAIL) & ~closing]] = 0
    return Notes(notes.numerator, notes.denominator, notes.column, kinds).select(kinds != 0)
