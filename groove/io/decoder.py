"""The program that decodes audio, in a process of its own: `groove.io.decoding` runs this file and talks to it.

A request is a line of JSON on standard input: the `path` (its bytes in hexadecimal), the sample `rate` wanted, 0 for
the length only, and the `longest` length in seconds. The answer is a line of JSON on standard output, with `error`,
`seconds`, or `count` and after it as many float32 samples. The program imports nothing of groove, so that it is quick
to start, and ends with its standard input.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

MEMORY_BYTES = 4 << 30
BLOCK = 1 << 16
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by MPEG version
_KBITS = {
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def mp3_frame(raw: bytes, at: int) -> tuple[int, int, int, int] | None:
    """Return bytes, samples, rate and bytes of side information of the layer III frame at `at`, None if there is none.

    Source: ISO/IEC 11172-3, 2.4.1.3, and 13818-3 for the lower rates.
    """
    head = raw[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, kind, rate_index = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or kind in (0, 15) or rate_index == 3:
        return None
    rate = _RATES[version][rate_index]
    half = version != 3
    size = (72 if half else 144) * 1000 * _KBITS[2 if half else 3][kind - 1] // rate + (head[2] >> 1 & 1)
    mono = head[3] >> 6 == 3
    side = (9 if mono else 17) if half else (17 if mono else 32)
    return size, 576 if half else 1152, rate, side


def mp3_frames(raw: bytes) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Yield place and content of every frame, past tags in front and damaged parts; one alone is taken for noise."""
    at = 0
    while raw[at : at + 3] == b"ID3" and len(raw) >= at + 10:
        at += 10 + (raw[at + 6] << 21 | raw[at + 7] << 14 | raw[at + 8] << 7 | raw[at + 9])
    sure = False
    while 0 <= at < len(raw) - 3:
        frame = mp3_frame(raw, at)
        if frame is None or not (sure or mp3_frame(raw, at + frame[0])):
            sure, at = False, raw.find(b"\xff", at + 1)
            continue
        yield at, frame
        sure, at = True, at + frame[0]


def with_frame_count(raw: bytes) -> bytes | None:
    """Return an mp3 file with a count of its frames in front, None if it has one: without, its length is a guess."""
    frames = list(mp3_frames(raw))
    if not frames:
        return None
    first, (size, _, _, side) = frames[0]
    content = raw[first : first + size]
    if content[4 + side : 8 + side] in (b"Xing", b"Info") or content[36:40] == b"VBRI":
        return None
    head = raw[first] << 24 | raw[first + 1] << 16 | raw[first + 2] << 8 | raw[first + 3]
    head = (head & ~0xF200) | 0x9000 | 0x10000  # a frame of 112 or 80 kbit/s without a checksum or padding has room
    start = head.to_bytes(4, "big")
    counted = mp3_frame(start, 0)
    assert counted is not None
    tag = start + bytes(side) + b"Xing" + (1).to_bytes(4, "big") + len(frames).to_bytes(4, "big")
    return tag.ljust(counted[0], b"\0") + raw[first:]


def ogg_links(file: Any) -> list[bytes] | None:
    """Return the streams of a chained Ogg file, None if there is one: soundfile reads the first one only.

    They follow each other and have serial numbers of their own, so the first and the last page tell (RFC 3533).
    """
    head = file.read(18)
    if head[:4] != b"OggS":
        return None
    file.seek(-min(1 << 16, file.seek(0, io.SEEK_END)), io.SEEK_END)
    tail = file.read()
    last = tail.rfind(b"OggS")
    if last < 0 or tail[last + 14 : last + 18] in (head[14:18], b""):
        return None
    file.seek(0)
    raw = file.read()
    starts, at, begun = [], 0, True
    while raw[at : at + 4] == b"OggS" and len(raw) > at + 26:
        begins = bool(raw[at + 5] & 2)
        if begins and begun:
            starts.append(at)
        begun = not begins
        at += 27 + raw[at + 26] + sum(raw[at + 27 : at + 27 + raw[at + 26]])
    return [raw[a:b] for a, b in zip(starts, [*starts[1:], len(raw)], strict=True)]


def sources_of(path: bytes) -> list[Any]:
    """Return what soundfile opens, one after the other: the path, or contents of which it can tell the length."""
    with open(path, "rb") as file:
        links = ogg_links(file)
        if links is not None:
            return [io.BytesIO(link) for link in links]
        file.seek(0)
        if path.lower().endswith(b".mp3") or file.read(3) == b"ID3":
            file.seek(0)
            counted = with_frame_count(file.read())
            if counted is not None:
                return [io.BytesIO(counted)]
    return [path]


def blocks(file: Any) -> Iterator[Any]:
    """Yield the samples (n, channels) until there are none: the header may not know how many there are.

    soundfile's own reading seeks after every block, which a FLAC file without a length refuses.
    """
    import numpy as np
    import soundfile

    while True:
        block = np.empty((BLOCK, file.channels), dtype=np.float32)
        pointer = soundfile._ffi.cast("float*", soundfile._ffi.from_buffer(block))
        count = soundfile._snd.sf_readf_float(file._file, pointer, BLOCK)
        if count <= 0:
            return
        yield block[:count]


def decoded(file: Any, longest: float) -> Iterator[Any]:
    """Yield the `blocks` of `file`; a `ValueError` is raised beyond `longest` seconds."""
    count = 0
    for block in blocks(file):
        count += len(block)
        if count > longest * file.samplerate:
            raise ValueError(f"is longer than {longest:.0f} s")
        yield block


def answer(path: bytes, rate: int, longest: float) -> tuple[dict[str, Any], bytes]:
    """Return the answer to a request, and the bytes that follow it."""
    import numpy as np
    import soundfile

    seconds, parts = 0.0, []
    for source in sources_of(path):
        with soundfile.SoundFile(source) as file:
            if rate == 0:
                known = 0 < file.frames <= longest * file.samplerate
                count = file.frames if known else sum(len(block) for block in decoded(file, longest))
                seconds += count / file.samplerate
            else:
                parts.append(mono(decoded(file, longest), file, rate))
    if rate == 0:
        return {"seconds": seconds}, b""
    samples = np.concatenate(parts)
    if len(samples) == 0:
        raise ValueError("holds no sample")
    if not np.isfinite(samples).all():
        raise ValueError("holds samples that are not finite")
    if len(samples) > longest * rate + 1:
        raise ValueError(f"is longer than {longest:.0f} s")
    return {"count": len(samples)}, samples.tobytes()


def mono(parts: Iterator[Any], file: Any, rate: int) -> Any:
    """Return the mean of the channels of `file`, whose blocks are `parts`, at `rate`."""
    import numpy as np
    import soxr

    mean = np.full(file.channels, 1.0 / file.channels, dtype=np.float32)
    means = [block @ mean for block in parts]
    samples = np.concatenate(means) if means else np.zeros(0, dtype=np.float32)
    return soxr.resample(samples, file.samplerate, rate).astype(np.float32, copy=False)


def main() -> None:
    """Answer until there are no more requests."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        try:
            head, body = answer(bytes.fromhex(request["path"]), request["rate"], request["longest"])
        except MemoryError:
            head, body = {"error": "needs more memory than a song may"}, b""
        except Exception as error:  # any failure of one file is its reason
            head, body = {"error": " ".join(str(error).split()) or type(error).__name__}, b""
        out.write(json.dumps(head).encode() + b"\n" + body)
        out.flush()


if __name__ == "__main__":
    main()
