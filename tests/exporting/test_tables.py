"""Numpy arrays, and the radar as CSV and Lua; the Lua is read by a small parser here, and by Lua if installed."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from groove.charts.display import DETAILS, SHOWN
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.embedding.embedded import EmbeddedLibrary
from groove.exporting import tables as module
from groove.exporting.tables import embeddings_npz, exact_index, lua_string, radar_csv, radar_lua
from tests.embedding.libraries import embedded_library

NASTY = ["quote \" and '", "back\\slash", "line\nbreak\r\t", "東方 ΔMAX é", "\\10", "]]--[[", "", "nul\x001", "\udcff7"]
LUA = [found for name in ("lua5.1", "lua5.4", "luajit", "lua") if (found := shutil.which(name))]


def renamed(library: EmbeddedLibrary, **columns: list) -> EmbeddedLibrary:
    """Return `library` with other values in `columns`."""
    table = library.table
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return replace(library, table=table)


def unescaped(literal: str) -> str:
    """Return what a Lua string literal of ASCII means."""
    assert literal.isascii() and literal[0] == literal[-1] == '"' and "\n" not in literal
    found = re.sub(rb"\\(\d{3})", lambda digits: bytes([int(digits[1])]), literal[1:-1].encode())
    return found.decode("utf-8", "surrogateescape")


def parsed(content: bytes) -> dict:
    """Return the table that the Lua file `content` makes; only what `radar_lua` writes is understood."""
    lines = [line for line in content.decode("ascii").splitlines() if not line.startswith("--")]
    assert lines[0] == "local radar = {}" and lines[-1] == "return radar"
    string = r'"(?:[^"\\]|\\.)*"'
    radar = {}
    for line in lines[1:-1]:
        if match := re.fullmatch(rf"radar\[({string})\]=(.*)", line):
            python = re.sub(rf"\[({string})\]=", lambda key: repr(unescaped(key[1])) + ":", match[2])
            python = re.sub(r"(\w+)=(-?[\d.e-]+)", r"'\1':\2", python)
            radar[unescaped(match[1])] = eval(python, {"__builtins__": {}})
        else:
            assert line in ("do local function add()", "end add() end")
    return radar


def expected(library: EmbeddedLibrary) -> dict:
    """Return the table that should be made: the first of a slot has its name."""
    radar: dict = {}
    for row, values in zip(library.table.to_pylist(), library.radar, strict=True):
        folder = row["simfile"].rpartition("/")[0]
        numbers = dict(zip(RADAR_AXES, np.round(values, 6).tolist(), strict=True))
        radar.setdefault(folder, {}).setdefault(row["steps_type"], {})[row["difficulty"]] = numbers
    return radar


def test_the_csv_has_both_families():
    library = embedded_library(12)
    rows = list(csv.DictReader(io.StringIO(radar_csv(library).decode(), newline="")))
    assert [row["chart_id"] for row in rows] == library.column("chart_id")
    for row, chart in zip(rows, library.table.to_pylist(), strict=True):
        assert (row["title"], row["pack"], row["difficulty"]) == (chart["title"], chart["pack"], chart["difficulty"])
        assert int(row["meter"]) == chart["meter"]
        for family in ("konami", "stepmania"):
            for axis in RADAR_AXES:
                assert float(row[f"{family}_{axis}"]) == pytest.approx(chart[f"{family}_{axis}"], abs=1e-6)


def test_the_lua_table_is_the_librarys():
    library = embedded_library(23)
    assert parsed(radar_lua(library)) == expected(library)
    assert radar_lua(library) == radar_lua(embedded_library(23))


def test_songs_are_sorted_and_slots_in_order_of_difficulty():
    shuffled = embedded_library(20).take(np.random.default_rng(0).permutation(20))
    radar = parsed(radar_lua(shuffled))
    assert list(radar) == sorted(radar)
    assert all(
        list(slots["dance-single"]) == ["Easy", "Medium", "Hard", "Challenge", "Edit"] for slots in radar.values()
    )
    assert radar_lua(shuffled) == radar_lua(embedded_library(20))


def test_charts_that_share_a_slot_are_all_there():
    library = renamed(embedded_library(5), difficulty=["Edit"] * 5, description=["a", "b", "", "b", "b"])
    slots = parsed(radar_lua(library))["Pack 0/Song 0"]["dance-single"]
    assert list(slots) == ["Edit", "Edit 2", "Edit b", "Edit b 2", "Edit b 3"]
    found = [slots[name]["stream"] for name in ("Edit", "Edit b", "Edit 2", "Edit b 2", "Edit b 3")]
    assert found == np.round(library.radar[:, 0], 6).tolist()


def test_blocks_change_nothing(monkeypatch):
    library = embedded_library(50)
    whole = parsed(radar_lua(library))
    monkeypatch.setattr(module, "_SONGS_PER_BLOCK", 3)
    assert parsed(radar_lua(library)) == whole and radar_lua(library).count(b"local function add()") == 4


def test_no_charts_are_an_empty_table():
    assert parsed(radar_lua(embedded_library(5).take(np.zeros(0, dtype=np.intp)))) == {}


@pytest.mark.parametrize("text", NASTY)
def test_strings_are_ascii_and_mean_the_same(text):
    assert unescaped(lua_string(text)) == text


@pytest.mark.skipif(not LUA, reason="no Lua interpreter (lua5.1, lua5.4 or luajit) is installed")
@pytest.mark.parametrize("lua", LUA)
def test_lua_itself_reads_the_same(lua, tmp_path):
    names = [name.replace("/", "-") or "x" for name in NASTY if "\udcff" not in name]
    library = embedded_library(5 * len(names))
    packs = [names[i // 5] for i in range(len(library))]
    library = renamed(library, pack=packs, simfile=[f"{pack}/Song/song.ssc" for pack in packs])
    (tmp_path / "radar.lua").write_bytes(radar_lua(library))
    program = (
        "for folder, kinds in pairs(dofile('radar.lua')) do for kind, slots in pairs(kinds) do "
        "for slot, x in pairs(slots) do "
        "io.write((folder:gsub('.', function(c) return ('%02x'):format(c:byte()) end)), "
        "' ', kind, ' ', slot, (' %.6f'):rep(5):format(x.stream, x.voltage, x.air, x.freeze, x.chaos), '\\n') "
        "end end end"
    )
    done = subprocess.run([lua, "-e", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    found: dict = {}
    for line in done.stdout.splitlines():
        folder, kind, slot, *numbers = line.split(" ")
        values = dict(zip(RADAR_AXES, map(float, numbers), strict=True))
        found.setdefault(bytes.fromhex(folder).decode(), {}).setdefault(kind, {})[slot] = values
    assert found == expected(library)


def arrays_of(library) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(embeddings_npz(library)), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_every_array_is_the_librarys_and_needs_no_pickle():
    library = embedded_library(13)
    arrays = arrays_of(library)
    rows = library.table.to_pylist()
    for name in ("pooled", "projection"):
        np.testing.assert_array_equal(arrays[name], library.vectors[name])
        assert arrays[name].dtype == np.float32
    assert arrays["radar_axes"].tolist() == list(RADAR_AXES)
    for family in ("konami", "stepmania"):
        assert arrays[family].tolist() == [[row[f"{family}_{axis}"] for axis in RADAR_AXES] for row in rows]
    np.testing.assert_array_equal(arrays["radar"], arrays["konami"])
    np.testing.assert_allclose(arrays["radar_scaled"], (library.radar - library.scaler.center) / library.scaler.scale)
    for name in (*SHOWN, *DETAILS, "split"):
        assert arrays[name].tolist() == [row[name] for row in rows]
    assert all(len(array) == 13 for name, array in arrays.items() if name != "radar_axes")


def test_equal_libraries_are_equal_files():
    assert embeddings_npz(embedded_library(8)) == embeddings_npz(embedded_library(8))


def test_no_charts_are_arrays_of_no_rows():
    empty = embedded_library(5).take(np.zeros(0, dtype=np.intp))
    arrays = arrays_of(empty)
    assert arrays["pooled"].shape == (0, 7) and arrays["title"].shape == (0,) and arrays["radar"].shape == (0, 5)


def test_the_index_finds_the_nearest_charts(tmp_path):
    import faiss

    vectors = embedded_library(30).space("projection")
    (tmp_path / "x.faiss").write_bytes(exact_index(vectors))
    squared, rows = faiss.read_index(str(tmp_path / "x.faiss")).search(vectors[7:8], 4)
    distance = ((vectors - vectors[7]) ** 2).sum(axis=1)
    assert rows[0].tolist() == np.argsort(distance)[:4].tolist()
    np.testing.assert_allclose(squared[0], np.sort(distance)[:4], atol=1e-5)
