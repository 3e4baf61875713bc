"""The spectrogram of a song, and what is read off it: decibels in mel bands, and spectral contrast.

The definitions are those of librosa 0.11 (`stft`, `feature.melspectrogram`, `power_to_db`, `feature.spectral_contrast`,
all with their defaults), and the numbers are its numbers; a test compares them. Written out here they take one
spectrogram instead of five, rows are hops so that what is worked on lies together in memory, and no process pays
two seconds for importing librosa. Transforms are in double precision, as librosa's are: in single precision the
valleys of the contrast, 60 dB below the peaks beside them, would be rounding error.
Dimension letters: S samples, H hops, K = n_fft // 2 + 1 bins, M mel bands, B = 7 contrast bands.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.config.schema import LOWEST_BAND_HZ, N_CONTRAST, AudioConfig

QUANTILE = 0.02
"""The share of a band's bins that are its peaks, and its valleys."""
FLOOR, RANGE_DB = 1e-10, 80.0
"""Powers are clipped to the first, and decibels to this far below the loudest."""
_HOPS = 64
"""Hops transformed at a time: their frames and spectra stay in the processor's cache."""
_MEL_HZ, _LOG_FROM_HZ, _LOG_STEP = 200.0 / 3.0, 1000.0, np.log(6.4) / 27.0


class Band(NamedTuple):
    """Bins ``first`` to ``end`` (not included) of a contrast band, `edge` of which are peaks, and as many valleys."""

    first: int
    end: int
    edge: int


def spectrum(samples: NDArray[np.float32], audio: AudioConfig) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the mel spectrogram in dB (H, M) and the spectral contrast in dB (H, B) of `samples` (S,)."""
    magnitude = magnitudes(samples, audio.n_fft, audio.hop_length)
    mel = mel_filters(audio.sample_rate, audio.n_fft, audio.n_mels) @ np.square(magnitude).T
    return decibels(mel.T), contrast(magnitude, contrast_bands(audio.sample_rate, audio.n_fft))


def magnitudes(samples: NDArray[np.float32], n_fft: int, hop_length: int) -> NDArray[np.float32]:
    """Return the magnitudes of the short-time Fourier transform, shape (H, K): Hann window, hops centred, zeros around.

    H is ``1 + S // hop_length`` for an even `n_fft`.
    """
    from scipy.fft import rfft

    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, n_fft // 2), n_fft)[::hop_length]
    window = hann(n_fft)
    found = np.empty((len(frames), n_fft // 2 + 1), dtype=np.float32)
    for start in range(0, len(frames), _HOPS):
        block = slice(start, start + _HOPS)
        np.abs(rfft(frames[block] * window, axis=1).astype(np.complex64), out=found[block])
    return found


def hann(size: int) -> NDArray[np.float64]:
    """Return the Hann window of a period of `size` samples (`scipy.signal` has it too, and takes 0.4 s to import)."""
    return (0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, size + 1)))[:-1]


def decibels(power: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return ``10 log10(power)``, not below -100 dB, nor more than 80 dB below the largest."""
    found = 10.0 * np.log10(np.maximum(FLOOR, power))
    return np.maximum(found, found.max() - RANGE_DB)


@lru_cache(maxsize=4)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> NDArray[np.float32]:
    """Return Slaney's triangular filters of equal area, shape (M, K), from 0 Hz to half the sample rate.

    Source: M. Slaney, Auditory Toolbox, Interval Research 1998-010: linear below 1 kHz, logarithmic above.
    """
    bins = np.fft.rfftfreq(n_fft, 1.0 / sample_rate)
    top = _hz_to_mel(sample_rate / 2.0)
    edges = _mel_to_hz(np.linspace(0.0, top, n_mels + 2))
    widths = np.diff(edges)
    ramps = edges[:, None] - bins
    rising, falling = -ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    filters *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return filters


def contrast_bands(sample_rate: int, n_fft: int) -> list[Band]:
    """Return the bins of the 7 bands: up to 200 Hz, five octaves, and the last octave with all above it.

    As in librosa a band begins one bin below its lower edge, and all but the last leave out their own last bin.
    """
    bins = np.fft.rfftfreq(n_fft, 1.0 / sample_rate)
    edges = [0.0, *(LOWEST_BAND_HZ * 2.0**octave for octave in range(N_CONTRAST))]
    bands = []
    for band in range(N_CONTRAST):
        inside = np.flatnonzero((bins >= edges[band]) & (bins <= edges[band + 1]))
        first = int(inside[0]) - (band > 0)
        is_last = band == N_CONTRAST - 1
        end = len(bins) if is_last else int(inside[-1]) + 1
        bands.append(Band(first, end - (not is_last), max(1, int(np.rint(QUANTILE * (end - first))))))
    return bands


def contrast(magnitude: NDArray[np.float32], bands: list[Band]) -> NDArray[np.float64]:
    """Return the dB between the mean peak and the mean valley of each of `bands`, shape (H, B).

    Source: Jiang et al., "Music type classification by spectral contrast feature", ICME 2002.
    """
    valleys, peaks = np.empty((2, len(magnitude), len(bands)))
    for start in range(0, len(magnitude), _HOPS):
        block = slice(start, start + _HOPS)
        for place, (first, end, edge) in enumerate(bands):
            ordered = np.sort(magnitude[block, first:end], axis=1)
            valleys[block, place] = row_means(ordered[:, :edge])
            peaks[block, place] = row_means(ordered[:, -edge:])
    return decibels(peaks) - decibels(valleys)


def row_means(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean over a few columns (N, few) of each row, shape (N,): added from left to right, as librosa adds.

    For two columns it takes a twentieth of the time of `numpy.mean`.
    """
    total = columns[:, 0].copy()
    for place in range(1, columns.shape[1]):
        total += columns[:, place]
    return total / np.float32(columns.shape[1])


def _hz_to_mel(hz: float) -> float:
    return _LOG_FROM_HZ / _MEL_HZ + np.log(hz / _LOG_FROM_HZ) / _LOG_STEP if hz >= _LOG_FROM_HZ else hz / _MEL_HZ


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    first = _LOG_FROM_HZ / _MEL_HZ
    return np.where(mel >= first, _LOG_FROM_HZ * np.exp(_LOG_STEP * (mel - first)), _MEL_HZ * mel)
