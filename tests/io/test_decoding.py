"""Audio decoded in a process of its own: lengths that are measured, and files that end, hang or bloat the decoder."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from groove.charts.library.index import NO_LENGTH, SHORT_AUDIO
from groove.config.schema import FeaturesConfig
from groove.errors import AudioError
from groove.features.preparation import prepare_library
from groove.io import decoding
from groove.io.decoding import audio_length, audio_samples
from tests.builders import measures, write_song
from tests.shared import SHARED

RATE = 22050
SECONDS = 3.0
CASES = SHARED / "game_cases" / "audio"


def tone(seconds: float = SECONDS, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Return a tone that gets louder and noisy, so that a variable rate varies."""
    time_s = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(0).normal(0, 0.2, len(time_s)) * (time_s % 1 > 0.5)
    return np.repeat((np.sin(2 * np.pi * 440 * time_s) * 0.3 + noise)[:, None], channels, axis=1)


def encoded(kind: str, seconds: float = SECONDS, **options) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(seconds), RATE, format=kind, **options)
    return file.getvalue()


def without_count(mp3: bytes) -> bytes:
    """Return an mp3 file without the frame that counts the others."""
    at = max(mp3.find(b"Xing"), mp3.find(b"Info"))
    second = mp3.index(mp3[:2], at)
    return mp3[second:]


def odd_files() -> dict[str, bytes]:
    """Return files of `SECONDS` whose headers do not tell their length."""
    flac = bytearray(encoded("FLAC"))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    ogg = encoded("OGG", 1.0), encoded("OGG", 2.0)
    mp3 = encoded("MP3", bitrate_mode="VARIABLE", compression_level=0.3)
    return {"total_0.flac": bytes(flac), "chained.ogg": b"".join(ogg), "no_count.mp3": without_count(mp3)}


@pytest.fixture(autouse=True)
def new_decoder():
    yield
    decoding._decoder.stop()


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_samples_are_mono_at_the_wanted_rate(tmp_path, suffix):
    wave = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100) * 0.5
    soundfile.write(tmp_path / f"a.{suffix}", np.stack([wave, np.zeros_like(wave)], axis=1), 44100)
    samples = audio_samples(tmp_path / f"a.{suffix}", RATE)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(RATE, rel=0.06)
    assert np.abs(samples[2000:-2000]).max() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_mean_of_channels(tmp_path, channels):
    block = np.random.default_rng(1).uniform(-1, 1, (500, channels)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", block, RATE, subtype="FLOAT")
    np.testing.assert_allclose(audio_samples(tmp_path / "a.wav", RATE), block.mean(axis=1), atol=1e-7)


def test_what_cannot_be_decoded_is_an_audio_error(tmp_path):
    (tmp_path / "text.ogg").write_text("no audio")
    (tmp_path / "none.ogg").write_bytes(b"")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan, dtype=np.float32), RATE, subtype="FLOAT")
    for name in ("text.ogg", "none.ogg", "empty.wav", "absent.wav", "nan.wav"):
        with pytest.raises(AudioError):
            audio_samples(tmp_path / name, RATE)
    for name in ("text.ogg", "empty.wav", "absent.wav"):
        with pytest.raises(AudioError):
            audio_length(tmp_path / name)


