"""Why a chart is recommended, axis by axis and in words: what is alike, what there is more or less of.

Differences count in the units of the model's radar scaler, in which one unit is the ordinary spread of charts; words
show the values that players know. Dimension letter: R axes of `REASON_AXES`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.radar.groove_radar import RADAR_AXES, shown
from groove.charts.technique.counting import TECHNIQUES

REASON_AXES = RADAR_AXES
"""What two charts are compared in, as it reads after *much*, *little*, *more* and *less*."""
ALIKE = 0.35
"""Two charts are alike in an axis up to this difference, in scaled units."""
DIFFERENT = 0.8
"""They differ in an axis from this difference on."""
_OFTEN, _MUCH_MORE = 2.0, 3.0
"""Times in 100 steps: a chart has a technique from so many on, and more of it than another from so many more."""
_SAME_TEMPO = 0.03
_MARKED = 0.8
"""A chart has much of an axis from this far above the middle on, in scaled units, and little from as far below it."""


class Reason(NamedTuple):
    """Axes in which two charts are alike, the most telling first, and those in which they differ, the most first."""

    alike: tuple[str, ...]
    more: tuple[str, ...]
    less: tuple[str, ...]
    text: str


def reason(
    query: NDArray[np.float64],
    found: NDArray[np.float64],
    query_scaled: NDArray[np.float64],
    found_scaled: NDArray[np.float64],
    family: str = "konami",
) -> Reason:
    """Compare the chart `found` with `query`, their values (R,) as players know them and in scaled units.

    Axes in which the query is NaN do not count (a query by radar may name only some); `family` says how values are
    written. The text is like ``both much stream, little air; alike in freeze; more chaos (+31)``.
    """
    axes = range(len(REASON_AXES))
    difference = found_scaled - query_scaled
    alike = sorted((a for a in axes if abs(difference[a]) <= ALIKE), key=lambda a: -abs(query_scaled[a]))
    differing = sorted((a for a in axes if abs(difference[a]) >= DIFFERENT), key=lambda a: -abs(difference[a]))
    more = [a for a in differing if difference[a] > 0]
    less = [a for a in differing if difference[a] < 0]
    changed = {a: f"{REASON_AXES[a]} ({shown(found[a] - query[a], family, '+')})" for a in differing}
    marked = [a for a in alike if abs(query_scaled[a]) >= _MARKED]
    parts = {
        "both": [f"{'much' if query_scaled[a] > 0 else 'little'} {REASON_AXES[a]}" for a in marked],
        "alike in": [REASON_AXES[a] for a in alike if a not in marked],
        "more": [changed[a] for a in more],
        "less": [changed[a] for a in less],
    }
    text = "; ".join(f"{word} {', '.join(names)}" for word, names in parts.items() if names)
    named = [tuple(REASON_AXES[a] for a in group) for group in (alike, more, less)]
    return Reason(named[0], named[1], named[2], text or "somewhat different in every axis")


class Played(NamedTuple):
    """What a chart asks of the feet, and how it flows."""

    technique: NDArray[np.float64]  # (len(TECHNIQUES),) times in 100 steps; NaN where it is not counted
    bpm: float
    stream: int  # measures of stream


def played_alike(query: Played, found: Played) -> list[str]:
    """Return what two charts share of technique and flow, and what `found` has more or less of, each a few words.

    Like ``both crossovers, brackets``, ``more footswitches (+4 in 100 steps)``, ``both 170 BPM``, ``11 measures of
    stream``.
    """
    both = np.minimum(query.technique, found.technique) >= _OFTEN
    change = found.technique - query.technique
    words = [f"both {', '.join(name for name, yes in zip(TECHNIQUES, both, strict=True) if yes)}"] if both.any() else []
    for word, differs in (("more", change >= _MUCH_MORE), ("fewer", change <= -_MUCH_MORE)):
        named = [
            f"{name} ({step:+.0f} in 100 steps)"
            for name, step, yes in zip(TECHNIQUES, change, differs, strict=True)
            if yes
        ]
        words += [f"{word} {', '.join(named)}"] * bool(named)
    if abs(found.bpm - query.bpm) <= _SAME_TEMPO * query.bpm:
        words.append(f"both {found.bpm:.0f} BPM")
    if query.stream and found.stream:
        words.append(f"{found.stream} measures of stream")
    return words
