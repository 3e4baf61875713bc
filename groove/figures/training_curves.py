"""``training_curves.png``: the six panels of a run.

Every panel shares its epochs, and the phases of the run as pale named bands. What was not measured is a gap. Legends
carry the part of a column name that tells lines apart (``grad_norm/backbone`` is ``backbone``). Figures are plain
`Figure` objects: no pyplot, hence no global state, and matplotlib is imported only when something is drawn.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groove.config.modules import MODULES
from groove.figures.texts import verbatim
from groove.io.files import write_atomically
from groove.runs.folder import Phase, Run
from groove.runs.measured import ACCURACY, BACKBONE, HEAD, KNN, MARGIN, POSITIVE, PROBE
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

FIGURE_FILE = "training_curves.png"
SIZE_INCHES, DPI = (16.0, 9.0), 100
PHASE_COLORS = ("#fde9c9", "#d9e8f7", "#dff0d8", "#ecdff2", "#f7dcdc")
_COLORS = ("cyan", "olive", "purple", "blue", "gray", "red", "orange", "brown")
MODULE_COLORS = {module: f"tab:{color}" for module, color in zip(MODULES, _COLORS, strict=True)}
LAYER_COLORS = {"pooled": "tab:blue", "projection": "tab:orange"}
GREEN, RED, GREY = "tab:green", "tab:red", "0.35"
LEVEL, LEVEL_PLACES = "level", (0.99, 0.87, 0.75, 0.62, 0.5, 0.38, 0.26)
"""The mark of a bound's name, and the shares of the width at which such a name may end."""
MARK_PIXELS = 3
"""How far a curve and its marks reach from its middle."""
HEADROOM, TURNED_HEADROOM = 0.14, 0.4  # share added to the height of a panel, for the names of its phases


