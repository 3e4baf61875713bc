"""Audio features of a song, and their mean on a chart's beat grid.

All 23 features come from one STFT. Hop i is centred on sample ``i * hop_length``; times are seconds of the audio file.
Libraries are imported inside the functions that need them: a run that finds everything in the store never loads them.
Dimension letters: S samples, H hops, T frames, F = 23 features.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groove.config.schema import N_CONTRAST, N_MFCC, AudioConfig
from groove.errors import AudioError, one_line
from groove.features.frames import finite_float16
from groove.features.rhythm import local_tempo, onset_rate, onset_strength
from groove.features.spectrum import row_means, spectrum

AUDIO_FEATURES = (
    *(f"mfcc_{index}" for index in range(N_MFCC)),
    "onset_strength",
    "onset_rate",  # detected onsets per second
    "tempo",  # local, in BPM
    *(f"contrast_{band}" for band in range(N_CONTRAST)),  # dB between peaks and valleys; the last band is the top one
)
_BLOCK = 1 << 20
_MIN_WIDTH = 1e-6
"""In hops: below it the difference of two integrals is rounding error."""


def decode(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """Return the audio at `path` as one channel at `sample_rate` Hz, shape (S,).

    Raises:
        AudioError: if the file cannot be decoded, or holds no sample.
    """
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:  # bytes: names need not be UTF-8
            native_rate = file.samplerate
            blocks = [row_means(block) for block in file.blocks(_BLOCK, dtype="float32", always_2d=True)]
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        raise AudioError(f"cannot be decoded: {one_line(error)}") from error
    samples = np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)
    if len(samples) == 0:
        raise AudioError("holds no sample")
    if not np.isfinite(samples).all():
        raise AudioError("holds samples that are not finite")
    return soxr.resample(samples, native_rate, sample_rate).astype(np.float32, copy=False)


def song_features(samples: NDArray[np.float32], audio: AudioConfig) -> NDArray[np.float32]:
    """Return the features `AUDIO_FEATURES` of every hop of `samples` (S,), shape (H, 23).

    Raises:
        AudioError: if samples are so large that their power is no finite number.
    """
    from scipy.fft import dct

    samples = np.pad(samples, (0, max(0, audio.n_fft - len(samples))))
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        log_mel, contrast = spectrum(samples, audio)
    if not np.isfinite(log_mel).all():
        raise AudioError(f"holds samples up to {np.abs(samples).max():.2g}, whose power is not finite")
    onsets = onset_strength(log_mel, audio)
    columns = (
        dct(log_mel, type=2, norm="ortho", axis=1)[:, :N_MFCC],
        onsets,
        onset_rate(onsets, audio),
        local_tempo(onsets, audio),
        contrast,
    )
    return np.column_stack(columns).astype(np.float32)


def align(
    features: NDArray[np.floating], times: NDArray[np.float64], hop_s: float, duration_s: float | None = None
) -> NDArray[np.float16]:
    """Return the mean of `features` over each frame, shape (T, F).

    Each hop stands for the `hop_s` seconds around its centre, and counts by how much of that lies in the frame, so that
    a frame shorter than a hop is defined too. The part of a frame before the audio begins or after it ends does not
    count; a frame wholly outside is zeros. A frame of no duration (in a warp) takes the hop at its moment.

    Args:
        features: (H, F), one row per hop.
        times: (T + 1,) seconds at which frames begin, and the end of the last.
        hop_s: seconds between hops.
        duration_s: seconds of audio; by default up to the centre of the last hop.
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
