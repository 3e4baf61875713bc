"""The exact index: the nearest charts by Euclidean distance, among those that a filter allows.

faiss does the search. An index over the vectors of an `EmbeddedLibrary` is saved beside it, one file per space.
Dimension letters: N charts, Q queries, E embedding size, K neighbours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groove.errors import RunError
from groove.io.files import write_bytes


class ChartIndex:
    """Exact nearest neighbours in one space."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """Index `vectors` (N, E)."""
        import faiss

        self._index: Any = faiss.IndexFlatL2(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return distances and rows of the `k` nearest charts of each query, nearest first.

        Args:
            queries: (Q, E).
            k: how many.
            allowed: (N,) which charts may be found; all by default.

        Returns:
            (Q, K) Euclidean distances and (Q, K) rows, where K is `k` or the number of allowed charts if that is less.
        """
        import faiss

        count = min(k, len(self) if allowed is None else int(allowed.sum()))
        if count == 0:
            return np.zeros((len(queries), 0), dtype=np.float32), np.zeros((len(queries), 0), dtype=np.int64)
        parameters: Any = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")  # kept alive for the search
            selector: Any = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
            make: Any = faiss.SearchParameters  # its stub does not know the arguments
            parameters = make(sel=selector)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        squared, rows = self._index.search(queries, count, params=parameters)
        return np.sqrt(np.maximum(squared, 0.0)), rows

    def save(self, path: Path) -> None:
        """Write the index to `path`, whole or not at all."""
        import faiss

        write_bytes(path, faiss.serialize_index(self._index).tobytes())

    @classmethod
    def load(cls, path: Path) -> ChartIndex:
        """Read what `save` wrote.

        Raises:
            RunError: if the file is not there or no index.
        """
        import faiss

        try:
            content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
            index = faiss.deserialize_index(content)
        except (OSError, RuntimeError) as error:
            raise RunError(f"index {path} cannot be used: {str(error).strip().splitlines()[-1]}") from error
        own = cls.__new__(cls)
        own._index = index
        return own


def saved_index(vectors: NDArray[np.float32], embeddings: Path, space: str) -> ChartIndex:
    """Return the index of `vectors`, the `space` of the file `embeddings`, beside which it is kept.

    One that is older than the embeddings, damaged, or of other size is made anew; a folder that cannot be written
    costs only the time to make it again.
    """
    path = embeddings.with_name(f"{space}.faiss")
    try:
        if path.stat().st_mtime_ns >= embeddings.stat().st_mtime_ns:
            index = ChartIndex.load(path)
            if (len(index), index._index.d) == vectors.shape:
                return index
    except (OSError, RunError):
        pass
    index = ChartIndex(vectors)
    try:
        index.save(path)
    except OSError:
        pass
    return index
