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
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

PROGRAM = (
    *("data.js", "scales.js", "frame.js", "map.js", "pointer.js"),
    *("radar.js", "search.js", "filters.js", "details.js", "main.js"),
)
"""The parts of the program, in their order; together they are one script."""
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


@dataclass(frozen=True)
class LibraryPage:
    """What the page shows of N charts.

    Attributes:
        about: lines for the head of the page: whose embeddings, of which library.
        how: how the map was made.
        axes: names of the radar's axes, also names of `numbers`.
        rings: values at which the radar has its rings, ascending; larger values are drawn on the last one.
        texts: `title`, `artist`, `pack`, `difficulty`, `author`, `simfile`, `split` and what else there is, N each.
        numbers: `x`, `y` (0 to 1), `meter`, `bpm`, `length` (s), `steps` and the axes, N each.
        song: a number per chart, equal for the charts of one song.
        neighbors: rows of the nearest charts, (N, K), -1 where there is none.
        distances: how far they are, (N, K).
        orders: the names of a text in the order to show them, where it is not the alphabet's.
        meanings: what the names of `split` mean.
    """

    about: Sequence[str]
    how: str
    axes: Sequence[str]
    rings: Sequence[float]
    texts: Mapping[str, Sequence[str]]
    numbers: Mapping[str, ArrayLike]
    song: ArrayLike
    neighbors: ArrayLike
    distances: ArrayLike
    orders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)


def html(page: LibraryPage) -> str:
    """Return the whole file; ASCII but for the page's own text."""
    style, program = _part("page.css"), _program()
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(program)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {"policy": policy, "style": style, "data": as_json(_content(page)), "program": program}
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: parts[hole[1]], _part("page.html"))  # once: a part may hold braces


def _part(name: str) -> str:
    return (files("groove.explorer") / "static" / name).read_text(encoding="utf-8")


def _program() -> str:
    return '"use strict";\n(() => {\n' + "\n".join(_part(name) for name in PROGRAM) + "})();\n"


def _digest(text: str) -> str:
    """Return the source expression of an inline element in a Content-Security-Policy (Level 2, 2016)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def as_json(content: Any) -> str:
    """Return strict JSON that may stand in a script element whatever text it holds."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))  # ASCII: also U+2028 is escaped
    for letter, escaped in _UNSAFE.items():  # which stand in strings only
        text = text.replace(letter, escaped)
    return text


def _content(page: LibraryPage) -> dict[str, Any]:
    neighbors = np.asarray(page.neighbors)
    count, k = neighbors.shape
    none = np.iinfo(_unsigned(count + 1)).max  # no row has this number
    return {
        "count": count,
        "about": list(page.about),
        "how": page.how,
        "axes": list(page.axes),
        "rings": list(page.rings),
        "meanings": dict(page.meanings),
        "texts": {name: _coded(values, page.orders.get(name, ())) for name, values in page.texts.items()},
        "numbers": {name: packed(np.asarray(values), "f4") for name, values in page.numbers.items()},
        "song": packed(np.asarray(page.song), _unsigned(count)),
        "neighbors": {
            "k": k,
            "none": int(none),
            "rows": packed(np.where(neighbors < 0, none, neighbors), _unsigned(count + 1)),
            "distances": packed(np.asarray(page.distances), "f4"),
        },
    }


def _coded(values: Sequence[str], order: Iterable[str]) -> dict[str, Any]:
    """Return the different `values`, those of `order` first, and each value's place among them."""
    found = set(values)
    first = [name for name in dict.fromkeys(order) if name in found]
    names = first + sorted(found - set(first))
    place = {name: index for index, name in enumerate(names)}
    return {"names": names, "codes": packed(np.array([place[value] for value in values]), _unsigned(len(names)))}


def packed(values: np.ndarray, kind: str) -> dict[str, str]:
    """Return `values`, flattened, in base64 as `kind`: ``u2``, ``u4`` or ``f4``."""
    return {"kind": kind, "data": base64.b64encode(values.astype(f"<{kind}").tobytes()).decode()}


def _unsigned(count: int) -> str:
    return "u2" if count <= 2**16 else "u4"
