"""From a library to its catalogue, or one machine's part of its features: scanned, what the store lacks computed.

What a machine computes of a library that several machines share (a `Shard`) follows from the simfiles' charts alone, so
machines agree without talking, copies fall together, and a machine reads the audio of its own part only. Records are
written once under names of their content: shards may run side by side, again, or next to a whole run.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from groove.charts.library.index import INDEX_FOLDER, NO_LENGTH
from groove.charts.library.scan import Library, reasons_line, scan
from groove.charts.library.walk import LeftOut
from groove.cli.console import progress
from groove.config.schema import DataConfig, FeaturesConfig
from groove.errors import AudioError, LibraryError
from groove.features.catalogue import Catalogue, Row, catalogue_table, content_fingerprint, printable
from groove.features.record import AudioSource, SimfileTask
from groove.features.store import FeatureStore, record_key
from groove.features.workers import OnStep, compute_missing
from groove.io.processes import usable_workers

log = logging.getLogger(__name__)

NO_AUDIO = "no audio file"


# ---- what the settings name ------------------------------------------------------------------------


def prepared(data: DataConfig, features: FeaturesConfig) -> Catalogue:
    """Return the catalogue of the library that `data` names, computing what its store lacks.

    One line is printed: how many charts, how many of them without audio, and how much was left out.
    """
    catalogue = prepare(data, features)
    log.info(f"library: {catalogue.summary}; {len(catalogue.left_out)} left out ({catalogue.left_out_path})")
    return catalogue


def prepare(data: DataConfig, features: FeaturesConfig) -> Catalogue:
    """Return the catalogue of the library that `data` names, computing what its store lacks; nothing is printed."""
    with progress() as on_step:
        songs, workers = songs_of(data, on_step)
        store, steps_types = Path(data.store), list(data.steps_types)
        return prepare_library(songs, store, features, steps_types, data.missing_audio, workers, on_step)


def songs_of(data: DataConfig, on_step: OnStep) -> tuple[Path, int]:
    """Return the folder of songs, the generated library's (written if it is not there) without one, and the workers."""
    workers = usable_workers(data.workers)
    if data.songs:
        return Path(data.songs), workers
    from groove.charts.generated.write import write_library

    root, songs = Path(data.generated.root), data.generated.songs
    write_library(root, data.generated.seed, songs, workers, lambda *done: on_step("songs written", *done))
    return root, workers


# ---- a whole library -------------------------------------------------------------------------------


def prepare_library(
    root: Path,
    store: Path,
    features: FeaturesConfig,
    steps_types: Sequence[str] = ("dance-single",),
    missing_audio: str = "mask",
    workers: int = 1,
    on_step: OnStep = lambda what, done, total: None,
) -> Catalogue:
    """Scan the library at `root`, compute what `store` lacks, and save the catalogue.

    Args:
        root: the folder of packs.
        store: the folder of the feature store.
        features: settings that decide the numbers.
        steps_types: which charts to use.
        missing_audio: what happens to a chart without audio, or whose audio cannot be decoded: `mask` keeps it without
            audio, `skip` leaves it out, `error` raises.
        workers: processes; 1 works in this one.
        on_step: told of progress.

    Raises:
        LibraryError: if there is no chart to use, or the store cannot be written.
        AudioError: if `missing_audio` is `error` and audio is missing.
    """
    with _usable(store):
        library = _scanned(root, store, steps_types, workers, on_step)
        files = FeatureStore(store)
        tasks = simfile_tasks(library, features)
        if missing_audio == "error":
            pairs = [pair for task, places in tasks for pair in zip(places, task.audio, strict=True)]
            _require_audio(library, [(place, audio.reason) for place, audio in pairs if audio.path is None])
        failed, computed = compute_missing([task for task, _ in tasks], features, files, workers, on_step)
        rows, left_out = _rows(library, tasks, failed, files, missing_audio)
        if not rows:
            raise LibraryError(f"no chart to use in '{root}': {reasons_line(left_out)}")
        rows, copies = _one_of_each(library, rows)
        table = catalogue_table(library, rows, files)
        catalogue = Catalogue(table, store, content_fingerprint(table), sorted({*left_out, *copies}), computed)
        catalogue.save()
    return catalogue


