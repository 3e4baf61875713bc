"""Our radars beside those that others computed: the values stored in simfiles, and a table of official ones.

Letters: C compared charts, A the five axes in the order of `RADAR_AXES`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groove.charts.library.scan import Library
from groove.charts.radar.groove_radar import RADAR_AXES, groove_radar
from groove.charts.radar.song_end import last_row
from groove.charts.rows import EPSILON
from groove.errors import LibraryError

STORED_TOLERANCE, STORED_CAP = 0.002, 1.0
OFFICIAL_TOLERANCE = 1.0
FIVE_ONE_VALUES = 28  # StepMania 5.1 and later store 14 categories for each of two players
OLD_VALUES = 11  # the most that builds stored which are known to count hold heads twice
_END_STEPS = np.arange(-16, 65) / 2  # beats from the last row at which `cause` tries a song end
OfficialValues = Mapping[tuple[str, str], Sequence[float]]  # (A,) by simfile and difficulty


@dataclass(frozen=True)
class Comparison:
    """C charts, `places` (C,) in a library, counted under `groups` (C,): our values (C, A) beside `theirs` (C, A).

    `theirs` is NaN where there is nothing to compare; `agrees` is (C, A); `missing` names charts that the library has
    not, as ``simfile [difficulty]``.
    """

    places: NDArray[np.int64]
    groups: list[str]
    ours: NDArray[np.float64]
    theirs: NDArray[np.float64]
    agrees: NDArray[np.bool_]
    missing: Sequence[str] = ()

    def shares(self) -> dict[str, tuple[int, NDArray[np.float64]]]:
        """Return, by group and for all, the number of charts and the share that agrees (A,), NaN without any."""
        names = np.array(self.groups)
        masks = {name: names == name for name in sorted(set(self.groups))}
        if len(masks) > 1:
            masks["all"] = np.ones(len(names), dtype=bool)
        found = {}
        for name, members in masks.items():
            compared = ~np.isnan(self.theirs[members])
            agree, count = (self.agrees[members] & compared).sum(axis=0), compared.sum(axis=0)
            found[name] = (int(members.sum()), np.where(count > 0, agree / np.maximum(count, 1), np.nan))
        return found

    def floored(self) -> Comparison:
        """Return the same for our values floored to integers, as the arcade game shows its own."""
        ours = np.floor(self.ours + EPSILON)
        return replace(self, ours=ours, agrees=_within_a_point(ours, self.theirs))

    def worst(self, count: int) -> list[int]:
        """Return the indices of the charts that disagree most: on the most axes, then by the largest difference."""
        off = ~np.isnan(self.theirs) & ~self.agrees
        size = np.where(off, np.abs(self.ours - self.theirs), 0).max(axis=1, initial=0)
        order = np.lexsort((size, off.sum(axis=1)))[::-1]
        return [int(index) for index in order[:count] if off[index].any()]


def compare_stored(library: Library) -> Comparison:
    """Compare the stepmania radar with the values in the simfiles, where they hold any that are not all zero.

    Both are capped at 1, as builds before 5.1 did. Those count the head of a hold twice in stream (513 of 513 charts of
    one such build agree only so; between them and 5.1 both occur, and the nearer one is taken) and store 0 or another
    voltage, which is not compared. Where the length of a song is not known, the T that the stored stream implies is
    taken, and stream itself is not compared.
    """
    charts = library.charts
    stored = charts["stored"].to_pylist()
    places = np.array([i for i, values in enumerate(stored) if len(values) >= 5 and any(values[:5])], dtype=np.int64)
    count = np.array([len(stored[i]) for i in places])
    newer = count >= FIVE_ONE_VALUES
    known = charts["length_known"].to_numpy()[places].astype(bool)
    ours = np.column_stack([charts[f"stepmania_{axis}"].to_numpy()[places] for axis in RADAR_AXES])
    theirs = np.array([stored[i][:5] for i in places], dtype=np.float64).reshape(-1, 5)
    stream = theirs[:, 0].copy()
    older = charts["stepmania_stream_before_5_1"].to_numpy()[places]
    nearer = np.abs(older - stream) < np.abs(ours[:, 0] - stream)
    twice = ~newer & ((count <= OLD_VALUES) | nearer)
    ours[twice, 0] = older[twice]
    theirs[~newer, 1] = np.nan
    implied = ~known & (stream > 0) & (stream < STORED_CAP) & (ours[:, 0] > 0)
    ours[implied] *= (stream[implied] / ours[implied, 0])[:, None]  # every axis goes with 1 / T
    theirs[~known & ~implied] = np.nan
    theirs[~known, 0] = np.nan
    close = np.abs(np.minimum(ours, STORED_CAP) - np.minimum(theirs, STORED_CAP)) <= STORED_TOLERANCE + EPSILON
    builds = np.where(newer, "StepMania 5.1 and later", "before 5.1")
    groups = [build + ("" if length else ", length unknown") for build, length in zip(builds, known, strict=True)]
    return Comparison(places, groups, ours, theirs, close)


def compare_official(library: Library, official: OfficialValues) -> Comparison:
    """Compare the konami radar of `dance-single` charts with `official` values; a `LibraryError` if none is there."""
    names = zip(library.text("simfile"), library.text("difficulty"), library.text("steps_type"), strict=True)
    keys = [(simfile, difficulty) if kind == "dance-single" else ("", "") for simfile, difficulty, kind in names]
    places = np.array([i for i, key in enumerate(keys) if key in official], dtype=np.int64)
    if len(places) == 0:
        raise LibraryError(f"compare: none of the {len(official)} charts with official values is in this library")
    ours = np.column_stack([library.charts[f"konami_{axis}"].to_numpy()[places] for axis in RADAR_AXES])
    theirs = np.array([official[keys[i]] for i in places])
    packs = library.text("pack")
    missing = [f"{simfile} [{difficulty}]" for simfile, difficulty in sorted(official.keys() - set(keys))]
    return Comparison(places, [packs[i] for i in places], ours, theirs, _within_a_point(ours, theirs), missing)


def _within_a_point(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(ours - theirs) <= OFFICIAL_TOLERANCE + EPSILON


def read_official(path: Path) -> OfficialValues:
    """Return the official values of the CSV file `path`, which has columns simfile, difficulty and the five axes."""
    line = 0
    found: dict[tuple[str, str], list[float]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"simfile", "difficulty", *RADAR_AXES} - set(reader.fieldnames or ())
            if missing:
                raise LibraryError(f"compare='{path}' has no column {', '.join(sorted(missing))}")
            for row in reader:
                line = reader.line_num
                found[row["simfile"], row["difficulty"]] = [float(row[axis]) for axis in RADAR_AXES]
    except OSError as error:
        raise LibraryError(
            f"compare='{path}' cannot be read: {error.strerror}; give a CSV file, or compare=stored"
        ) from error
    except (ValueError, TypeError) as error:
        raise LibraryError(f"compare='{path}' is not a table of numbers: error after line {line}") from error
    return found


def cause(library: Library, place: int, theirs: ArrayLike) -> str:
    """Return why a chart disagrees with official values (A,), as far as another end of the song can tell."""
    from groove.charts.simfile.reader import read_simfile

    simfile, index = library.text("simfile")[place], library.charts["index"][place].as_py()
    charts, _ = read_simfile(library.root / simfile, library.root)
    chart = next(chart for chart in charts if chart.index == index)
    row = last_row(chart)
    here = row if chart.song_end is None else chart.song_end
    tried = []
    for end in [here, *(row + _END_STEPS).tolist()]:
        agrees = _within_a_point(groove_radar(replace(chart, song_end=end)).konami, np.asarray(theirs))
        tried.append((int(agrees.sum()), -abs(end - here), end, agrees))
    _, _, end, agrees = max(tried, key=lambda entry: entry[:2])
    parts = []
    if end != here:
        seconds = np.diff(chart.timing.time_at(np.array([here, end])))[0]
        parts.append(f"the song ends {abs(seconds):.1f} s {'later' if seconds > 0 else 'earlier'} than assumed")
    if not agrees.all():
        gone = [axis for axis, fits in zip(RADAR_AXES, agrees, strict=True) if not fits]
        parts.append(f"{' and '.join(gone)} fit no end: other notes or timing than the game's, or a slip of the table")
    return "; ".join(parts)
