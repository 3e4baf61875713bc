"""Clicks at known beats must be heard in the frames of those beats; means are derived again in a plain loop."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile

from groove.config.schema import AudioConfig
from groove.errors import AudioError
from groove.features.audio import AUDIO_FEATURES, align, decode, song_features
from groove.features.frames import FLOAT16_MAX, frame_times
from tests.builders import chart_of, ssc_text, steady

AUDIO = AudioConfig()
RATE = AUDIO.sample_rate
HOP_S = AUDIO.hop_length / RATE
ONSET = AUDIO_FEATURES.index("onset_strength")


def clicks_at(times, seconds):
    """Return noise of -60 dB with a decaying click at each of `times` in seconds."""
    samples = np.random.default_rng(0).normal(0, 1e-3, int(seconds * RATE)).astype(np.float32)
    click = np.sin(2 * np.pi * 1000 * np.arange(400) / RATE) * np.linspace(0.8, 0, 400)
    for time in times:
        samples[int(time * RATE) :][:400] += click.astype(np.float32)
    return samples


@pytest.mark.parametrize(
    "tags",
    [
        {"bpms": "0=120"},
        {"bpms": "0=120", "offset": -1.37},
        {"bpms": "0=120", "offset": 0.21},
        {"bpms": "0=90,5=180,9.5=140", "offset": -0.8},
        {"bpms": "0=120", "stops": "3=1.7,8=0.4", "offset": -0.5},
        {"bpms": "0=150,6=100", "stops": "4=0.9", "extra": "#WARPS:9=2;\n#DELAYS:13=0.6;", "offset": -0.33},
    ],
)
def test_a_click_is_heard_in_the_frame_of_its_beat(tmp_path, tags):
    timing = chart_of(tmp_path / "song", ssc_text([("Easy", 1, steady(4, 4))], **tags)).timing
    beats = np.array([1, 2, 3, 5, 7, 8, 12, 14])  # none on the beat before which the song stops, none warped
    times = frame_times(timing, 64, 4)
    features = song_features(clicks_at(timing.time_at(beats.astype(float)), times[-1] + 1), AUDIO)
    onset = align(features, times, HOP_S)[:, ONSET]
    widths = np.diff(times)
    assert sorted(np.argsort(onset * np.maximum(widths, HOP_S))[-len(beats) :].tolist()) == (beats * 4).tolist()


def test_alignment_is_the_mean_by_overlap():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(50, 3))
    times = np.sort(rng.uniform(0, 49 * 0.1, 40))
    found = align(features, times, 0.1)
    for frame, (start, end) in enumerate(pairwise(times)):
        overlap = [max(0.0, min(end, (hop + 0.5) * 0.1) - max(start, (hop - 0.5) * 0.1)) for hop in range(50)]
        expected = sum(features[hop] * overlap[hop] for hop in range(50)) / sum(overlap)
        np.testing.assert_allclose(found[frame], expected, atol=2e-3)


def test_outside_the_audio_is_zero_and_the_edges_are_not_diluted():
    features = np.ones((11, 2))  # 1 second of hops of 0.1 s
    times = np.array([-1.0, -0.5, 0.5, 0.5, 0.9, 1.5, 2.0, 2.0])
    assert align(features, times, 0.1)[:, 0].tolist() == [0, 1, 1, 1, 1, 0, 0]


def test_frames_shorter_than_a_hop_take_what_sounds_there():
    features = np.arange(5.0)[:, None]
    times = np.array([1.91, 1.92, 1.95, 2.0, 2.0])
    assert align(features, times, 1.0)[:, 0].tolist() == [2, 2, 2, 2]


def test_times_beyond_all_bounds_stay_finite():
    features = np.full((5, 1), 1e6)
    found = align(features, np.array([-1e300, 0.0, 2.0, 1e300]), 1.0)
    assert found[:, 0].tolist() == [0, FLOAT16_MAX, FLOAT16_MAX]


@pytest.mark.parametrize("samples", [1, 100, 3000, 30000])
def test_silence_and_short_audio_give_finite_features(samples):
    features = song_features(np.zeros(samples, dtype=np.float32), AUDIO)
    assert features.shape[1] == len(AUDIO_FEATURES) == 23
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def librosa_features(samples):
    """Return the 23 features from librosa's functions, called one after another, shape (23, H)."""
    import librosa

    strength = librosa.onset.onset_strength(y=samples, sr=RATE, n_mels=AUDIO.n_mels)
    detected = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE)
    reach = round(1.0 / HOP_S)  # 2 s around a hop
    around = [np.arange(len(strength))[max(0, hop - reach) : hop + reach + 1] for hop in range(len(strength))]
    rate = [np.isin(detected, hops).sum() / (len(hops) * HOP_S) for hops in around]
    rows = (
        librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=13, n_mels=AUDIO.n_mels),
        strength,
        rate,
        librosa.feature.tempo(onset_envelope=strength, sr=RATE, aggregate=None),
        librosa.feature.spectral_contrast(y=samples, sr=RATE),
    )
    return np.vstack(rows)


def test_features_are_those_of_librosa():
    samples = clicks_at(np.arange(0.5, 12, 0.5), 12)
    times = np.arange(len(samples)) / RATE
    samples += (0.2 * np.sin(2 * np.pi * 220 * times) * (times > 5)).astype(np.float32)
    samples[int(9 * RATE) :] = 0.0  # sound, more sound, silence
    found, expected = song_features(samples, AUDIO), librosa_features(samples)
    assert found.T.shape == expected.shape
    for name, column, wanted in zip(AUDIO_FEATURES, found.T, expected, strict=True):
        np.testing.assert_allclose(column, wanted, rtol=1e-5, atol=1e-4 * wanted.std(), err_msg=name)


def test_samples_whose_power_is_not_finite_are_an_audio_error():
    with pytest.raises(AudioError, match=r"samples up to 1e\+30"):
        song_features(np.full(5000, 1e30, dtype=np.float32), AUDIO)


def test_onset_rate_and_tempo_of_a_steady_pulse():
    features = song_features(clicks_at(np.arange(0.5, 16, 0.5), 16), AUDIO)
    middle = features[200:500]
    assert np.median(middle[:, AUDIO_FEATURES.index("onset_rate")]) == pytest.approx(2, abs=0.3)
    assert np.median(middle[:, AUDIO_FEATURES.index("tempo")]) == pytest.approx(120, abs=4)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_decode_mixes_to_mono_and_resamples(tmp_path, suffix):
    tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100) * 0.5
    soundfile.write(tmp_path / f"a.{suffix}", np.stack([tone, np.zeros_like(tone)], axis=1), 44100)
    samples = decode(tmp_path / f"a.{suffix}", RATE)
    assert samples.dtype == np.float32
    assert len(samples) == RATE
    assert np.abs(samples[2000:-2000]).max() == pytest.approx(0.25, abs=0.02)


def test_what_cannot_be_decoded_is_an_audio_error(tmp_path):
    (tmp_path / "text.ogg").write_text("no audio")
    (tmp_path / "none.ogg").write_bytes(b"")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    for name in ("text.ogg", "none.ogg", "empty.wav", "absent.wav"):
        with pytest.raises(AudioError):
            decode(tmp_path / name, RATE)
