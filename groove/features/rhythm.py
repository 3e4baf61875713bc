"""Rhythm read off the mel spectrogram: onset strength, onsets per second, and the local tempo.

The definitions are those of librosa 0.11 (`onset.onset_strength`, `onset.onset_detect`, `feature.tempo` without an
aggregate, all with their defaults); a test compares them. Dimension letters: H hops, M mel bands, W hops of a window,
L lags.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from groove.config.schema import TEMPO_WINDOW_S, AudioConfig
from groove.features.spectrum import hann

ONSET_WINDOW_S = 2.0
"""Width of the sliding window in which onsets are counted."""
LIKELY_BPM, HIGHEST_BPM = 120.0, 320.0
"""The local tempo's prior: a normal distribution over octaves around the first, cut at the second."""
SHARPNESS = 1e6
"""What an autocorrelation is multiplied by before 1 is added and the prior weighs it."""
ONSET_DELTA = 0.07
"""How far an onset rises above the mean around it, as a share of the song's largest onset strength."""
_LOCAL_S, _AROUND_S = 0.03, 0.1
_HOPS = 64
_ABSOLUTE, _RELATIVE = 4.0, 1e-5
"""Single precision errs by less in a score (before the prior): 0.3 and 1e-6 were found. Closer lags are compared
again in double precision."""


def onset_strength(log_mel: NDArray[np.float32], audio: AudioConfig) -> NDArray[np.float32]:
    """Return the mean rise in dB from the hop before, shape (H,), of the mel spectrogram `log_mel` (H, M).

    It is delayed by half a frame, as a rise shows in the first frame that contains it. Source: Böck and Widmer,
    "Maximum filter vibrato suppression for onset detection", DAFx 2013, without the filter.
    """
    rise = np.maximum(0.0, np.ascontiguousarray(np.diff(log_mel, axis=0).T)).mean(axis=0)
    return np.pad(rise, (1 + audio.n_fft // (2 * audio.hop_length), 0))[: len(log_mel)]


def onset_rate(strength: NDArray[np.float32], audio: AudioConfig) -> NDArray[np.float64]:
    """Return the onsets per second in the window around each hop (cut at the ends of the song), shape (H,)."""
    found = onsets(strength, audio)
    hops = np.arange(len(strength))
    reach = max(1, round(ONSET_WINDOW_S / 2 * audio.sample_rate / audio.hop_length))
    first, last = np.maximum(hops - reach, 0), np.minimum(hops + reach, len(strength) - 1)
    count = np.searchsorted(found, last, side="right") - np.searchsorted(found, first, side="left")
    return count / ((last - first + 1) * audio.hop_length / audio.sample_rate)


def onsets(strength: NDArray[np.float32], audio: AudioConfig) -> NDArray[np.int64]:
    """Return the hops of onsets: the largest within 30 ms before, and well above the mean of 100 ms around.

    Source: Böck, Krebs and Schedl, "Evaluating the online capabilities of onset detection methods", ISMIR 2012.
    """
    scaled = strength - strength.min()
    scaled /= scaled.max() + np.finfo(scaled.dtype).tiny
    local, around = (int(seconds * audio.sample_rate // audio.hop_length) for seconds in (_LOCAL_S, _AROUND_S))
    largest = _windows(scaled, local, 0, -np.inf).max(axis=1)
    inside = _windows(np.ones_like(scaled), around, around, 0.0).sum(axis=1)
    mean = _windows(scaled, around, around, 0.0).sum(axis=1) / inside
    is_peak = (scaled == largest) & (scaled >= mean + np.float32(ONSET_DELTA))
    return _apart(np.flatnonzero(is_peak), local) if scaled.any() else np.zeros(0, dtype=np.int64)


def _windows(values: NDArray[np.float32], before: int, after: int, outside: float) -> NDArray[np.float32]:
    """Return the values from `before` hops before each hop to `after` hops after it, shape (H, W)."""
    return sliding_window_view(np.pad(values, (before, after), constant_values=outside), before + after + 1)


def _apart(hops: NDArray[np.int64], wait: int) -> NDArray[np.int64]:
    """Return `hops` without those that follow one that stays within `wait` hops."""
    kept: list[int] = []
    for hop in hops.tolist():
        if not kept or hop > kept[-1] + wait:
            kept.append(hop)
    return np.array(kept, dtype=np.int64)


def local_tempo(strength: NDArray[np.float32], audio: AudioConfig) -> NDArray[np.float64]:
    """Return the tempo in BPM around each hop, shape (H,): the likeliest lag of the autocorrelation within 8 s.

    A lag's score is ``(1 + 1e6 r) prior``, r being the autocorrelation as a share of that at lag 0. The transforms are
    in single precision; hops whose best lags that cannot tell apart (0.1 % of them, and silence) are done again in
    double precision. Source: Grosche, Müller and Kurth, "Cyclic tempogram", ICASSP 2010.
    """
    size = int(TEMPO_WINDOW_S * audio.sample_rate // audio.hop_length)
    frames = sliding_window_view(np.pad(strength, size // 2, mode="linear_ramp"), size)[: len(strength)]
    bpm = np.concatenate([[np.inf], 60.0 * audio.sample_rate / (audio.hop_length * np.arange(1, size))])
    double = hann(size), _prior(bpm)
    single = tuple(weights.astype(np.float32) for weights in double)
    best = np.empty(len(frames), dtype=np.int64)
    for start in range(0, len(frames), _HOPS):
        score = _scores(frames[start : start + _HOPS], *single)
        lag = score.argmax(axis=1)
        top = np.take_along_axis(score, lag[:, None], axis=1)
        unsure = np.flatnonzero(np.count_nonzero(score >= top * (1 - _RELATIVE) - _ABSOLUTE, axis=1) > 1)
        if len(unsure):
            lag[unsure] = _scores(frames[start + unsure], *double).argmax(axis=1)
        best[start : start + _HOPS] = lag
    return bpm[best]


def _prior(bpm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of each lag, shape (L,): zero for lag 0 (an infinite tempo) and where the tempo is too high."""
    prior = np.exp(-0.5 * np.square(np.log2(bpm) - np.log2(LIKELY_BPM)))
    prior[: np.argmax(bpm < HIGHEST_BPM)] = 0.0
    return prior


def _scores(
    frames: NDArray[np.float32], window: NDArray[np.floating], prior: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the score of every lag, shape (hops, L), for frames (hops, L), in the precision of `window` and `prior`.

    No lag exceeds lag 0, so that one scales the others.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    size, kind = len(window), window.dtype.type
    padded = next_fast_len(2 * size - 1, real=True)
    spectrum = rfft(frames * window, padded, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    score: NDArray[np.floating] = irfft(power, padded, axis=1)[:, :size]
    largest = score[:, :1].copy()
    largest[largest < np.finfo(kind).tiny] = 1.0  # silence
    score *= kind(SHARPNESS) / largest
    score += kind(1)
    score *= prior
    return score
