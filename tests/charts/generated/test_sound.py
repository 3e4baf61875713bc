"""Serial numbers of Ogg pages: against a checksum bit by bit, and against the encoder's own pages."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from groove.charts.generated.sound import checksum, with_serial

SAMPLES = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * 22050).astype(np.float32)


@pytest.fixture(scope="module")
def stream() -> bytes:
    encoded = io.BytesIO()
    soundfile.write(encoded, SAMPLES, 22050, format="OGG", subtype="VORBIS")
    return encoded.getvalue()


def slow_checksum(page: bytes) -> int:
    register = 0
    for byte in page:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if register >> 31 else register << 1
    return register


@pytest.mark.parametrize("page", [b"", b"\x00", b"\x01", b"OggS", bytes(range(256))])
def test_checksum_is_the_long_division_of_the_specification(page: bytes) -> None:
    assert checksum(page) == slow_checksum(page)


def test_the_encoders_own_serial_gives_its_own_bytes(stream: bytes) -> None:
    own = int.from_bytes(stream[14:18], "little")
    assert with_serial(stream, own) == stream


def test_serial_is_on_every_page_and_the_sound_is_the_same(stream: bytes) -> None:
    changed = with_serial(stream, 7)
    starts = [at for at in range(len(changed)) if changed[at : at + 5] == b"OggS\x00"]
    assert len(starts) > 3
    assert all(changed[at + 14 : at + 18] == b"\x07\x00\x00\x00" for at in starts)
    expected, _ = soundfile.read(io.BytesIO(stream))
    assert np.array_equal(soundfile.read(io.BytesIO(changed))[0], expected)


def test_no_audio_has_no_pages() -> None:
    assert with_serial(b"", 7) == b""
