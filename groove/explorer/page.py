"""One HTML file that shows a library as a map: it holds its style, its program and its data, and loads nothing.

Its parts lie in ``groove/explorer/static/``. The data are JSON in a ``<script type="application/json">``: text as
a table of its different values and a code per chart, numbers as little-endian arrays in base64 (a fifth of their size
as digits). Simfiles are written by strangers, so no text of theirs can end the script element (``<`` is escaped), the
program sets text as text only, and the page's own policy lets no other script run and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.charts.technique.counting import TECHNIQUES
from groove.embedding.embedded import EmbeddedLibrary
from groove.embedding.library import about
from groove.retrieval.course import CourseEntry, course_text, preferred_text, song_folder
from groove.retrieval.filters import per_100_steps
from groove.retrieval.search import Neighbors
from groove.styles.division import COLUMN as SUBSTYLE

PROGRAM = (
    *("data.js", "ask.js", "scales.js", "frame.js", "map.js", "pointer.js"),
    *("radar.js", "search.js", "filters.js", "notes.js", "list.js", "details.js", "main.js"),
)
"""The parts of the program, in their order; together they are one script."""
RINGS = {"konami": (50.0, 100.0, 150.0, 200.0), "stepmania": (0.25, 0.5, 0.75, 1.0)}
"""Where the pentagon of each radar has its rings: the games' own pentagons end at the last one."""
SEEN = {
    "train": "the model was trained on it",
    "val": "held out: the model was not trained on it",
    "unseen": "never seen by the model's training",
    "unknown": "cannot tell whether the model was trained on it",
}
TEXTS = {name: name for name in ("title", "artist", "pack", "difficulty", "simfile", "split")} | {
    "author": "description",
    **{name: name for name in ("step_artist", "tags", "breakdown")},
}
NUMBERS = {name: name for name in ("meter", "bpm", "steps", "peak_nps", "stream_measures")} | {"length": "length_s"}
"""What the page calls the library's columns."""
_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def page_data(
    library: EmbeddedLibrary,
    space: str,
    xy: NDArray[np.float64],
    how: str,
    neighbors: Neighbors,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what the page's program reads of N charts; a column of sub-styles is shown where there is one.

    In `space` the charts have their `neighbors` and their places `xy` (N, 2), 0 to 1, which were made as `how` says;
    `notes` are those of each chart, packed (`notes_of_charts`).
    """
    names = TEXTS | ({SUBSTYLE: SUBSTYLE} if SUBSTYLE in library.table.column_names else {})
    texts = {name: [value or "" for value in library.column(column)] for name, column in names.items()}
    texts |= game_lines(library)
    numbers = {name: library.table[column].to_numpy() for name, column in NUMBERS.items()}
    numbers |= {name: per_100_steps(library.table, name) for name in TECHNIQUES}
    numbers |= {"x": xy[:, 0], "y": xy[:, 1], **dict(zip(RADAR_AXES, library.radar.T, strict=True))}
    orders: dict[str, Iterable[str]] = {
        "difficulty": [slot for slots in library.classes.values() for slot in slots],
        "split": SEEN,
        SUBSTYLE: [style for _, style in sorted(zip(library.label, texts.get(SUBSTYLE, []), strict=False)) if style],
    }
    count = len(library)
    return {
        "count": count,
        "about": [about(library), f"{library.family} radar; distances in the {space} space of the model"],
        "how": how,
        "axes": RADAR_AXES,
        "techniques": TECHNIQUES,
        "rings": RINGS[library.family],
        "meanings": SEEN,
        "texts": {name: _coded(values, orders.get(name, ())) for name, values in texts.items()},
        "numbers": {name: packed(values, "f4") for name, values in numbers.items()},
        "song": packed(library.song, _unsigned(count)),
        "vectors": vectors_in_bytes(library, space),
        "notes": list(notes),
        "neighbors": _nearest(neighbors),
    }


def _nearest(neighbors: Neighbors) -> dict[str, Any]:
    """Return the `neighbors` of N charts, where there are fewer than k with a number that no chart has."""
    count, k = neighbors.rows.shape
    none = int(np.iinfo(_unsigned(count + 1)).max)
    return {
        "k": k,
        "none": none,
        "rows": packed(np.where(neighbors.rows < 0, none, neighbors.rows), _unsigned(count + 1)),
        "distances": packed(np.where(np.isfinite(neighbors.distance), neighbors.distance, 0.0), "f4"),
    }


def vectors_in_bytes(library: EmbeddedLibrary, space: str) -> dict[str, Any]:
    """Return the vectors (N, E) of `space` in 8 bits, with the step of each part, for distances within the page.

    A number is off by half a step, 1/254 of the part's largest, so that distances are off by about 1 %.
    """
    values = library.space(space)
    parts = library.parts if space == "projection" else {space: (0, values.shape[1])}
    steps = {name: float(np.abs(values[:, first:end]).max(initial=1e-9)) / 127 for name, (first, end) in parts.items()}
    rounded = [np.rint(values[:, first:end] / steps[name]) for name, (first, end) in parts.items()]
    return {
        "size": values.shape[1],
        "parts": {name: list(columns) for name, columns in parts.items()},
        "weights": {name: library.weights.get(name, 1.0) for name in parts},
        "steps": steps,
        "values": packed(np.concatenate(rounded, axis=1), "i1"),
    }


def game_lines(library: EmbeddedLibrary) -> dict[str, list[str]]:
    """Return each chart's line in a course, and in a file of preferred songs ("" where it cannot be in one)."""
    columns = (library.column(name) for name in ("pack", "simfile", "difficulty", "meter"))
    entries = [
        CourseEntry(song_folder(pack, path), slot, int(meter)) for pack, path, slot, meter in zip(*columns, strict=True)
    ]
    return {
        "course": ["\n".join(course_text("", [entry]).splitlines()[1:]) for entry in entries],
        "preferred": ["\n".join(preferred_text({"": [entry]}).splitlines()[1:]) for entry in entries],
    }


def html(data: Mapping[str, Any]) -> str:
    """Return the whole file that shows `data` (of `page_data`); ASCII but for the page's own text."""
    style = _part("page.css")
    program = '"use strict";\n(() => {\n' + "\n".join(map(_part, PROGRAM)) + "})();\n"
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(program)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {"policy": policy, "style": style, "data": as_json(data), "program": program}
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: parts[hole[1]], _part("page.html"))  # once: a part may hold braces


def _part(name: str) -> str:
    return (files("groove.explorer") / "static" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the source expression of an inline element in a Content-Security-Policy (Level 2, 2016)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def as_json(content: Any) -> str:
    """Return strict JSON in ASCII that may stand in a script element whatever text it holds."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).translate(_UNSAFE)  # they stand in strings only


def _coded(values: Sequence[str], order: Iterable[str]) -> dict[str, Any]:
    """Return the different `values`, those of `order` first, and each value's place among them."""
    found = set(values)
    first = [name for name in dict.fromkeys(order) if name in found]
    names = first + sorted(found - set(first))
    place = {name: index for index, name in enumerate(names)}
    return {"names": names, "codes": packed(np.array([place[value] for value in values]), _unsigned(len(names)))}


def packed(values: NDArray[Any], kind: str) -> dict[str, str]:
    """Return `values`, flattened, in base64 as `kind`: ``i1``, ``u2``, ``u4`` or ``f4``."""
    return {"kind": kind, "data": base64.b64encode(values.astype(f"<{kind}").tobytes()).decode()}


def _unsigned(count: int) -> str:
    return "u2" if count <= 2**16 else "u4"
