"""A part of a library's features: what one of several machines that share a store computes.

The part of a simfile follows from its bytes alone, so machines agree without talking, copies fall together, and a
machine reads the audio of its own part only. Records are written once under names of their content, so shards may run
side by side, again, or next to a whole run; `prepare_library` afterwards finds every record and writes the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from groove.charts.library.scan import reasons_line, scan
from groove.charts.library.walk import LeftOut
from groove.config.schema import FeaturesConfig
from groove.errors import LibraryError
from groove.features.sources import DigestCache, audio_sources, simfile_tasks, without_twins
from groove.features.store import FeatureStore
from groove.features.workers import OnStep, compute_missing


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 0) of `count`."""

    number: int
    count: int

    def holds(self, digest: str) -> bool:
        """Return whether a simfile whose bytes have this SHA-256 `digest` (hexadecimal) is in the shard."""
        return int(digest, 16) % self.count == self.number

    def __str__(self) -> str:
        return f"shard {self.number} of {self.count}"


@dataclass(frozen=True)
class Part:
    """What `prepare_shard` did: simfiles in the shard and in all, records computed, and simfiles that failed."""

    simfiles: int
    total: int
    computed: int
    failed: list[LeftOut]


def prepare_shard(
    root: Path,
    store: Path,
    features: FeaturesConfig,
    shard: Shard,
    steps_types: Sequence[str] = ("dance-single",),
    workers: int = 1,
    on_step: OnStep = lambda what, done, total: None,
) -> Part:
    """Compute what `store` lacks of `shard`; the other arguments are those of `prepare_library`.

    Raises:
        LibraryError: if there is no chart in the whole library, or the store cannot be written.
    """
    library = scan(root, tuple(steps_types), lambda done, total: on_step("simfiles read", done, total))
    charts, _ = without_twins(library.charts)
    if not charts:
        raise LibraryError(f"no chart to use in '{root}': {reasons_line(library.left_out)}")
    try:
        cache = DigestCache(store)
        held = {name: shard.holds(cache.digest(root / name)) for name in {chart.simfile for chart in charts}}
        own = [chart for chart in charts if held[chart.simfile]]
        tasks = simfile_tasks(own, audio_sources(own, root, cache), root, features, cache)
        cache.save()
        failed, computed = compute_missing(tasks, features, FeatureStore(store), workers, on_step)
    except OSError as error:
        raise LibraryError(f"'{error.filename or store}' cannot be used: {error.strerror or error}") from error
    reasons = [LeftOut(task.charts[0].simfile, "", failed[task.key]) for task in tasks if task.key in failed]
    return Part(len(tasks), len(held), computed, reasons)
