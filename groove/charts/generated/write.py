"""The generated library: real StepMania songs (`.ssc` + `.ogg`) from a seed, for use where no library is at hand.

A pack has a step author with habits and a rating habit of its own; a song has four or five charts. What a chart is
(its hardness) and what its author calls it (its difficulty) differ by noise, as in real packs: neighbouring
difficulties overlap, so that a good classifier ends near 80 %. The amount of that noise is `RATING_NOISE`.

The folder appears whole or not at all: it is written beside its place under a temporary name and then renamed.
A song is drawn from (seed, its index) and its pack, so that the number of workers changes nothing.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import NormalDist

import numpy as np

from groove.charts.generated.song import Song, compose
from groove.charts.generated.sound import render, write_ogg
from groove.charts.generated.ssc_text import Entry, Pack, StepChart, ssc_text
from groove.charts.generated.steps import STEP_STYLES, Habits, draw_targets, step_chart
from groove.errors import LibraryError
from groove.io.processes import process_pool

GENERATOR_VERSION = 3
MARKER = "generated.json"
SONGS_PER_PACK = 20
SLOTS = ("Beginner", "Easy", "Medium", "Hard", "Challenge")
HARDNESS = (0.0, 1.0, 2.0, 3.0, 3.8)
"""The hardness that authors mean by each of `SLOTS`."""
RATING_NOISE = {"pack": 0.22, "song": 0.215, "chart": 0.17}
"""Standard deviations of the hardness around `HARDNESS`, in steps between difficulties."""
METERS = (1.5, 4.5, 7.5, 10.0, 13.5, 16.0)
"""Meter at hardness 0, 1, 2, 3, 4, 5 before noise."""
STALE_S = 3600.0
FIRST_WORDS = (
    "Silver", "Midnight", "Electric", "Paper", "Northern", "Velvet", "Crystal", "Distant", "Broken", "Golden",
    "Hidden", "Burning", "Frozen", "Hollow", "Violet", "Lunar", "Restless", "Neon", "Crimson", "Quiet",
    "Static", "Falling", "Eternal", "Second", "Wild", "Glass", "Amber", "Radiant", "Phantom", "Cobalt",
)  # fmt: skip
SECOND_WORDS = (
    "Horizon", "Signal", "Garden", "Engine", "Parade", "Machine", "Cascade", "Letter", "Carousel", "Orbit",
    "Tide", "Mirror", "Avenue", "Harbor", "Echo", "Satellite", "Lantern", "Voltage", "Meadow", "Labyrinth",
    "Summer", "Reactor", "Compass", "Aurora", "Skyline", "Rhapsody", "Circuit", "Monsoon", "Feather", "Station",
)  # fmt: skip
ARTISTS = (
    "Ada Quill", "Byte Harbor", "Callisto Nine", "DJ Marrow", "Elin Voss", "Fathom", "Grey Arcade", "Hana Ortiz",
    "Inverse Kites", "Jun Aoyama", "Kilo Sparrow", "Low Comet", "Mira Tolland", "Nocturne Club", "Oscillate",
    "Pale Motors", "Quarter Tone", "Rui Castell", "Sable & Finch", "Tessellate", "Umber", "Vantablue",
    "Wren Halloway", "Xylo Drift", "Yuki Marsh", "Zero Minor",
)  # fmt: skip
PACK_WORDS = (
    "First Steps", "Night Shift", "Garage Cuts", "Arcade Hours", "Open Floor", "Basement Tapes", "Weekend Set",
    "Long Exposure", "Fresh Paint", "After School",
)  # fmt: skip


def write_library(
    root: Path,
    seed: int,
    songs: int = 160,
    workers: int = 1,
    on_song: Callable[[int, int], None] | None = None,
) -> None:
    """Write ``<Pack>/<Song>/<Song>.ssc`` and ``.ogg`` under `root`, whole or not at all.

    The same seed gives the same bytes of `.ssc` and the same audio samples. Nothing is done where `root` already holds
    this library; a library of another seed, size or version is replaced.

    Args:
        root: folder that the packs are put in.
        seed: at least 0.
        songs: number of songs, at least 1.
        workers: processes; 1 works in this one.
        on_song: called with (songs done, songs in all) after each song.

    Raises:
        LibraryError: if `root` holds anything that this function did not write, or a number is not allowed.
    """
    if songs < 1 or workers < 1 or seed < 0:
        found = f"songs={songs}, workers={workers}, seed={seed}"
        raise LibraryError(f"generated library with {found}; allowed: songs >= 1, workers >= 1, seed >= 0")
    root = root.resolve()
    marker = {"generator_version": GENERATOR_VERSION, "seed": seed, "songs": songs}
    if _is_complete(root, marker):
        return
    _refuse_foreign(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(root)
    part = Path(tempfile.mkdtemp(prefix=f".{root.name}.", suffix=".part", dir=root.parent))
    try:
        library = part / root.name
        for done in _write_songs(library, seed, songs, workers):
            if on_song is not None:
                on_song(done, songs)
        packs = sorted(path.name for path in library.iterdir())
        (library / MARKER).write_text(json.dumps({**marker, "packs": packs}, indent=1) + "\n", encoding="utf-8")
        _put_in_place(library, root, part / "old", marker)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_songs(library: Path, seed: int, songs: int, workers: int) -> Iterator[int]:
    """Write all songs, yielding the number done after each."""
    entries = _entries(seed, songs)
    if workers == 1:
        for index, entry in enumerate(entries):
            write_song(library, seed, index, entry)
            yield index + 1
        return
    with process_pool(min(workers, songs)) as pool:
        jobs = pool.map(write_song, [library] * songs, [seed] * songs, range(songs), entries)
        yield from (index + 1 for index, _ in enumerate(jobs))


def _is_complete(root: Path, marker: dict[str, int]) -> bool:
    """Return whether `root` holds the library that `marker` describes (the marker is written last)."""
    found = _read_marker(root)
    return found is not None and {key: found.get(key) for key in marker} == marker


def _read_marker(root: Path) -> dict[str, object] | None:
    """Return the marker of `root`, or None if there is none that can be read."""
    try:
        found = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _refuse_foreign(root: Path) -> None:
    """Raise if `root` is a file or holds anything that a marker does not list."""
    if not root.exists():
        return
    entries = {path.name for path in root.iterdir()} if root.is_dir() else {root.name}
    packs = (_read_marker(root) or {}).get("packs")
    foreign = sorted(entries - {MARKER, *(packs if isinstance(packs, list) else [])})
    if foreign:
        raise LibraryError(
            f"{root}: not replaced by a generated library, since it holds '{foreign[0]}'; "
            f"allowed: a folder that does not exist, is empty, or was generated"
        )


def _remove_stale(root: Path) -> None:
    """Remove what killed runs left beside `root` more than an hour ago."""
    for path in root.parent.glob(f".{root.name}.*.part"):
        if time.time() - path.stat().st_mtime > STALE_S:
            shutil.rmtree(path, ignore_errors=True)


def _put_in_place(library: Path, root: Path, old: Path, marker: dict[str, int]) -> None:
    """Rename `library` to `root`; what stood there moves to `old`. A process that was faster with the same is fine."""
    if _is_complete(root, marker):
        return
    try:
        if root.exists():
            root.rename(old)
        library.rename(root)
    except OSError:
        if not _is_complete(root, marker):
            raise


def _entries(seed: int, songs: int) -> list[Entry]:
    """Return the unique title, the artist and the pack of each song."""
    rng = np.random.default_rng((seed, 0))
    words = [f"{first} {second}" for first in FIRST_WORDS for second in SECOND_WORDS]
    order = rng.permutation(len(words)).tolist()
    artists = rng.integers(len(ARTISTS), size=songs).tolist()
    packs = draw_packs(seed, max(-(-songs // SONGS_PER_PACK), 2))
    entries = []
    for i in range(songs):
        again, place = divmod(i, len(words))
        title = words[order[place]] + (f" {again + 1}" if again else "")
        entries.append(Entry(title, ARTISTS[artists[i]], packs[i % len(packs)]))
    return entries


def draw_packs(seed: int, count: int) -> list[Pack]:
    """Return `count` packs. Their biases are the quantiles of a normal distribution: libraries differ little."""
    rng = np.random.default_rng((seed, 1))
    ranks = (rng.permutation(count) + 0.5) / count
    packs = []
    for i in range(count):
        volume, word = divmod(i, len(PACK_WORDS))
        name = f"{PACK_WORDS[word]} {volume + 1}" if volume else PACK_WORDS[word]
        author = f"{ARTISTS[rng.integers(len(ARTISTS))].split()[0]}{rng.integers(10, 99)}"
        jumps, holds = np.exp(rng.normal(0, 0.35, 2)).tolist()
        bias = RATING_NOISE["pack"] * NormalDist().inv_cdf(float(ranks[i]))
        packs.append(Pack(name, author, Habits(jumps, holds), bias))
    return packs


def write_song(library: Path, seed: int, index: int, entry: Entry) -> None:
    """Write one song's folder; a function of its arguments alone."""
    song = compose(np.random.default_rng((seed, 2, index)))
    charts = draw_charts(song, entry.pack, np.random.default_rng((seed, 3, index)))
    folder = library / entry.pack.name / entry.title
    folder.mkdir(parents=True)
    text = ssc_text(song, charts, entry)
    (folder / f"{entry.title}.ssc").write_text(text, encoding="utf-8", newline="\n")
    write_ogg(render(song), folder / f"{entry.title}.ogg")


def draw_charts(song: Song, pack: Pack, rng: np.random.Generator) -> list[StepChart]:
    """Return the four or five charts of `song`, each of its own hardness and step style."""
    slots = [(0, 1, 2, 3, 4), (0, 1, 2, 3), (1, 2, 3, 4)][rng.choice(3, p=(0.5, 0.4, 0.1))]
    means = np.array([HARDNESS[slot] for slot in slots]) + pack.bias + rng.normal(0, RATING_NOISE["song"])
    hardness = np.sort(means + RATING_NOISE["chart"] * rng.standard_t(4, len(slots)))
    main = STEP_STYLES[rng.integers(len(STEP_STYLES))]
    charts = []
    for slot, hard, own in zip(slots, hardness.tolist(), rng.spawn(len(slots)), strict=True):
        style = main if own.random() < 0.35 else STEP_STYLES[own.integers(len(STEP_STYLES))]
        targets = draw_targets(hard, style, pack.habits, own)
        meter = int(np.clip(round(float(np.interp(hard, range(6), METERS)) + own.normal(0, 0.7)), 1, 16))
        charts.append(StepChart(SLOTS[slot], meter, style, step_chart(song, targets, own)))
    return charts
