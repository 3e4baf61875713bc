"""The serial number of an Ogg stream: encoders draw it at random, so that the same samples give other bytes each time.

Source: RFC 3533 (the Ogg container), section 6: the page header and its checksum.
"""

from __future__ import annotations

import struct
import zlib

_HEADER = struct.Struct("<4sBBqIIIB")
_SERIAL = 14
"""Offset of the serial number in a page's header; its checksum lies 8 bytes on."""
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def with_serial(data: bytes, serial: int) -> bytes:
    """Return the Ogg stream `data` with `serial` (0..2^32-1) on every page, its checksums renewed.

    Raises ValueError if `data` is not a whole number of Ogg pages.
    """
    pages = []
    start = 0
    while start < len(data):
        if data[start : start + 4] != b"OggS" or start + _HEADER.size > len(data):
            raise ValueError(f"no Ogg page at byte {start}")
        lacing = start + _HEADER.size
        segments = data[lacing - 1]
        end = lacing + segments + sum(data[lacing : lacing + segments])
        page = bytearray(data[start:end])
        struct.pack_into("<III", page, _SERIAL, serial, *struct.unpack_from("<I", page, _SERIAL + 4), 0)
        struct.pack_into("<I", page, _SERIAL + 8, checksum(bytes(page)))
        pages.append(bytes(page))
        start = end
    if start != len(data):
        raise ValueError(f"the last Ogg page ends {start - len(data)} bytes early")
    return b"".join(pages)


def checksum(page: bytes) -> int:
    """Return the checksum of a page whose checksum field is zero.

    Ogg's CRC-32 shares its polynomial with zlib's, but takes bits from the other end, starts at 0 and is not inverted.
    """
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
