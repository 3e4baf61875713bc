"""Seconds for the audio features of one song, as a ratio to librosa called once per feature in the same run.

``python -m pytest tests/benchmarks`` with pytest-benchmark; not part of the default run.
"""

import time

import numpy as np

from groove.features.audio import song_features
from groove.features.settings import AudioSettings

AUDIO = AudioSettings()
RATE = AUDIO.sample_rate


def librosa_per_feature(samples):
    """Return the same 23 features, each asked of librosa from the samples: five spectrograms."""
    import librosa

    onset = librosa.onset.onset_strength(y=samples, sr=RATE)
    return (
        librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=13),
        onset,
        librosa.onset.onset_detect(y=samples, sr=RATE),
        librosa.feature.tempo(y=samples, sr=RATE, aggregate=None),
        librosa.feature.spectral_contrast(y=samples, sr=RATE),
    )


def test_one_spectrogram_is_faster_than_one_per_feature(benchmark):
    samples = np.random.default_rng(0).normal(0, 0.1, 60 * RATE).astype(np.float32)
    librosa_per_feature(samples)  # loads and compiles
    plain = []
    for _ in range(5):
        start = time.perf_counter()
        librosa_per_feature(samples)
        plain.append(time.perf_counter() - start)
    benchmark.pedantic(song_features, (samples, AUDIO), rounds=5, warmup_rounds=1)
    ratio = benchmark.stats.stats.min / min(plain)
    benchmark.extra_info["ratio_to_librosa_per_feature"] = round(ratio, 3)
    print(f"ratio to one librosa call per feature: {ratio:.2f}")
    assert ratio < 0.8
