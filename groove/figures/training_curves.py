"""``training_curves.png``: the six panels of a run.

Every panel shares its epochs, and the phases of the run as pale named bands; the names of bounds stand at its right,
where no curve runs. What was not measured is a gap. Legends carry the part of a column name that tells lines apart.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groove.config.modules import MODULES
from groove.figures.style import GREY, new_figure, save, verbatim
from groove.runs import metric_columns as columns
from groove.runs.folder import RecordedPhase, Run
from groove.runs.layout import CURVES_FILE
from groove.runs.verdict import thresholds
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
        axes.grid(alpha=0.3)
        bands = zip(run.info.phases, itertools.cycle(PHASE_COLORS), strict=False)
        turned = [_phase_band(axes, run, phase, color) for phase, color in bands]
        _legend(axes, TURNED_HEADROOM if any(turned) else HEADROOM)
    return figure


def write_figure(run: Run, folder: Path) -> Path:
    """Draw `run` into ``folder/training_curves.png``, atomically, and return its path."""
    return save(training_curves(run), folder / CURVES_FILE)


def _title(run: Run) -> str:
    def text(value: float) -> str:
        return "not measured" if math.isnan(value) else f"{value:.3f}"

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


def _gradients(axes: Axes, run: Run) -> None:
    """Panel 1: the backbone should be visible, not flat at zero."""
    axes.set_title("gradient norm per module (before clipping)")
    for module, color in MODULE_COLORS.items():
        norms = run.column(columns.gradient(module))
        _line(axes, np.where(norms > 0, norms, np.nan), module, color)  # 0 has no place on a logarithmic axis
    if axes.lines:
        axes.set_yscale("log")
        low, high = thresholds.GOOD_BACKBONE_GRADIENT
        _bound(axes, low, f"good backbone\n> {low:g}")
        _bound(axes, high, f"good backbone\n< {high:g}")


def _distances(axes: Axes, run: Run) -> None:
    """Panel 2: A-P and A-N should part."""
    axes.set_title("held-out triplet distances")
    _line(axes, run.column(columns.AP_DISTANCE), "ap_dist (A-P)", "tab:green")
    _line(axes, run.column(columns.AN_DISTANCE), "an_dist (A-N)", "tab:red")


def _margin(axes: Axes, run: Run) -> None:
    """Panel 3: the margin should rise from 0 toward the target."""
    fraction = run.final(columns.POSITIVE)
    positive = "" if math.isnan(fraction) else f" (positive: {fraction:.0%} at the end)"
    axes.set_title(f"held-out triplet margin{positive}")
    _line(axes, run.column(columns.MARGIN), "triplet_margin", "tab:blue")
    if axes.lines:
        axes.axhline(0.0, color=GREY, linewidth=1)
        _bound(axes, run.info.triplet_margin, f"target {run.info.triplet_margin:g}")


def _cosine(axes: Axes, run: Run) -> None:
    """Panel 4: the pooled cosine should leave 1 and end between 0.85 and 0.95."""
    rigid, moving, healthy = thresholds.RIGID_ABOVE, thresholds.MOVING_ABOVE, thresholds.HEALTHY_ABOVE
    axes.set_title("cosine with epoch 0")
    for layer, color in LAYER_COLORS.items():
        _line(axes, run.column(columns.drift(layer, "cosine")), layer, color)
    if axes.lines:
        axes.axhspan(healthy, moving, facecolor="none", edgecolor="tab:green", hatch="..", alpha=0.25)
        _bound(axes, rigid, f"rigid > {rigid}", "bottom")
        _bound(axes, moving, f"moving > {moving}")
        _bound(axes, healthy, f"healthy > {healthy}")
        axes.set_ylim(min(0.8, axes.dataLim.y0 - 0.02), 1.005)


def _l2(axes: Axes, run: Run) -> None:
    """Panel 5: L2 of normalised vectors, with the cosine it implies on the right."""
    wanted, red_flag = thresholds.WARMUP_L2, thresholds.L2_RED_FLAG
    axes.set_title("L2 distance from epoch 0 (right: the cosine it implies)")
    for layer, color in LAYER_COLORS.items():
        _line(axes, run.column(columns.drift(layer, "l2")), layer, color)
    if axes.lines:
        top = max(0.2, axes.dataLim.y1 * 1.08)
        axes.set_ylim(-0.08 * top, top)
        _bound(axes, wanted, f"target > {wanted}: {thresholds.implied_cosine(wanted):.3f}", "bottom")
        _bound(axes, red_flag, f"red flag < {red_flag}: {thresholds.implied_cosine(red_flag):.4f}", "top")
        for cosine in (0.95, 0.85, 0.7, 0.5, 0.3, 0.0, -0.5, -1.0):
            if math.sqrt(2.0 - 2.0 * cosine) < top:
                _bound(axes, math.sqrt(2.0 - 2.0 * cosine), f"{cosine:g}", line=False)


def _ratio(axes: Axes, run: Run) -> None:
    """Panel 6: the backbone should get a tenth of the head's gradient; undefined while the head is frozen."""
    axes.set_title("gradient ratio backbone / classifier_head")
    backbone, head = run.column(columns.BACKBONE), run.column(columns.HEAD)
    learning = [not run.is_frozen("classifier_head", epoch) for epoch in run.epochs]
    valid = learning & (backbone > 0) & (head > 0)
    ratios = np.divide(backbone, head, out=np.full(len(head), np.nan), where=valid)
    _line(axes, ratios, "backbone / classifier_head", "tab:blue")
    if axes.lines:
        axes.set_yscale("log")
        _bound(axes, thresholds.BALANCED_RATIO, f"balanced\n> {thresholds.BALANCED_RATIO}")
    for phase in run.info.phases:
        if "classifier_head" in phase.frozen and phase.first_epoch <= run.last_epoch:
            start, end = _span(run, phase)
            axes.axvspan(start, end, facecolor="none", edgecolor="0.75", hatch="//", linewidth=0)
            turned = end - start < 0.2 * (run.last_epoch + 1)
            box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "0.75"}
            _text_in_phase(axes, (start + end) / 2, 0.4, "head frozen", turned, va="center", bbox=box)


