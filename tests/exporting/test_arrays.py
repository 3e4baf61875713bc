import io

import numpy as np

from groove.charts.columns import DETAILS, SHOWN
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.exporting.arrays import embeddings_npz
from tests.embedding.libraries import embedded_library


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
