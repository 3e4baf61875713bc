"""One song of the wide library: its timing, rhythm and charts, written as `.sm` or `.ssc`, without audio."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from groove.charts.generated.wide.feet import Rows, walk
from groove.charts.generated.wide.habits import (
    KINDS,
    SCALES,
    SLOTS,
    Author,
    Pack,
    chart_habits,
    signed,
    song_habits,
)  # fmt: skip
from groove.charts.generated.wide.music import Music, compose_music
from groove.charts.generated.wide.notes import note_grid, notes_text
from groove.charts.generated.wide.rows import HARDNESS, choose_rows, draw_plan, luck
from groove.charts.generated.wide.tempo import Tempo, draw_bpm, draw_tempo

SLOT_HARDNESS = (0.0, 1.0, 2.0, 3.0, 3.7)
NOISE = {"song": 0.25, "chart": 0.3}
"""Standard deviations of the hardness around that of its slot and pack."""
LENGTH_S = (30.0, 480.0)
SHORTEST_BARS = 8


class WideChart(NamedTuple):
    """A written chart: its slot, meter, description, author and note data."""

    difficulty: str
    meter: int
    description: str
    author: str
    notes: str


def write_wide_song(library: Path, seed: int, index: int, title: str, artist: str, pack: Pack) -> None:
    """Write one song's folder; a function of its arguments alone."""
    rng = np.random.default_rng((seed, 12, index))
    kind = KINDS[pack.kind]
    bpm = draw_bpm(kind.bpm, rng)
    spread = kind.length_spread if rng.random() < 0.85 else 0.6
    length_s = float(np.clip(kind.length_s * np.exp(rng.normal(0, spread)), *LENGTH_S))
    bars = max(round(length_s * bpm / 240), SHORTEST_BARS)
    tempo = draw_tempo(bpm, bars, pack.ssc, 8.0 if pack.kind == "gimmicks" else 1.0, rng)
    music = compose_music(tempo, kind.rhythms, rng)
    charts = draw_charts(music, pack, rng)
    folder = library / pack.name / title
    folder.mkdir(parents=True)
    text = (_ssc_text if pack.ssc else _sm_text)(tempo, charts, title, artist, pack)
    (folder / f"{title}.{'ssc' if pack.ssc else 'sm'}").write_text(text, encoding="utf-8", newline="\n")


def draw_charts(music: Music, pack: Pack, rng: np.random.Generator) -> list[WideChart]:
    """Return the charts of a song, the easiest first; one song in fifteen has an edit, too.

    They are written from the hardest on, so that easier ones can take over its rows and arrows.
    """
    kind = KINDS[pack.kind]
    slots = kind.slots[rng.integers(len(kind.slots))]
    means = np.array([SLOT_HARDNESS[slot] for slot in slots]) + kind.harder + pack.bias
    if pack.kind == "stamina":
        means = means + abs(rng.normal(0, 1.0))
    names = [SLOTS[slot] for slot in slots]
    if rng.random() < 1 / 15:
        names, means = [*names, "Edit"], np.append(means, means[-1] + rng.normal(0.3, 0.6))
    hardness = means + rng.normal(0, NOISE["song"]) + rng.normal(0, NOISE["chart"], len(means))
    main, habits = pack.authors[rng.integers(len(pack.authors))], song_habits(rng)
    shared = luck(music, 0.35, rng)
    known: dict[int, tuple[int, ...]] = {}
    charts = []
    for name, hard, own in sorted(
        zip(names, hardness.tolist(), rng.spawn(len(names)), strict=True), key=lambda c: -c[1]
    ):
        author = main if own.random() < 0.7 else pack.authors[own.integers(len(pack.authors))]
        charts.append(_draw_chart(music, kind.scale, name, hard, author, habits, shared, known, own))
    order = (*SLOTS, "Edit")
    return sorted(charts, key=lambda chart: order.index(chart.difficulty))


def _draw_chart(
    music: Music,
    scale: str,
    name: str,
    hardness: float,
    author: Author,
    song: dict[str, float],
    shared: np.ndarray,
    known: dict[int, tuple[int, ...]],
    rng: np.random.Generator,
) -> WideChart:
    """Return one chart; its steps are added to those that easier charts `known`."""
    habits, theme = chart_habits(author, song, hardness, rng)
    plan = draw_plan(hardness, author.contrast, rng)
    chosen = choose_rows(music, plan, shared + luck(music, 0.3, rng))
    rows = Rows(music.ticks[chosen], music.times[chosen], music.strength[chosen], music.place[chosen], plan.fastest_s)
    steps = walk(rows, habits, known, author.copying, int(rng.integers(2**62)))
    for step in steps:
        known.setdefault(step.tick, step.panels)
    meter = max(round(float(np.interp(hardness, HARDNESS, SCALES[scale]) + rng.normal(0, 0.6))), 1)
    return WideChart(name, meter, signed(author, theme), author.name, notes_text(note_grid(steps, habits, rng)))


def _song_tags(title: str, artist: str, pack: Pack) -> dict[str, str]:
    return {"TITLE": title, "SUBTITLE": "", "ARTIST": artist, "CREDIT": pack.credit, "MUSIC": f"{title}.ogg",
            "SAMPLESTART": "30.000", "SAMPLELENGTH": "12.000", "SELECTABLE": "YES"}  # fmt: skip


def _lines(tags: dict[str, str]) -> str:
    return "".join(f"#{key}:{value};\n" for key, value in tags.items())


def _ssc_text(tempo: Tempo, charts: list[WideChart], title: str, artist: str, pack: Pack) -> str:
    """Return the song as `.ssc`."""
    parts = [_lines({"VERSION": "0.83", **_song_tags(title, artist, pack), **tempo.tags})]
    for chart in charts:
        tags = {"NOTEDATA": "", "CHARTNAME": "", "STEPSTYPE": "dance-single", "DESCRIPTION": chart.description,
                "DIFFICULTY": chart.difficulty, "METER": str(chart.meter), "CREDIT": chart.author,
                "NOTES": f"\n{chart.notes}\n"}  # fmt: skip
        parts.append(_lines(tags))
    return "\n".join(parts)


def _sm_text(tempo: Tempo, charts: list[WideChart], title: str, artist: str, pack: Pack) -> str:
    """Return the song as `.sm`, which knows no warps and no fakes."""
    timing = {name: value for name, value in tempo.tags.items() if name not in ("WARPS", "FAKES")}
    parts = [_lines({**_song_tags(title, artist, pack), **timing})]
    for chart in charts:
        fields = ("dance-single", chart.description, chart.difficulty, str(chart.meter), "0,0,0,0,0")
        parts.append("#NOTES:\n" + "".join(f"     {field}:\n" for field in fields) + f"{chart.notes}\n;\n")
    return "\n".join(parts)