def _line(axes: Axes, values: Any, label: str, color: str) -> None:
    """Draw `values`, one per epoch; gaps where they are NaN."""
    if np.isfinite(values).any():
        axes.plot(range(len(values)), values, marker=".", color=color, label=label)


def _bound(axes: Axes, value: float, name: str, side: str = "center", line: bool = True) -> None:
    """Name `value` at the right of the panel, with a `line` through it."""
    if line:
        axes.axhline(value, color=GREY, linewidth=1, linestyle="--", zorder=1.4)
    place: Any = {"xycoords": axes.get_yaxis_transform(), "xytext": (4, 0), "textcoords": "offset points"}
    axes.annotate(name, (1.0, value), va=side, fontsize=8, color=GREY, **place)


def _legend(axes: Axes, headroom: float) -> None:
    """Add the legend, below the names of the phases, or say that nothing was measured."""
    if not axes.get_legend_handles_labels()[0]:
        axes.set_yticks([])
        axes.text(0.5, 0.6, "not measured", ha="center", va="center", transform=axes.transAxes, color=GREY)
        return
    low, high = axes.get_ylim()
    grown = high * (high / low) ** headroom if axes.get_yscale() == "log" else high + (high - low) * headroom
    axes.set_ylim(low, grown)
    box = (0.0, 0.0, 1.0, 1.0 - headroom / 2)
    names = 2 if len(axes.get_legend_handles_labels()[0]) > 2 else 1
    axes.legend(loc="best", bbox_to_anchor=box, fontsize=8, ncols=names, framealpha=0.85)


def _phase_band(axes: Axes, run: Run, phase: RecordedPhase, color: str) -> bool:
    """Colour the epochs of `phase` and name it at the top; return whether its name is too long and stands upright."""
    start, end = _span(run, phase)
    turned = (end - start) / (max(run.last_epoch, 1) + 1) < 0.02 * len(phase.name)
    if end > start:
        axes.axvspan(start, end, color=color, linewidth=0, zorder=0).set_gid(f"phase {phase.name}")
        _text_in_phase(axes, (start + end) / 2, 0.985, phase.name, turned, va="top", fontsize=9, color="0.25")
    return turned


def _text_in_phase(axes: Axes, epoch: float, height: float, text: str, turned: bool, **style: Any) -> None:
    rotation, transform = 90 if turned else 0, axes.get_xaxis_transform()
    axes.text(epoch, height, verbatim(text), ha="center", rotation=rotation, transform=transform, **style)


def _span(run: Run, phase: RecordedPhase) -> tuple[float, float]:
    """Return where the epochs of `phase` begin and end, as far as the run got."""
    return phase.first_epoch - 0.5, min(phase.last_epoch, run.last_epoch) + 0.5
