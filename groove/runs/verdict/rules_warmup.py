"""A warm-up (experiment a): while the contrastive loss alone owns the backbone, the backbone must move."""

from __future__ import annotations

from groove.runs.columns import ACCURACY, BACKBONE, CONTRASTIVE_LOSS, L2
from groove.runs.folder import Phase, Run
from groove.runs.measured import Measured, absent, at, loss_fall, lowest, mean, number, points
from groove.runs.verdict.indicator import Indicator, above, at_least, judged
from groove.runs.verdict.rules_everyone import drift_hint, implied, loss_hint
from groove.runs.verdict.thresholds import DIP_POINTS, GOOD_BACKBONE_GRADIENT, IDEAL_DIP, WARMUP_L2, WARMUP_LOSS_DROP

NO_WARMUP = absent("the run has no warm-up phase: is experiment.warmup_epochs > 0?")
WARMUP_MESSAGE = "'WARMUP PHASE: Freezing classifier_head'"


def warmup_of(run: Run) -> Phase | None:
    """Return the warm-up: the phase named so, else a first of several phases that silences classification."""
    named = next((phase for phase in run.phases if phase.name == "warmup"), None)
    if named is not None or len(run.phases) < 2:
        return named
    first = run.phases[0]
    return first if first.weights.get("classification") == 0.0 else None


def accuracy_dip(run: Run) -> Indicator:
    """Accuracy falls below epoch 0 within the warm-up: if it never does, the backbone never moved."""
    name, start, warmup = "warmup/accuracy_dip", run.at(ACCURACY, 0), warmup_of(run)
    bound = at_least(DIP_POINTS, f" points below epoch 0 ({number(start)}), ideally {IDEAL_DIP}")
    if warmup is None:
        return judged(name, NO_WARMUP, bound)
    low, _ = lowest(run, ACCURACY, warmup.epochs)
    rise = points(run, ACCURACY, low, warmup.epochs)
    dip = Measured(None if rise.value is None else 0.0 - rise.value, rise.missing)
    hint = (
        f"accuracy never dipped (lowest {number(low)} vs epoch 0 {number(start)}). Check experiment.warmup_epochs > 0 "
        f"(it is {len(warmup.epochs)}), that the head is frozen (frozen: {frozen_names(warmup)}; its weight change: "
        f"{number(run.at('weight_change/classifier_head', warmup.last_epoch))}) and {WARMUP_MESSAGE} is printed; "
        f"then raise experiment.warmup_epochs to 10 or optimizer.lr"
    )
    return judged(name, dip, bound, hint)


def contrastive_drop(run: Run) -> Indicator:
    """The held-out contrastive loss falls rapidly while it alone owns the backbone."""
    name, warmup = "warmup/contrastive_drop", warmup_of(run)
    bound = above(WARMUP_LOSS_DROP, ", relative fall by the end of the warm-up")
    if warmup is None:
        return judged(name, NO_WARMUP, bound)
    last = warmup.last_epoch
    fall = loss_fall(run, 0, last)
    before, after = run.at(CONTRASTIVE_LOSS, 0), run.at(CONTRASTIVE_LOSS, last)
    measured = f"{CONTRASTIVE_LOSS} {number(before)} -> {number(after)} at epoch {last}"
    return judged(name, fall, bound, loss_hint(run, fall.value, measured, last))


def drift_l2(run: Run) -> Indicator:
    """The pooled features have moved by the end of the warm-up."""
    name, warmup = "warmup/drift_l2", warmup_of(run)
    if warmup is None:
        return judged(name, NO_WARMUP, above(WARMUP_L2, " by the end of the warm-up"))
    moved = at(run, L2, warmup.last_epoch)
    bound = above(WARMUP_L2, f" by the end of the warm-up{implied(moved.value)}")
    return judged(name, moved, bound, drift_hint(run, moved.value, warmup.last_epoch))


def backbone_gradient(run: Run) -> Indicator:
    """The contrastive gradient reaches the backbone during the warm-up (mean over its epochs)."""
    name, warmup = "warmup/backbone_gradient", warmup_of(run)
    bound = above(GOOD_BACKBONE_GRADIENT[0], ", mean over the warm-up")
    if warmup is None:
        return judged(name, NO_WARMUP, bound)
    norm = mean(run, BACKBONE, warmup.epochs)
    hint = (
        f"the backbone's mean gradient norm is {number(norm.value)}, too little to move it: check the freezing logic "
        f"(frozen: {frozen_names(warmup)}) and raise the contrastive weight "
        f"(it is {number(warmup.weights.get('contrastive'))})"
    )
    return judged(name, norm, bound, hint)


def frozen_names(phase: Phase) -> str:
    """Return the frozen modules of `phase` in words."""
    return ", ".join(phase.frozen) or "nothing"
