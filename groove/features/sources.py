"""What a library's charts are made from: digests of simfiles and audio, and which charts are used at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from groove.charts.chart import Chart
from groove.charts.library.identity import audio_digest
from groove.charts.library.scan import left_out_twin, twins
from groove.charts.library.walk import LeftOut
from groove.config.schema import FeaturesConfig
from groove.features.record import AudioSource, SimfileTask, content_digest
from groove.features.store import record_key, write_if_changed

NO_AUDIO = "no audio file"
_DIGESTS = "digests.json"


class DigestCache:
    """SHA-256 of files, remembered in the store by path, size and time of change: a second run hashes nothing."""

    def __init__(self, store: Path) -> None:
        """Read what `store` remembers."""
        self._path = store / _DIGESTS
        self._known = self._read()

    def digest(self, path: Path) -> str:
        """Return the digest of the file at `path`."""
        stat = path.stat()
        name, state = str(path.resolve()), [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(name)
        if known is None or known[:2] != state:
            known = self._known[name] = [*state, audio_digest(path)]
        return str(known[2])

    def save(self) -> None:
        """Write the cache to the store, if it changed, with what another process has added in the meantime."""
        known = self._read() | self._known
        write_if_changed(self._path, json.dumps(known, indent=0, sort_keys=True).encode())

    def _read(self) -> dict[str, list[object]]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}  # a cache that is missing or broken is made anew


def without_twins(charts: Iterable[Chart]) -> tuple[list[Chart], list[LeftOut]]:
    """Return the charts to use, and those left out: of an `.sm` file beside an `.ssc` of the same name."""
    charts = list(charts)
    found = twins(chart.simfile for chart in charts)
    used = [chart for chart in charts if chart.simfile not in found]
    gone = [chart for chart in charts if chart.simfile in found]
    return used, [left_out_twin(chart.simfile, chart.label, found[chart.simfile]) for chart in gone]


def audio_sources(charts: Iterable[Chart], root: Path, cache: DigestCache) -> dict[str | None, AudioSource]:
    """Return, for every `Chart.music` that occurs (None too), where it lies below `root` and what its bytes are."""
    sources: dict[str | None, AudioSource] = {None: AudioSource(None, "", NO_AUDIO)}
    for music in sorted({chart.music for chart in charts if chart.music is not None}):
        path = root / music
        try:
            sources[music] = AudioSource(path, cache.digest(path), "")
        except OSError as error:
            sources[music] = AudioSource(None, "", f"audio cannot be read: {error.strerror}")
    return sources


def simfile_tasks(
    charts: Iterable[Chart],
    sources: Mapping[str | None, AudioSource],
    root: Path,
    settings: FeaturesConfig,
    cache: DigestCache,
) -> list[SimfileTask]:
    """Return one task per simfile, in the order of `charts`."""
    by_simfile: dict[str, list[Chart]] = {}
    for chart in charts:
        by_simfile.setdefault(chart.simfile, []).append(chart)
    tasks = []
    for simfile, own in by_simfile.items():
        audio = [sources[chart.music] for chart in own]
        parts = [(chart.index, content_digest(chart)) for chart in own]
        states = [source.digest or source.reason for source in audio]
        key = record_key(cache.digest(root / simfile), parts, states, settings)
        tasks.append(SimfileTask(key, own, audio))
    return tasks
