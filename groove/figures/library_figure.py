"""``library.png``: charts per difficulty and their audio, what was left out and why, five radar distributions.

The picture carries a fingerprint of what it shows, so that an unchanged library is not drawn again (which takes longer
than to read it).
"""

from __future__ import annotations

import hashlib
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from groove.charts.chart import DIFFICULTIES
from groove.charts.library.summary import LibraryReport
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.figures.style import GREY, new_figure, save, verbatim

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIBRARY_FIGURE_VERSION = 1  # to be raised when the drawing changes
REASONS = 9  # so many reasons have a bar of their own, the others share one
REASON_WIDTH = 58  # letters in a line of a reason
WITH_AUDIO, WITHOUT_AUDIO, LEFT_OUT = "tab:blue", "#c6d5e6", "tab:red"
SLOT_COLORS = ("#4c9bd6", "#5cb85c", "#e8b63a", "#d9534f", "#8e5bb5", "0.6")
PERCENTILES = (10, 25, 50, 75, 90)


def write_library_figure(report: LibraryReport, path: Path) -> None:
    """Draw `report` into `path`, atomically, unless that shows it already.

    Raises:
        OSError: if the file cannot be written.
    """
    mark = fingerprint(report)
    if not (path.is_file() and mark.encode() in path.read_bytes()):
        save(library_figure(report), path, description=mark)


def fingerprint(report: LibraryReport) -> str:
    """Return a hash of everything that the figure of `report` shows."""
    digest = hashlib.sha256(repr((LIBRARY_FIGURE_VERSION, report.title, report.family)).encode())
    digest.update(repr((report.difficulty, report.audio_means, report.left_out)).encode())
    for array in (report.radar, report.has_audio):
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"library {digest.hexdigest()}"


def library_figure(report: LibraryReport) -> Figure:
    """Return the figure: two panels above, one for each radar axis below."""
    figure = new_figure(16.0, 9.0, report.title)
    above, below = figure.subfigures(2, 1, squeeze=False)[:, 0]
    counts, reasons = above.subplots(1, 2, width_ratios=(1.0, 1.1))
    _counts(counts, report)
    _reasons(reasons, report.left_out)
    panels = below.subplots(1, len(RADAR_AXES), sharex=True, sharey=True)
    for place, (axes, name) in enumerate(zip(panels, RADAR_AXES, strict=True)):
        axes.set_title(name)
        _distributions(axes, report, report.radar[:, place])
    below.supxlabel(
        f"{report.family} radar: the box holds the middle half of a difficulty's charts, its line is the median, "
        f"the whiskers reach from 10 % to 90 % of them",
        fontsize=9,
    )
    return figure


def _counts(axes: Axes, report: LibraryReport) -> None:
    """Panel: charts per difficulty, with and without audio."""
    groups = report.groups()
    there = np.array([(mask & report.has_audio).sum() for mask in groups.values()])
    totals = np.array([mask.sum() for mask in groups.values()])
    missing, highest = totals - there, totals.max()
    first = axes.bar(list(groups), there, color=WITH_AUDIO, label=f"with {report.audio_means}: {there.sum()}")
    second = axes.bar(list(groups), missing, bottom=there, color=WITHOUT_AUDIO, label=f"without: {missing.sum()}")
    for bars, counts, color in ((first, there, "white"), (second, missing, "black")):
        labels = [str(count) if count > 0.06 * highest else "" for count in counts]
        axes.bar_label(bars, labels, label_type="center", color=color, fontsize=8)
    axes.bar_label(second, list(map(str, totals)), padding=2, fontweight="bold")
    axes.set_ylim(0, 1.25 * highest)  # the legend stands above the bars
    axes.set_title("charts per difficulty")
    axes.legend(loc="upper left", fontsize=9, ncols=2)
    axes.grid(alpha=0.3, axis="y")
    axes.set_axisbelow(True)


def _reasons(axes: Axes, left_out: dict[str, int]) -> None:
    """Panel: how many files or charts were left out, by reason."""
    axes.set_title(f"left out: {sum(left_out.values())} files or charts, by reason")
    if not left_out:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing was left out", ha="center", va="center", transform=axes.transAxes, color=GREY)
        return
    shown = left_out
    if len(left_out) > REASONS:
        shown = dict(list(left_out.items())[: REASONS - 1])
        others = f"{len(left_out) - len(shown)} other reasons (see the list)"
        shown |= {others: sum(left_out.values()) - sum(shown.values())}
    names = [verbatim(textwrap.fill(name, REASON_WIDTH, max_lines=2, placeholder=" ...")) for name in shown]
    bars = axes.barh(range(len(shown)), list(shown.values()), color=LEFT_OUT, height=0.6)
    axes.bar_label(bars, [str(count) for count in shown.values()], padding=3, fontsize=9)
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    axes.set_ylim(max(len(shown), 4) - 0.5, -0.5)
    axes.margins(x=0.12)
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)


def _distributions(axes: Axes, report: LibraryReport, values: NDArray[np.float64]) -> None:
    """Panel: one radar axis, a box per difficulty, from the top in the difficulties' order."""
    groups = report.groups()
    names, places = ("whislo", "q1", "med", "q3", "whishi"), range(len(groups))
    percentiles = [np.percentile(values[mask], PERCENTILES).tolist() for mask in groups.values()]
    drawn = axes.bxp(
        [dict(zip(names, numbers, strict=True)) for numbers in percentiles],
        positions=places,
        orientation="horizontal",
        widths=0.6,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": "black", "linewidth": 1.8},
    )
    for slot, patch in zip(groups, drawn["boxes"], strict=True):
        patch.set_facecolor(SLOT_COLORS[DIFFICULTIES.index(slot) % len(SLOT_COLORS)])
    axes.set_yticks(places, list(groups))
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)
