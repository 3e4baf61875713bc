from dataclasses import replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import normalized_mutual_info_score

from groove.embedding.embedded import load, save
from groove.errors import RunError
from groove.styles.division import (
    COLUMN,
    EXAMPLES,
    between_share,
    expected_information,
    meter_agreement,
    name_agreement,
    nearest_of_songs,
    same_share,
    style_column,
    substyles,
    table,
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
    library = styled()[0]
    easy, medium, hard = substyles(library)
    shared, *_ = easy.styles
    row, *rows = shared.rows.tolist()
    first = replace(easy, styles=[replace(shared, rows=np.array(rows)), *easy.styles[1:]])
    classes = [first, replace(medium, styles=[replace(shared, rows=np.array([row]))]), hard]
    plain, unique = style_column(library, classes), style_column(library, classes, unique=True)
    assert plain[row] == shared.name and unique[row] == f"Medium: {shared.name}"
    assert {unique[other] for other in rows} == {f"Easy: {shared.name}"}
    for style in easy.styles[1:]:
        assert {unique[other] for other in style.rows} == {style.name}


def test_a_library_without_charts_has_no_styles():
    empty = embedded_library(5).take(np.zeros(0, dtype=np.intp))
    assert with_substyles(empty).column(COLUMN) == []


def test_a_space_that_does_not_exist():
    with pytest.raises(RunError, match="did you mean 'pooled'"):
        substyles(embedded_library(20), space="poold")


# --- agreement with labels that no training saw ----------------------------------------


def test_the_share_of_pairs_the_slow_way():
    random = np.random.default_rng(0)
    names, styles = random.integers(0, 5, 40), random.integers(0, 3, 40)
    pairs = [(i, j) for i, j in combinations(range(40), 2) if names[i] == names[j]]
    expected = sum(styles[i] == styles[j] for i, j in pairs) / len(pairs)
    assert same_share(table(names, styles)) == pytest.approx(expected)


def test_the_table_counts_charts():
    assert table(np.array([0, 0, 2, 2]), np.array([1, 1, 0, 1])).tolist() == [[0, 2], [0, 0], [1, 1]]


def test_the_expected_information_is_the_mean_over_permutations():
    random = np.random.default_rng(0)
    names, styles = random.integers(0, 6, 50), random.integers(0, 3, 50)
    by_chance = [normalized_mutual_info_score(names, random.permutation(styles)) for _ in range(400)]
    assert expected_information(table(names, styles)) == pytest.approx(np.mean(by_chance), abs=0.005)
    assert expected_information(table(np.zeros(9, dtype=int), np.zeros(9, dtype=int))) == 0.0


def test_eta_squared_the_slow_way():
    values, styles = np.array([1.0, 2, 3, 9, 8, 4]), np.array([0, 0, 1, 2, 2, 1])
    fitted = np.array([values[styles == s].mean() for s in styles])
    assert between_share(values, styles) == pytest.approx(1 - ((values - fitted) ** 2).sum() / values.var() / 6)
    assert between_share(np.array([1.0, 1, 5, 5]), np.array([0, 0, 1, 1])) == pytest.approx(1)


def test_labels_that_agree_are_far_from_chance():
    styles = np.arange(60) % 3
    found = name_agreement("pack", [f"pack {s}" for s in styles], styles, seed=0)
    assert (found.value, found.p, found.charts, found.pairs) == (1.0, 0.001, 60, 3 * 190)
    assert found.mutual_information == pytest.approx(1)
    assert found.chance == pytest.approx(19 / 59, abs=0.02)  # of 59 others 19 are of one's own style
    assert found.chance_information < 0.1


def test_labels_at_random_are_as_good_as_chance():
    random = np.random.default_rng(3)
    p_values = [
        name_agreement("pack", list(map(str, random.integers(0, 4, 60))), np.arange(60) % 3, seed).p
        for seed in range(8)
    ]
    assert min(p_values) > 0.01 and max(p_values) > 0.3


def test_charts_without_a_name_are_left_aside():
    found = name_agreement("step artist", ["a", "", "a", " ", "b"], np.array([0, 1, 0, 1, 1]), seed=0)
    assert (found.charts, found.pairs, found.value) == (3, 1, 1.0)


@pytest.mark.parametrize("names", [[], ["", ""], ["a", "b"]])
def test_without_a_pair_nothing_is_said(names):
    assert name_agreement("artist", names, np.arange(len(names)), seed=0) is None


def test_the_meter():
    styles = np.arange(40) % 2
    found = meter_agreement((3 + 5 * styles + np.arange(40) % 4 // 2).tolist(), styles, seed=0)
    assert found.measure == "eta2" and found.p == 0.001 and found.value > 0.9 > 0.1 > found.chance
    assert found.mutual_information is None
    assert meter_agreement([4] * 40, styles, seed=0) is None
    assert meter_agreement([], np.zeros(0, dtype=int), seed=0) is None
