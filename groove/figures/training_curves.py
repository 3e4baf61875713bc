"""``training_curves.png``: the six panels of a run.

Every panel shares its epochs, and the phases of the run as pale named bands. What was not measured is a gap. Legends
carry the part of a column name that tells lines apart (``grad_norm/backbone`` is ``backbone``).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groove.config.modules import MODULES
from groove.figures.bounds import draw_bound, free_names
from groove.figures.style import GREY, new_figure, save, verbatim
from groove.runs import metric_columns as columns
from groove.runs.folder import Run
from groove.runs.info import RecordedPhase
from groove.runs.layout import CURVES_FILE
from groove.runs.verdict.thresholds import (
    BALANCED_RATIO,
    GOOD_BACKBONE_GRADIENT,
    HEALTHY_ABOVE,
    L2_RED_FLAG,
    MOVING_ABOVE,
    RIGID_ABOVE,
    WARMUP_L2,
    implied_cosine,
)
from groove.runs.verdict.verdict import judge

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PHASE_COLORS = ("#fde9c9", "#d9e8f7", "#dff0d8", "#ecdff2", "#f7dcdc")
_COLORS = ("cyan", "olive", "purple", "blue", "gray", "red", "orange", "brown")
MODULE_COLORS = {module: f"tab:{color}" for module, color in zip(MODULES, _COLORS, strict=True)}
LAYER_COLORS = {"pooled": "tab:blue", "projection": "tab:orange"}
HEADROOM, TURNED_HEADROOM = 0.14, 0.4  # share added to the height of a panel, for the names of its phases


def training_curves(run: Run) -> Figure:
    """Return the six panels of `run`."""
    figure = new_figure(16.0, 9.0, _title(run))
    panels = (_gradients, _distances, _margin, _cosine, _l2, _ratio)
    for axes, panel in zip(figure.subplots(2, 3).flat, panels, strict=True):
        panel(axes, run)
        axes.set_xlabel("epoch")
        axes.set_xlim(-0.5, max(run.last_epoch, 1) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _phase_bands(axes, run)
    free_names(figure)
    return figure


def write_figure(run: Run, folder: Path) -> Path:
    """Draw `run` into ``folder/training_curves.png``, atomically, and return its path."""
    return save(training_curves(run), folder / CURVES_FILE)


def _title(run: Run) -> str:
    def text(value: float | None) -> str:
        return "not measured" if value is None else f"{value:.3f}"

    verdict = judge(run)
    names = {"head": columns.ACCURACY, "probe": columns.PROBE, "k-NN": columns.KNN}
    finals = ", ".join(f"{name} {text(run.final(column))}" for name, column in names.items())
    outcome = f"{'pass' if verdict.passed else 'FAIL'} {verdict.passed_count}/{len(verdict.counted)}"
    leak = "RADAR IN PROJECTION   " if run.info.radar_in_projection else ""
    state = "" if run.info.verdict == "pretrain" else f"{verdict.state}, "  # which says little of a random start
    return (
        f"{leak}experiment {run.info.experiment}: {state}{outcome}   "
        f"final accuracy: {finals} (head at epoch 0: {text(run.at(columns.ACCURACY, 0))})"
    )


# --- the panels ----------------------------------------------------------------------------------------------------


def _gradients(axes: Axes, run: Run) -> None:
    """Panel 1: the backbone should be visible, not flat at zero."""
    axes.set_title("gradient norm per module (before clipping)")
    for module, color in MODULE_COLORS.items():
        norms = [
            value or math.nan for value in run.column(columns.gradient(module))
        ]  # 0 has no place on a logarithmic axis
        _line(axes, norms, module, color)
    if axes.lines:
        axes.set_yscale("log")
        low, high = GOOD_BACKBONE_GRADIENT
        draw_bound(axes, low, f"good backbone > {low:g}")
        draw_bound(axes, high, f"good backbone < {high:g}", above=False)
    _finish(axes, run, columns=2)


def _distances(axes: Axes, run: Run) -> None:
    """Panel 2: A-P and A-N should part."""
    axes.set_title("held-out triplet distances")
    _line(axes, run.column(columns.AP_DISTANCE), "ap_dist (A-P)", "tab:green")
    _line(axes, run.column(columns.AN_DISTANCE), "an_dist (A-N)", "tab:red")
    _finish(axes, run)


def _margin(axes: Axes, run: Run) -> None:
    """Panel 3: the margin should rise from 0 toward the target."""
    fraction = run.final(columns.POSITIVE)
    axes.set_title("held-out triplet margin" + ("" if fraction is None else f" (positive: {fraction:.0%} at the end)"))
    _line(axes, run.column(columns.MARGIN), "triplet_margin", "tab:blue")
    if axes.lines:
        axes.axhline(0.0, color=GREY, linewidth=1)
        draw_bound(axes, run.info.triplet_margin, f"target {run.info.triplet_margin:g}")
    _finish(axes, run)


def _cosine(axes: Axes, run: Run) -> None:
    """Panel 4: the pooled cosine should leave 1 and end between 0.85 and 0.95."""
    axes.set_title("cosine with epoch 0")
    for layer, color in LAYER_COLORS.items():
        _line(axes, run.column(columns.drift(layer, "cosine")), layer, color)
    if axes.lines:
        axes.axhspan(HEALTHY_ABOVE, MOVING_ABOVE, facecolor="none", edgecolor="tab:green", hatch="..", alpha=0.25)
        draw_bound(axes, RIGID_ABOVE, f"rigid > {RIGID_ABOVE}")
        draw_bound(axes, MOVING_ABOVE, f"moving > {MOVING_ABOVE}", right=0.76)  # its neighbours are near
        draw_bound(axes, HEALTHY_ABOVE, f"healthy > {HEALTHY_ABOVE}")
        draw_bound(axes, HEALTHY_ABOVE, "disrupted", above=False)
        axes.set_ylim(min(0.8, axes.dataLim.y0 - 0.02), 1.005)
    _finish(axes, run)


def _l2(axes: Axes, run: Run) -> None:
    """Panel 5: L2 of normalised vectors, with the cosine it implies on the right."""
    axes.set_title("L2 distance from epoch 0 (right: the cosine it implies)")
    for layer, color in LAYER_COLORS.items():
        _line(axes, run.column(columns.drift(layer, "l2")), layer, color)
    if axes.lines:
        top = max(0.2, axes.dataLim.y1 * 1.08)
        axes.set_ylim(-0.08 * top, top)  # below 0 is room for the lower label
        draw_bound(axes, WARMUP_L2, f"wanted > {WARMUP_L2}")
        draw_bound(axes, L2_RED_FLAG, f"red flag < {L2_RED_FLAG}", above=False)
    _finish(axes, run)
    if axes.lines:
        right = axes.secondary_yaxis("right", functions=(_to_cosine, _to_l2))
        right.set_yticks(_cosine_ticks(axes.get_ylim()[1]))
        right.tick_params(labelsize=8)


def _to_cosine(l2: Any) -> Any:
    return 1.0 - np.sign(l2) * np.square(l2) / 2.0  # odd, for the room below 0 to have a place on the axis


def _to_l2(cosine: Any) -> Any:
    distance = 2.0 - 2.0 * np.asarray(cosine)
    return np.sign(distance) * np.sqrt(np.abs(distance))


def _cosine_ticks(highest_l2: float) -> list[float]:
    """Return the bounds of the states and round values between them, as far as the axis shows and leaves room for."""
    ticks: list[float] = []
    for cosine in (1.0, RIGID_ABOVE, MOVING_ABOVE, HEALTHY_ABOVE, 0.7, 0.5, 0.3, 0.0, -0.5, -1.0):
        room = not ticks or _to_l2(cosine) - _to_l2(ticks[-1]) > 0.06 * highest_l2
        if cosine >= implied_cosine(highest_l2) and room:
            ticks.append(cosine)
    return ticks


def _ratio(axes: Axes, run: Run) -> None:
    """Panel 6: the backbone should get a tenth of the head's gradient; undefined while the head is frozen."""
    axes.set_title("gradient ratio backbone / classifier_head")
    pairs = zip(run.epochs, run.column(columns.BACKBONE), run.column(columns.HEAD), strict=True)
    ratios = [
        backbone / head if backbone and head and not run.is_frozen("classifier_head", epoch) else None
        for epoch, backbone, head in pairs
    ]
    _line(axes, ratios, "backbone / classifier_head", "tab:blue")
    if axes.lines:
        axes.set_yscale("log")
        draw_bound(axes, BALANCED_RATIO, f"balanced > {BALANCED_RATIO}")
    for phase in run.info.phases:
        if "classifier_head" in phase.frozen and phase.first_epoch <= run.last_epoch:
            _frozen_band(axes, run, phase)
    _finish(axes, run)


