"""The generated library: real StepMania songs (`.ssc` + `.ogg`) from a seed, for use where no library is at hand.

A pack has a step author with habits and a rating habit of its own; a song has four or five charts. What a chart is
(its hardness) and what its author calls it (its difficulty) differ by noise, as in real packs: neighbouring
difficulties overlap, so that a good classifier ends near 80 %. The amount of that noise is `RATING_NOISE`.

That is the ``plain`` variety; what the ``wide`` one is stands in `wide/`.

A song is drawn from (seed, its index) and its pack, so that the number of workers changes nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.generated import Variety
from groove.charts.generated.song import BAR, Song, compose
from groove.charts.generated.sound import render, write_ogg
from groove.charts.generated.steps import STEP_STYLES, draw_targets, step_chart
from groove.charts.generated.wide.habits import Pack as WidePack
from groove.charts.generated.wide.habits import draw_pack
from groove.charts.generated.wide.write import write_wide_song
from groove.errors import LibraryError
from groove.io.processes import alone, process_pool

GENERATOR_VERSION: dict[Variety, int] = {"plain": 3, "wide": 1}
MARKER = "generated.json"
SONGS_PER_PACK: dict[Variety, int] = {"plain": 20, "wide": 6}
SLOTS = ("Beginner", "Easy", "Medium", "Hard", "Challenge")
SLOT_HARDNESS = (0.0, 1.0, 2.0, 3.0, 3.8)
"""The hardness that authors mean by each of `SLOTS`."""
RATING_NOISE = {"pack": 0.22, "song": 0.215, "chart": 0.17}
"""Standard deviations of the hardness around `SLOT_HARDNESS`, in steps between difficulties."""
METERS = (1.5, 4.5, 7.5, 10.0, 13.5, 16.0)
"""Meter at hardness 0, 1, 2, 3, 4, 5 before noise."""
FIRST_WORDS = (
    "Silver Midnight Electric Paper Northern Velvet Crystal Distant Broken Golden Hidden Burning Frozen Hollow Violet "
    "Lunar Restless Neon Crimson Quiet Static Falling Eternal Second Wild Glass Amber Radiant Phantom Cobalt"
).split()
SECOND_WORDS = (
    "Horizon Signal Garden Engine Parade Machine Cascade Letter Carousel Orbit Tide Mirror Avenue Harbor Echo "
    "Satellite Lantern Voltage Meadow Labyrinth Summer Reactor Compass Aurora Skyline Rhapsody Circuit Monsoon "
    "Feather Station"
).split()
ARTISTS = (
    "Ada Quill, Byte Harbor, Callisto Nine, DJ Marrow, Elin Voss, Fathom, Grey Arcade, Hana Ortiz, Inverse Kites, "
    "Jun Aoyama, Kilo Sparrow, Low Comet, Mira Tolland, Nocturne Club, Oscillate, Pale Motors, Quarter Tone, "
    "Rui Castell, Sable & Finch, Tessellate, Umber, Vantablue, Wren Halloway, Xylo Drift, Yuki Marsh, Zero Minor"
).split(", ")
PACK_WORDS = (
    "First Steps, Night Shift, Garage Cuts, Arcade Hours, Open Floor, Basement Tapes, Weekend Set, Long Exposure, "
    "Fresh Paint, After School"
).split(", ")


class Pack(NamedTuple):
    """A pack: its folder, its author, how much of the usual jumps and holds they use, how much harder they rate."""

    name: str
    author: str
    jumps: float
    holds: float
    bias: float


class StepChart(NamedTuple):
    """One generated chart; `grid` is (ticks, 4) of simfile characters."""

    difficulty: str
    meter: int
    style: str
    grid: NDArray[np.uint8]


def write_library(
    root: Path,
    seed: int,
    songs: int = 160,
    workers: int = 1,
    on_song: Callable[[int, int], None] | None = None,
    variety: Variety = "plain",
) -> None:
    """Write ``<Pack>/<Song>/<Song>.ssc`` and ``.ogg`` under `root`, whole or not at all; the same seed, the same bytes.

    The songs of the ``wide`` variety are `.sm` or `.ssc` and have no audio. Nothing is done where `root` already holds
    this library; a library of another seed, size, variety or version is replaced.
    `workers` processes share the work; `on_song` is called with (songs done, songs in all) after each song.

    Raises:
        LibraryError: if `root` holds anything that this function did not write.
    """
    root = root.resolve()
    wanted: dict[str, Any] = {"generator_version": GENERATOR_VERSION[variety], "seed": seed, "songs": songs}
    wanted |= {} if variety == "plain" else {"variety": variety}
    if _holds(root, wanted):
        return
    with alone(root.with_name(f".{root.name}.lock")):
        if _holds(root, wanted):  # written by the process that was waited for
            return
        _refuse_foreign(root)
        part = root.with_name(f".{root.name}.part")
        new = part / "new"
        shutil.rmtree(part, ignore_errors=True)  # of a killed run
        try:
            _write_songs(new, seed, songs, workers, on_song, variety)
            packs = sorted(path.name for path in new.iterdir())
            (new / MARKER).write_text(json.dumps({**wanted, "packs": packs}, indent=1) + "\n")
            if root.exists():
                root.rename(part / "old")
            new.rename(root)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _write_songs(
    new: Path, seed: int, songs: int, workers: int, on_song: Callable[[int, int], None] | None, variety: Variety
) -> None:
    """Write all songs under `new`; the arguments are those of `write_library`."""
    write, names = (write_song, _names) if variety == "plain" else (write_wide_song, _wide_names)
    jobs = [new] * songs, [seed] * songs, range(songs), *names(seed, songs)
    with process_pool(min(workers, songs)) if workers > 1 else nullcontext() as pool:
        for done, _ in enumerate(pool.map(write, *jobs) if pool else map(write, *jobs), start=1):
            if on_song is not None:
                on_song(done, songs)


def _marker(root: Path) -> dict[str, Any]:
    """Return what is written in the library at `root` about it, nothing if it is none."""
    try:
        return dict(json.loads((root / MARKER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _holds(root: Path, wanted: dict[str, Any]) -> bool:
    """Return whether the library at `root` is the one that is `wanted`."""
    return {key: value for key, value in _marker(root).items() if key != "packs"} == wanted


def _refuse_foreign(root: Path) -> None:
    """Raise if `root` is a file or holds anything that its marker does not list."""
    found = root.iterdir() if root.is_dir() else [root] if root.exists() else []
    foreign = sorted({path.name for path in found} - {MARKER, *_marker(root).get("packs", [])})
    if foreign:
        must = "must be a new, an empty or a generated folder to hold a generated library"
        raise LibraryError(f"{root} {must}, got one with '{foreign[0]}'")


def _names(seed: int, songs: int) -> tuple[list[str], list[str], list[Pack]]:
    """Return the unique title, the artist and the pack of each song."""
    titles, artists = _titles_and_artists(seed, songs)
    packs = _packs(seed, max(-(-songs // SONGS_PER_PACK["plain"]), 2))
    return titles, artists, [packs[i % len(packs)] for i in range(songs)]


def _wide_names(seed: int, songs: int) -> tuple[list[str], list[str], list[WidePack]]:
    """Return the unique title, the artist and the pack of each song of the wide variety."""
    titles, artists = _titles_and_artists(seed, songs)
    count = max(-(-songs // SONGS_PER_PACK["wide"]), 2)
    packs = [draw_pack(_numbered(PACK_WORDS, i), np.random.default_rng((seed, 11, i))) for i in range(count)]
    return titles, artists, [packs[i % count] for i in range(songs)]


def _titles_and_artists(seed: int, songs: int) -> tuple[list[str], list[str]]:
    """Return the unique title and the artist of each song."""
    rng = np.random.default_rng((seed, 0))
    words = [f"{first} {second}" for first in FIRST_WORDS for second in SECOND_WORDS]
    words = [words[place] for place in rng.permutation(len(words)).tolist()]
    titles = [_numbered(words, i) for i in range(songs)]
    return titles, [ARTISTS[i] for i in rng.integers(len(ARTISTS), size=songs)]


def _numbered(names: Sequence[str], i: int) -> str:
    """Return the name at `i`; after the last one all come again as ``Name 2``, ``Name 3``, ..."""
    times, place = divmod(i, len(names))
    return names[place] + (f" {times + 1}" if times else "")


def _packs(seed: int, count: int) -> list[Pack]:
    """Return `count` packs. Their biases are the quantiles of a normal distribution: libraries differ little."""
    rng = np.random.default_rng((seed, 1))
    ranks = (rng.permutation(count) + 0.5) / count
    packs = []
    for i, rank in enumerate(ranks.tolist()):
        author = f"{ARTISTS[rng.integers(len(ARTISTS))].split()[0]}{rng.integers(10, 99)}"
        jumps, holds = np.exp(rng.normal(0, 0.35, 2)).tolist()
        bias = RATING_NOISE["pack"] * NormalDist().inv_cdf(rank)
        packs.append(Pack(_numbered(PACK_WORDS, i), author, jumps, holds, bias))
    return packs


def write_song(library: Path, seed: int, index: int, title: str, artist: str, pack: Pack) -> None:
    """Write one song's folder; a function of its arguments alone."""
    song = compose(np.random.default_rng((seed, 2, index)))
    charts = draw_charts(song, pack, np.random.default_rng((seed, 3, index)))
    folder = library / pack.name / title
    folder.mkdir(parents=True)
    text = ssc_text(song, charts, title, artist, pack.author)
    (folder / f"{title}.ssc").write_text(text, encoding="utf-8", newline="\n")
    write_ogg(render(song), folder / f"{title}.ogg")


