"""Audio decoded in a process of its own (`decoder.py`): a file that ends, hangs or bloats it costs that file only."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groove.errors import AudioError

LONGEST_S = 3600.0
"""Longer audio is not read: its spectrogram would not fit a computer's memory."""
TIMEOUT_S = 120.0
"""An hour of audio takes a third of it."""
PROGRAM = Path(__file__).with_name("decoder.py")


class _Decoder:
    """The process, started with the first file, and again after one that ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._one_at_a_time = threading.Lock()

    def ask(self, path: Path, rate: int) -> tuple[dict, bytes]:
        """Return the answer to a request, see `decoder.py`; raise an `AudioError` if there is none."""
        request = {"path": os.fsencode(path).hex(), "rate": rate, "longest": LONGEST_S}
        with self._one_at_a_time:
            process = self._running()
            deadline = time.monotonic() + TIMEOUT_S
            try:
                assert process.stdin is not None
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                head = json.loads(self._read_line(process, deadline))
                return head, self._read(process, 4 * head.get("count", 0), deadline)
            except (OSError, ValueError) as error:
                self.stop()
                raise AudioError("ended the process that decoded it") from error
            except BaseException:
                self.stop()  # an answer that nobody reads would be taken for the next one
                raise

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self._owner = os.getpid()  # a forked process has its own
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        return self._process

    def _read_line(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += self._read(process, 1, deadline)
        return line

    def _read(self, process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
        """Return `size` bytes; an `OSError` if the process ended, an `AudioError` if it takes too long."""
        assert process.stdout is not None
        found = bytearray()
        while len(found) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                raise AudioError(f"took longer than {TIMEOUT_S:.0f} s to decode")
            part = os.read(process.stdout.fileno(), min(size - len(found), 1 << 20))
            if not part:
                raise OSError
            found += part
        return bytes(found)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        pass
        self._process = None


_decoder = _Decoder()
atexit.register(_decoder.stop)


def audio_samples(path: Path, rate: int) -> NDArray[np.float32]:
    """Return the audio at `path` as one channel at `rate` Hz, shape (S,), or raise an `AudioError`."""
    head, body = _decoder.ask(path, rate)
    if "error" in head:
        raise AudioError(f"cannot be decoded: {head['error']}")
    return np.frombuffer(body, dtype=np.float32).copy()


def audio_length(path: Path) -> float:
    """Return the length of an audio file in seconds, or raise an `AudioError` if it cannot be told.

    It is the header's where that is to be trusted, else that of all frames: of an mp3 file without a count of them, and
    of files that give none (chained Ogg streams, FLAC from a pipe).
    """
    head, _ = _decoder.ask(path, 0)
    if "error" in head:
        raise AudioError(head["error"])
    if not 0 < head["seconds"] <= LONGEST_S:
        raise AudioError("holds no sample" if head["seconds"] <= 0 else f"is longer than {LONGEST_S:.0f} s")
    return float(head["seconds"])