def _frozen_band(axes: Axes, run: Run, phase: RecordedPhase) -> None:
    start, end = _span(run, phase)
    axes.axvspan(start, end, facecolor="none", edgecolor="0.75", hatch="//", linewidth=0)
    axes.text(
        (start + end) / 2,
        0.4,
        "head frozen",
        ha="center",
        va="center",
        rotation=90 if end - start < 0.2 * (run.last_epoch + 1) else 0,
        transform=axes.get_xaxis_transform(),
        bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": "0.75"},
    )


# --- what panels share ---------------------------------------------------------------------------------------------


def _line(axes: Axes, values: Any, label: str, color: str) -> None:
    """Draw `values`, one per epoch; gaps where they are `None`."""
    numbers = np.array(values, dtype=float)
    if np.isfinite(numbers).any():
        axes.plot(range(len(numbers)), numbers, marker=".", color=color, label=label)


def _finish(axes: Axes, run: Run, columns: int = 1) -> None:
    """Add the legend, below the names of the phases, or say that nothing was measured."""
    axes.grid(alpha=0.3)
    if any(not str(line.get_label()).startswith("_") for line in axes.lines):
        headroom = TURNED_HEADROOM if any(_is_turned(run, phase) for phase in run.info.phases) else HEADROOM
        low, high = axes.get_ylim()
        grown = high * (high / low) ** headroom if axes.get_yscale() == "log" else high + (high - low) * headroom
        axes.set_ylim(low, grown)
        box = (0.0, 0.0, 1.0, 1.0 - headroom / 2)
        axes.legend(loc="best", bbox_to_anchor=box, fontsize=8, ncols=columns, framealpha=0.85)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.6, "not measured", ha="center", va="center", transform=axes.transAxes, color=GREY)


def _phase_bands(axes: Axes, run: Run) -> None:
    """Colour the epochs of each phase and name it at the top."""
    for number, phase in enumerate(run.info.phases):
        start, end = _span(run, phase)
        if end <= start:
            continue
        band = axes.axvspan(start, end, color=PHASE_COLORS[number % len(PHASE_COLORS)], linewidth=0, zorder=0)
        band.set_gid(f"phase {phase.name}")
        axes.text(
            (start + end) / 2,
            0.985,
            verbatim(phase.name),
            ha="center",
            va="top",
            fontsize=9,
            rotation=90 if _is_turned(run, phase) else 0,
            color="0.25",
            transform=axes.get_xaxis_transform(),
        )


def _span(run: Run, phase: RecordedPhase) -> tuple[float, float]:
    """Return where the epochs of `phase` begin and end, as far as the run got."""
    return phase.first_epoch - 0.5, min(phase.last_epoch, run.last_epoch) + 0.5


def _is_turned(run: Run, phase: RecordedPhase) -> bool:
    """Return whether the name of `phase` is too long for its band and must be written upright."""
    start, end = _span(run, phase)
    return (end - start) / (max(run.last_epoch, 1) + 1) < 0.02 * len(phase.name)
