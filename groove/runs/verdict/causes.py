"""The seed's three claimed causes of rigidity, checked on the backbone's gradients over the fixed probe batch."""

from __future__ import annotations

import math

from groove.runs.folder import Run
from groove.runs.measured import average, number
from groove.runs.verdict.indicator import Cause
from groove.runs.verdict.thresholds import CONFLICT_COSINE, STABLE_VARIATION, TINY_GRADIENT, WEAK_RATIO

LOSSES = ("contrastive", "classification")


def causes_of(run: Run) -> list[Cause]:
    """Return which of the three causes the run bears out; a pretraining run, which starts from random, has none."""
    return [] if run.kind == "pretrain" else [_classification_tiny(run), _contrastive_weak(run), _no_conflict(run)]


def _classification_tiny(run: Run) -> Cause:
    """Tiny = below the good range; stable = its standard deviation over the epochs is under half of its mean."""
    name, column = "classification_gradient_tiny_and_stable", "grad_norm_classification/backbone"
    values = _measured(run, column)
    mean = average(values)
    if mean is None:
        return Cause(name, None, None, f"{column} was not measured")
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    variation = spread / mean if mean > 0 else 0.0
    text = (
        f"{column}: mean {number(mean)} (tiny < {TINY_GRADIENT:g}), {number(values[0])} -> {number(values[-1])}, "
        f"relative spread {number(variation)} (stable < {STABLE_VARIATION})"
    )
    return Cause(name, mean, mean < TINY_GRADIENT and variation < STABLE_VARIATION, text)


def _contrastive_weak(run: Run) -> Cause:
    """Weak = on average no larger than the classification gradient, each weighted as its phase weighs it."""
    name = "contrastive_gradient_too_weak"
    pairs = [[_weighted(run, loss, epoch) for loss in LOSSES] for epoch in run.metrics.epochs]
    ratios = [top / bottom for top, bottom in pairs if top > 0 and bottom > 0]
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
    return weight * (run.at(f"grad_norm_{loss}/backbone", epoch) or 0.0)


def _no_conflict(run: Run) -> Cause:
    """No conflict = the gradients of the two losses do not point against each other."""
    name, column = "no_conflict_between_objectives", "grad_cosine/backbone"
    mean = average(_measured(run, column))
    if mean is None:
        return Cause(name, None, None, f"{column} was not measured")
    text = f"{column}: mean {number(mean)} (conflict < {CONFLICT_COSINE})"
    return Cause(name, mean, mean >= CONFLICT_COSINE, text)


def _measured(run: Run, name: str) -> list[float]:
    return [value for value in run.column(name) if value is not None]
