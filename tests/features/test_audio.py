"""Clicks at known beats must be heard in the frames of those beats; means are derived again in a plain loop."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from groove.config.schema import AudioConfig
from groove.errors import AudioError
from groove.features.audio import AUDIO_FEATURES, align, local_tempo, onset_rate, song_features
from groove.features.frames import FLOAT16_MAX, frame_times
from groove.io.processes import alone
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


def librosa_features(samples, audio):
    """Return the 23 features from librosa's functions, called one after another, shape (23, H)."""
    import librosa

    hop = {"sr": audio.sample_rate, "hop_length": audio.hop_length}
    frame = {**hop, "n_fft": audio.n_fft}
    strength = librosa.onset.onset_strength(y=samples, n_mels=audio.n_mels, **frame)
    detected = librosa.onset.onset_detect(onset_envelope=strength, **hop)
    hop_s = audio.hop_length / audio.sample_rate
    reach = round(1.0 / hop_s)  # 2 s around a hop
    around = [np.arange(len(strength))[max(0, hop - reach) : hop + reach + 1] for hop in range(len(strength))]
    rows = (
        librosa.feature.mfcc(y=samples, n_mfcc=13, n_mels=audio.n_mels, **frame),
        strength,
        [np.isin(detected, hops).sum() / (len(hops) * hop_s) for hops in around],
        librosa.feature.tempo(onset_envelope=strength, aggregate=None, **hop),
        librosa.feature.spectral_contrast(y=samples, **frame),
    )
    return np.vstack(rows)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"sample_rate": 16000, "n_fft": 500, "hop_length": 160, "n_mels": 40},
        {"sample_rate": 44100, "n_fft": 4096, "hop_length": 1000, "n_mels": 20},
    ],
)
def test_one_spectrogram_gives_what_librosas_functions_give_from_the_samples(settings):
    samples = clicks_at(np.arange(0.5, 12, 0.5), 12)
    times = np.arange(len(samples)) / RATE
    samples += (0.2 * np.sin(2 * np.pi * 220 * times) * (times > 5)).astype(np.float32)
    samples[int(9 * RATE) :] = 0.0  # sound, more sound, silence
    audio = AudioConfig(**settings)
    found, expected = song_features(samples, audio), librosa_features(samples, audio)
    assert found.T.shape == expected.shape
    for name, column, wanted in zip(AUDIO_FEATURES, found.T, expected, strict=True):
        np.testing.assert_allclose(column, wanted, rtol=1e-5, atol=1e-4 * wanted.std(), err_msg=name)


@pytest.mark.parametrize("hop_length", [512, 160, 2000])
@pytest.mark.parametrize("kind", ["noise", "pulse", "lone", "half silent", "silence", "short"])
def test_the_tempo_found_in_blocks_is_that_of_the_whole(kind, hop_length):
    import librosa

    noise = np.random.default_rng(0).exponential(1.0, 1200)
    hop = np.arange(1200)
    strength = {
        "noise": noise,
        "pulse": np.where(hop % 21 == 0, 5.0, 0.0),
        "lone": np.where(hop == 700, 3.0, 0.0),
        "half silent": np.where(hop < 600, noise, 0.0),
        "silence": np.zeros(1200),
        "short": noise[:3],
    }[kind].astype(np.float32)
    whole = librosa.feature.tempo(onset_envelope=strength, sr=RATE, hop_length=hop_length, aggregate=None)
    np.testing.assert_array_equal(local_tempo(strength, RATE, hop_length), whole)


def test_the_rate_counts_onsets_in_two_seconds():
    found = onset_rate(np.arange(0, 900, 21), 900, HOP_S)
    assert found[100:-100].mean() == pytest.approx(1 / (21 * HOP_S), rel=0.02)
    assert onset_rate(np.zeros(0, dtype=np.int64), 5, HOP_S).tolist() == [0] * 5


def test_a_sine_lies_in_its_octave():
    features = song_features(np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32), AUDIO)
    contrast = features[20, AUDIO_FEATURES.index("contrast_0") :]
    assert len(contrast) == 7 and contrast.argmax() == 3  # 800 to 1600 Hz


def test_samples_whose_power_is_not_finite_are_an_audio_error():
    with pytest.raises(AudioError, match=r"samples up to 1e\+30"):
        song_features(np.full(5000, 1e30, dtype=np.float32), AUDIO)


def test_onset_rate_and_tempo_of_a_steady_pulse():
    features = song_features(clicks_at(np.arange(0.5, 16, 0.5), 16), AUDIO)
    middle = features[200:500]
    assert np.median(middle[:, AUDIO_FEATURES.index("onset_rate")]) == pytest.approx(2, abs=0.3)
    assert np.median(middle[:, AUDIO_FEATURES.index("tempo")]) == pytest.approx(120, abs=4)


def test_one_process_at_a_time_loads_librosa():
    """Two that compile at once damage numba's cache for good."""
    import librosa

    code = "from groove.features.audio import load_librosa; print('ready', flush=True); load_librosa(); print('loaded')"
    with alone(Path(librosa.__file__).parent / "__pycache__" / "groove.lock"):
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert other.stdout and other.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=4)  # loading takes 2 s
    assert other.communicate()[0] == "loaded\n"
