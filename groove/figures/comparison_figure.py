"""``comparison.png``: several runs side by side, a point per run, mean and standard deviation over seeds as a bar."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from groove.figures.texts import verbatim
from groove.figures.training_curves import DPI, GREY
from groove.runs.verdict.thresholds import HEALTHY_ABOVE, MOVING_ABOVE, RIGID_ABOVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STATES = {HEALTHY_ABOVE: "healthy >", MOVING_ABOVE: "moving >", RIGID_ABOVE: "rigid >"}
ZERO = {0.0: ""}
LABEL_POINTS = 8
LINE_INCHES = 1.3 * LABEL_POINTS / 72
COMPARED: tuple[tuple[str, tuple[str, ...], dict[float, str]], ...] = (
    ("accuracy", ("accuracy_epoch0", "accuracy_lowest", "accuracy_final"), {}),
    ("pooled cosine with epoch 0 (final)", ("pooled_cosine",), STATES),
    ("held-out triplet margin", ("margin_before", "margin_after"), ZERO),
    (
        "held-out retrieval gain",
        ("gain_pooled_before", "gain_pooled_after", "gain_projection_before", "gain_projection_after"),
        ZERO,
    ),
)


def comparison_figure(groups: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> Figure:
    """Return four panels over `groups` of runs, (name, rows): a point per run, mean and standard deviation as a bar."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [_lines(name, 40) for name, _ in groups]
    height = max(6.0, 1.5 + len(groups) * max(1.1, 0.3 + LINE_INCHES * max(name.count("\n") + 1 for name in names)))
    figure = Figure(figsize=(16.0, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, keys, levels) in zip(figure.subplots(1, 4, sharey=True), COMPARED, strict=True):
        axes.set_title(title, fontsize=11)
        for level, name in levels.items():
            axes.axvline(level, color=GREY, linewidth=1, linestyle="--")
            top = (level, 0.99), axes.get_xaxis_transform()
            axes.annotate(name, top[0], xycoords=top[1], ha="right", va="top", rotation=90, fontsize=8, color=GREY)
        for number, key in enumerate(keys):
            offset = 0.6 * ((number + 0.5) / len(keys) - 0.5)
            _points(axes, groups, key, offset, f"C{number}")
        axes.grid(alpha=0.3, axis="x")
        for edge in range(1, len(groups)):
            axes.axhline(edge - 0.5, color="0.85", linewidth=1)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.36 / height), fontsize=8)
        axes.set_yticks(range(len(groups)), names, fontsize=LABEL_POINTS)
        axes.set_ylim(len(groups) - 0.5, -0.5)
    return figure


def plane_figure(groups: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> Figure:
    """Return accuracy against retrieval gain: per group an arrow from epoch 0 to the mean end, and a point per run."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [_lines(name, 40) for name, _ in groups]
    legend = 1.5 + LINE_INCHES * sum(name.count("\n") + 1.6 for name in names)
    figure = Figure(figsize=(14.0, max(7.0, legend)), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, layer in zip(figure.subplots(1, 2, sharey=True), ("pooled", "projection"), strict=True):
        for number, (name, rows) in enumerate(groups):
            color = f"C{number % 10}"
            start, end = (_mean_point(rows, layer, when) for when in (("epoch0", "before"), ("final", "after")))
            if start is None or end is None or name.startswith("pretrain"):  # begins at random
                continue
            axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": color, "alpha": 0.6})
            axes.plot(*start, "o", color=color, markersize=7, fillstyle="none")  # an arrow alone sets no limits
            axes.plot(*end, "o", color=color, markersize=9, label=names[number])
            points = [(row[f"gain_{layer}_after"], row["accuracy_final"]) for row in rows]
            known = [point for point in points if None not in point]
            axes.plot(*zip(*known, strict=True), ".", color=color, alpha=0.6, markersize=8)
        axes.set_xlabel(f"held-out retrieval gain, {layer} (0 random, 1 the radar itself)")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("held-out accuracy of the own head")
    if figure.axes[1].get_legend_handles_labels()[0]:
        _explain_marks(figure.axes[1])
        figure.axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    figure.suptitle("accuracy against retrieval: from epoch 0 to the end")
    return figure


def _explain_marks(axes: Axes) -> None:
    """Add what the marks mean to the legend, in grey."""
    marks: tuple[tuple[str, int, Any, str], ...] = (
        ("o", 7, "none", "epoch 0, mean of the runs"),
        ("o", 9, "full", "end, mean of the runs"),
        (".", 8, "full", "end, each run"),
    )
    for marker, size, fill, text in marks:
        axes.plot([], [], marker, markersize=size, fillstyle=fill, color=GREY, label=text)


def _lines(name: str, width: int) -> str:
    """Return `name` letter by letter: in one line, or each of its lines folded to `width` characters."""
    if len(name) <= width:
        return verbatim(" ".join(line.strip() for line in name.split("\n")))
    folded = [part for line in name.split("\n") for part in textwrap.wrap(line, width, subsequent_indent="  ")]
    return verbatim("\n".join(folded))


def _mean_point(rows: Sequence[dict[str, Any]], layer: str, when: tuple[str, str]) -> tuple[float, float] | None:
    """Return (mean gain, mean accuracy) of the rows that have both, or None."""
    keys = (f"gain_{layer}_{when[1]}", f"accuracy_{when[0]}")
    points = [[row[key] for key in keys] for row in rows if all(row.get(key) is not None for key in keys)]
    return tuple(np.mean(points, axis=0).tolist()) if points else None  # type: ignore[return-value]


def _points(axes: Axes, groups: Sequence[tuple[str, Sequence[dict[str, Any]]]], key: str, y: float, color: str) -> None:
    axes.plot([], [], "o", color=color, label=key)
    for position, (_, rows) in enumerate(groups):
        values = [row[key] for row in rows if row.get(key) is not None]
        if not values:
            continue
        axes.plot(values, [position + y] * len(values), "o", color=color, alpha=0.5, markersize=5)
        if len(values) > 1:
            spread = float(np.std(values, ddof=1))
            axes.errorbar(
                float(np.mean(values)), position + y, xerr=spread, fmt="|", color=color, capsize=4, markersize=12
            )
