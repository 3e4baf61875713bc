"""``substyles.png``: per class the radar of each sub-style, and its charts on the plane in which they differ most.

The radars are in ranks within the class, since raw values hide most axes: of an easy class the freeze reaches 80 where
the chaos stays below 2. All sub-styles together lie on the circle at 50.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from groove.figures.style import GREY, new_figure, save, verbatim

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.projections.polar import PolarAxes

FIGURE_FILE = "substyles.png"
PANEL_INCHES = 4.6
COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive")
CLASSES_A_ROW = 2


@dataclass(frozen=True)
class ClassPanel:
    """What is drawn of one class of N charts in K sub-styles (0: it is undivided); R radar axes.

    Attributes:
        title: the class and what was found.
        axes: names of the radar axes, R of them.
        names: of the sub-styles, K of them.
        profiles: mean percentile rank within the class of each, (K, R).
        points: where the charts lie, (N, 2).
        labels: sub-style of each chart, (N,).
        explained: share of the variance along both coordinates, (2,).
    """

    title: str
    axes: Sequence[str]
    names: Sequence[str]
    profiles: NDArray[np.float64]
    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    explained: NDArray[np.float64]


def substyles_figure(panels: Sequence[ClassPanel], title: str) -> Figure:
    """Return two panels per class, two classes a row: radar pentagons, and charts coloured by sub-style."""
    rows, columns = max(-(-len(panels) // CLASSES_A_ROW), 1), min(max(len(panels), 1), CLASSES_A_ROW)
    figure = new_figure(2 * columns * PANEL_INCHES, rows * PANEL_INCHES + 0.8)
    figure.suptitle(f"{verbatim(title)}\npentagons: mean rank of the radar within the class", fontsize=12)
    figures = np.array(figure.subfigures(rows, columns, squeeze=False)).ravel()
    for part, panel in zip(figures, panels, strict=False):
        part.suptitle(verbatim(panel.title), fontsize=11, fontweight="bold")
        radar, plane = part.add_subplot(1, 2, 1, projection="polar"), part.add_subplot(1, 2, 2)
        _pentagons(radar, panel)
        _scatter(plane, panel)
        for cluster, name in enumerate(panel.names):
            text = f"{verbatim(textwrap.fill(name, 44))} ({(panel.labels == cluster).sum()})"
            plane.plot([], [], color=COLORS[cluster % len(COLORS)], marker="o", label=text)
        plane.plot([], [], color=GREY, linestyle="--", label=f"all ({len(panel.labels)})")
        part.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return figure


def write_figure(panels: Sequence[ClassPanel], title: str, folder: Path) -> Path:
    """Draw the classes into ``folder/substyles.png``, atomically, and return its path."""
    return save(substyles_figure(panels, title), folder / FIGURE_FILE)


def _pentagons(axes: PolarAxes, panel: ClassPanel) -> None:
    """Draw the mean ranks of each sub-style, and the middle of the class as a dashed circle."""
    angles = np.linspace(0, 2 * np.pi, len(panel.axes), endpoint=False)
    around = np.append(angles, angles[0])
    axes.set_theta_offset(np.pi / 2)
    axes.set_theta_direction(-1)
    for cluster, profile in enumerate(panel.profiles):
        color = COLORS[cluster % len(COLORS)]
        axes.plot(around, np.append(profile, profile[0]), color=color, linewidth=2)
        axes.fill(around, np.append(profile, profile[0]), color=color, alpha=0.08)
    axes.plot(np.linspace(0, 2 * np.pi, 100), np.full(100, 50.0), color=GREY, linewidth=1.2, linestyle="--")
    axes.set_xticks(angles, panel.axes, fontsize=9)
    axes.tick_params(axis="x", pad=6)
    axes.set_ylim(0, 100)
    axes.set_yticks([25, 50, 75], ["25", "50 %", "75"], fontsize=7, color=GREY)
    axes.set_rlabel_position(36)
    axes.grid(alpha=0.4)


def _scatter(axes: Axes, panel: ClassPanel) -> None:
    """Draw every chart on the first two principal axes of its class's embeddings; both to one scale."""
    for cluster in range(len(panel.names)):
        inside = panel.points[panel.labels == cluster]
        color = COLORS[cluster % len(COLORS)]
        axes.plot(*inside.T, ".", color=color, alpha=0.65, markersize=6, markeredgewidth=0)
        axes.plot(*inside.mean(axis=0), "o", color=color, markersize=9, markeredgecolor="white", markeredgewidth=1.5)
    if not panel.names:
        axes.plot(*panel.points.T, ".", color=GREY, alpha=0.65, markersize=6, markeredgewidth=0)
    axes.set_xlabel(f"first axis ({panel.explained[0]:.0%} of the spread)", fontsize=9)
    axes.set_ylabel(f"second axis ({panel.explained[1]:.0%})", fontsize=9)
    axes.set_aspect("equal", adjustable="datalim")
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
