"""Gradients: they reach the backbone, and the classifier head does not dwarf them (norms before clipping).

Also the causes of rigidity: those that we can show, and those that the source document claims.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import pstdev

from groove.config.modules import LOSSES
from groove.runs.folder import Run
from groove.runs.metric_columns import BACKBONE, HEAD, gradient_cosine, objective_gradient, weight_change
from groove.runs.verdict import measured, thresholds
from groove.runs.verdict.indicator import Cause, Indicator, advisory, between, bound, judged
from groove.runs.verdict.measured import Measured, number


def backbone_alive(run: Run) -> Indicator:
    """The backbone's gradient never vanishes while it is trained (lowest epoch)."""
    epochs = _trained(run, run.epochs[1:])
    low, worst = measured.lowest(run, BACKBONE, epochs)
    missing = run.why_missing(BACKBONE, epochs) if epochs else "the backbone is frozen in every epoch"
    hint = (
        f"the backbone's gradient norm is {number(low)} at epoch {worst}: gradients do not reach it. Check the "
        "freezing logic: is backbone frozen, or detached from the losses?"
    )
    limit = bound(">=", thresholds.BACKBONE_RED_FLAG, ", lowest epoch")
    return judged("gradient/backbone_alive", Measured(low, missing), limit, hint)


def backbone_good_range(run: Run) -> Indicator:
    """The backbone's mean gradient norm lies in the range that the source document calls good."""
    low, high = thresholds.GOOD_BACKBONE_GRADIENT
    norm = measured.mean(run, BACKBONE, _trained(run, run.epochs[1:]))
    advice = "strong; trainer.gradient_clip_val limits it. Lower optimizer.lr if accuracy or cosine fail as well"
    if norm.value < low:
        advice = "weak pressure to move. Raise the contrastive weight"
    hint = f"the backbone's mean gradient norm is {number(norm.value)}: {advice}"
    return judged("gradient/backbone_good_range", norm, between(low, high, ", mean"), hint)


def classifier_to_backbone(run: Run) -> Indicator:
    """The head's gradient does not dwarf the backbone's (highest epoch).

    Where the head never learns (frozen, or classification silent) the ratio is undefined and the line advisory.
    """
    name, limit = "gradient/classifier_to_backbone", bound("<=", thresholds.CLASSIFIER_RED_FLAG, ", highest epoch")
    if run.last_epoch and all(_head_idle(run, epoch) for epoch in run.epochs[1:]):
        return advisory(judged(name, Measured(math.nan, "the classifier head never learns in this run"), limit))
    ratios, missing = _ratios(run, HEAD, BACKBONE, run.epochs[1:])
    value = max(ratios, default=math.nan)
    hint = (
        f"classifier_head's gradient is up to {number(value)} x the backbone's: imbalanced, the head learns and the "
        "backbone hardly does. Lower the classification weight"
    )
    return judged(name, Measured(value, missing), limit, hint)


def balance(run: Run, name: str = "gradient/balance", epochs: Iterable[int] | None = None) -> Indicator:
    """Mean backbone/classifier ratio over those of `epochs`, else of all, in which both learn."""
    ratios, missing = _ratios(run, BACKBONE, HEAD, run.epochs[1:] if epochs is None else epochs)
    value = measured.average(ratios)
    hint = (
        f"backbone / classifier_head is {number(value)} on average (lowest {number(min(ratios, default=None))}): the "
        "head takes the gradient. Lower the classification weight or raise the contrastive weight"
    )
    limit = bound(">", thresholds.BALANCED_RATIO, " backbone / head, mean while the head learns")
    return judged(name, Measured(value, missing), limit, hint)


def _ratios(run: Run, top: str, bottom: str, epochs: Iterable[int]) -> tuple[list[float], str]:
    """Return ``top / bottom`` where both modules learn; none, and why, where one norm is missing or `bottom` is 0."""
    learning = [epoch for epoch in _trained(run, epochs) if not _head_idle(run, epoch)]
    if not learning:
        return [], "no epoch in which both the backbone and the classifier head learn (head frozen, or its loss silent)"
    for column in (BACKBONE, HEAD):
        if math.isnan(measured.lowest(run, column, learning)[0]):
            return [], run.why_missing(column, learning)
    if measured.lowest(run, bottom, learning)[0] <= 0:
        return [], f"{bottom} is 0"
    return [run.at(top, epoch) / run.at(bottom, epoch) for epoch in learning], ""


def _trained(run: Run, epochs: Iterable[int]) -> list[int]:
    return [epoch for epoch in epochs if not run.is_frozen("backbone", epoch)]


def _head_idle(run: Run, epoch: int) -> bool:
    """Return whether the head gets no gradient by design: frozen, or its loss is silent."""
    phase = run.phase_at(epoch)
    return phase is not None and ("classifier_head" in phase.frozen or phase.weights.get("classification") == 0.0)


# --- causes of rigidity --------------------------------------------------------------------------------------------

