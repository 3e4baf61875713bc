import numpy as np
import pytest

from groove.errors import RunError
from groove.retrieval.index import ChartIndex, saved_index


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)


def by_hand(vectors, query, allowed, k):
    found = sorted((float(np.sqrt(((v - query) ** 2).sum())), i) for i, v in enumerate(vectors) if allowed[i])[:k]
    return [d for d, _ in found], [i for _, i in found]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_the_nearest_allowed_charts_are_found(vectors, share):
    allowed = np.random.default_rng(1).random(50) < share
    distances, rows = ChartIndex(vectors).search(vectors[:3], 4, allowed)
    for query in range(3):
        expected = by_hand(vectors, vectors[query], allowed, 4)
        np.testing.assert_allclose(distances[query], expected[0], atol=1e-5)
        assert rows[query].tolist() == expected[1]


def test_without_a_filter_all_charts_are_allowed(vectors):
    assert ChartIndex(vectors).search(vectors[7:8], 1)[1].tolist() == [[7]]


def test_fewer_allowed_charts_than_asked_for_give_fewer(vectors):
    allowed = np.zeros(50, dtype=bool)
    assert ChartIndex(vectors).search(vectors[:2], 5, allowed)[1].shape == (2, 0)
    allowed[[3, 9]] = True
    assert sorted(ChartIndex(vectors).search(vectors[:1], 5, allowed)[1][0]) == [3, 9]


def test_an_index_is_kept_beside_the_embeddings_and_made_anew_when_it_does_not_fit(tmp_path, vectors):
    embeddings = tmp_path / "embeddings.parquet"
    embeddings.write_bytes(b"")
    kept = tmp_path / "pooled.faiss"
    saved_index(vectors, embeddings, "pooled")
    first = kept.read_bytes()
    assert saved_index(vectors, embeddings, "pooled").search(vectors[:1], 1)[1].tolist() == [[0]]
    kept.write_bytes(b"broken")
    assert len(saved_index(vectors, embeddings, "pooled")) == 50 and kept.read_bytes() == first
    assert len(saved_index(vectors[:20], embeddings, "pooled")) == 20


def test_a_file_that_is_no_index_is_one_clear_error(tmp_path):
    (tmp_path / "x.faiss").write_bytes(b"no index")
    for name in ("x.faiss", "absent.faiss"):
        with pytest.raises(RunError, match=name) as error:
            ChartIndex.load(tmp_path / name)
        assert "\n" not in str(error.value)
