"""Audio features of a song, and their mean on a chart's beat grid.

librosa computes them, with its defaults, all from one spectrogram, and is loaded only where the store lacks a song.
Hop i is centred on sample ``i * hop_length``; times are seconds of the audio file.
Dimension letters: S samples, H hops, T frames, F = 23 features.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from groove.config.schema import N_CONTRAST, N_MFCC, TEMPO_WINDOW_S, AudioConfig
from groove.errors import AudioError
from groove.features.frames import finite_float16
from groove.io.processes import alone

AUDIO_FEATURES = (
    *(f"mfcc_{index}" for index in range(N_MFCC)),
    "onset_strength",
    "onset_rate",  # detected onsets per second
    "tempo",  # local, in BPM
    *(f"contrast_{band}" for band in range(N_CONTRAST)),  # dB between peaks and valleys; the last band is the top one
)
ONSET_WINDOW_S = 2.0  # width of the sliding window in which onsets are counted
_TEMPO_HOPS = 128  # of a tempogram at a time, about 15 kB each: that of a whole song would not fit a cache
_MIN_WIDTH = 1e-6  # in hops: below it the difference of two integrals is rounding error


@cache
def load_librosa() -> ModuleType:
    """Return librosa, loaded by one process at a time.

    Two that write numba's cache at once can mix it up, and every later process crashes (numba's issue 10128). The lock
    lies beside that cache, or in the temporary folder where librosa's own folder is read-only.
    """
    import librosa

    folder = Path(librosa.__file__).with_name("__pycache__")
    if not os.access(folder.parent, os.W_OK):
        folder = Path(tempfile.gettempdir(), f"groove-{os.getuid()}")
    with alone(folder / "groove.lock"):
        import librosa.feature
        import librosa.onset
    return librosa


def song_features(samples: NDArray[np.float32], audio: AudioConfig) -> NDArray[np.float32]:
    """Return `AUDIO_FEATURES` of every hop of `samples` (S,), (H, 23); an `AudioError` if their power is not finite."""
    librosa = load_librosa()
    rate, n_fft, hop_length = audio.sample_rate, audio.n_fft, audio.hop_length
    samples = np.pad(samples, (0, max(0, n_fft - len(samples))))
    with np.errstate(over="ignore", invalid="ignore"):  # reported below; order C halves the time of the contrast
        magnitude = np.abs(librosa.stft(samples, n_fft=n_fft, hop_length=hop_length), order="C")
        mel = librosa.feature.melspectrogram(S=np.square(magnitude), sr=rate, n_fft=n_fft, n_mels=audio.n_mels)
    if not np.isfinite(mel).all():
        raise AudioError(f"holds samples up to {np.abs(samples).max():.2g}, whose power is not finite")
    log_mel = librosa.power_to_db(mel)
    strength = librosa.onset.onset_strength(S=log_mel, sr=rate, n_fft=n_fft, hop_length=hop_length)
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=rate, hop_length=hop_length)
    rows = (
        librosa.feature.mfcc(S=log_mel, n_mfcc=N_MFCC),
        strength,
        onset_rate(onsets, len(strength), hop_length / rate),
        local_tempo(strength, rate, hop_length),
        librosa.feature.spectral_contrast(S=magnitude, sr=rate, n_fft=n_fft, n_bands=N_CONTRAST - 1),
    )
    return np.ascontiguousarray(np.vstack(rows).T, dtype=np.float32)


def onset_rate(onsets: NDArray[np.int64], hops: int, hop_s: float) -> NDArray[np.float64]:
    """Return the `onsets` (hops) per second in the window around each hop, cut at the ends of the song, shape (H,)."""
    hop = np.arange(hops)
    reach = max(1, round(ONSET_WINDOW_S / 2 / hop_s))
    first, last = np.maximum(hop - reach, 0), np.minimum(hop + reach, hops - 1)
    count = np.searchsorted(onsets, last, side="right") - np.searchsorted(onsets, first, side="left")
    return count / ((last - first + 1) * hop_s)


def local_tempo(strength: NDArray[np.float32], sample_rate: int, hop_length: int) -> NDArray[np.float64]:
    """Return ``librosa.feature.tempo(onset_envelope=strength, aggregate=None)`` in BPM, (H,), block by block."""
    from librosa.feature import tempo, tempogram

    size = int(TEMPO_WINDOW_S * sample_rate // hop_length)
    padded = np.pad(strength, size // 2, mode="linear_ramp")
    found = []
    for start in range(0, len(strength), _TEMPO_HOPS):
        part = padded[start : min(start + _TEMPO_HOPS, len(strength)) + size - 1]
        windows = tempogram(onset_envelope=part, win_length=size, center=False)
        found.append(tempo(tg=windows, sr=sample_rate, hop_length=hop_length, aggregate=None))
    return np.concatenate(found)


def align(
    features: NDArray[np.floating], times: NDArray[np.float64], hop_s: float, duration_s: float | None = None
) -> NDArray[np.float16]:
    """Return the mean of `features` (H, F) over each frame, shape (T, F); frames lie between `times` (T + 1,) seconds.

    Each hop stands for the `hop_s` seconds around its centre, and counts by how much of that lies in the frame, so that
    a frame shorter than a hop is defined too. What lies outside the `duration_s` of the audio (by default up to the
    centre of the last hop) does not count; a frame wholly outside is zeros. A frame of no duration (in a warp) takes
    the hop at its moment.
    """
    hops = len(features)
    end = (hops - 1) * hop_s if duration_s is None else duration_s
    inside = np.clip(times, 0.0, end)
    integral = np.concatenate([np.zeros((1, features.shape[1])), np.cumsum(features, axis=0, dtype=np.float64)])
    position = np.clip(inside / hop_s + 0.5, 0.0, hops)  # in hops, counted from the edge of the first one
    hop = np.minimum(position.astype(np.int64), hops - 1)
    area = integral[hop] + (position - hop)[:, None] * features[hop]
    width = np.diff(position)[:, None]
    spans = width > _MIN_WIDTH
    mean = np.where(spans, np.diff(area, axis=0) / np.where(spans, width, 1.0), features[hop[:-1]])
    outside = (times[1:] <= 0.0) & (times[:-1] < 0.0) | (times[:-1] >= end)
    return finite_float16(np.where(outside[:, None], 0.0, mean))
