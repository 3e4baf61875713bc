from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from groove.embedding.embedded import load, save
from groove.errors import RunError
from groove.styles.division import (
    COLUMN,
    EXAMPLES,
    disambiguated,
    nearest_of_songs,
    style_column,
    substyles,
    with_substyles,
)
from tests.embedding.libraries import embedded_library
from tests.retrieval.planted import library_of


def styled(charts=90, seed=0):
    """Three styles of one class: charts of streams, of jumps, and of neither."""
    random = np.random.default_rng(seed)
    radar = random.normal(60, 5, size=(charts, 5))
    truth = np.arange(charts) % 3
    radar[truth == 1, 0] += 80
    radar[truth == 2, 2] += 80
    packs = [f"Pack {style}" for style in truth]
    return library_of(radar, pack=packs, description=[""] * charts, meter=(3 + truth).tolist()), truth


def test_planted_styles_are_found_named_and_compared():
    library, truth = styled()
    easy, medium, hard = substyles(library, largest=4)
    assert easy.partition.k == len(easy.styles) == 3
    names = dict(zip(truth[[style.rows[0] for style in easy.styles]].tolist(), easy.styles, strict=True))
    assert "dense streams" in names[1].name and "many jumps" in names[2].name
    assert names[1].z["stream"] > 1 and names[2].z["air"] > 1 and abs(names[2].z["freeze"]) < 0.5
    for kind, style in names.items():
        assert sorted(style.rows) == np.flatnonzero(truth == kind).tolist()
    checks = {check.label: check for check in easy.checks}
    assert checks["pack"].value == 1.0 and checks["pack"].p == 0.001
    assert checks["meter"].value == pytest.approx(1.0)
    assert checks["artist"].value == pytest.approx(checks["artist"].chance)  # one artist: every pair
    assert "step artist" not in checks  # no chart has one
    assert easy.ari_radar == 1.0
    assert (medium.styles, medium.partition.k, medium.partition.reason) == ([], 1, "no chart")
    assert hard.ari_radar is None


def test_examples_are_nearest_to_the_center_and_of_different_songs():
    library, _ = styled()
    identity = [str(i // 6) for i in range(90)]  # the six charts of a song: two of each style
    table = library.table.drop_columns(["identity"]).append_column("identity", pa.array(identity))
    library = replace(library, table=table)
    easy = substyles(library, largest=3)[0]
    vectors = library.space("projection")
    for style in easy.styles:
        distance = np.linalg.norm(vectors[style.rows] - vectors[style.rows].mean(axis=0), axis=1)
        expected = []
        for row in style.rows[np.argsort(distance)].tolist():
            if identity[row] not in [identity[other] for other in expected]:
                expected.append(row)
        assert style.examples == expected[:EXAMPLES]
    found, song = easy.partition, library.song
    assert {check.charts for check in easy.checks} == {15}  # one of each song
    assert len(nearest_of_songs(found, 0, song)) == EXAMPLES
    assert len(nearest_of_songs(found, 0, np.zeros(90, dtype=int))) == 1


def test_the_order_of_the_library_changes_nothing():
    library = embedded_library(120)
    order = np.random.default_rng(0).permutation(120)
    first, second = with_substyles(library), with_substyles(library.take(order))
    assert [first.column(COLUMN)[i] for i in order] == second.column(COLUMN)


def test_charts_of_no_class_and_of_undivided_classes_have_no_style():
    library = with_substyles(embedded_library(50))  # ten of each slot: too few but for Hard and Challenge
    styles = dict(zip(library.column("chart_id"), library.column(COLUMN), strict=True))
    for chart, slot in zip(library.column("chart_id"), library.column("difficulty"), strict=True):
        if slot in ("Edit", "Easy", "Medium"):
            assert styles[chart] == ""
    assert len(substyles(library)[0].partition.cuts) == 0


def test_the_column_is_saved_and_loaded(tmp_path):
    library, truth = styled()
    once = with_substyles(library)
    names = once.column(COLUMN)
    assert len({(name, kind) for name, kind in zip(names, truth.tolist(), strict=True)}) == 3 == len(set(names))
    assert load(save(once, tmp_path)).column(COLUMN) == names
    assert style_column(library, substyles(library)) == names


def test_equal_names_of_two_classes_are_disambiguated():
    easy, medium, hard = substyles(styled()[0])
    other = replace(medium, styles=[replace(style, rows=style.rows[:1]) for style in easy.styles[:1]])
    shared, *alone = (style.name for style in easy.styles)
    found = disambiguated([easy, other, hard])
    assert [[style.name for style in one.styles] for one in found] == [
        [f"Easy: {shared}", *alone],
        [f"Medium: {shared}"],
        [],
    ]
    assert found[1].styles[0].rows.tolist() == easy.styles[0].rows[:1].tolist()


def test_a_library_without_charts_has_no_styles():
    empty = embedded_library(5).take(np.zeros(0, dtype=np.intp))
    assert with_substyles(empty).column(COLUMN) == []


def test_a_space_that_does_not_exist():
    with pytest.raises(RunError, match="did you mean 'pooled'"):
        substyles(embedded_library(20), space="poold")
