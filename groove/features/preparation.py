"""From a library to its catalogue, or one machine's part of its features: scanned, what the store lacks computed.

What a machine computes of a shared library (a `Shard`) follows from the simfiles' charts alone, so machines agree
without talking and read the audio of their own part only; they may run side by side, again, or next to a whole run.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from groove.charts.chart import DIFFICULTIES
from groove.charts.library.index import INDEX_FOLDER, NO_LENGTH
from groove.charts.library.scan import Library, reasons_line, scan
from groove.charts.library.walk import LeftOut
from groove.cli.console import progress
from groove.config.schema import DataConfig, FeaturesConfig
from groove.errors import AudioError, LibraryError
from groove.features.catalogue import Catalogue, Row, catalogue_table, content_fingerprint, printable
from groove.features.record import AudioSource, SimfileTask, compute_missing
from groove.features.store import FeatureStore, record_key
from groove.io.files import usable
from groove.io.processes import OnStep, silent, usable_workers

log = logging.getLogger(__name__)


def prepared(data: DataConfig, features: FeaturesConfig) -> Catalogue:
    """Return what `prepare` does, and log how many charts there are, without audio, and left out."""
    catalogue = prepare(data, features)
    log.info(f"library: {catalogue.summary}; {len(catalogue.left_out)} left out ({catalogue.left_out_path})")
    return catalogue


def prepare(data: DataConfig, features: FeaturesConfig) -> Catalogue:
    """Return the catalogue of the library that `data` names, computing what its store lacks; nothing is printed."""
    with progress() as on_step:
        songs, workers = songs_of(data, on_step)
        store = Path(data.store)
        return prepare_library(songs, store, features, data.steps_types, data.missing_audio, workers, on_step)


def songs_of(data: DataConfig, on_step: OnStep) -> tuple[Path, int]:
    """Return the folder of songs, the generated library's (written if it is not there) without one, and the workers."""
    workers = usable_workers(data.workers)
    if data.songs:
        return Path(data.songs), workers
    from groove.charts.generated.write import write_library

    wanted = data.generated
    root, report = Path(wanted.root), partial(on_step, "songs written")
    write_library(root, wanted.seed, wanted.songs, workers, report, wanted.variety)
    return root, workers


def prepare_library(
    root: Path,
    store: Path,
    features: FeaturesConfig,
    steps_types: Sequence[str] = ("dance-single",),
    missing_audio: str = "mask",
    workers: int = 1,
    on_step: OnStep = silent,
) -> Catalogue:
    """Scan the library at `root`, compute what the feature store at `store` lacks, and save the catalogue.

    A chart without audio, or whose audio cannot be decoded, is kept without it if `missing_audio` is ``mask``, left out
    if it is ``skip``, an `AudioError` if it is ``error``. One worker is this process itself.

    Raises:
        LibraryError: if there is no chart to use, or the store cannot be written.
    """
    with usable(store):
        library = scan(root, steps_types, cache=store / INDEX_FOLDER, workers=workers, on_step=on_step)
        files, tasks = FeatureStore(store), simfile_tasks(library, features)
        if missing_audio == "error":
            pairs = [pair for task in tasks for pair in zip(task.rows, task.audio, strict=True)]
            _require_audio(library, [(row, audio.reason) for row, audio in pairs if audio.path is None])
        failed, computed = compute_missing(tasks, features, files, workers, on_step)
        rows, left_out = _rows(library, tasks, failed, files, missing_audio)
        if not rows:
            raise LibraryError(f"no usable chart in '{root}': {reasons_line(left_out)}")
        rows, copies = _one_of_each(library, rows)
        table = catalogue_table(library, rows, files)
        catalogue = Catalogue(table, store, content_fingerprint(table), sorted({*left_out, *copies}), computed)
        catalogue.save()
    return catalogue


def simfile_tasks(library: Library, features: FeaturesConfig, shard: Shard | None = None) -> list[SimfileTask]:
    """Return what is to be computed of each simfile (in the `shard`)."""
    simfiles, music = library.text("simfile"), library.text("music")
    contents = list(zip(*(library.charts[name].to_pylist() for name in ("index", "content")), strict=True))
    sources = {"": AudioSource(None, "", "no audio file")}
    tasks = []
    for simfile, group in groupby(range(len(simfiles)), simfiles.__getitem__):
        rows = list(group)
        charts = [contents[row] for row in rows]
        if shard is not None and not shard.holds(charts):
            continue
        for name in {music[row] for row in rows} - sources.keys():
            try:
                sources[name] = AudioSource(library.root / name, library.digests.digest(name), "")
            except OSError as error:
                sources[name] = AudioSource(None, "", f"audio cannot be read: {error.strerror}")
        audio = [sources[music[row]] for row in rows]
        key = record_key(charts, [source.digest or source.reason for source in audio], features)
        tasks.append(SimfileTask(key, library.root, simfile, rows, charts, audio))
    library.digests.save()
    return tasks