def draw_charts(song: Song, pack: Pack, rng: np.random.Generator) -> list[StepChart]:
    """Return the four or five charts of `song`, each of its own hardness and step style."""
    slots = [(0, 1, 2, 3, 4), (0, 1, 2, 3), (1, 2, 3, 4)][rng.choice(3, p=(0.5, 0.4, 0.1))]
    means = np.array([SLOT_HARDNESS[slot] for slot in slots]) + pack.bias + rng.normal(0, RATING_NOISE["song"])
    hardness = np.sort(means + RATING_NOISE["chart"] * rng.standard_t(4, len(slots)))
    main = STEP_STYLES[rng.integers(len(STEP_STYLES))]
    charts = []
    for slot, hard, own in zip(slots, hardness.tolist(), rng.spawn(len(slots)), strict=True):
        style = main if own.random() < 0.35 else STEP_STYLES[own.integers(len(STEP_STYLES))]
        targets = draw_targets(hard, style, pack.jumps, pack.holds, own)
        meter = int(np.clip(round(float(np.interp(hard, range(6), METERS)) + own.normal(0, 0.7)), 1, 16))
        charts.append(StepChart(SLOTS[slot], meter, style, step_chart(song, targets, own)))
    return charts


def ssc_text(song: Song, charts: list[StepChart], title: str, artist: str, author: str) -> str:
    """Return the `.ssc` of a song as StepMania's editor writes it; ``#CHARTNAME`` is the step style."""
    chorus = float(song.sections.index("chorus") * 4)
    bpms = [bpm for _, bpm in song.bpms]
    pairs = [",\n".join(f"{beat:.3f}={value:.3f}" for beat, value in tag) for tag in (song.bpms, song.stops)]
    song_tags = {
        "VERSION": "0.83", "TITLE": title, "SUBTITLE": "", "ARTIST": artist, "GENRE": song.style.name,
        "CREDIT": author, "MUSIC": f"{title}.ogg", "OFFSET": f"{song.offset_s:.3f}",
        "SAMPLESTART": f"{song.timing.time_at(np.array([chorus]))[0]:.3f}", "SAMPLELENGTH": "12.000",
        "SELECTABLE": "YES", "DISPLAYBPM": f"{min(bpms):.3f}" + (f":{max(bpms):.3f}" if len(bpms) > 1 else ""),
        "BPMS": pairs[0], "STOPS": pairs[1], "DELAYS": "", "WARPS": "",
        "TIMESIGNATURES": "0.000=4=4", "TICKCOUNTS": "0.000=4", "COMBOS": "0.000=1", "SPEEDS": "0.000=1.000=0.000=0",
        "SCROLLS": "0.000=1.000", "FAKES": "", "LABELS": "0.000=Song Start", "BGCHANGES": "", "KEYSOUNDS": "",
        "ATTACKS": "",
    }  # fmt: skip
    chart_tags = [{
        "NOTEDATA": "", "CHARTNAME": chart.style, "STEPSTYPE": "dance-single", "DESCRIPTION": author,
        "CHARTSTYLE": "", "DIFFICULTY": chart.difficulty, "METER": str(chart.meter),
        "RADARVALUES": ",".join(["0.000"] * 5), "CREDIT": author, "NOTES": f"\n{notes_text(chart.grid)}\n",
    } for chart in charts]  # fmt: skip
    parts = ("".join(f"#{key}:{value};\n" for key, value in tags.items()) for tags in (song_tags, *chart_tags))
    return f"\n//---------------dance-single - {author}----------------\n".join(parts)


def notes_text(grid: NDArray[np.uint8]) -> str:
    """Return note data of `grid` (ticks, 4): each measure with the fewest lines that hold its rows."""
    measures = []
    for measure in grid.reshape(-1, BAR, 4):
        used = np.flatnonzero((measure != ord("0")).any(axis=1))
        lines = next(n for n in (4, 8, 12, 16, 24, 48) if (used % (BAR // n) == 0).all())
        measures.append("\n".join(row.tobytes().decode("ascii") for row in measure[:: BAR // lines]))
    return "\n,\n".join(measures)
