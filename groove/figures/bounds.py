"""Bounds in a panel: dashed lines whose names stand where no curve, legend or other text lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from groove.figures.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BOUND = "bound"
"""The mark (`gid`) of a bound's name."""
PLACES = (0.99, 0.87, 0.75, 0.62, 0.5, 0.38, 0.26)
"""The shares of the width at which such a name may end."""
MARK_PIXELS = 3
"""How far a curve and its marks reach from its middle."""


def draw_bound(axes: Axes, value: float, text: str, above: bool = True, right: float = PLACES[0]) -> None:
    """Draw a bound at `value` with its meaning, which ends at the share `right` of the width."""
    axes.axhline(value, color=GREY, linewidth=1, linestyle="--", zorder=1.4)
    name = axes.annotate(
        text,
        (right, value),
        xycoords=axes.get_yaxis_transform(),
        xytext=(0, 2 if above else -2),
        textcoords="offset points",
        ha="right",
        va="bottom" if above else "top",
        fontsize=8,
        color=GREY,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        zorder=1.5,  # below the lines of the run, which it must not hide
    )
    name.set_gid(BOUND)


def free_names(figure: Figure) -> None:
    """Move the names of all bounds in `figure` along their bounds to where they are free, if there is room.

    Extents are pixels; only a figure that is laid out has them.
    """
    figure.draw_without_rendering()
    for axes in figure.axes:
        curves = [_pixels(line) for line in axes.lines if not str(line.get_label()).startswith("_")]
        legend = axes.get_legend()
        for name in (text for text in axes.texts if text.get_gid() == BOUND):
            taken = [text.get_window_extent() for text in axes.texts if text is not name]
            _free(axes, name, curves, taken + ([legend.get_window_extent()] if legend else []))


def _free(axes: Axes, name: Any, curves: list[Any], taken: list[Any]) -> None:
    """Move `name` to the first of its places that is free, or to that which the fewest curves cross."""
    found: list[tuple[int, int, float, bool]] = []
    for share, other_side, box in _places(axes, name):
        inside = axes.bbox.contains(box.x0, box.y0) and axes.bbox.contains(box.x1, box.y1)
        if inside and not any(box.overlaps(text) for text in taken):
            crossed = sum(_meets(curve, box.padded(MARK_PIXELS)) for curve in curves)
            found.append((crossed, len(found), share, other_side))
    if not found:
        return
    _, _, share, other_side = min(found)
    name.xy = (share, name.xy[1])
    if other_side:
        name.xyann = (0, -name.xyann[1])
        name.set_va("top" if name.get_va() == "bottom" else "bottom")


def _places(axes: Axes, name: Any) -> Iterator[tuple[float, bool, Any]]:
    """Yield each place of `name`: where it ends, whether it is on the other side of the bound, and its box.

    Its own side comes first; a name without > or < says which side it is of, and stays there.
    """
    box, right = name.get_window_extent(), name.xy[0]
    across = box.height + 2 * abs(name.xyann[1]) * axes.figure.dpi / 72
    for other_side in (False, True) if set(name.get_text()) & set("<>") else (False,):
        up = (-across if name.get_va() == "bottom" else across) if other_side else 0.0
        for share in (right, *PLACES):
            yield share, other_side, box.translated((share - right) * axes.bbox.width, up).padded(1)


def _pixels(line: Any) -> Any:
    """Return points (N, 2) on the curve of `line`, at most a pixel or two apart."""
    points = line.get_transform().transform(line.get_xydata())
    steps = np.linspace(0.0, 1.0, 200)[:, None, None]
    return np.concatenate([(points[:-1] * (1 - steps) + points[1:] * steps).reshape(-1, 2), points])


def _meets(points: Any, box: Any) -> bool:
    x, y = points.T  # gaps are NaN and lie nowhere
    return bool(((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).any())
