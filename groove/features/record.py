"""The record of one simfile: the features of its charts, from one decoding and one spectrogram per song."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import Chart, Timing
from groove.charts.library.identity import notes_digest
from groove.charts.radar.groove_radar import groove_radar
from groove.charts.rows import judged_notes
from groove.config.schema import AudioConfig, FeaturesConfig
from groove.errors import AudioError, SimfileError
from groove.features.audio import align, decode, song_features
from groove.features.frames import chart_frames, frame_times, merged_rows

BPM_DECIMALS = 3
Arrays = dict[str, NDArray[np.float16]]


@dataclass(frozen=True)
class AudioSource:
    """Where the audio of a chart lies and the digest of its bytes, or the `reason` why there is none."""

    path: Path | None
    digest: str
    reason: str


@dataclass(frozen=True)
class SimfileTask:
    """One simfile to compute: its charts, and the audio of each."""

    key: str
    charts: list[Chart]
    audio: list[AudioSource]


@dataclass(frozen=True)
class _Song:
    """Features (H, 23) and length of decoded audio; no features and a reason if that failed."""

    features: NDArray[np.float32] | None
    seconds: float | None
    reason: str


def compute_record(task: SimfileTask, settings: FeaturesConfig) -> tuple[list[dict[str, Any]], Arrays]:
    """Return the entries, one per chart, and the arrays that they name.

    A chart without a usable note has an entry with ``left_out``, the reason; audio that cannot be decoded is a reason
    beside ``has_audio``.

    Raises:
        AudioError: if audio is gone that was there before; a record without it would stay when it is back.
    """
    songs = {source: _song(source, settings.audio) for source in dict.fromkeys(task.audio)}
    arrays: Arrays = {}
    entries: list[dict[str, Any]] = []
    groups: dict[tuple[AudioSource, str], list[int]] = {}
    for place, (chart, source) in enumerate(zip(task.charts, task.audio, strict=True)):
        try:
            frames = chart_frames(chart, settings.frames_per_beat)
        except SimfileError as error:
            entries.append({"index": chart.index, "left_out": str(error)})
            continue
        arrays[f"chart_{chart.index}.npy"] = frames
        entries.append(_entry(chart, songs[source], len(frames), settings.frames_per_beat))
        groups.setdefault((source, timing_digest(chart.timing)), []).append(place)
    for (source, _), places in groups.items():
        _share_audio(songs[source], task.charts, places, entries, arrays, settings)
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
    radar = groove_radar(chart, song.seconds)
    last = judged_notes(chart).beats.max()
    start, end = chart.timing.time_at(np.array([0.0, last])).tolist()
    return {
        "index": chart.index,
        "content": content_digest(chart),
        "chart": f"chart_{chart.index}.npy",
        "audio": "",
        "has_audio": song.features is not None,
        "audio_reason": song.reason,
        "frames": frames,
        "merged_rows": merged_rows(chart, frames_per_beat),
        "length_s": end - start,
        "bpm": main_bpm(chart.timing, last),
        "konami": radar.konami.tolist(),
        "stepmania": radar.stepmania.tolist(),
        "elements": {name: float(value) for name, value in radar.elements.items()},
    }


def _share_audio(
    song: _Song,
    charts: Sequence[Chart],
    places: list[int],
    entries: list[dict[str, Any]],
    arrays: Arrays,
    settings: FeaturesConfig,
) -> None:
    """Align `song` once for the charts at `places`, which share a timing: as long as the longest needs."""
    if song.features is None:
        return
    name = f"audio_{sum(key.startswith('audio_') for key in arrays)}.npy"
    length = max(entries[place]["frames"] for place in places)
    times = frame_times(charts[places[0]].timing, length, settings.frames_per_beat)
    hop_s = settings.audio.hop_length / settings.audio.sample_rate
    arrays[name] = align(song.features, times, hop_s, song.seconds)
    for place in places:
        entries[place]["audio"] = name


def main_bpm(timing: Timing, last_beat: float) -> float:
    """Return the BPM that holds for the most seconds between beat 0 and `last_beat`."""
    edges = np.clip(np.append(timing.start_beat, np.inf), 0.0, max(last_beat, 0.0))
    seconds = np.diff(edges) * timing.seconds_per_beat
    if not (seconds > 0).any():
        return round(float(timing.bpms[0, 1]), BPM_DECIMALS) if len(timing.bpms) else 0.0
    bpms = np.round(60.0 / timing.seconds_per_beat[seconds > 0], BPM_DECIMALS)
    values, place = np.unique(bpms, return_inverse=True)
    return float(values[np.argmax(np.bincount(place, seconds[seconds > 0]))])


def timing_digest(timing: Timing) -> str:
    """Return a digest that is equal for equal timings."""
    digest = hashlib.sha256()
    for name, array in sorted(vars(timing).items()):
        digest.update(f"{name} {array.shape} ".encode() + np.ascontiguousarray(array, dtype=np.float64).tobytes())
    return digest.hexdigest()


def content_digest(chart: Chart) -> str:
    """Return the digest of a chart's notes and timing, in hexadecimal."""
    return hashlib.sha256((notes_digest(chart) + timing_digest(chart.timing)).encode()).hexdigest()
