"""What every run must satisfy: it is whole and sound, its loss falls, and the pooled features move with it.

The scale of the state is the cosine of pooled features with those of epoch 0. On unit vectors L2 = sqrt(2 - 2 cos), so
the two bounds of the source document (cosine 0.95, L2 0.1) lie far apart; L2 is judged by its own bounds and always
shown with the cosine it implies.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from groove.config.modules import LOSSES
from groove.runs.columns import CONTRASTIVE_LOSS, COSINE, HELD_OUT_LOSS, L2, TRAIN_LOSS, TRAINABLE, drift
from groove.runs.folder import Run
from groove.runs.measured import Measured, arrow, final, loss_fall, number
from groove.runs.verdict.advice import frozen_text, gentler, loss_questions, stronger
from groove.runs.verdict.indicator import Bound, Indicator, between, bound, judged, zero
from groove.runs.verdict.rules_evidence import stale_or_lost
from groove.runs.verdict.thresholds import (
    HEALTHY_ABOVE,
    L2_FAILURE,
    L2_RED_FLAG,
    LOSS_BARELY_FALLS,
    MOVING_ABOVE,
    RIGID_ABOVE,
    implied_cosine,
)


def run_complete(run: Run) -> Indicator:
    """The run reached the last epoch of its last phase; half a run proves nothing."""
    planned = max(phase.last_epoch for phase in run.info.phases)
    hint = f"the run ended at epoch {run.last_epoch} of {planned}: resume it with ckpt_path=.../checkpoints/last.ckpt"
    return judged("run/complete", Measured(float(run.last_epoch)), bound(">=", planned, " epochs"), hint)


def loss_finite(run: Run) -> Indicator:
    """No loss is NaN, infinite, or blank where its weight is above zero."""
    bad = _non_finite(run, lambda name: name.endswith("loss"))
    bad += [f"{name} blank at epoch {epoch}" for name, epoch in _blank_losses(run)]
    return _no_mistakes("loss/finite", bad, "loss values NaN, infinite or blank")


def gradient_finite(run: Run) -> Indicator:
    """No gradient norm is NaN or infinite."""
    bad = _non_finite(run, lambda name: name.startswith("grad_"))
    return _no_mistakes("gradient/finite", bad, "gradient norms NaN or infinite")


def _no_mistakes(name: str, bad: list[str], text: str) -> Indicator:
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    hint = (
        f"{'; '.join(bad[:3])}{more}. Set trainer.gradient_clip_val=1.0, divide optimizer.lr by 10, lower the "
        "contrastive weight to 1.0, look for outliers in the radar"
    )
    return judged(name, Measured(float(len(bad))), zero(f" {text}"), hint)


def _non_finite(run: Run, wanted: Callable[[str], bool]) -> list[str]:
    return [
        f"{name} is {cell} at epoch {epoch}"
        for name, cells in run.columns.items()
        if wanted(name)
        for epoch, cell in enumerate(cells)
        if cell is not None and not math.isfinite(cell)
    ]


def _blank_losses(run: Run) -> list[tuple[str, int]]:
    """Return each (column, epoch) that lacks a loss: the total, and the held-out value of each weighted loss."""
    expected = [(TRAIN_LOSS, epoch) for epoch in run.training_epochs]
    for loss in LOSSES:
        if any(phase.weights.get(loss, 0.0) > 0 for phase in run.info.phases):
            expected += [(HELD_OUT_LOSS[loss], epoch) for epoch in run.epochs]
    return [(name, epoch) for name, epoch in expected if not run.columns.get(name) or run.columns[name][epoch] is None]


def no_radar_leak(run: Run) -> Indicator:
    """The radar defines the triplets; as an input of the projection head it makes them trivial."""
    hint = (
        "RADAR IN PROJECTION (model.radar_in_projection=true): the projection head sees the labels, so margins and "
        "retrieval prove nothing and the backbone has no reason to move. An ablation, not a result: set it to false"
    )
    leak = Measured(float(run.info.radar_in_projection))
    return judged("leak/radar_in_projection", leak, zero(" (false)"), hint)


def contrastive_drop(run: Run) -> Indicator:
    """The held-out contrastive loss fell over the whole run by more than next to nothing."""
    fall = loss_fall(run)
    limit = bound(">=", LOSS_BARELY_FALLS, ", relative fall by the last epoch")
    hint = loss_hint(run, fall.value, f"{CONTRASTIVE_LOSS} {arrow(run, CONTRASTIVE_LOSS)}", run.last_epoch)
    return judged("loss/contrastive_drop", fall, limit, hint)


def loss_hint(run: Run, fall: float | None, measured: str, epoch: int) -> str:
    """Return what to try where the loss falls too little by `epoch`; `measured` says what it did."""
    fell = "not measured" if fall is None else f"{fall:.1%}"
    return (
        f"{measured}, a fall of {fell}. {loss_questions(run)}Is the backbone still frozen "
        f"({frozen_text(run, 'backbone', epoch)})? If none of these, raise optimizer.lr"
    )


def pooled_cosine(run: Run) -> Indicator:
    """The state: mean cosine of the pooled features with those of epoch 0, on the fixed held-out probe set."""
    cosine = final(run, COSINE)
    text = f" (rigid > {RIGID_ABOVE}, moving > {MOVING_ABOVE}, healthy > {HEALTHY_ABOVE})"
    if cosine.value is not None and cosine.value > RIGID_ABOVE:
        hint = (
            f"cosine {number(cosine.value)} is rigid: the backbone did not move. A more aggressive approach is needed: "
            f"{stronger(run)}"
        )
    else:
        hint = (
            f"cosine {number(cosine.value)} is disrupted: what pretraining learned may be gone "
            f"({stale_or_lost(run, run.last_epoch)}). Lower optimizer.lr or the contrastive weight, {gentler(run)}"
        )
    return judged("drift/pooled_cosine", cosine, between(HEALTHY_ABOVE, RIGID_ABOVE, text), hint)


def pooled_l2(run: Run) -> Indicator:
    """Mean L2 distance of the normalised pooled features from epoch 0; the red flag is also b's bound."""
    moved = final(run, L2)
    limit = bound(">", L2_RED_FLAG, f" at the last epoch{implied(moved.value)}")
    return judged("drift/pooled_l2", moved, limit, drift_hint(run, moved.value, run.last_epoch))


