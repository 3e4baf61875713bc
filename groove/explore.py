"""Draw a library as a map: ``python -m groove.explore run=DIR [songs=DIR] out=explore.html``.

One file for any browser, offline: every chart a point, near what the model finds near; its radar, its neighbours,
search and filters. Without ``songs=`` it is the library that the run was trained on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from groove.cli.entry import run_main
from groove.config.schema import ExploreConfig
from groove.embedding.library import about, embedded
from groove.errors import ConfigError, RunError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groove.embedding.embedded import EmbeddedLibrary
    from groove.explorer.layout import MapOfCharts
    from groove.explorer.page import LibraryPage
    from groove.retrieval.neighbors import Neighbors

MOST_NEIGHBORS = 100
SLOW = 10_000
"""Charts from which on t-SNE takes a minute or more of one core (20,000: two)."""
RINGS = {"konami": (50.0, 100.0, 150.0, 200.0), "stepmania": (0.25, 0.5, 0.75, 1.0)}
"""Where the pentagon of each radar has its rings: the games' own pentagons end at the last one."""
SEEN = {
    "train": "the model was trained on it",
    "val": "held out: the model was not trained on it",
    "unseen": "never seen by the model's training",
    "unknown": "nobody can say whether the model's training saw it",
}
SUBSTYLE = "substyle"
"""A column that may be there: the name of each chart's cluster."""


def run(cfg: ExploreConfig) -> None:
    """Embed the library, lay it out, find every chart's neighbours, write the page and say where.

    Raises:
        ConfigError: if a setting is not allowed.
        RunError: if there is no such space, or the page cannot be written.
        GrooveError: if the run or the library cannot be used.
    """
    from groove.explorer.layout import map_of
    from groove.explorer.page import html
    from groove.io.files import write_bytes
    from groove.retrieval.neighbors import nearest_of_other_songs

    start = time.perf_counter()
    check(cfg)
    library, _ = embedded(cfg)
    vectors = library.space(cfg.space)
    print(about(library))
    if cfg.substyles and len(library) <= SLOW and SUBSTYLE not in library.table.column_names:
        library = with_names(library, cfg)
    print(f"laying out {len(library)} charts by {cfg.method}{_warning(len(library), cfg.method)}", flush=True)
    places = map_of(vectors, cfg.method, cfg.seed, cfg.threads)
    neighbors = nearest_of_other_songs(vectors, library.song, cfg.neighbors, cfg.threads)
    page = html(library_page(library, cfg.space, places, neighbors)).encode()
    try:
        write_bytes(Path(cfg.out), page)
    except OSError as error:
        raise RunError(f"out='{cfg.out}' cannot be written: {error.strerror}") from error
    print(f"map: {how(places)}")
    print(f"{len(page) / 1e6:.1f} MB, {time.perf_counter() - start:.1f} s; open it in a browser: {cfg.out}")


def with_names(library: EmbeddedLibrary, cfg: ExploreConfig) -> EmbeddedLibrary:
    """Return `library` with the name of each chart's sub-style."""
    from threadpoolctl import threadpool_limits

    from groove.styles.classes import with_substyles

    with threadpool_limits(cfg.threads):
        return with_substyles(library, cfg.space, cfg.seed)


def _warning(charts: int, method: str) -> str:
    return "; this takes minutes, method=pca a second" if method == "tsne" and charts > SLOW else ""


def check(cfg: ExploreConfig) -> None:
    """Raise a `ConfigError` for what would only fail after the work."""
    if Path(cfg.out).is_dir():
        raise ConfigError(f"out={cfg.out} is a folder; give the name of a file, as {Path(cfg.out) / 'explore.html'}")


def how(places: MapOfCharts) -> str:
    """Return how the map was made and how far it can be trusted."""
    from groove.explorer.layout import COUNTED

    return f"{places.how}. Of the {COUNTED} nearest of each chart it keeps {places.kept:.0%} near"


def library_page(library: EmbeddedLibrary, space: str, places: MapOfCharts, neighbors: Neighbors) -> LibraryPage:
    """Return what the page shows of `library`, whose map and neighbours are those of the vectors called `space`."""
    from groove.charts.radar.groove_radar import RADAR_AXES
    from groove.explorer.page import LibraryPage

    texts = {name: library.column(name) for name in ("title", "artist", "pack", "difficulty", "simfile", "split")}
    texts["author"] = library.column("description")
    if SUBSTYLE in library.table.column_names:
        texts[SUBSTYLE] = library.column(SUBSTYLE)
    columns = {"meter": "meter", "bpm": "bpm", "length": "length_s", "steps": "steps"}
    numbers = {name: np.array(library.column(column), dtype=np.float64) for name, column in columns.items()}
    numbers |= {"x": places.xy[:, 0], "y": places.xy[:, 1]}
    numbers |= {axis: library.radar[:, index] for index, axis in enumerate(RADAR_AXES)}
    return LibraryPage(
        about=[about(library), f"{library.family} radar; distances in the {space} space of the model"],
        how=how(places),
        axes=RADAR_AXES,
        rings=RINGS[library.family],
        texts={name: [value or "" for value in values] for name, values in texts.items()},
        numbers=numbers,
        song=library.song,
        neighbors=neighbors.rows,
        distances=np.where(np.isfinite(neighbors.distance), neighbors.distance, 0.0),
        orders={
            "difficulty": [slot for slots in library.classes.values() for slot in slots],
            "split": list(SEEN),
            SUBSTYLE: easiest_first(texts.get(SUBSTYLE, []), library.label),
        },
        meanings=SEEN,
    )


def easiest_first(styles: Sequence[str], label: NDArray[np.int64]) -> list[str]:
    """Return the different `styles` (N,) in the order of the classes `label` (N,) of their charts, then by name."""
    hardness = {style: int(index) for style, index in sorted(zip(styles, label, strict=True), reverse=True) if style}
    return sorted(hardness, key=lambda style: (hardness[style], style))


if __name__ == "__main__":
    run_main(run, config_name="explore", schema=ExploreConfig)
