"""Simfiles and songs made in code, small enough to check by hand. Used by all tests.

A chart is ``(difficulty, meter, notes)``. `notes` is the text of a ``#NOTES`` field; `measures` writes it from rows:
``measures("1000 0000 0100 0000", "1100")`` is two measures, the first of 4 lines, the second of 1.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from groove.charts.chart import Chart, LeftOut
from groove.charts.simfile.reader import read_simfile

Charts = Sequence[tuple[str, int, str]]


def measures(*rows: str) -> str:
    """Return note data: one argument per measure, its lines separated by spaces."""
    return "\n,\n".join(measure.replace(" ", "\n") for measure in rows)


def steady(rows_per_measure: int, bars: int, row: str = "1000") -> str:
    """Return `bars` measures with `row` on every one of `rows_per_measure` lines."""
    return measures(*[" ".join([row] * rows_per_measure)] * bars)


def header(bpms: str, stops: str, offset: float, title: str, artist: str, music: str, extra: str) -> str:
    """Return the tags that both formats share; `extra` is raw text such as ``#WARPS:4=2;``."""
    tags = f"#TITLE:{title};\n#ARTIST:{artist};\n#MUSIC:{music};\n#OFFSET:{offset};\n"
    return f"{tags}#BPMS:{bpms};\n#STOPS:{stops};\n{extra}\n"


def sm_text(
    charts: Charts,
    *,
    bpms: str = "0=120",
    stops: str = "",
    offset: float = 0,
    title: str = "Song",
    artist: str = "",
    music: str = "",
    extra: str = "",
    steps_type: str = "dance-single",
    radar: str = "0,0,0,0,0",
) -> str:
    """Return the text of an `.sm` file."""
    body = "".join(
        f"#NOTES:\n     {steps_type}:\n     :\n     {difficulty}:\n     {meter}:\n     {radar}:\n{notes}\n;\n"
        for difficulty, meter, notes in charts
    )
    return header(bpms, stops, offset, title, artist, music, extra) + body


def ssc_text(
    charts: Charts,
    *,
    bpms: str = "0=120",
    stops: str = "",
    offset: float = 0,
    title: str = "Song",
    artist: str = "",
    music: str = "",
    extra: str = "",
    chart_extra: str = "",
    steps_type: str = "dance-single",
    radar: str = "0,0,0,0,0",
) -> str:
    """Return the text of an `.ssc` file; `chart_extra` is raw text put into every chart, such as its own timing."""
    body = "".join(
        f"#NOTEDATA:;\n#STEPSTYPE:{steps_type};\n#DESCRIPTION:;\n#DIFFICULTY:{difficulty};\n#METER:{meter};\n"
        f"#RADARVALUES:{radar};\n{chart_extra}\n#NOTES:\n{notes}\n;\n"
        for difficulty, meter, notes in charts
    )
    return "#VERSION:0.83;\n" + header(bpms, stops, offset, title, artist, music, extra) + body


def write_song(
    root: Path,
    pack: str = "Pack",
    song: str = "Song",
    charts: Charts = (("Easy", 3, "1000\n0100\n0010\n0001"),),
    *,
    bpms: str = "0=120",
    stops: str = "",
    offset: float = 0,
    title: str | None = None,
    artist: str = "",
    music: str | None = None,
    fmt: str = "ssc",
    music_seconds: float | None = None,
    extra: str = "",
    steps_type: str = "dance-single",
) -> Path:
    """Write ``root/pack/song/song.fmt`` and return its path.

    The title is the song's folder unless given. With `music_seconds` a WAV file of clicks on the beat of the first
    tempo is written beside it, named `music` or ``song.wav``.
    """
    folder = root / pack / song
    folder.mkdir(parents=True, exist_ok=True)
    if music_seconds is not None:
        music = music or f"{song}.wav"
        bpm = float(bpms.split(",")[0].split("=")[1])
        write_clicks(folder / music, music_seconds, bpm, offset)
    text = {"sm": sm_text, "ssc": ssc_text}[fmt](
        charts,
        bpms=bpms,
        stops=stops,
        offset=offset,
        title=song if title is None else title,
        artist=artist,
        music=music or "",
        extra=extra,
        steps_type=steps_type,
    )
    path = folder / f"{song}.{fmt}"
    path.write_text(text, encoding="utf-8")
    for file in folder.iterdir():
        settle(file)
    return path


def settle(path: Path) -> None:
    """Let a file have changed a minute ago: a scan does not trust the time of one that changed just now."""
    now = time.time_ns()
    if path.stat().st_mtime_ns > now - 30_000_000_000:
        os.utime(path, ns=(now, now - 60_000_000_000))


def write_clicks(path: Path, seconds: float, bpm: float = 120, offset: float = 0, sample_rate: int = 22050) -> None:
    """Write mono audio with a click of 20 ms at each beat (beat 0 at ``-offset`` seconds)."""
    import soundfile

    audio = np.zeros(round(seconds * sample_rate), dtype=np.float32)
    click = np.sin(2 * np.pi * 1000 * np.arange(sample_rate // 50) / sample_rate) * np.linspace(
        0.8, 0, sample_rate // 50
    )
    for start in np.arange(-offset % (60 / bpm), seconds, 60 / bpm):
        place = int(start * sample_rate)
        audio[place : place + len(click)] += click[: len(audio) - place].astype(np.float32)
    soundfile.write(path, audio, sample_rate)


def read_text(folder: Path, text: str | bytes, name: str = "song.sm") -> tuple[list[Chart], list[LeftOut]]:
    """Return what `read_simfile` makes of a file of this content, written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_simfile(path, folder)


def chart_of(folder: Path, text: str, fmt: str = "ssc") -> Chart:
    """Return the only chart of a simfile with this text, written to `folder`; fail if anything was left out."""
    charts, left_out = read_text(folder, text, f"song.{fmt}")
    assert not left_out, left_out
    (chart,) = charts
    return chart
