import pyarrow as pa
import pytest

from groove.embedding.embedded import EmbeddedLibrary
from groove.errors import LibraryError
from groove.retrieval.lookup import find_chart, only_chart, unambiguous
from tests.embedding.libraries import embedded_library

CHARTS = [
    ("A/Butterfly/b.sm#0", "Butterfly", "Hard", 9, "A"),
    ("A/Butterfly/b.sm#1", "Butterfly", "Easy", 3, "A"),
    ("B/Butterfly/b.sm#0", "Butterfly", "Hard", 9, "B"),
    ("A/Mix/b.sm#0", "Butterfly (Mix) [x]", "Hard", 10, "A"),
    ("A/Edit/e.sm#0", "Two  spaces", "Edit", 9, "A"),
    ("A/Edit/e.sm#1", "Two  spaces", "Edit", 9, "A"),
]


def library(charts=CHARTS) -> EmbeddedLibrary:
    base = embedded_library(len(charts))
    table = base.table
    for name, values in zip(
        ("chart_id", "title", "difficulty", "meter", "pack"), zip(*charts, strict=True), strict=True
    ):
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    return EmbeddedLibrary(table, base.vectors, base.family, base.classes, base.scaler, base.provenance, base.weights)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("A/Butterfly/b.sm#1", 1),
        ("Butterfly [Easy]", 1),
        ("butterfly [3]", 1),
        ("BUTTERFLY [Hard 9] (B)", 2),
        ("Butterfly (B)", 2),
        ("Butterfly (Mix) [x]", 3),
        ("Butterfly (Mix) [x] [Hard]", 3),
        ("(mix)", 3),
        ("Two spaces [Edit 9]", None),
        ("A/Edit/e.sm#1", 5),
    ],
)
def test_a_chart_is_found_by_any_of_its_names(name, row):
    if row is None:
        with pytest.raises(LibraryError, match=r'chart="A/Edit/e.sm#0", chart="A/Edit/e.sm#1"'):
            find_chart(library(), name)
    else:
        assert find_chart(library(), name) == row


def test_several_charts_are_told_apart():
    with pytest.raises(LibraryError) as error:
        find_chart(library(), "Butterfly")
    expected = ['chart="Butterfly [Hard 9] (A)"', 'chart="Butterfly [Easy 3]"', 'chart="Butterfly [Hard 9] (B)"']
    assert str(error.value).endswith("matches 3 charts; choose one: " + ", ".join(expected))
    for name in expected:
        find_chart(library(), name.removeprefix('chart="').removesuffix('"'))


def test_many_charts_are_counted_not_listed():
    many = [(f"P/S{i}/s.sm#0", f"Song {i}", "Hard", 9, "P") for i in range(30)]
    with pytest.raises(LibraryError, match=r"matches 30 charts.* and 22 more"):
        find_chart(library(many), "song")


def test_an_unknown_name_gets_the_closest_titles():
    with pytest.raises(LibraryError, match=r"did you mean 'Butterfly'"):
        find_chart(library(), "Buterfly [Hard]")
    with pytest.raises(LibraryError, match=r"of 3 titles the first are 'Butterfly'"):
        find_chart(library(), "qqqq")


def test_names_are_as_short_as_they_can_be():
    assert unambiguous(library(), [0, 1]) == ["Butterfly [Hard 9]", "Butterfly [Easy 3]"]
    assert unambiguous(library(), [0, 2]) == ["Butterfly [Hard 9] (A)", "Butterfly [Hard 9] (B)"]
    assert unambiguous(library(), [4, 5]) == ["A/Edit/e.sm#0", "A/Edit/e.sm#1"]


TRANSLATED = [
    ("A20/Bi/Bi.sm#0", "\u3073", "Hard", 17, "A20"),
    ("A20/Bi/Bi.sm#1", "\u3073", "Challenge", 18, "A20"),
    ("ITG/Birdie/Birdie.sm#0", "Birdie", "Hard", 7, "ITG"),
    ("BITE6/Other/stars.sm#0", "Other", "Hard", 9, "BITE6"),
    ("BITE6/Two/two.sm#0", "Butterfly", "Hard", 9, "BITE6"),
    ("BITE6/Butterfly/b.sm#0", "\u8776", "Hard", 9, "BITE6"),
]


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("Bi [Hard]", 0),
        ("bi [18] (A20)", 1),
        ("\u3073 [17]", 0),
        ("stars", 3),
        ("butterfly [Hard]", 4),  # a title goes before a folder's name
        ("Bir", 2),
        ("BITE6/O", 3),
    ],
)
def test_the_names_of_simfile_and_folder_stand_for_the_title(name, row):
    assert find_chart(library(TRANSLATED), name) == row


def test_a_whole_name_goes_before_beginnings_and_parts():
    with pytest.raises(LibraryError, match=r"'bi' matches 2 charts") as error:
        find_chart(library(TRANSLATED), "bi")
    assert "Birdie" not in str(error.value) and "Other" not in str(error.value)


def test_a_song_without_the_chart_says_what_it_has():
    with pytest.raises(LibraryError) as error:
        find_chart(library(TRANSLATED), "Bi [Easy]")
    assert (
        str(error.value) == '\'Bi\' has no chart [Easy]; it has chart="\u3073 [Hard 17]", chart="\u3073 [Challenge 18]"'
    )
    with pytest.raises(LibraryError, match=r"^'Birdie' has no chart \[Hard 8\] \(ITG\); it has"):
        find_chart(library(TRANSLATED), "Birdie [Hard 8] (ITG)")
    with pytest.raises(LibraryError, match=r"did you mean 'Birdie'"):  # several songs, or none: nothing is claimed
        find_chart(library(TRANSLATED), "Birdye [Easy]")


def test_the_only_chart_needs_no_name():
    assert only_chart(library(TRANSLATED[:1])) == 0
    with pytest.raises(LibraryError, match=r"holds 2 charts; choose one: chart=") as error:
        only_chart(library(TRANSLATED[:2]))
    assert "#" not in str(error.value)
