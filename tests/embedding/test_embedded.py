import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from groove.embedding.embedded import EMBEDDINGS_FILE, load, save
from groove.errors import RunError
from tests.embedding.libraries import SLOTS, embedded_library


def test_what_is_saved_is_loaded(tmp_path):
    library = embedded_library(23)
    path = save(library, tmp_path / "run")
    assert path == tmp_path / "run" / EMBEDDINGS_FILE
    again = load(path)
    assert again.table.equals(library.table)
    for name, matrix in library.vectors.items():
        np.testing.assert_array_equal(again.space(name), matrix)
        assert again.space(name).dtype == np.float32
    np.testing.assert_array_equal(again.scaled_radar, library.scaled_radar)
    assert (again.family, again.classes, again.provenance) == (library.family, library.classes, library.provenance)
    assert save(again, tmp_path / "again").read_bytes() == path.read_bytes()


def test_others_can_read_the_file_without_groove(tmp_path):
    library = embedded_library(7)
    table = pq.read_table(save(library, tmp_path))
    assert table["title"].to_pylist() == library.column("title")
    np.testing.assert_allclose(table["projection"].to_pylist(), library.vectors["projection"])


def test_classes_songs_and_radar_are_those_of_the_table():
    library = embedded_library(20)
    expected = {"Easy": 0, "Medium": 1, "Hard": 2, "Challenge": 2, "Edit": -1}
    assert library.label.tolist() == [expected[SLOTS[i % 5]] for i in range(20)]
    same = library.song[:, None] == library.song[None, :]
    assert same.tolist() == [[i // 5 == j // 5 for j in range(20)] for i in range(20)]
    assert library.radar[3].tolist() == [library.table.to_pylist()[3][f"konami_{a}"] for a in
                                         ("stream", "voltage", "air", "freeze", "chaos")]  # fmt: skip


def test_rows_are_taken_with_their_vectors():
    library = embedded_library(20)
    part = library.take(np.array([7, 2]))
    assert part.column("chart_id") == [library.column("chart_id")[i] for i in (7, 2)]
    np.testing.assert_array_equal(part.space("pooled"), library.space("pooled")[[7, 2]])


def test_no_charts_are_a_library_too(tmp_path):
    empty = embedded_library(5).take(np.zeros(0, dtype=np.intp))
    again = load(save(empty, tmp_path))
    assert len(again) == 0 and again.space("projection").shape == (0, 3)


def test_a_space_that_does_not_exist_names_those_that_do():
    with pytest.raises(RunError, match=r"did you mean 'pooled'\? must be one of pooled, projection"):
        embedded_library(5).space("poled")


@pytest.mark.parametrize("what", ["absent", "no parquet", "foreign", "empty"])
def test_a_file_that_is_none_is_one_clear_error(tmp_path, what):
    path = tmp_path / EMBEDDINGS_FILE
    if what == "no parquet":
        path.write_bytes(b"x" * 100)
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "foreign":
        pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(RunError, match=EMBEDDINGS_FILE) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_a_library_that_the_model_was_not_trained_on_is_told_apart():
    library = embedded_library(5)
    assert library.provenance.own
    assert not replace(library.provenance, library="another").own


def test_the_file_says_which_columns_are_which_part_and_how_far_a_level_is_off(tmp_path):
    base = embedded_library(7)
    sides = np.random.default_rng(0).normal(size=(7, 2, 2))
    weights = {"radar": 1.0, "feet": 0.5}
    on_spheres = sides / np.linalg.norm(sides, axis=2, keepdims=True) * np.array([1.0, 0.5])[:, None]
    vectors = {**base.vectors, "projection": on_spheres.reshape(7, 4).astype(np.float32)}
    path = save(replace(base, vectors=vectors, weights=weights, level_error=0.75), tmp_path)
    about = json.loads(pq.read_schema(path).metadata[b"groove"])
    assert about["parts"] == {"radar": [0, 2], "feet": [2, 4]} and about["level_error"] == 0.75
    again = load(path)
    assert again.parts == {"radar": (0, 2), "feet": (2, 4)} and again.weights == weights
    assert again.level_error == 0.75 and again.column("level") == base.column("level")
    assert base.parts == {"radar": (0, 3)}  # one part has all columns
    projection = np.array(pq.read_table(path)["projection"].to_pylist())
    for i in range(7):
        for j in range(7):
            cosines = [sides[i, p] @ sides[j, p] / np.prod(np.linalg.norm(sides[[i, j], p], axis=1)) for p in (0, 1)]
            weighted = sum(w**2 * 2 * (1 - c) for w, c in zip(weights.values(), cosines, strict=True))
            assert np.linalg.norm(projection[i] - projection[j]) ** 2 == pytest.approx(weighted, abs=1e-5)


@pytest.mark.parametrize("missing", ["spaces", "weights", "level_error"])
def test_a_file_of_another_version_is_said_to_be_one(tmp_path, missing):
    path = save(embedded_library(5), tmp_path)
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"groove"])
    del about[missing]
    pq.write_table(table.replace_schema_metadata({b"groove": json.dumps(about).encode()}), path)
    with pytest.raises(RunError, match="of another version"):
        load(path)
