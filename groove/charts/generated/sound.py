"""Sound of a generated song: each drum and note is rendered once and added where its events are; mono float32.

Samples are in -1..1 at `SAMPLE_RATE` Hz, N of a song. An event starts (its attack is under 2 ms) exactly at the time
that the simfile's timing gives its beat.
"""

from __future__ import annotations

import io
import zlib
from functools import lru_cache
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
LONGEST_TONE_S = 3
Samples = NDArray[np.float32]
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def render(song: Song) -> Samples:
    """Return the audio of `song`, shape (N,), N = its music length."""
    length = int(song.music_length_s * SAMPLE_RATE)
    mix = np.zeros(length + 4 * SAMPLE_RATE, dtype=np.float32)
    tick = song.events["tick"]
    start, end = (song.timing.time_at(ticks / TICKS) for ticks in (tick, tick + song.events["length"]))
    first = np.round(start * SAMPLE_RATE).astype(int)
    counts = np.round((end - start) * SAMPLE_RATE).astype(int)
    drums = _drum_kit()
    for at, count, event in zip(first.tolist(), counts.tolist(), song.events, strict=True):
        layer = Layer(int(event["layer"]))
        sound = drums.get(layer)
        if sound is None:
            sound = _tone(layer, int(event["pitch"]), song.style.voice)[:count].copy()
            fade = min(SAMPLE_RATE // 200, len(sound))  # over its last 5 ms
            sound[len(sound) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        if at >= 0:
            mix[at : at + len(sound)] += sound * np.float32(event["velocity"] * GAINS[layer])
    mix = np.tanh(mix[:length] * np.float32(1.1)) * np.float32(0.85)
    mix[-SAMPLE_RATE // 2 :] *= np.linspace(1, 0, SAMPLE_RATE // 2, dtype=np.float32)
    return mix


def write_ogg(samples: Samples, path: Path) -> None:
    """Write `samples` (N,) as OGG Vorbis, the same bytes every time."""
    import soundfile

    encoded = io.BytesIO()
    with soundfile.SoundFile(encoded, "w", SAMPLE_RATE, 1, format="OGG", subtype="VORBIS") as file:
        for start in range(0, len(samples), SAMPLE_RATE):  # a second at a time: libsndfile crashes on one long block
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
        page, data = bytearray(data[:end]), data[end:]
        page[14:18] = serial.to_bytes(4, "little")
        page[22:26] = bytes(4)
        page[22:26] = checksum(bytes(page)).to_bytes(4, "little")
        pages.append(page)
    return b"".join(pages)


def checksum(page: bytes) -> int:
    """Return Ogg's CRC-32 of a page whose checksum field is zero: zlib's, bits reversed, nothing inverted."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


@lru_cache(maxsize=64)
def _tone(layer: Layer, pitch: int, voice: str) -> Samples:
    """Return `LONGEST_TONE_S` of a decaying (lead, bass) or swelling (pad) harmonic tone."""
    time = np.arange(LONGEST_TONE_S * SAMPLE_RATE, dtype=np.float32) / np.float32(SAMPLE_RATE)
    hertz = 440.0 * 2 ** ((pitch - 69) / 12)
    tone = np.zeros_like(time)
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
