"""Gradients: they reach the backbone, and the classifier head does not dwarf them (norms before clipping).

Also the three causes of rigidity that the source document claims, checked on the fixed gradient batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import pstdev

from groove.config.modules import LOSSES
from groove.runs.columns import BACKBONE, HEAD, gradient_cosine, objective_gradient
from groove.runs.folder import Run
from groove.runs.measured import Measured, absent, average, lowest, mean, number
from groove.runs.verdict.indicator import Cause, Indicator, advisory, between, bound, judged
from groove.runs.verdict.thresholds import (
    BACKBONE_RED_FLAG,
    BALANCED_RATIO,
    CLASSIFIER_RED_FLAG,
    CONFLICT_COSINE,
    GOOD_BACKBONE_GRADIENT,
    STABLE_VARIATION,
    TINY_GRADIENT,
    WEAK_RATIO,
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
    limit = bound(">=", BACKBONE_RED_FLAG, ", lowest epoch")
    return judged("gradient/backbone_alive", Measured(low, missing), limit, hint)


def backbone_good_range(run: Run) -> Indicator:
    """The backbone's mean gradient norm lies in the range that the source document calls good."""
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
    name, limit = "gradient/classifier_to_backbone", bound("<=", CLASSIFIER_RED_FLAG, ", highest epoch")
    if run.last_epoch and all(_head_idle(run, epoch) for epoch in run.training_epochs):
        return advisory(judged(name, absent("the classifier head never learns in this run"), limit))
    ratios, missing = _ratios(run, HEAD, BACKBONE, run.training_epochs)
    value = max(ratios, default=None)
    hint = (
        f"classifier_head's gradient is up to {number(value)} x the backbone's: imbalanced, the head learns and the "
        "backbone hardly does. Lower the classification weight"
    )
    return judged(name, Measured(value, missing), limit, hint)


def balance(run: Run, name: str = "gradient/balance", epochs: Iterable[int] | None = None) -> Indicator:
    """Mean backbone/classifier ratio over those of `epochs`, else of all, in which both learn."""
    ratios, missing = _ratios(run, BACKBONE, HEAD, run.training_epochs if epochs is None else epochs)
    value = average(ratios)
    hint = (
        f"backbone / classifier_head is {number(value)} on average (lowest {number(min(ratios, default=None))}): the "
        "head takes the gradient. Lower the classification weight or raise the contrastive weight"
    )
    limit = bound(">", BALANCED_RATIO, " backbone / head, mean while the head learns")
    return judged(name, Measured(value, missing), limit, hint)


def _ratios(run: Run, top: str, bottom: str, epochs: Iterable[int]) -> tuple[list[float], str]:
    """Return ``top / bottom`` where both modules learn; none, and why, where one norm is missing or `bottom` is 0."""
    learning = [epoch for epoch in _trained(run, epochs) if not _head_idle(run, epoch)]
    if not learning:
        return [], "no epoch in which both the backbone and the classifier head learn (head frozen, or its loss silent)"
    norms = [run.over(column, learning) for column in (top, bottom)]
    if norms[0] is None or norms[1] is None:
        missing = BACKBONE if run.over(BACKBONE, learning) is None else HEAD
        return [], run.why_missing(missing, learning)
    if min(norms[1]) <= 0:
        return [], f"{bottom} is 0"
    return [a / b for a, b in zip(*norms, strict=True)], ""


def _trained(run: Run, epochs: Iterable[int]) -> list[int]:
    return [epoch for epoch in epochs if not run.is_frozen("backbone", epoch)]


def _head_idle(run: Run, epoch: int) -> bool:
    """Return whether the head gets no gradient by design: frozen, or its loss is silent."""
    phase = run.phase_at(epoch)
    return run.is_frozen("classifier_head", epoch) or (phase is not None and phase.weights.get("classification") == 0.0)


# --- the claimed causes of rigidity --------------------------------------------------------------------------------


def causes_of(run: Run) -> list[Cause]:
    """Return which of the three causes the run bears out; a pretraining run, which starts from random, has none."""
    rules = () if run.info.verdict == "pretrain" else (_classification_tiny, _contrastive_weak, _no_conflict)
    return [rule(run) for rule in rules]


def _classification_tiny(run: Run) -> Cause:
    """Tiny = below the good range; stable = its standard deviation over the epochs is under half of its mean."""
    name, column = "classification_gradient_tiny_and_stable", objective_gradient("classification", "backbone")
    values = [value for value in run.column(column) if value is not None]
    mean = average(values)
    if mean is None:
        return Cause(name, None, None, f"{column} was not measured")
    variation = pstdev(values) / mean if mean > 0 else 0.0
    text = (
        f"{column}: mean {number(mean)} (tiny < {TINY_GRADIENT:g}), {number(values[0])} -> {number(values[-1])}, "
        f"relative spread {number(variation)} (stable < {STABLE_VARIATION})"
    )
    return Cause(name, mean, mean < TINY_GRADIENT and variation < STABLE_VARIATION, text)


def _contrastive_weak(run: Run) -> Cause:
    """Weak = on average no larger than the classification gradient, each weighted as its phase weighs it."""
    name = "contrastive_gradient_too_weak"
    pairs = [[_weighted(run, loss, epoch) for loss in LOSSES] for epoch in run.epochs]
    ratios = [
        contrastive / classification for classification, contrastive in pairs if min(classification, contrastive) > 0
    ]
    ratio = average(ratios)
    if ratio is None:
        return Cause(name, None, None, "there is no epoch with weighted gradients of both losses on the backbone")
    text = (
        f"contrastive / classification gradient on the backbone, weighted as in training: mean {number(ratio)} over "
        f"{len(ratios)} epochs (weak < {WEAK_RATIO:g})"
    )
    return Cause(name, ratio, ratio < WEAK_RATIO, text)


def _weighted(run: Run, loss: str, epoch: int) -> float:
    """Return the gradient norm of `loss` times its weight; epoch 0 is weighed as epoch 1."""
    phase = run.phase_at(max(epoch, 1))
    weight = phase.weights.get(loss, 0.0) if phase else 0.0
    return weight * (run.at(objective_gradient(loss, "backbone"), epoch) or 0.0)


def _no_conflict(run: Run) -> Cause:
    """No conflict = the gradients of the two losses do not point against each other."""
    name, column = "no_conflict_between_objectives", gradient_cosine("backbone")
    mean = average([value for value in run.column(column) if value is not None])
    if mean is None:
        return Cause(name, None, None, f"{column} was not measured")
    text = f"{column}: mean {number(mean)} (conflict < {CONFLICT_COSINE})"
    return Cause(name, mean, mean >= CONFLICT_COSINE, text)
