"""Sound of a generated song: each drum and note is rendered once and added where its events are; mono float32.

Conventions: samples in -1..1 at `SAMPLE_RATE` Hz, N samples of a song, times in seconds of the audio file. An event
starts (its attack is under 2 ms) exactly at the time that the simfile's timing gives its beat.
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groove.charts.generated.song import TICKS, Layer, Song

SAMPLE_RATE = 22050
HARMONICS = {
    "sine": (1.0, 0.3, 0.1),
    "square": (1, 0, 1 / 3, 0, 1 / 5, 0, 1 / 7),
    "saw": (1, 1 / 2, 1 / 3, 1 / 4, 1 / 5),
}
GAINS = {
    Layer.KICK: 0.95, Layer.SNARE: 0.6, Layer.HAT: 0.22, Layer.CRASH: 0.3,
    Layer.BASS: 0.3, Layer.LEAD: 0.33, Layer.PAD: 0.05,
}  # fmt: skip
Samples = NDArray[np.float32]
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def render(song: Song) -> Samples:
    """Return the audio of `song`, shape (N,), N = its music length."""
    length = int(song.music_length_s * SAMPLE_RATE)
    mix = np.zeros(length + 4 * SAMPLE_RATE, dtype=np.float32)
    tick, layers = song.events["tick"], song.events["layer"]
    start, end = (song.timing.time_at(ticks / TICKS) for ticks in (tick, tick + song.events["length"]))
    first = np.round(start * SAMPLE_RATE).astype(int)
    count = np.round((end - start) * SAMPLE_RATE).astype(int)
    drums = _drum_kit()
    tones: dict[tuple[int, int], Samples] = {}
    for i in np.flatnonzero(first >= 0):
        layer = Layer(int(layers[i]))
        sound = drums.get(layer)
        if sound is None:
            sound = _held(tones, layer, int(song.events["pitch"][i]), song.style.voice, int(count[i]))
        mix[first[i] : first[i] + len(sound)] += sound * np.float32(song.events["velocity"][i] * GAINS[layer])
    mix = np.tanh(mix[:length] * np.float32(1.1)) * np.float32(0.85)
    mix[-SAMPLE_RATE // 2 :] *= np.linspace(1, 0, SAMPLE_RATE // 2, dtype=np.float32)
    return mix


def write_ogg(samples: Samples, path: Path) -> None:
    """Write `samples` (N,) as OGG Vorbis, the same bytes every time.

    A second at a time, since libsndfile crashes on one long block.
    """
    import soundfile

    encoded = io.BytesIO()
    with soundfile.SoundFile(encoded, "w", SAMPLE_RATE, 1, format="OGG", subtype="VORBIS") as file:
        for start in range(0, len(samples), SAMPLE_RATE):
            file.write(samples[start : start + SAMPLE_RATE])
    path.write_bytes(with_serial(encoded.getvalue(), serial=1))


def with_serial(data: bytes, serial: int) -> bytes:
    """Return the Ogg stream `data` with `serial` (0..2^32-1) on every page, its checksums renewed.

    Encoders draw the serial number at random. Source: RFC 3533 (the Ogg container), section 6.
    """
    pages = []
    while data:
        segments = data[26]
        end = 27 + segments + sum(data[27 : 27 + segments])
        page = bytearray(data[:end])
        page[14:18] = serial.to_bytes(4, "little")
        page[22:26] = bytes(4)
        page[22:26] = checksum(bytes(page)).to_bytes(4, "little")
        pages.append(bytes(page))
        data = data[end:]
    return b"".join(pages)


def checksum(page: bytes) -> int:
    """Return the checksum of a page whose checksum field is zero.

    Ogg's CRC-32 shares its polynomial with zlib's, but takes bits from the other end, starts at 0 and is not inverted.
    """
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


def _held(tones: dict[tuple[int, int], Samples], layer: Layer, pitch: int, voice: str, count: int) -> Samples:
    """Return `count` samples of a tone, faded out over its last 5 ms; the longest version is kept in `tones`."""
    count = min(count, 3 * SAMPLE_RATE)
    cached = tones.get((layer, pitch))
    if cached is None or len(cached) < count:
        cached = tones[layer, pitch] = _tone(layer, pitch, voice, max(count, SAMPLE_RATE // 2))
    sound = cached[:count].copy()
    fade = min(SAMPLE_RATE // 200, count)
    sound[count - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return sound


def _tone(layer: Layer, pitch: int, voice: str, count: int) -> Samples:
    """Return `count` samples of a decaying (lead, bass) or swelling (pad) harmonic tone."""
    time = np.arange(count, dtype=np.float32) / np.float32(SAMPLE_RATE)
    hertz = 440.0 * 2 ** ((pitch - 69) / 12)
    tone = np.zeros(count, dtype=np.float32)
    for number, gain in enumerate(HARMONICS[voice if layer == Layer.LEAD else "sine"], start=1):
        if gain and number * hertz < 0.45 * SAMPLE_RATE:
            tone += np.float32(gain) * np.sin(np.float32(2 * np.pi * number * hertz) * time)
    if layer == Layer.PAD:
        return tone * np.minimum(time / np.float32(0.2), 1)
    decay = 5.0 if layer == Layer.LEAD else 8.0
    return tone * np.exp(-np.float32(decay) * time) * np.minimum(time / np.float32(0.001), 1)


def _drum_kit() -> dict[Layer, Samples]:
    """Return one hit of each drum: a falling sine, noise over a tone, and two lengths of bright noise."""
    noise = np.random.default_rng(0).uniform(-1, 1, 2 * SAMPLE_RATE).astype(np.float32)
    bright = np.diff(np.diff(noise)) / np.float32(3)
    lengths_s = (0.25, 0.18, 0.06, 1.2)
    kick_time, snare_time, hat_time, crash_time = (np.arange(int(s * SAMPLE_RATE)) / SAMPLE_RATE for s in lengths_s)
    phase = 2 * np.pi * (48 * kick_time + 110 / 28 * (1 - np.exp(-28 * kick_time)))
    tonal = 0.4 * np.sin(2 * np.pi * 190 * snare_time)
    kit = {
        Layer.KICK: np.sin(phase + np.pi / 4) * np.exp(-11 * kick_time),
        Layer.SNARE: (noise[: len(snare_time)] + tonal) * np.exp(-22 * snare_time),
        Layer.HAT: bright[: len(hat_time)] * np.exp(-70 * hat_time),
        Layer.CRASH: bright[: len(crash_time)] * np.exp(-4 * crash_time),
    }
    return {layer: hit.astype(np.float32) for layer, hit in kit.items()}
