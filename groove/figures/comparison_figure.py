"""``comparison.png``, ``plane.png``, ``dial.png``: runs side by side, a point per run, mean and spread of a group."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from groove.figures.style import GREY, new_figure, save, verbatim
from groove.runs.comparison import Group, groups_of
from groove.runs.layout import COMPARISON_FIGURE, DIAL_FIGURE, PLANE_FIGURE
from groove.runs.verdict.thresholds import HEALTHY_ABOVE, MOVING_ABOVE, RIGID_ABOVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STATES = {HEALTHY_ABOVE: "healthy >", MOVING_ABOVE: "moving >", RIGID_ABOVE: "rigid >"}
LABEL_POINTS = 8
LINE_INCHES = 1.3 * LABEL_POINTS / 72
LETTERS = 40  # of a label in one line
GAINS = tuple(f"gain_{layer}_{when}" for layer in ("pooled", "projection") for when in ("before", "after"))
COMPARED: tuple[tuple[str, tuple[str, ...], dict[float, str]], ...] = (
    ("accuracy", ("accuracy_epoch0", "accuracy_lowest", "accuracy_final"), {}),
    ("pooled cosine with epoch 0 (final)", ("pooled_cosine",), STATES),
    ("held-out triplet margin", ("margin_before", "margin_after"), {0.0: ""}),
    ("held-out retrieval gain", GAINS, {0.0: ""}),
)
DIAL: tuple[tuple[str, str, str | None], ...] = (
    ("held-out retrieval gain, pooled", "gain_pooled_after", None),
    ("held-out retrieval gain, projection", "gain_projection_after", None),
    ("own head: accuracy less epoch 0, points", "accuracy_final", "accuracy_epoch0"),
    ("linear probe: accuracy less epoch 0, points", "probe_final", "probe_epoch0"),
)
LEAST_DRIFT = 1e-3  # what did not move at all has a place on the logarithmic axis
START: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 7, "fillstyle": "none"}
END: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 9}
RUN: dict[str, Any] = {"linestyle": "", "marker": ".", "markersize": 8}
MARKS = {"epoch 0, mean of the runs": START, "end, mean of the runs": END, "end, each run": RUN}  # of plane.png


def write_figures(frame: pd.DataFrame, folder: Path) -> None:
    """Draw a `comparison_frame` into the three files of `folder`, atomically."""
    groups = groups_of(frame)
    save(comparison_figure(groups), folder / COMPARISON_FIGURE)
    save(plane_figure(groups), folder / PLANE_FIGURE)
    save(dial_figure(groups), folder / DIAL_FIGURE)


def comparison_figure(groups: list[Group]) -> Figure:
    """Return four panels over `groups` of runs: a point per run, mean and standard deviation as a bar."""
    names = [_label(group) for group in groups]
    lines = 1 + max(name.count("\n") for name in names)
    height = max(6.0, 1.5 + len(groups) * max(1.1, 0.3 + LINE_INCHES * lines))
    figure = new_figure(16.0, height)
    for axes, (title, keys, levels) in zip(figure.subplots(1, 4, sharey=True), COMPARED, strict=True):
        axes.set_title(title, fontsize=11)
        _levels(axes, levels)
        for number, key in enumerate(keys):
            axes.plot([], [], "o", color=f"C{number}", label=key)
            for position, group in enumerate(groups):
                values, color = group.rows[key].dropna(), f"C{number}"
                y = position + 0.6 * ((number + 0.5) / len(keys) - 0.5)
                axes.plot(values, [y] * len(values), "o", color=color, alpha=0.5, markersize=5)
                if len(values) > 1:
                    spread = {"xerr": values.std(), "fmt": "|", "capsize": 4, "markersize": 12}
                    axes.errorbar(values.mean(), y, color=color, **spread)
        axes.grid(alpha=0.3, axis="x")
        for edge in range(1, len(groups)):
            axes.axhline(edge - 0.5, color="0.85", linewidth=1)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.36 / height), fontsize=8)
        axes.set_yticks(range(len(groups)), names, fontsize=LABEL_POINTS)
        axes.set_ylim(len(groups) - 0.5, -0.5)
    return figure


def plane_figure(groups: list[Group]) -> Figure:
    """Return accuracy against retrieval gain: per group an arrow from epoch 0 to the mean end, and a point per run."""
    names = [_label(group) for group in groups]
    legend = 1.5 + LINE_INCHES * sum(name.count("\n") + 1.6 for name in names)
    figure = new_figure(14.0, max(7.0, legend), "accuracy against retrieval: from epoch 0 to the end")
    for axes, layer in zip(figure.subplots(1, 2, sharey=True), ("pooled", "projection"), strict=True):
        for number, (name, group) in enumerate(zip(names, groups, strict=True)):
            if not group.name.startswith("pretrain"):  # begins at random
                _arrow(axes, group.rows, layer, f"C{number % 10}", name)
        axes.set_xlabel(f"held-out retrieval gain, {layer} (0 random, 1 the radar itself)")
        axes.grid(alpha=0.3)
    left, right = figure.axes
    left.set_ylabel("held-out accuracy of the own head")
    if right.get_legend_handles_labels()[0]:
        for text, mark in MARKS.items():
            right.plot([], [], color=GREY, label=text, **mark)
        right.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    return figure


def dial_figure(groups: list[Group]) -> Figure:
    """Return gains and lost accuracy against drift: a line per experiment through its groups, a small point per run.

    Where the groups of an experiment differ in one setting, each point bears its value: how far that dial was turned.
    """
    figure = new_figure(18.0, 6.5, "what plasticity buys and costs: mean of each group of runs against its drift")
    experiments: dict[str, list[Group]] = {}
    for group in groups:
        experiments.setdefault(group.rows["experiment"].iloc[0], []).append(group)
    panels = figure.subplots(1, len(DIAL))
    panels[1].sharey(panels[0])  # both gains
    panels[3].sharey(panels[2])  # both accuracies
    for axes, (title, end, start) in zip(panels, DIAL, strict=True):
        axes.set_title(title, fontsize=11)
        axes.set_xscale("log")
        for number, (experiment, members) in enumerate(experiments.items()):
            ends = [(group, _drifts(group.rows, end, start)) for group in members]
            _dial_line(axes, [pair for pair in ends if len(pair[1])], f"C{number % 10}", experiment)
        _levels(axes, {1 - edge: name.replace(">", "<") for edge, name in STATES.items()})
        axes.set_xlabel("drift: 1 - cosine of the pooled features with epoch 0")
        axes.grid(alpha=0.3)
    figure.axes[0].legend(loc="best", fontsize=8)
    return figure


def _dial_line(axes: Axes, ends: list[tuple[Group, pd.DataFrame]], color: str, experiment: str) -> None:
    """Draw where each group of an experiment ended (`_drifts` of it), and a line through their means."""
    means = sorted(((*points.mean(), group) for group, points in ends), key=lambda mean: mean[0])
    for _, points in ends:
        axes.plot(points["drift"], points["value"], color=color, alpha=0.6, **RUN)
    line = [mean[0] for mean in means], [mean[1] for mean in means]
    axes.plot(*line, "o-", color=color, markersize=7, label=verbatim(experiment))
    for *place, group in means:
        if len(group.settings) == 1 and len(means) > 1:
            value = verbatim(group.settings[0].partition("=")[2])
            axes.annotate(value, tuple(place), (4, 5), textcoords="offset points", fontsize=LABEL_POINTS)


def _levels(axes: Axes, levels: dict[float, str]) -> None:
    """Draw a named vertical line at each of `levels`."""
    for level, name in levels.items():
        axes.axvline(level, color=GREY, linewidth=1, linestyle="--")
        top = axes.get_xaxis_transform()
        axes.text(level, 0.99, name, transform=top, ha="right", va="top", rotation=90, fontsize=8, color=GREY)


def _drifts(rows: pd.DataFrame, end: str, start: str | None) -> pd.DataFrame:
    """Return drift and value of each run: what stands in `end`, or the points by which it exceeds `start`."""
    value = rows[end] if start is None else 100 * (rows[end] - rows[start])
    drift = (1 - rows["pooled_cosine"]).clip(lower=LEAST_DRIFT)
    return pd.DataFrame({"drift": drift, "value": value}).astype(float).dropna()


def _arrow(axes: Axes, rows: pd.DataFrame, layer: str, color: str, name: str) -> None:
    starts = rows[[f"gain_{layer}_before", "accuracy_epoch0"]].dropna()
    ends = rows[[f"gain_{layer}_after", "accuracy_final"]].dropna()
    if starts.empty or ends.empty:
        return
    start, end = starts.mean(), ends.mean()
    axes.annotate("", tuple(end), tuple(start), arrowprops={"arrowstyle": "->", "color": color, "alpha": 0.6})
    axes.plot(*start, color=color, **START)  # an arrow alone sets no limits
    axes.plot(*end, color=color, label=name, **END)
    axes.plot(*ends.to_numpy().T, color=color, alpha=0.6, **RUN)


def _label(group: Group) -> str:
    lines = (textwrap.fill(line, LETTERS, subsequent_indent="  ") for line in (group.name, *group.settings))
    return verbatim("\n".join(lines))