@contextmanager
def _usable(store: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LibraryError(f"'{error.filename or store}' cannot be used: {error.strerror or error}") from error


def _scanned(root: Path, store: Path, steps_types: Sequence[str], workers: int, on_step: OnStep) -> Library:
    def on_folders(done: int, total: int) -> None:
        on_step("song folders read", done, total)

    return scan(root, steps_types, cache=store / INDEX_FOLDER, workers=workers, on_step=on_folders)


def simfile_tasks(
    library: Library, features: FeaturesConfig, shard: Shard | None = None
) -> list[tuple[SimfileTask, list[int]]]:
    """Return what is to be computed of each simfile (in the `shard`), and the rows of its charts in `library`."""
    simfiles, music = library.text("simfile"), library.text("music")
    contents = list(zip(*(library.charts[name].to_pylist() for name in ("index", "content")), strict=True))
    sources = {"": AudioSource(None, "", NO_AUDIO)}
    tasks = []
    for simfile, group in groupby(range(len(simfiles)), simfiles.__getitem__):
        places = list(group)
        charts = [contents[place] for place in places]
        if shard is not None and not shard.holds(charts):
            continue
        for name in {music[place] for place in places} - sources.keys():
            sources[name] = _source(library, name)
        audio = [sources[music[place]] for place in places]
        key = record_key(charts, [source.digest or source.reason for source in audio], features)
        tasks.append((SimfileTask(key, library.root, simfile, charts, audio), places))
    library.digests.save()
    return tasks


def _source(library: Library, music: str) -> AudioSource:
    try:
        return AudioSource(library.root / music, library.digests.digest(music), "")
    except OSError as error:
        return AudioSource(None, "", f"audio cannot be read: {error.strerror}")


def _rows(
    library: Library,
    tasks: Sequence[tuple[SimfileTask, list[int]]],
    failed: Mapping[str, str],
    store: FeatureStore,
    missing_audio: str,
) -> tuple[list[Row], list[LeftOut]]:
    """Return the rows of a catalogue, and what is left out by the scan, for want of a note that counts, or of audio."""
    left_out = [entry for entry in library.left_out if entry.reason != NO_LENGTH]  # decoding says more of it
    rows: list[Row] = []
    silent: list[tuple[int, str]] = []
    for task, places in tasks:
        if task.key in failed:
            left_out.append(LeftOut(task.simfile, "", failed[task.key]))
            continue
        for place, entry in zip(places, store.read(task.key), strict=True):
            if "left_out" in entry:
                left_out.append(library.left_out_chart(place, entry["left_out"]))
            else:
                rows.append(Row(place, task.key, entry))
                if not entry["has_audio"]:
                    silent.append((place, entry["audio_reason"]))
    if missing_audio == "error":
        _require_audio(library, silent)
    if missing_audio == "skip":
        left_out += [library.left_out_chart(place, f"{reason}, and missing_audio=skip") for place, reason in silent]
        return [row for row in rows if row.entry["has_audio"]], left_out
    music = library.text("music")
    broken = {music[place]: reason for place, reason in silent if music[place]}
    left_out += [LeftOut(name, "", f"audio {why}; its charts are kept without audio") for name, why in broken.items()]
    return rows, left_out


def _require_audio(library: Library, silent: Sequence[tuple[int, str]]) -> None:
    if silent:
        place, reason = silent[0]
        first = library.text("music", place, 1)[0] or library.chart_id[place]
        raise AudioError(
            f"{len(silent)} charts without audio, first {first}: {reason}; "
            f"data.missing_audio=mask keeps such charts, skip leaves them out"
        )


def _one_of_each(library: Library, rows: Sequence[Row]) -> tuple[list[Row], list[LeftOut]]:
    """Return one row of each chart of a song, sorted by `chart_id`, and the copies in other simfiles.

    A copy has the same notes. The one with audio stays, else the first by its `chart_id`.
    """
    ids, simfiles, notes = library.chart_id, library.text("simfile"), library.charts["notes"].to_pylist()
    rows = sorted(rows, key=lambda row: printable(ids[row.place]))
    first: dict[tuple[str, str], int] = {}
    kept, copies = set(), []
    for place in (row.place for row in sorted(rows, key=lambda row: not row.entry["has_audio"])):
        stays = first.setdefault((library.identity[place], notes[place]), place)
        if simfiles[stays] == simfiles[place]:
            kept.add(place)
        else:
            reason = f"same notes as in another simfile; kept: {printable(ids[stays])}"
            copies.append(library.left_out_chart(place, reason))
    return [row for row in rows if row.place in kept], copies


# ---- a part of it ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 0) of `count`."""

    number: int
    count: int

    def holds(self, charts: Sequence[tuple[int, str]]) -> bool:
        """Return whether a simfile with these `charts` (index and content digest of each) is in the shard."""
        return int(hashlib.sha256(repr(charts).encode()).hexdigest(), 16) % self.count == self.number

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
    with _usable(store):
        library = _scanned(root, store, steps_types, workers, on_step)
        if not len(library.charts):
            raise LibraryError(f"no chart to use in '{root}': {reasons_line(library.left_out)}")
        tasks = [task for task, _ in simfile_tasks(library, features, shard)]
        failed, computed = compute_missing(tasks, features, FeatureStore(store), workers, on_step)
    reasons = [LeftOut(task.simfile, "", failed[task.key]) for task in tasks if task.key in failed]
    return Part(len(tasks), len(set(library.text("simfile"))), computed, reasons)
