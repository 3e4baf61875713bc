"""What a scan knows of every folder, kept between runs: its charts with their radars, what it left out, its state.

One Parquet file per library, replaced as a whole: of two scans that run at once the last one stays. A folder's state
(names, sizes, times of change of its files) decides whether its rows still hold; so does that of audio elsewhere that
its simfiles name. Worker processes return finished tables: memory does not grow with the charts' notes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from groove.charts.chart import Chart, Timing
from groove.charts.display import WORDS, minutes
from groove.charts.library.identity import content_digest, song_traits
from groove.charts.library.walk import Folder, LeftOut, file_state
from groove.charts.notation import tags_of
from groove.charts.radar.groove_radar import FAMILIES, RADAR_AXES, groove_radar
from groove.charts.radar.song_end import last_row
from groove.errors import AudioError, LibraryError
from groove.io.decoding import audio_length
from groove.io.files import write_atomically
from groove.io.processes import OnStep, process_pool

INDEX_VERSION = 2  # part of the file's name: raise it when reading, radars or columns change
INDEX_FOLDER = "index"  # in a store
SongEnd = Literal["song", "last_row"]
"""The konami radar's T ends with the song (`song_end.py`), or with the last row of each chart."""
NO_LENGTH = "audio whose length is not known"
SHORT_AUDIO = "audio much shorter than its chart"
MUCH_SHORTER_S = 5.0
"""Seconds that audio may end before the last note: silence at the end is often cut off."""
FOLDERS_PER_JOB = 32
FEW_FOLDERS = 64  # are read in this process: starting workers takes longer
BPM_DECIMALS = 3
CHART_COLUMNS = ("simfile", "pack", "title", "artist", "steps_type", "difficulty", "meter")
RADAR_COLUMNS = tuple(f"{family}_{axis}" for family in FAMILIES for axis in RADAR_AXES)
COLUMNS: dict[str, pa.DataType] = {
    **dict.fromkeys(("folder", "kind", "state", "label", "reason"), pa.binary()),
    **dict.fromkeys((*CHART_COLUMNS, *WORDS, "description", "music", "norm_title", "norm_artist"), pa.binary()),
    **dict.fromkeys(("meter", "index", "rows"), pa.int64()),
    **dict.fromkeys(("length_s", "bpm", *RADAR_COLUMNS), pa.float64()),
    **dict.fromkeys(("notes", "content"), pa.string()),
    "length_known": pa.bool_(),
    "stored": pa.list_(pa.float64()),
    **dict.fromkeys(("outside_music", "outside_state"), pa.list_(pa.binary())),
}
"""All columns but the raw elements of the radars. Text is bytes: UTF-8, or what a file's name holds instead."""
Row = dict[str, Any]


def to_bytes(text: str) -> bytes:
    """Return `text` as the index keeps it."""
    return text.encode("utf-8", "surrogateescape")


def to_text(value: bytes) -> str:
    """Return the text that `to_bytes` was given."""
    return value.decode("utf-8", "surrogateescape")


def up_to_date(
    root: Path, folders: Sequence[Folder], song_end: SongEnd, cache: Path | None, workers: int, on_step: OnStep
) -> tuple[pa.Table, int]:
    """Return the rows of `folders`, of which only those that changed are read, and how many were read.

    The rows, of kind ``chart``, ``left_out`` and ``folder``, are in an order that does not depend on which were known.
    What changed is saved in the folder `cache`; an index there that is broken is as good as none.
    """
    path, before = None, _table([])
    if cache is not None:
        place = hashlib.sha256(to_bytes("\0".join((os.path.realpath(root), song_end)))).hexdigest()[:16]
        path = cache / f"library-v{INDEX_VERSION}-{place}.parquet"
        with suppress(OSError, pa.ArrowException):
            table = pq.read_table(path)
            before = table if set(COLUMNS) <= set(table.column_names) else before
    known = _unchanged(root, folders, before)
    changed = [folder for folder in folders if folder.path not in known]
    table = before.filter(pc.is_in(before["folder"], pa.array([to_bytes(path) for path in known], pa.binary())))
    if changed or len(table) < len(before):
        parts = [table, *_read(root, changed, song_end, workers, on_step)]
        table = pa.concat_tables(parts, promote_options="default")
        table = table.sort_by([(name, "ascending") for name in ("simfile", "index", "folder")]).combine_chunks()
        if path is not None:
            write_atomically(path, lambda part: pq.write_table(table, part))
    return table, len(changed)


def of_kind(rows: pa.Table, kind: str) -> pa.Table:
    """Return the rows of `kind`."""
    return rows.filter(pc.equal(rows["kind"], kind.encode()))


def _unchanged(root: Path, folders: Sequence[Folder], before: pa.Table) -> set[str]:
    """Return the paths of those `folders` whose rows `before` still hold."""
    states = {folder.path: folder.state for folder in folders}
    paths = set()
    for row in of_kind(before, "folder").select(["folder", "state", "outside_music", "outside_state"]).to_pylist():
        path = to_text(row["folder"])
        outside = zip(row["outside_music"], row["outside_state"], strict=True)
        if row["state"] and states.get(path) == to_text(row["state"]):
            if all(state and file_state(root / to_text(music)) == to_text(state) for music, state in outside):
                paths.add(path)
    return paths


