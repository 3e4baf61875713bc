"""What the page shows of a library: texts and numbers of every chart, its place on the map and its neighbors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.embedding.embedded import EmbeddedLibrary
from groove.embedding.library import about
from groove.explorer.layout import MapOfCharts
from groove.explorer.page import LibraryPage
from groove.retrieval.search import Neighbors
from groove.styles.division import COLUMN as SUBSTYLE

RINGS = {"konami": (50.0, 100.0, 150.0, 200.0), "stepmania": (0.25, 0.5, 0.75, 1.0)}
"""Where the pentagon of each radar has its rings: the games' own pentagons end at the last one."""
SEEN = {
    "train": "the model was trained on it",
    "val": "held out: the model was not trained on it",
    "unseen": "never seen by the model's training",
    "unknown": "cannot tell whether the model was trained on it",
}
TEXTS = {name: name for name in ("title", "artist", "pack", "difficulty", "simfile", "split")} | {
    "author": "description"
}
NUMBERS = {"meter": "meter", "bpm": "bpm", "length": "length_s", "steps": "steps"}
"""What the page calls the library's columns."""


def library_page(library: EmbeddedLibrary, space: str, places: MapOfCharts, neighbors: Neighbors) -> LibraryPage:
    """Return what the page shows of `library`, whose map and neighbors are those of the vectors called `space`."""
    names = TEXTS | ({SUBSTYLE: SUBSTYLE} if SUBSTYLE in library.table.column_names else {})
    texts = {name: [value or "" for value in library.column(column)] for name, column in names.items()}
    numbers = {name: np.array(library.column(column), dtype=np.float64) for name, column in NUMBERS.items()}
    numbers |= {"x": places.xy[:, 0], "y": places.xy[:, 1]}
    numbers |= {axis: library.radar[:, index] for index, axis in enumerate(RADAR_AXES)}
    return LibraryPage(
        about=[about(library), f"{library.family} radar; distances in the {space} space of the model"],
        how=places.how,
        axes=RADAR_AXES,
        rings=RINGS[library.family],
        texts=texts,
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