def training_curves(run: Run) -> Figure:
    """Return the six panels of `run`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(verbatim(_title(run)), fontsize=14)
    panels = (_gradients, _distances, _margin, _cosine, _l2, _ratio)
    for axes, panel in zip(figure.subplots(2, 3).flat, panels, strict=True):
        panel(axes, run)
        axes.set_xlabel("epoch")
        axes.set_xlim(-0.5, max(run.last_epoch, 1) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _phase_bands(axes, run)
    _free_levels(figure)
    return figure


def write_figure(run: Run, folder: Path) -> Path:
    """Draw `run` into ``folder/training_curves.png``, atomically, and return its path."""
    return write_atomically(Path(folder) / FIGURE_FILE, lambda path: training_curves(run).savefig(path, format="png"))


def _title(run: Run) -> str:
    verdict = judge(run)
    names = {"head": ACCURACY, "probe": PROBE, "k-NN": KNN}
    finals = ", ".join(f"{name} {_text(run.final(column))}" for name, column in names.items())
    outcome = f"{'pass' if verdict.passed else 'FAIL'} {verdict.passed_count}/{len(verdict.counted)}"
    leak = "RADAR IN PROJECTION   " if run.info.get("radar_in_projection") else ""
    state = "" if run.kind == "pretrain" else f"{verdict.state}, "  # which says little of a random start
    return (
        f"{leak}experiment {run.experiment}: {state}{outcome}   "
        f"final accuracy: {finals} (head at epoch 0: {_text(run.at(ACCURACY, 0))})"
    )


# --- the panels ----------------------------------------------------------------------------------------------------


def _gradients(axes: Axes, run: Run) -> None:
    """Panel 1: the backbone should be visible, not flat at zero."""
    axes.set_title("gradient norm per module (before clipping)")
    for module in run.modules("grad_norm"):
        _line(axes, run, f"grad_norm/{module}", module, MODULE_COLORS.get(module), positive=True)
    if axes.lines:
        axes.set_yscale("log")
        low, high = GOOD_BACKBONE_GRADIENT
        _level(axes, low, f"good backbone > {low:g}")
        _level(axes, high, f"good backbone < {high:g}", above=False)
    _finish(axes, run, columns=2)


def _distances(axes: Axes, run: Run) -> None:
    """Panel 2: A-P and A-N should part."""
    axes.set_title("held-out triplet distances")
    _line(axes, run, "val/ap_dist", "ap_dist (A-P)", GREEN)
    _line(axes, run, "val/an_dist", "an_dist (A-N)", RED)
    _finish(axes, run)


def _margin(axes: Axes, run: Run) -> None:
    """Panel 3: the margin should rise from 0 toward the target."""
    fraction = run.final(POSITIVE)
    axes.set_title("held-out triplet margin" + ("" if fraction is None else f" (positive: {fraction:.0%} at the end)"))
    _line(axes, run, MARGIN, "triplet_margin", "tab:blue")
    if axes.lines:
        axes.axhline(0.0, color=GREY, linewidth=1)
        if run.target_margin is not None:
            _level(axes, run.target_margin, f"target {run.target_margin:g}")
    _finish(axes, run)


def _cosine(axes: Axes, run: Run) -> None:
    """Panel 4: the pooled cosine should leave 1 and end between 0.85 and 0.95."""
    axes.set_title("cosine with epoch 0")
    for layer, color in LAYER_COLORS.items():
        _line(axes, run, f"drift/{layer}/cosine", layer, color)
    if axes.lines:
        axes.axhspan(HEALTHY_ABOVE, MOVING_ABOVE, facecolor="none", edgecolor="tab:green", hatch="..", alpha=0.25)
        _level(axes, RIGID_ABOVE, f"rigid > {RIGID_ABOVE}")
        _level(axes, MOVING_ABOVE, f"moving > {MOVING_ABOVE}", right=0.76)  # its neighbours are near
        _level(axes, HEALTHY_ABOVE, f"healthy > {HEALTHY_ABOVE}")
        _level(axes, HEALTHY_ABOVE, "disrupted", above=False)
        axes.set_ylim(min(0.8, axes.dataLim.y0 - 0.02), 1.005)
    _finish(axes, run)


def _l2(axes: Axes, run: Run) -> None:
    """Panel 5: L2 of normalised vectors, with the cosine it implies on the right."""
    axes.set_title("L2 distance from epoch 0 (right: the cosine it implies)")
    for layer, color in LAYER_COLORS.items():
        _line(axes, run, f"drift/{layer}/l2", layer, color)
    if axes.lines:
        top = max(0.2, axes.dataLim.y1 * 1.08)
        axes.set_ylim(-0.08 * top, top)  # below 0 is room for the lower label
        _level(axes, WARMUP_L2, f"wanted > {WARMUP_L2}")
        _level(axes, L2_RED_FLAG, f"red flag < {L2_RED_FLAG}", above=False)
    _finish(axes, run)
    if axes.lines:
        right = axes.secondary_yaxis("right", functions=(_to_cosine, _to_l2))
        right.set_yticks(_cosine_ticks(axes.get_ylim()[1]))
        right.tick_params(labelsize=8)


def _ratio(axes: Axes, run: Run) -> None:
    """Panel 6: the backbone should get a tenth of the head's gradient; undefined while the head is frozen."""
    axes.set_title("gradient ratio backbone / classifier_head")
    ratios = [_ratio_at(run, epoch) for epoch in run.metrics.epochs]
    if any(math.isfinite(ratio) for ratio in ratios):
        axes.plot(run.metrics.epochs, ratios, marker=".", color="tab:blue", label="backbone / classifier_head")
        axes.set_yscale("log")
        _level(axes, BALANCED_RATIO, f"balanced > {BALANCED_RATIO}")
    for phase in run.phases:
        if "classifier_head" in phase.frozen:
            start, end = phase.first_epoch - 0.5, phase.last_epoch + 0.5
            axes.axvspan(start, end, facecolor="none", edgecolor="0.75", hatch="//", linewidth=0)
            style = {"boxstyle": "round", "facecolor": "white", "edgecolor": "0.75"}
            middle = (start + min(end, run.last_epoch + 0.5)) / 2
            turn = 90 if end - start < 0.2 * (run.last_epoch + 1) else 0
            transform = axes.get_xaxis_transform()
            axes.text(
                middle, 0.4, "head frozen", ha="center", va="center", rotation=turn, transform=transform, bbox=style
            )
    _finish(axes, run)


def _ratio_at(run: Run, epoch: int) -> float:
    backbone, head = run.at(BACKBONE, epoch), run.at(HEAD, epoch)
    if run.is_frozen("classifier_head", epoch) or not backbone or not head:
        return math.nan
    return backbone / head


# --- what panels share ---------------------------------------------------------------------------------------------


def _line(axes: Axes, run: Run, column: str, label: str, color: str | None, positive: bool = False) -> None:
    """Draw one column; gaps where it is empty, or not positive on a logarithmic scale."""
    values = [math.nan if value is None or (positive and value <= 0) else value for value in run.column(column)]
    if any(math.isfinite(value) for value in values):
        axes.plot(run.metrics.epochs, values, marker=".", color=color, label=label)


