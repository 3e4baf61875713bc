"""The record of one simfile: the features of its charts, from one decoding and one spectrogram per song.

Records are computed in several processes; a song that fails, or ends its process, is reported and set aside.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart, Timing
from groove.charts.flow import density_profile
from groove.charts.library.identity import content_digest, notes_digest, timing_digest
from groove.charts.technique.body import footing_of
from groove.charts.technique.counting import STEPS_TYPE, technique_of
from groove.config.schema import AudioConfig, FeaturesConfig
from groove.errors import AudioError, SimfileError, one_line
from groove.features.audio import AUDIO_FEATURES, align, song_features
from groove.features.frames import chart_frames, frame_times, merged_rows
from groove.features.store import FeatureStore
from groove.io.decoding import audio_samples
from groove.io.processes import OnStep, process_pool

Entry = dict[str, Any]
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class AudioSource(NamedTuple):
    """Where the audio of a chart lies and the digest of its bytes, or the `reason` why there is none."""

    path: Path | None
    digest: str
    reason: str


@dataclass(frozen=True)
class SimfileTask:
    """One simfile to compute: the name of its record, its path below `root`, and its charts that are used.

    Of each of these: its row in the library; its index and content digest; its audio.
    """

    key: str
    root: Path
    simfile: str
    rows: list[int]
    charts: list[tuple[int, str]]
    audio: list[AudioSource]

    def read(self) -> list[Chart]:
        """Return the charts, a `SimfileError` if they changed: the record would have a name that is not its own."""
        from groove.charts.simfile.reader import read_simfile

        found, _ = read_simfile(self.root / self.simfile, self.root)
        by_index = {chart.index: chart for chart in found}
        charts = [by_index[index] for index, _ in self.charts if index in by_index]
        if [(chart.index, content_digest(notes_digest(chart), chart.timing)) for chart in charts] != self.charts:
            raise SimfileError("changed while the library was read")
        return charts


class _Song(NamedTuple):
    """Features (H, 23) and length of decoded audio; no features (0, 23) and a reason if that failed."""

    features: NDArray[np.float32]
    seconds: float
    reason: str


def compute_record(task: SimfileTask, settings: FeaturesConfig) -> tuple[list[Entry], dict[str, NDArray[np.float16]]]:
    """Return the entries, one per chart, and the arrays that they name.

    A chart without a note that counts has an entry with ``left_out``, the reason; audio that cannot be decoded is a
    reason beside ``has_audio``. Charts that share timing and audio share an array, as long as the longest needs.

    Raises:
        AudioError: if audio is gone that was there before; a record without it would stay when it is back.
        SimfileError: if the simfile changed.
    """
    songs = {source: _song(source, settings.audio) for source in dict.fromkeys(task.audio)}
    arrays = {}
    entries = []
    groups: dict[tuple[AudioSource, str], list[tuple[Chart, Entry]]] = {}
    for chart, source in zip(task.read(), task.audio, strict=True):
        footing = footing_of(chart)
        try:
            frames = chart_frames(chart, settings.frames_per_beat, footing)
        except SimfileError as error:
            entries.append({"index": chart.index, "left_out": str(error)})
            continue
        entry: Entry = {
            "index": chart.index,
            "chart": f"chart_{chart.index}.npy",
            "audio": "",
            "has_audio": not songs[source].reason,
            "audio_reason": songs[source].reason,
            "frames": len(frames),
            "merged_rows": merged_rows(chart, settings.frames_per_beat),
            "technique": asdict(technique_of(*footing)) if chart.steps_type == STEPS_TYPE else None,
            "profile": np.round(density_profile(chart), 4).tolist(),
        }
        entries.append(entry)
        arrays[entry["chart"]] = frames
        if entry["has_audio"]:
            groups.setdefault((source, timing_digest(chart.timing)), []).append((chart, entry))
    for number, ((source, _), members) in enumerate(groups.items()):
        name = f"audio_{number}.npy"
        arrays[name] = _aligned(songs[source], members[0][0].timing, max(e["frames"] for _, e in members), settings)
        for _, entry in members:
            entry["audio"] = name
    return entries, arrays


def _aligned(song: _Song, timing: Timing, frames: int, settings: FeaturesConfig) -> NDArray[np.float16]:
    times = frame_times(timing, frames, settings.frames_per_beat)
    return align(song.features, times, settings.audio.hop_length / settings.audio.sample_rate, song.seconds)


def _song(source: AudioSource, audio: AudioConfig) -> _Song:
    reason = source.reason
    if source.path is not None:
        try:
            samples = audio_samples(source.path, audio.sample_rate)
            return _Song(song_features(samples, audio), len(samples) / audio.sample_rate, "")
        except AudioError as error:
            if not os.path.isfile(source.path):
                raise AudioError(f"'{source.path}' disappeared after the library was scanned") from error
            reason = str(error)
    return _Song(np.zeros((0, len(AUDIO_FEATURES)), dtype=np.float32), 0.0, reason)


def compute_missing(
    tasks: Sequence[SimfileTask], settings: FeaturesConfig, store: FeatureStore, workers: int, on_step: OnStep
) -> tuple[dict[str, str], int]:
    """Compute the records that `store` lacks; return the reasons of the failed ones by key, and the number of all."""
    store.clean()
    todo = list({task.key: task for task in tasks if not store.has(task.key)}.values())
    failed = {}
    for done, (task, reason) in enumerate(compute_all(todo, settings, store, workers), start=1):
        if reason:
            failed[task.key] = reason
        on_step("features computed", done, len(todo))
    return failed, len(todo)


def compute_all(
    tasks: Sequence[SimfileTask], settings: FeaturesConfig, store: FeatureStore, workers: int
) -> Iterator[tuple[SimfileTask, str]]:
    """Write the records of all `tasks`; yield each when it is done, with the reason if it failed, else ``""``.

    One worker is this process itself (audio is decoded in another one, `io/decoding.py`). Where a worker ends, what was
    lost with it is computed one after the other, which tells the song.
    """
    if workers == 1:
        for task in tasks:
            yield task, compute_one(task, settings, store)
        return
    todo = list(tasks)
    while todo:
        lost = []
        pool = process_pool(min(workers, len(todo)), _start_worker)
        try:
            futures = {pool.submit(compute_one, task, settings, store): task for task in todo}
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    lost.append(future)
        finally:
            pool.shutdown(cancel_futures=True)
        todo = [task for future, task in futures.items() if future in lost]
        if todo and workers == 1:
            yield todo.pop(0), "failed: crashed the process that computed it"
        workers = 1


def compute_one(task: SimfileTask, settings: FeaturesConfig, store: FeatureStore) -> str:
    """Write the record of `task`; return the reason if it cannot be computed, else ``""``."""
    try:
        entries, arrays = compute_record(task, settings)
    except Exception as error:  # any failure of one song is set aside with its cause, and the rest goes on
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"failed: {type(error).__name__}: {one_line(error)} ({os.path.basename(place.filename)}:{place.lineno})"
    store.write(task.key, entries, arrays)
    return ""


def _start_worker() -> None:
    """Leave Ctrl-C to the main process, and keep to one thread: by the environment in libraries loaded from now on."""
    import threadpoolctl

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    threadpoolctl.threadpool_limits(1)