@pytest.mark.parametrize("name", ["total_0.flac", "chained.ogg", "no_count.mp3"])
def test_a_length_that_the_header_does_not_tell_is_measured(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(odd_files()[name])
    assert audio_length(path) == pytest.approx(SECONDS, abs=0.15)
    assert len(audio_samples(path, RATE)) / RATE == pytest.approx(SECONDS, abs=0.15)


def test_lengths_equal_a_full_decoding():
    files = [path for path in SHARED.rglob("*") if path.suffix.lower() in (".ogg", ".mp3", ".flac", ".wav")]
    if not files:
        pytest.skip("../shared/data is not there: no audio")
    for path in sorted(files)[:: max(1, len(files) // 12)]:
        assert audio_length(path) == pytest.approx(len(audio_samples(path, RATE)) / RATE, abs=0.06), path


def test_the_cases_are_65_seconds_long():
    if not CASES.is_dir():
        pytest.skip("../shared/data is not there: no cases")
    for path in sorted(CASES.glob("*/song.*")):
        seconds = 130 if "chained" in str(path) else 65  # two streams of 65 s
        assert audio_length(path) == pytest.approx(seconds, abs=0.1)


# ---- a file must never end the run ------------------------------------------------------------------

TRAPS = {
    "crashes": "import os; os.abort()",
    "hangs": "import time; time.sleep(600)",
    "grows": "block = [bytearray(1 << 28) for _ in range(1000)]",
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_song_that_traps_the_decoder_costs_itself_only(tmp_path, monkeypatch, trap):
    program = tmp_path / "decoder.py"
    trapped = f"    if path.endswith(b'Trap.wav') and rate:\n        {TRAPS[trap]}\n"
    text = decoding.PROGRAM.read_text()
    start = '    """Return the answer to a request, and the bytes that follow it."""\n'
    assert start in text
    program.write_text(text.replace(start, start + trapped))
    monkeypatch.setattr(decoding, "PROGRAM", program)
    monkeypatch.setattr(decoding, "TIMEOUT_S", 3.0)
    monkeypatch.setattr("groove.features.record.process_pool", None)  # no other process than the decoder's
    for name, line in (("A", "1000"), ("Trap", "0100"), ("Z", "0010")):
        write_song(tmp_path / "Songs", song=name, charts=[("Hard", 9, line)], music_seconds=2)
    begun = time.monotonic()
    songs, store = tmp_path / "Songs", tmp_path / "store"
    catalogue = prepare_library(songs, store, FeaturesConfig(), workers=1)
    assert time.monotonic() - begun < 30
    audio = dict(zip(catalogue.table["title"].to_pylist(), catalogue.table["has_audio"].to_pylist(), strict=True))
    assert audio == {"A": True, "Trap": False, "Z": True}
    (entry,) = catalogue.left_out
    assert entry.path == "Pack/Trap/Trap.wav" and entry.reason.endswith("its charts are kept without audio")


def test_audio_longer_than_the_longest_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "LONGEST_S", 1.0)
    (tmp_path / "a.flac").write_bytes(odd_files()["total_0.flac"])
    soundfile.write(tmp_path / "b.wav", tone(), RATE)
    for name in ("a.flac", "b.wav"):
        with pytest.raises(AudioError, match="longer than 1 s"):
            audio_samples(tmp_path / name, RATE)
        with pytest.raises(AudioError, match="longer than 1 s"):
            audio_length(tmp_path / name)


def test_a_decoder_that_ends_is_started_again(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    assert audio_length(tmp_path / "a.wav") == SECONDS
    decoding._decoder._process.kill()
    decoding._decoder._process.wait()
    assert audio_length(tmp_path / "a.wav") == SECONDS


def test_the_decoder_ends_with_the_process_that_asked(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    code = (
        "import sys, os; from pathlib import Path; from groove.io import decoding\n"
        "decoding.audio_length(Path(sys.argv[1])); print(decoding._decoder._process.pid, flush=True); os._exit(1)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.wav")], capture_output=True, text=True)
    pid = int(done.stdout)
    for _ in range(50):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the decoder goes on")


# ---- what is said -----------------------------------------------------------------------------------


def test_odd_audio_is_named(tmp_path):
    songs = tmp_path / "Songs"
    notes = measures(*["1000 0100 0010 0001"] * 16)  # 32 s at 120 BPM
    write_song(songs, song="Short", charts=[("Hard", 9, notes)], music_seconds=10)
    path = write_song(songs, song="Broken", charts=[("Hard", 9, notes)], music_seconds=1)
    path.with_suffix(".wav").write_bytes(b"RIFF")
    from groove.charts.library.scan import scan

    reasons = {entry.path: entry.reason for entry in scan(songs).left_out}
    assert reasons["Pack/Short/Short.wav"].startswith(f"{SHORT_AUDIO}; kept: the chart, whose last note is at 0:31")
    assert reasons["Pack/Broken/Broken.wav"].startswith(f"{NO_LENGTH}: ")


def test_the_game_cases_are_prepared(tmp_path):
    if not CASES.is_dir():
        pytest.skip("../shared/data is not there: no cases")
    shutil.copytree(CASES, tmp_path / "Songs" / "Pack")
    catalogue = prepare_library(tmp_path / "Songs", tmp_path / "store", FeaturesConfig())
    assert catalogue.table["has_audio"].to_pylist() == [True] * len(catalogue.table)
    assert catalogue.table["stepmania_t_s"].to_pylist() == pytest.approx([130, 65, 65], abs=0.1)


# ---- any bytes --------------------------------------------------------------------------------------

WHOLE = [encoded(kind, 0.5) for kind in ("WAV", "FLAC", "OGG", "MP3")] + list(odd_files().values())
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


@given(st.sampled_from(WHOLE), st.sampled_from(SUFFIXES), st.randoms(use_true_random=False))
def test_damaged_audio_has_samples_or_a_reason(tmp_path_factory, content: bytes, suffix: str, rng: random.Random):
    raw = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        at = rng.choice([rng.randrange(64), rng.randrange(len(raw) + 1)])
        raw[at : at + rng.choice([1, 1, 4, 40])] = rng.choice([rng.randbytes(1), rng.randbytes(4), b"", b"\xff" * 4])
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    path.write_bytes(raw)
    for read in (lambda: [audio_length(path)], lambda: audio_samples(path, RATE)):
        try:
            found = np.asarray(read())
        except AudioError as error:
            assert str(error) and "\n" not in str(error)
            continue
        assert len(found) and np.isfinite(found).all()
    path.unlink()
