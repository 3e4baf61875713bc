r"""Lists of charts for the game: a StepMania course, and a file of preferred (favourite) songs.

Both formats name a song by its folder, ``Pack/Song``, as the game sees it below ``Songs``; titles are only shown. The
rules are those of StepMania 5.1 and ITGmania (``CourseLoaderCRS.cpp``, ``MsdFile.cpp``, ``SongManager.cpp``):

* A course is read without unescaping, so no ``:`` or ``;`` can be part of a name, and ``\`` is read as ``/``. Such
  charts are left out, with the reason as a comment in the file.
* A name that begins with ``BEST``, ``WORST``, ``GRADEBEST``, ``GRADEWORST`` (the songs most played and so on) or ``#``
  (the next field), or ends with ``*`` (a random song), means something else. A slash before or after it prevents that:
  the game splits at slashes and ignores what is empty.
* The preferred songs know neither comments nor escapes: a line is a song, or a section if it begins with ``---``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groove.charts.chart import DIFFICULTIES

_OTHER_MEANING = ("BEST", "WORST", "GRADEBEST", "GRADEWORST")
_NOT_IN_A_NAME = re.compile(r"[:;\\\x00-\x1f\x7f]|/(?=/)|^\s*#")


@dataclass(frozen=True)
class CourseEntry:
    """One chart of a course: its song's folder ``Pack/Song`` below the game's ``Songs``, its slot and its number."""

    folder: str
    difficulty: str
    meter: int

    def __str__(self) -> str:
        return f"{self.folder} [{self.difficulty} {self.meter}]"


def song_folder(pack: str, simfile: str) -> str:
    """Return ``Pack/Song`` as the game names the song whose simfile is `simfile` (relative to the library)."""
    return f"{pack}/{simfile.rpartition('/')[0].rpartition('/')[2]}"


def course_entry(chart: Mapping[str, Any]) -> CourseEntry:
    """Return the entry of `chart`, a row of a catalogue or embedded library."""
    return CourseEntry(song_folder(chart["pack"], chart["simfile"]), chart["difficulty"], int(chart["meter"]))


def course_text(name: str, charts: Sequence[CourseEntry]) -> str:
    """Return a ``.crs`` file: the course `name` of `charts`, in their order.

    Charts that the format cannot hold are comments with the reason (`course_refusal`). What would end a name or begin
    a comment becomes a space. Write it as UTF-8 (``surrogateescape`` for folders that are not).
    """
    lines = [f"#COURSE:{' '.join(_NOT_IN_A_NAME.sub(' ', name).split()) or 'groove'};"]
    for chart in charts:
        reason = course_refusal(chart)
        if reason is not None:
            lines.append(f"// left out: {_one_line(str(chart))}: {reason}")
            continue
        if chart.difficulty == "Edit":
            lines.append(f"// Edit charts have no names here: meant is the one of meter {chart.meter}")
        steps = chart.difficulty if chart.difficulty in DIFFICULTIES else str(chart.meter)
        special = chart.folder.startswith(_OTHER_MEANING) or chart.folder.lstrip(" \t").startswith("#")
        lines.append(f"#SONG:{_path(chart.folder, special)}:{steps};")
    return "\n".join(lines) + "\n"


def course_refusal(chart: CourseEntry) -> str | None:
    """Return why a course cannot hold `chart`, or None if it can."""
    ends = [sign for sign in ":;" if sign in chart.folder]
    if ends:
        return f"'{ends[0]}' in a folder's name ends a field of a course"
    if chart.difficulty not in DIFFICULTIES and chart.meter < 1:
        return f"neither a known difficulty ('{_one_line(chart.difficulty)}') nor a meter of 1 or more ({chart.meter})"
    return preferred_refusal(chart)


def preferred_text(sections: Mapping[str, Sequence[CourseEntry]]) -> str:
    """Return a file of preferred songs: each section's name, then its songs, each once, in their order.

    Songs that the format cannot hold are not in it (`left_out`). An empty section is not shown by the game.
    """
    lines = []
    for name, charts in sections.items():
        folders = dict.fromkeys(chart.folder for chart in charts if preferred_refusal(chart) is None)
        lines += [f"---{_one_line(name).strip()}"]
        lines += [_path(folder, folder.startswith("---")) for folder in folders]
    return "".join(f"{line}\n" for line in lines)


def preferred_refusal(chart: CourseEntry) -> str | None:
    """Return why a file of preferred songs cannot hold `chart`, or None if it can."""
    folder = chart.folder
    if "\\" in folder:
        return "'\\' in a folder's name is read as '/'"
    if re.search(r"[\x00\r\n]", folder):
        return "a folder's name has a line break or a zero byte"
    if "\ufffd" in folder:
        return "the folder's name is not known exactly: it is not UTF-8"
    if folder.count("/") != 1 or not all(folder.split("/")):
        return "not of the form Pack/Song"
    return None


def left_out(
    charts: Sequence[CourseEntry], refusal: Callable[[CourseEntry], str | None] = course_refusal
) -> list[tuple[CourseEntry, str]]:
    """Return those of `charts` that the format of `refusal` cannot hold, each with the reason."""
    reasons = [(chart, refusal(chart)) for chart in charts]
    return [(chart, reason) for chart, reason in reasons if reason is not None]


def _path(folder: str, special_start: bool) -> str:
    """Return `folder` so that the game takes it for a folder and for nothing else."""
    return ("/" if special_start else "") + folder + ("/" if folder.endswith("*") else "")


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)