def implied(l2: float | None) -> str:
    """Return the cosine that `l2` implies, as the end of a bound."""
    return "" if l2 is None else f"; implies cosine {implied_cosine(l2):.4f}"


def drift_hint(run: Run, l2: float | None, epoch: int) -> str:
    """Return what to try where the pooled features are at `l2` from epoch 0 and should be further."""
    barely = f" (< {L2_FAILURE}: it barely changed)" if l2 is not None and l2 < L2_FAILURE else ""
    return f"pooled L2 {number(l2)} at epoch {epoch}{barely}: a more aggressive approach is needed: {stronger(run)}"


def projection_only(run: Run) -> Indicator:
    """The loss must not fall by the projection head alone; the value is the fall of the held-out loss."""
    name, cosine, fall = "drift/projection_only", final(run, COSINE), loss_fall(run)
    rigid = cosine.value is not None and cosine.value > RIGID_ABOVE
    limit = Bound(
        f"if the loss falls by > {LOSS_BARELY_FALLS:g}, pooled cosine <= {RIGID_ABOVE}",
        lambda fallen: not rigid or fallen <= LOSS_BARELY_FALLS,
    )
    if cosine.value is None:
        return judged(name, cosine, limit)
    frozen = sorted({module for phase in run.info.phases for module in phase.frozen})
    weight = max(phase.weights.get("contrastive", 0.0) for phase in run.info.phases)
    head = run.final(drift("projection", "cosine"))
    hint = (
        f"only the projection head moves: loss -{fall.value or 0:.1%}, pooled cosine {number(cosine.value)}, L2 "
        f"{number(run.final(L2))} (projection cosine {number(head)}). Are backbone and "
        f"fusion_module trained: trainable count ({number(run.final(TRAINABLE))}), frozen: "
        f"{', '.join(frozen) or 'nothing'}? Unfreeze the top 50 % of the encoders; weight 3.0 "
        f"(it is {number(weight)})"
    )
    return judged(name, fall, limit, hint)
