"""SHA-256 of audio files, kept between runs: which songs share their audio, and what features were computed from."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from groove.charts.library.walk import file_state
from groove.io.files import write_if_changed

DIGESTS_FILE = "digests.json"


class AudioDigests:
    """Digests of the audio files below `root`; one of the same path, size and time of change is not read again."""

    def __init__(self, root: Path, cache: Path | None) -> None:
        """Read what the folder `cache` keeps."""
        self._root = root
        self._real = Path(os.path.realpath(root))
        self._path = cache / DIGESTS_FILE if cache is not None else None
        self._known = self._read()
        self._new = False

    def digest(self, music: str) -> str:
        """Return the digest of the audio at `music`, relative to the root, in hexadecimal.

        Raises:
            OSError: if it cannot be read.
        """
        path = self._root / music
        name, state = str(self._real / music), file_state(path)
        known_state, digest = self._known.get(name, ("", ""))
        if not state or known_state != state:
            digest = audio_digest(path)
            self._known[name] = (state, digest)
            self._new = True
        return digest

    def of_equal_sizes(self, music: Iterable[str]) -> dict[str, str]:
        """Return the digests of the files at `music` that have the size of another: others have no equal."""
        sizes = {}
        for name in sorted(set(music)):
            with suppress(OSError):
                sizes[name] = (self._root / name).stat().st_size
        often = Counter(sizes.values())
        found = {}
        for name, size in sizes.items():
            with suppress(OSError):
                if often[size] > 1:
                    found[name] = self.digest(name)
        self.save()
        return found

    def save(self) -> None:
        """Write the file, if it changed, with what another process has added in the meantime."""
        if self._path is not None and self._new:
            known = self._read() | {name: entry for name, entry in self._known.items() if entry[0]}
            write_if_changed(self._path, json.dumps(known, indent=0, sort_keys=True).encode())
            self._new = False

    def _read(self) -> dict[str, tuple[str, str]]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8")) if self._path else {}
            return {str(name): (str(state), str(digest)) for name, (state, digest) in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # a file that is missing or broken is made anew


def audio_digest(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
