"""Seconds per song for the audio features, as ratios to librosa's functions called one after another on the same songs.

Real songs from ``../shared`` where that is, else generated ones; one thread each, in seconds of the processor, which
other work on the machine does not stretch. Two ratios are printed: of the features alone, and with decoding, most of
which is libvorbis or mpg123 at work for both: on stereo Ogg at 44.1 kHz that alone takes a third of librosa's time.
``python -m pytest tests/benchmarks``; not part of the default run.
"""

import os
import resource
import time

import numpy as np
import pytest

from groove.charts.generated.write import write_library
from groove.config.schema import N_MFCC, AudioConfig, FeaturesConfig
from groove.features.audio import ONSET_WINDOW_S, song_features
from groove.features.preparation import prepare_library
from groove.io.decoding import audio_samples
from tests.shared import SHARED

AUDIO = AudioConfig()
RATE = AUDIO.sample_rate
REAL = SHARED / "library"
MIXED = 96
"""Songs from which the speed of one and of two processes is taken."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    import threadpoolctl

    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    root = tmp_path_factory.mktemp("library")
    write_library(root, 0, MIXED, workers=2)
    return root


def songs_of(root):
    return sorted(path for path in root.glob("*/*/*") if path.suffix in (".ogg", ".mp3"))


def librosa_samples(path):
    import librosa

    return librosa.load(path, sr=RATE)[0]


def librosa_chain(samples):
    """Return the 23 features, each asked of librosa from the samples, shape (H, 23)."""
    import librosa

    mfcc = librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=N_MFCC, n_mels=AUDIO.n_mels)
    strength = librosa.onset.onset_strength(y=samples, sr=RATE, n_mels=AUDIO.n_mels)
    detected = librosa.onset.onset_detect(y=samples, sr=RATE)
    tempo = librosa.feature.tempo(y=samples, sr=RATE, aggregate=None)
    contrast = librosa.feature.spectral_contrast(y=samples, sr=RATE)
    window = np.ones(round(ONSET_WINDOW_S * RATE / AUDIO.hop_length))
    rate = np.convolve(np.bincount(detected, minlength=len(strength)), window, "same") / ONSET_WINDOW_S
    return np.vstack([mfcc, strength, rate, tempo, contrast]).T


def least_seconds(call, *arguments, rounds=3):
    """Return the processor's seconds of the shortest of several runs, and what `call` returns."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        found = call(*arguments)
        seconds.append(time.process_time() - start)
    return min(seconds), found


def test_one_spectrogram_is_cheaper_than_one_for_each_function(benchmark, generated):
    songs = songs_of(REAL) or songs_of(generated)[:3]
    librosa_chain(np.zeros(10 * RATE, dtype=np.float32))  # loads and compiles
    seconds = np.zeros(4)  # ours, theirs, decoding of ours, of theirs
    for path in songs:
        decode_s, samples = least_seconds(audio_samples, path, RATE)
        load_s, _ = least_seconds(librosa_samples, path)
        ours_s, _ = least_seconds(song_features, samples, AUDIO)
        theirs_s, _ = least_seconds(librosa_chain, samples)
        seconds += ours_s, theirs_s, decode_s, load_s
        print(f"\n{path.name} ({len(samples) / RATE:.0f} s): {ours_s:.3f} s, librosa {theirs_s:.3f} s, ", end="")
        print(f"decoding {decode_s:.3f} and {load_s:.3f} s", end="")
    benchmark.pedantic(song_features, (samples, AUDIO), rounds=1)
    ours, theirs, decoding, loading = seconds
    alone, whole = ours / theirs, (ours + decoding) / (theirs + loading)
    benchmark.extra_info |= {"ratio_features": round(alone, 3), "ratio_with_decoding": round(whole, 3)}
    print(f"\nratio to librosa's functions one after another: features {alone:.2f}, with decoding {whole:.2f}")
    assert alone <= 0.6
    assert whole <= 0.7


def processor_seconds():
    """Return the seconds of the processor that this process and its children that ended have used."""
    spent = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def test_two_processes_are_used_well(benchmark, generated, tmp_path):
    """A whole run of `prepare` with one process and with two; the processes' own start is part of it."""
    rates, spent = {}, {}
    for workers in (1, 2):
        start, before = time.perf_counter(), processor_seconds()
        catalogue = prepare_library(generated, tmp_path / str(workers), FeaturesConfig(), workers=workers)
        rates[workers] = catalogue.computed / (time.perf_counter() - start)
        spent[workers] = processor_seconds() - before
    benchmark.pedantic(lambda: None)
    ratio, overhead = rates[2] / rates[1], spent[2] / spent[1]
    benchmark.extra_info |= {"songs_per_second": rates, "two_to_one": round(ratio, 2), "overhead": round(overhead, 2)}
    print(f"\n{rates[1]:.1f} songs/s with 1 process, {rates[2]:.1f} with 2: {ratio:.2f} times as many", end="")
    print(f"; the processor's seconds {spent[1]:.1f} and {spent[2]:.1f}: {overhead:.2f} times as many")
    assert catalogue.computed == MIXED
    assert overhead < 1.4
    if (os.cpu_count() or 1) < 2 or os.getloadavg()[0] > 1.5:
        pytest.skip("no second core is free: songs per second say nothing")
    assert ratio > 1.3
