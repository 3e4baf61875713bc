"""Onsets and tempo against librosa's own: songs, noise, silence, lone clicks, plateaus, and other hops."""

import numpy as np
import pytest

from groove.config.schema import AudioConfig
from groove.features import rhythm
from groove.features.rhythm import local_tempo, onset_rate, onset_strength, onsets

AUDIO = AudioConfig()
HOPS = 900


def envelopes():
    """Return onset envelopes (H,) by what they are like."""
    rng = np.random.default_rng(0)
    noise = rng.exponential(1.0, HOPS)
    pulse = np.where(np.arange(HOPS) % 21 == 0, 5.0, 0.0)
    lone = np.zeros(HOPS)
    lone[400] = 3.0
    half = np.where(np.arange(HOPS) < 450, noise, 0.0)
    steps = np.repeat(rng.integers(0, 4, HOPS // 3), 3)
    found = {"noise": noise, "pulse": pulse, "lone": lone, "half silent": half, "plateaus": steps}
    found |= {"silence": np.zeros(HOPS), "constant": np.ones(HOPS), "short": noise[:3], "faint": 1e-6 * noise}
    return {name: envelope.astype(np.float32) for name, envelope in found.items()}


@pytest.mark.parametrize("hop_length", [512, 160, 2000])
@pytest.mark.parametrize("name", envelopes())
def test_onsets_and_tempo_are_librosas(name, hop_length):
    import librosa

    envelope = envelopes()[name]
    audio = AudioConfig(hop_length=hop_length)
    settings = {"onset_envelope": envelope, "sr": audio.sample_rate, "hop_length": hop_length}
    assert onsets(envelope, audio).tolist() == librosa.onset.onset_detect(**settings).tolist()
    np.testing.assert_array_equal(local_tempo(envelope, audio), librosa.feature.tempo(**settings, aggregate=None))


def test_onset_strength_is_librosas():
    import librosa

    log_mel = np.random.default_rng(1).normal(-30, 9, (70, 64)).astype(np.float32)
    for hop_length in (512, 100, 2000):
        settings = {"sr": AUDIO.sample_rate, "n_fft": AUDIO.n_fft, "hop_length": hop_length}
        expected = librosa.onset.onset_strength(S=log_mel.T, **settings)
        found = onset_strength(log_mel, AudioConfig(hop_length=hop_length))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_lags_that_single_precision_cannot_tell_apart_are_compared_in_double(monkeypatch):
    """Without the second comparison the noise of a lone click's autocorrelation decides."""
    lone = envelopes()["lone"]
    exact = local_tempo(lone, AUDIO)
    monkeypatch.setattr(rhythm, "_ABSOLUTE", -np.inf)  # nothing is unsure
    assert (local_tempo(lone, AUDIO) != exact).any()


def test_the_rate_counts_onsets_in_two_seconds():
    pulse = envelopes()["pulse"]
    found = onset_rate(pulse, AUDIO)
    spacing_s = 21 * AUDIO.hop_length / AUDIO.sample_rate
    assert found[100:-100].mean() == pytest.approx(1 / spacing_s, rel=0.02)
    assert onset_rate(np.zeros(5, dtype=np.float32), AUDIO).tolist() == [0] * 5