def _level(axes: Axes, value: float, text: str, above: bool = True, right: float = 0.99) -> None:
    """Draw a bound as a dashed line with its meaning, which ends at the share `right` of the width."""
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
    name.set_gid(LEVEL)


def _free_levels(figure: Figure) -> None:
    """Move the names of the bounds along their bounds to where no curve, legend or other text lies, if there is room.

    Extents are pixels; only a figure that is laid out has them.
    """
    figure.draw_without_rendering()
    for axes in figure.axes:
        curves = [_pixels(line) for line in axes.lines if not str(line.get_label()).startswith("_")]
        legend = axes.get_legend()
        for name in (text for text in axes.texts if text.get_gid() == LEVEL):
            taken = [text.get_window_extent() for text in axes.texts if text is not name]
            taken += [legend.get_window_extent()] if legend else []
            _free_level(axes, name, curves, taken)


def _free_level(axes: Axes, name: Any, curves: list[Any], taken: list[Any]) -> None:
    """Move `name` to the first of its places that is free, or to that which the fewest curves cross.

    The places on its own side of the bound come first; a name without > or < is of its side.
    """
    box, right = name.get_window_extent(), name.xy[0]
    above = name.get_va() == "bottom"
    other = (-1 if above else 1) * (box.height + 2 * abs(name.xyann[1]) * axes.figure.dpi / 72)
    sides = (0.0, other) if set(name.get_text()) & set("<>") else (0.0,)
    best = None
    for up, share in ((up, share) for up in sides for share in (right, *LEVEL_PLACES)):
        moved = box.translated((share - right) * axes.bbox.width, up).padded(1)
        outside = not (axes.bbox.contains(moved.x0, moved.y0) and axes.bbox.contains(moved.x1, moved.y1))
        if outside or any(moved.overlaps(text) for text in taken):
            continue
        crossed = sum(_inside(curve, moved.padded(MARK_PIXELS)) for curve in curves)
        if best is None or crossed < best[0]:
            best = (crossed, share, up)
    if best is not None:
        name.xy = (best[1], name.xy[1])
    if best is not None and best[2]:
        name.xyann = (0, -name.xyann[1])
        name.set_va("top" if above else "bottom")


def _pixels(line: Any) -> Any:
    """Return points (N, 2) on the curve of `line`, at most a pixel or two apart."""
    points = line.get_transform().transform(line.get_xydata())
    steps = np.linspace(0.0, 1.0, 200)[:, None, None]
    return np.concatenate([(points[:-1] * (1 - steps) + points[1:] * steps).reshape(-1, 2), points])


def _inside(points: Any, box: Any) -> bool:
    x, y = points.T  # gaps are NaN and lie nowhere
    return bool(((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).any())


def _finish(axes: Axes, run: Run, columns: int = 1) -> None:
    """Add the legend, below the names of the phases, or say that nothing was measured."""
    axes.grid(alpha=0.3)
    if any(not str(line.get_label()).startswith("_") for line in axes.lines):
        headroom = TURNED_HEADROOM if any(_is_turned(run, phase) for phase in run.phases) else HEADROOM
        _make_headroom(axes, headroom)
        box = (0.0, 0.0, 1.0, 1.0 - headroom / 2)
        axes.legend(loc="best", bbox_to_anchor=box, fontsize=8, ncols=columns, framealpha=0.85)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.6, "not measured", ha="center", va="center", transform=axes.transAxes, color=GREY)


def _make_headroom(axes: Axes, share: float) -> None:
    """Raise the upper limit, so that the names of the phases stand above the lines."""
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(low, high * (high / low) ** share)
    else:
        axes.set_ylim(low, high + (high - low) * share)


def _phase_bands(axes: Axes, run: Run) -> None:
    """Colour the epochs of each phase and name it at the top."""
    for number, phase in enumerate(run.phases):
        start, end = phase.first_epoch - 0.5, min(phase.last_epoch, run.last_epoch) + 0.5
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


def _is_turned(run: Run, phase: Phase) -> bool:
    """Return whether the name of `phase` is too long for its band and must be written upright."""
    width = (min(phase.last_epoch, run.last_epoch) - phase.first_epoch + 1) / (max(run.last_epoch, 1) + 1)
    return width < 0.02 * len(phase.name)


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


def _text(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
