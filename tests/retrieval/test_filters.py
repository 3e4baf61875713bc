from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from groove.errors import ConfigError, LibraryError
from groove.retrieval.filters import candidates, parse_filters, parse_range
from tests.embedding.libraries import embedded_library

INF = float("inf")


@pytest.mark.parametrize(
    ("text", "bounds"),
    [("8-10", (8, 10)), ("8-", (8, INF)), ("-10", (-INF, 10)), ("9", (9, 9)), (" 1.5 - 2.5 ", (1.5, 2.5))],
)
def test_ranges(text, bounds):
    assert parse_range("meter", text) == bounds


@pytest.mark.parametrize("text", ["", "-", "a", "8-b", "8--9", "nan", "1e3"])
def test_what_is_no_range_says_how_to_write_one(text):
    with pytest.raises(ConfigError, match="meter=8-10"):
        parse_range("meter", text)


def test_an_empty_range_is_refused():
    with pytest.raises(ConfigError, match="must be a range from low to high, got 10-8"):
        parse_range("meter", "10-8")


def test_filters_are_joined():
    library = embedded_library(40)
    rows = library.table.to_pylist()
    filters = {"difficulty": ["Hard", "challenge"], "bpm": "120-180", "pack": "1", "length": None, "meter": []}
    expected = [
        r["difficulty"] in ("Hard", "Challenge") and 120 <= r["bpm"] <= 180 and r["pack"] == "Pack 1" for r in rows
    ]
    assert any(expected) and candidates(library, parse_filters(filters)).tolist() == expected


def test_each_filter_alone():
    library = embedded_library(40)
    rows = library.table.to_pylist()
    assert candidates(library, parse_filters({})).all()
    for name, column in (("meter", "meter"), ("length", "length_s"), ("bpm", "bpm")):
        middle = float(np.median([r[column] for r in rows]))
        expected = [r[column] <= middle for r in rows]
        assert candidates(library, parse_filters({name: f"-{middle}"})).tolist() == expected


def test_streams_step_artists_and_tags():
    library = embedded_library(40)
    rows = library.table.to_pylist()
    assert candidates(library, parse_filters({"stream": "32-"})).tolist() == [r["stream_measures"] >= 32 for r in rows]
    found = candidates(library, parse_filters({"step_artist": ["ARTIST 1", "artist 3"]}))
    assert found.tolist() == [r["step_artist"] in ("artist 1", "artist 3") for r in rows]
    assert candidates(library, parse_filters({"tags": "xo"})).tolist() == ["XO" in r["tags"] for r in rows]
    assert candidates(library, parse_filters({"tags": ["XO", "FS"]})).tolist() == ["FS" in r["tags"] for r in rows]
    with pytest.raises(ConfigError, match="did you mean 'XO'"):
        parse_filters({"tags": "XOO"})
    with pytest.raises(LibraryError, match="step_artist=nobody matches no step_artist"):
        candidates(library, parse_filters({"step_artist": "nobody"}))


def test_an_empty_answer_says_what_each_filter_lets_through():
    library = embedded_library(40)
    with pytest.raises(LibraryError, match=r"none of 40 charts .* meter=90- 0, difficulty=Easy 8"):
        candidates(library, parse_filters({"meter": "90-", "difficulty": "Easy"}))


def test_names_that_do_not_exist_are_refused():
    library = embedded_library(10)
    with pytest.raises(ConfigError, match="did you mean 'Hard'"):
        candidates(library, parse_filters({"difficulty": "Hrd"}))
    with pytest.raises(LibraryError, match="must be one of Pack 0, Pack 1"):
        candidates(library, parse_filters({"pack": "Pak 3"}))


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("1:30-2:00", (90, 120)),
        ("1:05-", (65, INF)),
        ("-10:00", (-INF, 600)),
        ("90-2:00", (90, 120)),
        ("80.5", (80.5,) * 2),
    ],
)
def test_lengths_are_seconds_or_minutes_and_seconds(text, bounds):
    assert parse_range("length", text) == bounds


@pytest.mark.parametrize("text", ["1:3", "1:75", ":30", "1:30:00", "a"])
def test_what_is_no_length_says_both_ways(text):
    with pytest.raises(ConfigError, match=r"length=1:30-2:00.*in m:ss or in seconds"):
        parse_range("length", text)
    with pytest.raises(ConfigError, match=r"meter=8-10, meter=8- \(at least\), meter=-10 or meter=8$"):
        parse_range("meter", "1:30")


def test_technique_is_counted_in_a_hundred_steps():
    library = embedded_library(40)
    rows = library.table.to_pylist()
    rates = [100 * row["technique_crossovers"] / row["technique_steps"] for row in rows]
    found = candidates(library, parse_filters({"technique": {"crossovers": "4-", "jacks": None}}))
    assert found.tolist() == [rate >= 4 for rate in rates] and 0 < found.sum() < 40
    unknown = library.table.set_column(
        library.table.column_names.index("technique_crossovers"), "technique_crossovers", pa.nulls(40, pa.int64())
    )
    with pytest.raises(LibraryError, match=r"technique\.crossovers=0- 0"):
        candidates(replace(library, table=unknown), parse_filters({"technique": {"crossovers": "0-"}}))


def test_axes_of_the_radar_and_descriptions():
    library = embedded_library(40)
    stream = library.radar[:, 0]
    found = candidates(library, parse_filters({"radar": {"stream": "50-90"}}))
    assert found.tolist() == [50 <= value <= 90 for value in stream]
    found = candidates(library, parse_filters({"description": "AUTHOR 2"}))
    assert found.tolist() == [i % 3 == 2 for i in range(40)]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"technique": {"crossover": "1-"}},
            r"filter 'technique\.crossover' does not exist: did you mean 'crossovers'",
        ),
        ({"radar": {"stream": "high"}}, r"radar\.stream must be a range, got high; write radar\.stream=8-10"),
    ],
)
def test_a_range_that_cannot_be_names_its_key(values, says):
    with pytest.raises(ConfigError, match=says):
        parse_filters(values)
