"""The record of one simfile: the features of its charts, from one decoding and one spectrogram per song."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart
from groove.charts.library.identity import content_digest, notes_digest, timing_digest
from groove.config.schema import AudioConfig, FeaturesConfig
from groove.errors import AudioError, SimfileError
from groove.features.audio import align, decode, song_features
from groove.features.frames import chart_frames, frame_times, merged_rows

Arrays = dict[str, NDArray[np.float16]]


class AudioSource(NamedTuple):
    """Where the audio of a chart lies and the digest of its bytes, or the `reason` why there is none."""

    path: Path | None
    digest: str
    reason: str


@dataclass(frozen=True)
class SimfileTask:
    """One simfile to compute.

    Attributes:
        key: the name of its record.
        root: the library's folder.
        simfile: its path below `root`.
        rows: its charts that are used, as rows of the library.
        charts: index and content digest of each of them.
        audio: of each of them.
    """

    key: str
    root: Path
    simfile: str
    rows: list[int]
    charts: list[tuple[int, str]]
    audio: list[AudioSource]

    def read(self) -> list[Chart]:
        """Return the charts.

        Raises:
            SimfileError: if they are not those of the scan: the record would stay under a name that is not its own.
        """
        from groove.charts.simfile.reader import read_simfile

        found, _ = read_simfile(self.root / self.simfile, self.root)
        by_index = {chart.index: chart for chart in found}
        charts = [by_index[index] for index, _ in self.charts if index in by_index]
        if [(chart.index, content_digest(notes_digest(chart), chart.timing)) for chart in charts] != self.charts:
            raise SimfileError("changed while the library was read")
        return charts


class _Song(NamedTuple):
    """Features (H, 23) and length of decoded audio; no features and a reason if that failed."""

    features: NDArray[np.float32] | None
    seconds: float | None
    reason: str


def compute_record(task: SimfileTask, settings: FeaturesConfig) -> tuple[list[dict[str, Any]], Arrays]:
    """Return the entries, one per chart, and the arrays that they name.

    A chart without a usable note has an entry with ``left_out``, the reason; audio that cannot be decoded is a reason
    beside ``has_audio``. Charts that share timing and audio share an array, as long as the longest needs.

    Raises:
        AudioError: if audio is gone that was there before; a record without it would stay when it is back.
        SimfileError: if the simfile changed.
    """
    charts = task.read()
    songs = {source: _song(source, settings.audio) for source in dict.fromkeys(task.audio)}
    arrays: Arrays = {}
    entries: list[dict[str, Any]] = []
    groups: dict[tuple[AudioSource, str], list[tuple[Chart, dict[str, Any]]]] = {}
    for chart, source in zip(charts, task.audio, strict=True):
        try:
            frames = chart_frames(chart, settings.frames_per_beat)
        except SimfileError as error:
            entries.append({"index": chart.index, "left_out": str(error)})
            continue
        entry = _entry(chart, songs[source], len(frames), settings.frames_per_beat)
        entries.append(entry)
        arrays[entry["chart"]] = frames
        if entry["has_audio"]:
            groups.setdefault((source, timing_digest(chart.timing)), []).append((chart, entry))
    hop_s = settings.audio.hop_length / settings.audio.sample_rate
    for number, ((source, _), members) in enumerate(groups.items()):
        length = max(entry["frames"] for _, entry in members)
        times = frame_times(members[0][0].timing, length, settings.frames_per_beat)
        song = songs[source]
        arrays[f"audio_{number}.npy"] = align(song.features, times, hop_s, song.seconds)
        for _, entry in members:
            entry["audio"] = f"audio_{number}.npy"
    return entries, arrays


def _song(source: AudioSource, audio: AudioConfig) -> _Song:
    if source.path is None:
        return _Song(None, None, source.reason)
    try:
        samples = decode(source.path, audio.sample_rate)
        return _Song(song_features(samples, audio), len(samples) / audio.sample_rate, "")
    except AudioError as error:
        if not os.path.isfile(source.path):
            raise AudioError(f"'{source.path}' was there when the library was read, and is gone") from error
        return _Song(None, None, str(error))


def _entry(chart: Chart, song: _Song, frames: int, frames_per_beat: int) -> dict[str, Any]:
    return {
        "index": chart.index,
        "chart": f"chart_{chart.index}.npy",
        "audio": "",
        "has_audio": song.features is not None,
        "audio_reason": song.reason,
        "frames": frames,
        "merged_rows": merged_rows(chart, frames_per_beat),
    }
