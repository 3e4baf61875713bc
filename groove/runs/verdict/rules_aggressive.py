"""Experiment a: in the warm-up the contrastive loss alone moves the backbone, in the fine-tune the head catches up."""

from __future__ import annotations

from groove.runs.columns import ACCURACY, BACKBONE, CONTRASTIVE_LOSS, L2, TRAIN_CONTRASTIVE_LOSS, weight_change
from groove.runs.folder import Run
from groove.runs.info import RecordedPhase
from groove.runs.measured import Measured, absent, arrow, at, final_points, loss_fall, lowest, mean, number, points
from groove.runs.verdict.indicator import Indicator, bound, judged
from groove.runs.verdict.rules_everyone import drift_hint, implied, loss_hint
from groove.runs.verdict.rules_evidence import stale_or_lost
from groove.runs.verdict.rules_gradient import balance
from groove.runs.verdict.thresholds import (
    DIP_POINTS,
    GOOD_BACKBONE_GRADIENT,
    IDEAL_DIP,
    RECOVERY_POINTS,
    WARMUP_L2,
    WARMUP_LOSS_DROP,
)

NO_WARMUP = absent("the run has no warm-up phase: is experiment.warmup_epochs > 0?")
NO_FINETUNE = absent("the run has no epoch after its warm-up")
WARMUP_MESSAGE = "'WARMUP PHASE: Freezing classifier_head'"


def warmup_of(run: Run) -> RecordedPhase | None:
    """Return the warm-up: the phase named so, else a first of several phases that silences classification."""
    named = next((phase for phase in run.info.phases if phase.name == "warmup"), None)
    if named is not None or len(run.info.phases) < 2:
        return named
    first = run.info.phases[0]
    return first if first.weights.get("classification") == 0.0 else None


def finetune_epochs(run: Run) -> range:
    """Return the epochs after the warm-up; all that trained, where there is none."""
    warmup = warmup_of(run)
    return range(warmup.last_epoch + 1 if warmup else 1, run.last_epoch + 1)


def accuracy_dip(run: Run) -> Indicator:
    """Accuracy falls below epoch 0 within the warm-up: if it never does, the backbone never moved."""
    name, start, warmup = "warmup/accuracy_dip", run.at(ACCURACY, 0), warmup_of(run)
    limit = bound(">=", DIP_POINTS, f" points below epoch 0 ({number(start)}), ideally {IDEAL_DIP}")
    if warmup is None:
        return judged(name, NO_WARMUP, limit)
    low, _ = lowest(run, ACCURACY, warmup.epochs)
    rise = points(run, ACCURACY, low, warmup.epochs)
    dip = Measured(None if rise.value is None else 0.0 - rise.value, rise.missing)
    hint = (
        f"accuracy never dipped (lowest {number(low)} vs epoch 0 {number(start)}). Check experiment.warmup_epochs > 0 "
        f"(it is {len(warmup.epochs)}), that the head is frozen (frozen: {_frozen(warmup)}; its weight change: "
        f"{number(run.at(weight_change('classifier_head'), warmup.last_epoch))}) and {WARMUP_MESSAGE} is printed; "
        f"then raise experiment.warmup_epochs to 10 or optimizer.lr"
    )
    return judged(name, dip, limit, hint)


def contrastive_drop(run: Run) -> Indicator:
    """The held-out contrastive loss falls rapidly while it alone trains the backbone."""
    name, warmup = "warmup/contrastive_drop", warmup_of(run)
    limit = bound(">", WARMUP_LOSS_DROP, ", relative fall by the end of the warm-up")
    if warmup is None:
        return judged(name, NO_WARMUP, limit)
    last = warmup.last_epoch
    fall = loss_fall(run, 0, last)
    text = f"{CONTRASTIVE_LOSS} {arrow(run, CONTRASTIVE_LOSS, 0, last)} at epoch {last}"
    return judged(name, fall, limit, loss_hint(run, fall.value, text, last))


def drift_l2(run: Run) -> Indicator:
    """The pooled features have moved by the end of the warm-up."""
    name, warmup = "warmup/drift_l2", warmup_of(run)
    text = " by the end of the warm-up"
    if warmup is None:
        return judged(name, NO_WARMUP, bound(">", WARMUP_L2, text))
    moved = at(run, L2, warmup.last_epoch)
    limit = bound(">", WARMUP_L2, text + implied(moved.value))
    return judged(name, moved, limit, drift_hint(run, moved.value, warmup.last_epoch))


def backbone_gradient(run: Run) -> Indicator:
    """The contrastive gradient reaches the backbone during the warm-up (mean over its epochs)."""
    name, warmup = "warmup/backbone_gradient", warmup_of(run)
    limit = bound(">", GOOD_BACKBONE_GRADIENT[0], ", mean over the warm-up")
    if warmup is None:
        return judged(name, NO_WARMUP, limit)
    norm = mean(run, BACKBONE, warmup.epochs)
    hint = (
        f"the backbone's mean gradient norm is {number(norm.value)}, too little to move it: check the freezing logic "
        f"(frozen: {_frozen(warmup)}) and raise the contrastive weight "
        f"(it is {number(warmup.weights.get('contrastive'))})"
    )
    return judged(name, norm, limit, hint)


def _frozen(phase: RecordedPhase) -> str:
    return ", ".join(phase.frozen) or "nothing"


def accuracy_recovery(run: Run) -> Indicator:
    """Accuracy is back within two points of epoch 0, or above."""
    name, start, end = "finetune/accuracy_recovery", run.at(ACCURACY, 0), run.final(ACCURACY)
    limit = bound(">=", -RECOVERY_POINTS, f" points of epoch 0 ({number(start)})")
    if not finetune_epochs(run):
        return judged(name, NO_FINETUNE, limit)
    weight = run.info.phases[-1].weights.get("classification")
    hint = (
        f"accuracy ends at {number(end)}, epoch 0 was {number(start)} ({stale_or_lost(run, run.last_epoch)}). "
        f"Fine-tune for more epochs, raise the classification weight (it is {number(weight)}), or lower optimizer.lr"
    )
    return judged(name, final_points(run, ACCURACY), limit, hint)


def contrastive_falling(run: Run) -> Indicator:
    """The held-out contrastive loss falls further after the warm-up."""
    name, limit = "finetune/contrastive_falling", bound(">", 0, ", relative fall after the warm-up")
    warmup = warmup_of(run)
    if warmup is None or not finetune_epochs(run):
        return judged(name, NO_WARMUP if warmup is None else NO_FINETUNE, limit)
    first, last = warmup.last_epoch, run.last_epoch
    before, after = (number(run.at(CONTRASTIVE_LOSS, epoch)) for epoch in (first, last))
    hint = (
        f"{CONTRASTIVE_LOSS} {before} at epoch {first} -> {after} at epoch {last}: it no longer falls. Lower the "
        f"classification weight; if {TRAIN_CONTRASTIVE_LOSS} still falls, the run overfits its triplets: use more "
        "songs or fewer epochs"
    )
    return judged(name, loss_fall(run, first, last), limit, hint)


def gradient_balance(run: Run) -> Indicator:
    """Mean backbone/classifier ratio over the fine-tune; undefined while the head is frozen."""
    return balance(run, "finetune/gradient_balance", finetune_epochs(run))
