"""Gradients: they reach the backbone, and the classifier head does not drown them (norms before clipping)."""

from __future__ import annotations

from collections.abc import Iterable

from groove.runs.columns import BACKBONE, HEAD
from groove.runs.folder import Run
from groove.runs.measured import Measured, absent, average, lowest, mean, number
from groove.runs.verdict.indicator import Indicator, above, advisory, at_least, at_most, between, judged
from groove.runs.verdict.thresholds import (
    BACKBONE_RED_FLAG,
    BALANCED_RATIO,
    CLASSIFIER_RED_FLAG,
    GOOD_BACKBONE_GRADIENT,
)


def backbone_alive(run: Run) -> Indicator:
    """The backbone's gradient never vanishes while it is trained (lowest epoch)."""
    epochs = _trained(run, run.training_epochs)
    low, worst = lowest(run, BACKBONE, epochs)
    missing = run.why_missing(BACKBONE, epochs) if epochs else "the backbone is frozen in every epoch"
    hint = (
        f"the backbone's gradient norm is {number(low)} at epoch {worst}: gradients do not reach it. Check the "
        "freezing logic: is backbone frozen, or detached from the losses?"
    )
    bound = at_least(BACKBONE_RED_FLAG, ", lowest epoch")
    return judged("gradient/backbone_alive", Measured(low, missing), bound, hint)


def backbone_good_range(run: Run) -> Indicator:
    """The backbone's mean gradient norm lies in the range that the seed calls good."""
    low, high = GOOD_BACKBONE_GRADIENT
    norm = mean(run, BACKBONE, _trained(run, run.training_epochs))
    advice = "strong; trainer.gradient_clip_val limits it. Lower optimizer.lr if accuracy or cosine fail as well"
    if norm.value is not None and norm.value < low:
        advice = "weak pressure to move. Raise the contrastive weight"
    hint = f"the backbone's mean gradient norm is {number(norm.value)}: {advice}"
    return judged("gradient/backbone_good_range", norm, between(low, high, ", mean"), hint)


def classifier_to_backbone(run: Run) -> Indicator:
    """The head's gradient does not dwarf the backbone's (highest epoch).

    Where the head never learns (frozen, or classification silent) the ratio is undefined and the line advisory.
    """
    name, bound = "gradient/classifier_to_backbone", at_most(CLASSIFIER_RED_FLAG, ", highest epoch")
    if run.last_epoch and all(_head_idle(run, epoch) for epoch in run.training_epochs):
        return advisory(judged(name, absent("the classifier head never learns in this run"), bound))
    ratios, missing = _ratios(run, HEAD, BACKBONE, run.training_epochs)
    value = max(ratios, default=None)
    hint = (
        f"classifier_head's gradient is up to {number(value)} x the backbone's: imbalanced, the head learns and the "
        "backbone hardly does. Lower the classification weight"
    )
    return judged(name, Measured(value, missing), bound, hint)


def whole_balance(run: Run) -> Indicator:
    """Mean backbone/classifier ratio over all epochs in which the head learns."""
    return balance(run, "gradient/balance", run.training_epochs)


def balance(run: Run, name: str, epochs: Iterable[int]) -> Indicator:
    """Mean backbone/classifier ratio over those of `epochs` in which both learn."""
    ratios, missing = _ratios(run, BACKBONE, HEAD, epochs)
    value = average(ratios)
    hint = (
        f"backbone / classifier_head is {number(value)} on average (lowest {number(min(ratios, default=None))}): the "
        "head takes the gradient. Lower the classification weight or raise the contrastive weight"
    )
    bound = above(BALANCED_RATIO, " backbone / head, mean while the head learns")
    return judged(name, Measured(value, missing), bound, hint)


def _ratios(run: Run, top: str, bottom: str, epochs: Iterable[int]) -> tuple[list[float], str]:
    """Return ``top / bottom`` where both modules learn; none, and why, where one norm is missing or `bottom` is 0."""
    learning = [epoch for epoch in _trained(run, epochs) if not _head_idle(run, epoch)]
    if not learning:
        return [], "no epoch in which both the backbone and the classifier head learn (head frozen, or its loss silent)"
    above, below = run.over(top, learning), run.over(bottom, learning)
    if above is None or below is None:
        missing = BACKBONE if run.over(BACKBONE, learning) is None else HEAD
        return [], run.why_missing(missing, learning)
    if any(norm <= 0 for norm in below):
        return [], f"{bottom} is 0"
    return [a / b for a, b in zip(above, below, strict=True)], ""


def _trained(run: Run, epochs: Iterable[int]) -> list[int]:
    return [epoch for epoch in epochs if not run.is_frozen("backbone", epoch)]


def _head_idle(run: Run, epoch: int) -> bool:
    """Return whether the head gets no gradient by design: frozen, or its loss is silent."""
    phase = run.phase_at(epoch)
    return run.is_frozen("classifier_head", epoch) or (phase is not None and phase.weights.get("classification") == 0.0)
