"""Text of a generated song: the `.ssc` format as StepMania's editor writes it.

Conventions: beats and seconds with three decimals, which is all that the generator uses, so that reading the text gives
the timing that the audio was rendered with. ``#CHARTNAME`` holds the step style, which no training sees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.generated.song import BAR, Song
from groove.charts.generated.steps import Habits


class Pack(NamedTuple):
    """A pack: its folder name, its author's name and habits, and how much harder its charts are than their names."""

    name: str
    author: str
    habits: Habits
    bias: float


class StepChart(NamedTuple):
    """One generated chart, before it is text: `grid` is (ticks, 4) of simfile characters."""

    difficulty: str
    meter: int
    style: str
    grid: NDArray[np.uint8]


class Entry(NamedTuple):
    """What a song is called, and the pack that it is in."""

    title: str
    artist: str
    pack: Pack


def ssc_text(song: Song, charts: list[StepChart], entry: Entry) -> str:
    """Return the `.ssc` of a song."""
    chorus = song.sections.index("chorus") * 4
    start = float(song.timing.time_at(np.array([float(chorus)]))[0])
    bpms = [bpm for _, bpm in song.bpms]
    display = f"{min(bpms):.3f}" + (f":{max(bpms):.3f}" if len(bpms) > 1 else "")
    tags = {
        "VERSION": "0.83", "TITLE": entry.title, "SUBTITLE": "", "ARTIST": entry.artist, "GENRE": song.style.name,
        "CREDIT": entry.pack.author, "MUSIC": f"{entry.title}.ogg", "OFFSET": f"{song.offset_s:.3f}",
        "SAMPLESTART": f"{start:.3f}", "SAMPLELENGTH": "12.000", "SELECTABLE": "YES", "DISPLAYBPM": display,
        "BPMS": _pairs(song.bpms), "STOPS": _pairs(song.stops), "DELAYS": "", "WARPS": "",
        "TIMESIGNATURES": "0.000=4=4", "TICKCOUNTS": "0.000=4", "COMBOS": "0.000=1", "SPEEDS": "0.000=1.000=0.000=0",
        "SCROLLS": "0.000=1.000", "FAKES": "", "LABELS": "0.000=Song Start", "BGCHANGES": "", "KEYSOUNDS": "",
        "ATTACKS": "",
    }  # fmt: skip
    return _tag_lines(tags) + "".join(_chart_text(chart, entry.pack.author) for chart in charts)


def _chart_text(chart: StepChart, author: str) -> str:
    """Return the ``#NOTEDATA`` section of a chart."""
    tags = {
        "NOTEDATA": "", "CHARTNAME": chart.style, "STEPSTYPE": "dance-single", "DESCRIPTION": author,
        "CHARTSTYLE": "", "DIFFICULTY": chart.difficulty, "METER": str(chart.meter),
        "RADARVALUES": ",".join(["0.000"] * 5), "CREDIT": author, "NOTES": f"\n{notes_text(chart.grid)}\n",
    }  # fmt: skip
    return f"\n//---------------dance-single - {author}----------------\n" + _tag_lines(tags)


def _tag_lines(tags: dict[str, str]) -> str:
    """Return one ``#KEY:value;`` line per tag."""
    return "".join(f"#{key}:{value};\n" for key, value in tags.items())


def _pairs(pairs: tuple[tuple[int, float], ...]) -> str:
    """Return ``beat=value`` pairs as the format writes them."""
    return ",\n".join(f"{beat:.3f}={value:.3f}" for beat, value in pairs)


def notes_text(grid: NDArray[np.uint8]) -> str:
    """Return note data of `grid` (ticks, 4): each measure with the fewest lines that hold its rows."""
    measures = []
    for measure in grid.reshape(-1, BAR, 4):
        used = np.flatnonzero((measure != ord("0")).any(axis=1))
        lines = next(n for n in (4, 8, 12, 16, 24, 48) if (used % (BAR // n) == 0).all())
        measures.append("\n".join(row.tobytes().decode("ascii") for row in measure[:: BAR // lines]))
    return "\n,\n".join(measures)
