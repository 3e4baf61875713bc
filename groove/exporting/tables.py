r"""A library's tables for other programs: numpy arrays, the radar as CSV, and as a Lua table for StepMania themes.

StepMania's Lua is 5.1: a string holds bytes, each of which can be written ``\ddd``, and a function has at most 2^18
constants ("constant table overflow" beyond, at about 50,000 charts), so the table is made in blocks.
Dimension letters: N charts, D pooled features, E embedding size, R radar axes.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from groove.charts.chart import DIFFICULTIES
from groove.charts.display import DETAILS, SHOWN, WORDS
from groove.charts.radar.groove_radar import FAMILIES, RADAR_AXES
from groove.embedding.embedded import EmbeddedLibrary
from groove.io.files import csv_bytes
from groove.retrieval.course import song_folder

DECIMALS = 6
_SONGS_PER_BLOCK = 1000
_HEADER = """\
-- Groove radar ({family}) of {charts} charts of {songs} song folders, written by groove. Five numbers a chart.
-- radar["Pack/Song"]["dance-single"]["Hard"].stream; where charts share a slot (Edit), all but the first have the
-- description too: ["Edit by me"]. A chart with the same notes in two folders is under one of them. In a theme:
--   local radar = LoadActor("radar.lua")
--   local song = radar[GAMESTATE:GetCurrentSong():GetSongDir():match("([^/]+/[^/]+)/$")]
--   local steps = GAMESTATE:GetCurrentSteps(player)
--   local kind = ToEnumShortString(steps:GetStepsType()):lower():gsub("_", "-")
--   local chart = song and song[kind] and song[kind][ToEnumShortString(steps:GetDifficulty())]
local radar = {{}}
"""


def embeddings_npz(library: EmbeddedLibrary) -> bytes:
    """Return a ``.npz`` file of `library`: ``numpy.load(path, allow_pickle=False)`` reads it.

    Arrays: ``pooled`` (N, D), ``projection`` (N, E), ``konami``, ``stepmania`` and ``radar`` (N, R), the one that the
    model learned, ``radar_scaled`` in the scaler's units, ``radar_axes`` (R,), and one (N,) per column of metadata.
    """
    arrays: dict[str, NDArray[Any]] = dict(library.vectors)
    arrays["radar"], arrays["radar_scaled"] = library.radar, library.scaled_radar
    for family in FAMILIES:
        arrays[family] = np.stack([library.table[f"{family}_{axis}"].to_numpy() for axis in RADAR_AXES], axis=1)
    arrays["radar_axes"] = np.array(RADAR_AXES)
    for name in (*SHOWN, *DETAILS, "split"):
        is_text = pa.types.is_string(library.table.schema.field(name).type)
        arrays[name] = np.array(library.column(name), dtype=np.str_ if is_text else None)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()


def exact_index(vectors: NDArray[np.float32]) -> bytes:
    """Return an exact Euclidean index of `vectors` (N, E), rows as in the table, for ``faiss.read_index(path)``."""
    index: Any = faiss.IndexFlatL2(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors))
    return faiss.serialize_index(index).tobytes()


def radar_csv(library: EmbeddedLibrary) -> bytes:
    """Return a CSV file with one row per chart: `SHOWN`, `WORDS`, both families' axes, streams and peak density."""
    numbers = [f"{family}_{axis}" for family in FAMILIES for axis in RADAR_AXES] + ["stream_measures", "peak_nps"]
    texts = (*SHOWN, *WORDS)
    columns = [library.column(name) for name in texts]
    columns += [[round(value, DECIMALS) for value in library.column(name)] for name in numbers]
    return csv_bytes([*texts, *numbers], zip(*columns, strict=True))


def radar_lua(library: EmbeddedLibrary) -> bytes:
    """Return a Lua file that returns the radar (of the family that the model learned) of every chart, in pure ASCII."""
    charts = charts_by_folder(library)
    folders = sorted(charts)
    lines = []
    for start in range(0, len(folders), _SONGS_PER_BLOCK):
        lines.append("do local function add()")
        for folder in folders[start : start + _SONGS_PER_BLOCK]:
            kinds = {kind: _lua_table(slots) for kind, slots in charts[folder].items()}
            lines.append(f"radar[{lua_string(folder)}]={_lua_table(kinds)}")
        lines.append("end add() end")
    header = _HEADER.format(family=library.family, charts=len(library), songs=len(charts))
    return (header + "".join(f"{line}\n" for line in lines) + "return radar\n").encode("ascii")


def charts_by_folder(library: EmbeddedLibrary) -> dict[str, dict[str, dict[str, str]]]:
    """Return the radar of every chart in Lua by song folder, steps type and slot.

    The first chart of a slot (by `chart_id`) has its name, others the description too.
    """
    names = ("pack", "simfile", "steps_type", "difficulty", "description")
    charts: dict[str, dict[str, dict[str, str]]] = {}
    for values, *facts in zip(library.radar.tolist(), *map(library.column, names), strict=True):
        pack, simfile, steps_type, difficulty, description = facts
        slots = charts.setdefault(song_folder(pack, simfile), {}).setdefault(steps_type, {})
        longer = f"{difficulty} {description}".rstrip()
        free = itertools.chain((difficulty, longer), (f"{longer} {number}" for number in itertools.count(2)))
        numbers = (f"{axis}={round(x, DECIMALS)!r}" for axis, x in zip(RADAR_AXES, values, strict=True))
        slots[next(name for name in free if name not in slots)] = "{" + ",".join(numbers) + "}"
    return charts


def _lua_table(content: Mapping[str, str]) -> str:
    """Return a Lua table by name, slots in order of difficulty."""
    order = {name: index for index, name in enumerate(DIFFICULTIES)}
    names = sorted(content, key=lambda name: (order.get(name.split(" ")[0], len(order)), name))
    return "{" + ",".join(f"[{lua_string(name)}]={content[name]}" for name in names) + "}"


def lua_string(text: str) -> str:
    r"""Return `text` as a Lua string of its UTF-8 bytes: what is not plain ASCII is written ``\ddd``."""
    content = text.encode("utf-8", "surrogateescape")
    plain = [chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}" for byte in content]
    return '"' + "".join(plain) + '"'
