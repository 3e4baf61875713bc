"""Every step against librosa's own, with other settings than the defaults too."""

from itertools import pairwise

import numpy as np
import pytest

from groove.config.schema import AudioConfig
from groove.features.spectrum import (
    contrast,
    contrast_bands,
    decibels,
    hann,
    magnitudes,
    mel_filters,
    row_means,
    spectrum,
)

SETTINGS = [
    AudioConfig(),
    AudioConfig(sample_rate=16000, n_fft=500, hop_length=160, n_mels=40),
    AudioConfig(sample_rate=44100, n_fft=4096, hop_length=1000, n_mels=20),
]


def noise(seconds=1.0, rate=22050):
    return np.random.default_rng(0).normal(0, 0.1, int(seconds * rate)).astype(np.float32)


@pytest.mark.parametrize("audio", SETTINGS)
def test_the_transform_the_filters_and_the_contrast_are_librosas(audio):
    import librosa

    samples = noise()
    found = magnitudes(samples, audio.n_fft, audio.hop_length)
    stft = np.abs(librosa.stft(samples, n_fft=audio.n_fft, hop_length=audio.hop_length))
    np.testing.assert_allclose(found.T, stft, rtol=1e-6)
    filters = mel_filters(audio.sample_rate, audio.n_fft, audio.n_mels)
    expected = librosa.filters.mel(sr=audio.sample_rate, n_fft=audio.n_fft, n_mels=audio.n_mels)
    np.testing.assert_allclose(filters, expected, rtol=1e-5, atol=1e-9)
    ours = contrast(found, contrast_bands(audio.sample_rate, audio.n_fft))
    theirs = librosa.feature.spectral_contrast(S=stft, sr=audio.sample_rate, n_fft=audio.n_fft)
    np.testing.assert_allclose(ours.T, theirs, rtol=1e-5, atol=1e-5)


def test_a_sine_lies_in_its_mel_band_and_contrast_band():
    audio = AudioConfig()
    times = np.arange(22050) / 22050
    log_mel, found = spectrum(np.sin(2 * np.pi * 1000 * times).astype(np.float32), audio)
    filters = mel_filters(22050, 2048, 64)
    assert log_mel[20].argmax() == filters[:, round(1000 / 22050 * 2048)].argmax()
    assert found[20].argmax() == 3  # 800 to 1600 Hz


def test_the_window_is_scipys():
    from scipy.signal import get_window

    for size in (344, 501, 2048):
        np.testing.assert_array_equal(hann(size), get_window("hann", size))


def test_decibels_are_clipped_below_the_loudest_and_at_the_floor():
    assert decibels(np.array([1.0, 0.1, 1e-7, 0.0])).tolist() == pytest.approx([0, -10, -70, -80])
    assert decibels(np.zeros(3)).tolist() == [-100] * 3


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_mean_of_channels(channels):
    block = np.random.default_rng(1).normal(size=(50, channels)).astype(np.float32)
    np.testing.assert_array_equal(row_means(block), block.mean(axis=1))
    assert block.flags.writeable and row_means(block).dtype == np.float32


@pytest.mark.parametrize("rate", [12801, 22050, 48000])
def test_contrast_bands_cover_every_bin(rate):
    bands = contrast_bands(rate, 2048)
    assert bands[0].first == 0 and bands[-1].end == 1025
    assert all(later.first <= band.end for band, later in pairwise(bands))
    assert all(1 <= band.edge < band.end - band.first for band in bands)