_REMEDIES = {
    "label_leak": "the label leaks into the embedding, which needs no backbone: model.radar_in_projection=false",
    "backbone_frozen": "the backbone is frozen: take it out of freeze, or name it in train_only",
    "backbone_rate_tiny": "gradients reach the backbone and its weights stay: raise optimizer.lr, or its lr_factor",
    "contrastive_gradient_too_weak": "classification drowns the contrastive loss: lower its weight, or freeze the head "
    "and silence its loss for a while (experiment=a)",
}
"""What to change, of the causes that can be shown."""


def causes_of(run: Run) -> list[Cause]:
    """Return which causes of rigidity the run bears out: four that we can show, then the three of the source document.

    The first that holds explains the later ones: what a leak solves leaves no gradient, what is frozen never changes.
    The source's second cause is our fourth, so six are listed. A pretraining, which starts at random, has none.
    """
    if run.info.verdict == "pretrain":
        return []
    rules = (_label_leak, _frozen, _rate_tiny, _contrastive_weak, _classification_tiny, _no_conflict)
    return [rule(run) for rule in rules]


def diagnosis(causes: Iterable[Cause]) -> str:
    """Return why a rigid run is rigid, and what to change: the first of its `causes` that holds and can be shown."""
    for cause in causes:
        if cause.holds and cause.name in _REMEDIES:
            return f"{cause.name.replace('_', ' ')}: {_REMEDIES[cause.name]}"
    return "none of the known causes holds: train longer, raise the contrastive weight, or lower the drift weight"


def _frozen(run: Run) -> Cause:
    epochs = run.epochs[1:]
    trained = len(_trained(run, epochs))
    holds = trained == 0 if epochs else None
    return Cause("backbone_frozen", float(trained), holds, f"it is trained in {trained} of {len(epochs)} epochs")


def _rate_tiny(run: Run) -> Cause:
    """Tiny = the weights hardly changed although a gradient reached them."""
    change, gradient = run.final(weight_change("backbone")), measured.mean(run, BACKBONE, run.epochs[1:]).value
    if math.isnan(change) or math.isnan(gradient):
        return Cause("backbone_rate_tiny", None, None, "the backbone has no gradient")
    text = (
        f"the backbone's weights changed by {number(change)} of their norm (tiny < {thresholds.TINY_CHANGE:g}), with a "
        f"mean gradient norm of {number(gradient)}"
    )
    holds = change < thresholds.TINY_CHANGE and gradient >= thresholds.BACKBONE_RED_FLAG
    return Cause("backbone_rate_tiny", change, holds, text)


def _label_leak(run: Run) -> Cause:
    found = run.blind_gain
    if found is None:
        return Cause("label_leak", None, None, "retrieval.json holds no gain of the blind network")
    text = f"shown neither chart nor audio, the network has a retrieval gain of {number(found)}"
    return Cause("label_leak", found, found > thresholds.BLIND_GAIN, text)


def _classification_tiny(run: Run) -> Cause:
    """Tiny = below the good range; stable = its standard deviation over the epochs is under half of its mean."""
    name, column = "classification_gradient_tiny_and_stable", objective_gradient("classification", "backbone")
    values = [float(value) for value in run.column(column) if not math.isnan(value)]
    if not values:
        return Cause(name, None, None, f"{column} was not measured")
    mean = measured.average(values)
    variation = pstdev(values) / mean if mean > 0 else 0.0
    text = (
        f"{column}: mean {number(mean)} (tiny < {thresholds.TINY_GRADIENT:g}), {number(values[0])} -> "
        f"{number(values[-1])}, relative spread {number(variation)} (stable < {thresholds.STABLE_VARIATION})"
    )
    return Cause(name, mean, mean < thresholds.TINY_GRADIENT and variation < thresholds.STABLE_VARIATION, text)


def _contrastive_weak(run: Run) -> Cause:
    """Weak = on average no larger than the classification gradient, each weighted as its phase weighs it."""
    name, ratios = "contrastive_gradient_too_weak", []
    for epoch in run.epochs:
        phase = run.phase_at(max(epoch, 1))  # epoch 0 is weighed as epoch 1
        weights = phase.weights if phase else {}
        norms = (weights.get(loss, 0.0) * run.at(objective_gradient(loss, "backbone"), epoch) for loss in LOSSES)
        classification, contrastive = norms
        if classification > 0 and contrastive > 0:
            ratios.append(contrastive / classification)
    if not ratios:
        return Cause(name, None, None, "there is no epoch with weighted gradients of both losses on the backbone")
    ratio = measured.average(ratios)
    text = (
        f"contrastive / classification gradient on the backbone, weighted as in training: mean {number(ratio)} over "
        f"{len(ratios)} epochs (weak < {thresholds.WEAK_RATIO:g})"
    )
    return Cause(name, ratio, ratio < thresholds.WEAK_RATIO, text)


def _no_conflict(run: Run) -> Cause:
    """No conflict = the gradients of the two losses do not point against each other."""
    name, column = "no_conflict_between_objectives", gradient_cosine("backbone")
    values = [float(value) for value in run.column(column) if not math.isnan(value)]
    if not values:
        return Cause(name, None, None, f"{column} was not measured")
    mean = measured.average(values)
    text = f"{column}: mean {number(mean)} (conflict < {thresholds.CONFLICT_COSINE})"
    return Cause(name, mean, mean >= thresholds.CONFLICT_COSINE, text)
