"""Why a chart is recommended, axis by axis and in words: what is alike, what there is more or less of.

Differences count in the units of the model's radar scaler, in which one unit is the ordinary spread of charts; words
show the values that players know. Dimension letter: R radar axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.charts.radar.groove_radar import RADAR_AXES, shown

ALIKE = 0.35
"""Two charts are alike in an axis up to this difference, in scaled units."""
DIFFERENT = 0.8
"""They differ in an axis from this difference on."""
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
    axes: Sequence[int] = range(len(RADAR_AXES)),
    family: str = "konami",
) -> Reason:
    """Compare the chart `found` with `query` over `axes`.

    Args:
        query: (R,) its radar as players know it.
        found: (R,) likewise.
        query_scaled: (R,) its radar in scaled units.
        found_scaled: (R,) likewise.
        axes: which axes count (a query by radar may name only some).
        family: whose radar it is, for how values are written.
    """
    difference = found_scaled - query_scaled
    alike = sorted((a for a in axes if abs(difference[a]) <= ALIKE), key=lambda a: -abs(query_scaled[a]))
    differing = sorted((a for a in axes if abs(difference[a]) >= DIFFERENT), key=lambda a: -abs(difference[a]))
    more = [a for a in differing if difference[a] > 0]
    less = [a for a in differing if difference[a] < 0]
    text = "; ".join([*_alike_texts(alike, query_scaled), *_differing_texts(more, less, found - query, family)])
    return Reason(_names(alike), _names(more), _names(less), text or "somewhat different in every axis")


def _names(axes: Sequence[int]) -> tuple[str, ...]:
    return tuple(RADAR_AXES[a] for a in axes)


def _differing_texts(
    more: Sequence[int], less: Sequence[int], change: NDArray[np.float64], family: str
) -> Iterator[str]:
    """Yield ``more air (+24), chaos (+31)`` and ``less freeze (-12)``."""
    for word, axes in (("more", more), ("less", less)):
        if axes:
            yield f"{word} " + ", ".join(f"{RADAR_AXES[a]} ({shown(change[a], family, '+')})" for a in axes)


def _alike_texts(alike: Sequence[int], query_scaled: NDArray[np.float64]) -> Iterator[str]:
    """Yield ``both much stream, little air`` and ``alike in freeze``: axes far from the middle say which way."""
    marked = [f"{_much(query_scaled[a])} {RADAR_AXES[a]}" for a in alike if abs(query_scaled[a]) >= _MARKED]
    plain = [RADAR_AXES[a] for a in alike if abs(query_scaled[a]) < _MARKED]
    if marked:
        yield f"both {', '.join(marked)}"
    if plain:
        yield f"alike in {', '.join(plain)}"


def _much(scaled: float) -> str:
    return "much" if scaled > 0 else "little"