def _rows(
    library: Library, tasks: Sequence[SimfileTask], failed: Mapping[str, str], store: FeatureStore, missing_audio: str
) -> tuple[list[Row], list[LeftOut]]:
    """Return the rows of a catalogue, and what is left out by the scan, for want of a note that counts, or of audio."""
    left_out = [
        entry for entry in library.left_out if not entry.reason.startswith(NO_LENGTH)
    ]  # decoding says more of it
    rows: list[Row] = []
    for task in tasks:
        if task.key in failed:
            left_out.append(LeftOut(task.simfile, "", failed[task.key]))
            continue
        for place, entry in zip(task.rows, store.read(task.key), strict=True):
            if "left_out" in entry:
                left_out.append(library.left_out_chart(place, entry["left_out"]))
            else:
                rows.append(Row(place, task.key, entry))
    soundless = [(row.place, row.entry["audio_reason"]) for row in rows if not row.entry["has_audio"]]
    if missing_audio == "error":
        _require_audio(library, soundless)
    if missing_audio == "skip":
        left_out += [library.left_out_chart(place, f"{reason}, and missing_audio=skip") for place, reason in soundless]
        return [row for row in rows if row.entry["has_audio"]], left_out
    music = library.text("music")
    broken = {music[place]: reason for place, reason in soundless if music[place]}
    left_out += [LeftOut(name, "", f"audio {why}; its charts are kept without audio") for name, why in broken.items()]
    return rows, left_out


def _require_audio(library: Library, soundless: Sequence[tuple[int, str]]) -> None:
    if soundless:
        place, reason = soundless[0]
        raise AudioError(
            f"{len(soundless)} charts without audio, first {library.text('music')[place] or library.chart_id[place]}: "
            f"{reason}; data.missing_audio=mask keeps such charts, skip leaves them out"
        )


def _one_of_each(library: Library, rows: Sequence[Row]) -> tuple[list[Row], list[LeftOut]]:
    """Return one row (with audio, if any) of each chart of a song, sorted by `chart_id`, and the copies elsewhere.

    Of a simfile's slots with the same notes and timing the hardest stays: the others are filled up with it, and as many
    classes for one chart contradict each other.
    """
    ids, simfiles, slots = library.chart_id, library.text("simfile"), library.text("difficulty")
    notes, contents = (library.charts[name].to_pylist() for name in ("notes", "content"))
    ranks = {slot: rank for rank, slot in enumerate(reversed(DIFFICULTIES[:-1]))}  # Edit, the last, is no class
    first: dict[tuple[str, str], int] = {}
    in_slots: dict[tuple[str, str], int] = {}
    kept, copies = set(), []
    for row in sorted(
        rows,
        key=lambda row: (
            not row.entry["has_audio"],
            printable(simfiles[row.place]),
            ranks.get(slots[row.place], len(ranks)),
            row.place,
        ),
    ):
        place = row.place
        stays = first.setdefault((library.identity[place], notes[place]), place)
        if simfiles[stays] != simfiles[place]:
            reason = f"same notes as in another simfile; kept: {printable(ids[stays])}"
        else:
            stays = in_slots.setdefault((simfiles[place], contents[place]), place)
            reason = f"same notes as in another slot; kept: #{library.charts['index'][stays].as_py()} {slots[stays]}"
        if stays == place or (simfiles[stays] == simfiles[place] and contents[stays] != contents[place]):
            kept.add(place)
        else:
            copies.append(library.left_out_chart(place, reason))
    return [row for row in sorted(rows, key=lambda row: printable(ids[row.place])) if row.place in kept], copies


class Shard(NamedTuple):
    """Part `number` (from 0) `of` so many."""

    number: int
    of: int

    def holds(self, charts: Sequence[tuple[int, str]]) -> bool:
        """Return whether a simfile with these `charts` (index and content digest of each) is in the shard."""
        return int(hashlib.sha256(repr(charts).encode()).hexdigest(), 16) % self.of == self.number


class Part(NamedTuple):
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
    on_step: OnStep = silent,
) -> Part:
    """Compute what `store` lacks of `shard`; the other arguments and errors are those of `prepare_library`."""
    with usable(store):
        library = scan(root, steps_types, cache=store / INDEX_FOLDER, workers=workers, on_step=on_step)
        if not len(library.charts):
            raise LibraryError(f"no usable chart in '{root}': {reasons_line(library.left_out)}")
        tasks = simfile_tasks(library, features, shard)
        failed, computed = compute_missing(tasks, features, FeatureStore(store), workers, on_step)
    reasons = [LeftOut(task.simfile, "", failed[task.key]) for task in tasks if task.key in failed]
    return Part(len(tasks), len(set(library.text("simfile"))), computed, reasons)