def _read(
    root: Path, folders: Sequence[Folder], song_end: SongEnd, workers: int, on_step: OnStep
) -> Iterator[pa.Table]:
    """Read `folders`; yield their rows batch by batch."""
    jobs = [folders[i : i + FOLDERS_PER_JOB] for i in range(0, len(folders), FOLDERS_PER_JOB)]
    pool = process_pool(min(workers, len(jobs))) if workers > 1 and len(folders) > FEW_FOLDERS else None
    done = 0
    try:
        with pool or nullcontext():
            parts = (pool.map if pool else map)(read_folders, repeat(root), jobs, repeat(song_end))
            for job, part in zip(jobs, parts, strict=True):
                done += len(job)
                yield part
                on_step("song folders read", done, len(folders))
    except BrokenProcessPool as error:
        raise LibraryError(
            "a worker process died: out of memory, a damaged audio file (workers=1 shows which song), or a Python "
            'script that does not start under `if __name__ == "__main__":`'
        ) from error


def read_folders(root: Path, folders: Sequence[Folder], song_end: SongEnd) -> pa.Table:
    """Return the rows of `folders`: one per chart, per thing left out, and one for each folder's state."""
    from groove.charts.simfile.reader import read_simfile  # the parser, which nothing known needs

    rows: list[Row] = []
    for folder in folders:
        charts: list[Chart] = []
        left_out: list[LeftOut] = []
        for name in folder.simfiles:
            found, refused = read_simfile(root / folder.path / name, root)
            charts += found if song_end == "song" else [replace(chart, song_end=None) for chart in found]
            left_out += refused
        lengths, unknown = _lengths(root, charts)
        left_out += unknown
        own = [_chart_row(chart, lengths.get(chart.music or "")) for chart in charts]
        own += [{"kind": "left_out", "simfile": path, "label": label, "reason": why} for path, label, why in left_out]
        away = sorted(music for music in lengths if os.path.dirname(music) != folder.path)
        states = [file_state(root / music) for music in away]
        own.append({"kind": "folder", "state": folder.state, "outside_music": away, "outside_state": states})
        rows += [{**row, "folder": folder.path} for row in own]
    return _table(rows)


def _lengths(root: Path, charts: Sequence[Chart]) -> tuple[dict[str, float | None], list[LeftOut]]:
    """Return the seconds of the audio files of `charts`, None for those not known, and what is odd about them."""
    lengths: dict[str, float | None] = {}
    odd = []
    for music in sorted({chart.music for chart in charts if chart.music}):
        try:
            lengths[music] = seconds = audio_length(root / music)
        except AudioError as error:
            lengths[music] = None
            odd.append(LeftOut(music, "", f"{NO_LENGTH}: {error}"))
            continue
        ends = [chart.timing.time_at(np.array([last_row(chart)]))[0] for chart in charts if chart.music == music]
        if max(ends) > seconds + MUCH_SHORTER_S:
            times = f"whose last note is at {minutes(max(ends))}, the audio ends at {minutes(seconds)}"
            odd.append(LeftOut(music, "", f"{SHORT_AUDIO}; kept: the chart, {times}"))
    return lengths, odd


def _table(rows: list[Row]) -> pa.Table:
    """Return the columns `COLUMNS` of `rows`, and those of the radars' raw elements."""
    numbers = dict.fromkeys((name for row in rows for name in row if name not in COLUMNS), pa.float64())
    columns = {}
    for name, kind in (COLUMNS | numbers).items():
        values = [row.get(name) for row in rows]
        if pa.types.is_binary(kind):
            values = [to_bytes(value) if value is not None else None for value in values]
        elif kind == pa.list_(pa.binary()):
            values = [[to_bytes(value) for value in texts] if texts is not None else None for texts in values]
        columns[name] = pa.array(values, kind)
    return pa.table(columns)


def _chart_row(chart: Chart, seconds: float | None) -> Row:
    radar, traits = groove_radar(chart, seconds), song_traits(chart)
    last = radar.elements["stepmania_last_beat"]
    start, end = chart.timing.time_at(np.array([0.0, last])).tolist()
    return {
        "kind": "chart",
        **{name: getattr(chart, name) for name in (*CHART_COLUMNS, "description", "index")},
        **{name: getattr(chart, name) for name in ("step_artist", "chart_style", "groovestats_hash")},
        "tags": tags_of(chart.description, chart.chart_name, chart.step_artist),
        "breakdown": radar.breakdown,
        "music": traits.music,
        "norm_title": traits.title,
        "norm_artist": traits.artist,
        "rows": traits.rows,
        "notes": traits.notes,
        "content": content_digest(traits.notes, chart.timing),
        "length_s": end - start,
        "bpm": main_bpm(chart.timing, last),
        "length_known": seconds is not None or chart.music_length_s is not None,
        "stored": chart.stored_radar,
        **dict(zip(RADAR_COLUMNS, [*radar.konami, *radar.stepmania], strict=True)),
        **radar.elements,
    }


def main_bpm(timing: Timing, last_beat: float) -> float:
    """Return the BPM that holds for the most seconds between beat 0 and `last_beat`."""
    edges = np.clip(np.append(timing.start_beat, np.inf), 0.0, max(last_beat, 0.0))
    seconds = np.diff(edges) * timing.seconds_per_beat
    if not (seconds > 0).any():
        return round(float(timing.bpms[0, 1]), BPM_DECIMALS) if len(timing.bpms) else 0.0
    bpms = np.round(60.0 / timing.seconds_per_beat[seconds > 0], BPM_DECIMALS)
    values, place = np.unique(bpms, return_inverse=True)
    return float(values[np.argmax(np.bincount(place, seconds[seconds > 0]))])
