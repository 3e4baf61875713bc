"""From the bytes of a `.sm` or `.ssc` file to its fields: the only module that parses them, with `simfile`."""

from __future__ import annotations

import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from groove.errors import SimfileError

with warnings.catch_warnings():  # of fs, on which simfile depends
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    warnings.filterwarnings("ignore", message="Deprecated call to `pkg_resources")
    from simfile.sm import SMChart, SMCharts, SMSimfile
    from simfile.ssc import SSCSimfile
    from simfile.timing import timing_source

_ENCODINGS = {
    "utf-8": "",
    "cp932": r"(?s)[ぁ-ヿ]|\A(?!.*[｡-ﾟ]).*[一-鿿]{2}",  # kana, or kanji without half-width kana
    "cp949": "[가-힣]{2}",
    "cp1252": "",
}
"""Encodings in the order in which they are tried, and what the text has to hold to be taken for one."""


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


def load_simfile(path: Path) -> tuple[Any, list[tuple[str, str]]]:
    """Return the parsed file (`SMSimfile` or `SSCSimfile`) and its malformed charts as (label, reason).

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


def timing_tags(simfile: Any, chart: Any) -> tuple[str | None, ...]:
    """Return ``#BPMS``, ``#STOPS``, ``#DELAYS``, ``#WARPS``, ``#FAKES``, ``#OFFSET`` of a chart.

    They are its own in an `.ssc` with split timing, else the song's. As in StepMania, a chart without an offset of its
    own has the song's; so it is with the tempo.
    """
    try:
        source = timing_source(simfile, chart)
    except ValueError:  # a #VERSION that is no number
        source = simfile
    bpms, offset = (source.get(key) or simfile.get(key) for key in ("BPMS", "OFFSET"))
    return bpms, source.stops, *(source.get(key) for key in ("DELAYS", "WARPS", "FAKES")), offset


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
