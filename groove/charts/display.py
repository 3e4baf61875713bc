"""What is shown of a chart in answers, files, pages and messages: one list of columns, one way to name a chart."""

from __future__ import annotations

SHOWN = ("chart_id", "title", "artist", "pack", "steps_type", "difficulty", "meter", "bpm", "length_s")
"""The columns of a catalogue that tell a reader which chart it is, in the order of every file that lists charts."""
WORDS = ("step_artist", "tags", "chart_style", "breakdown", "groovestats_hash")
"""Further columns of text: who wrote the chart and how they call it, its streams in measures, the game's hash of it."""
DETAILS = ("simfile", "description", "identity", "has_audio", "steps", "stream_measures", "peak_nps", *WORDS)
"""Further columns for programs: the file, its step artist's note, the song's identity, steps by konami's count."""


def chart_name(title: str, difficulty: str, meter: int) -> str:
    """Return what a chart is called: ``Title [Hard 9]``."""
    return f"{title} [{difficulty} {meter}]"


def minutes(seconds: float) -> str:
    """Return a length as ``1:30``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
