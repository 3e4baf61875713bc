"""A fine-tune after a warm-up (experiment a): the head catches up, and the contrastive loss goes on falling."""

from __future__ import annotations

from groove.runs.columns import ACCURACY, CONTRASTIVE_LOSS
from groove.runs.folder import Run
from groove.runs.measured import absent, loss_fall, number, points
from groove.runs.verdict.indicator import Indicator, above, at_least, judged
from groove.runs.verdict.rules_evidence import stale_or_lost
from groove.runs.verdict.rules_gradient import balance
from groove.runs.verdict.rules_warmup import NO_WARMUP, warmup_of
from groove.runs.verdict.thresholds import RECOVERY_POINTS

NO_FINETUNE = absent("the run has no epoch after its warm-up")


def finetune_epochs(run: Run) -> range:
    """Return the epochs after the warm-up; all that trained, where there is none."""
    warmup = warmup_of(run)
    return range(warmup.last_epoch + 1 if warmup else 1, run.last_epoch + 1)


def accuracy_recovery(run: Run) -> Indicator:
    """Accuracy is back within two points of epoch 0, or above."""
    name, start, end = "finetune/accuracy_recovery", run.at(ACCURACY, 0), run.final(ACCURACY)
    bound = at_least(-RECOVERY_POINTS, f" points of epoch 0 ({number(start)})")
    if not finetune_epochs(run):
        return judged(name, NO_FINETUNE, bound)
    weight = run.phases[-1].weights.get("classification") if run.phases else None
    hint = (
        f"accuracy ends at {number(end)}, epoch 0 was {number(start)} ({stale_or_lost(run, run.last_epoch)}). "
        f"Fine-tune for more epochs, raise the classification weight (it is {number(weight)}), or lower optimizer.lr"
    )
    return judged(name, points(run, ACCURACY, end, (run.last_epoch,)), bound, hint)


def contrastive_falling(run: Run) -> Indicator:
    """The held-out contrastive loss falls further after the warm-up."""
    name, bound = "finetune/contrastive_falling", above(0, ", relative fall after the warm-up")
    warmup = warmup_of(run)
    if warmup is None or not finetune_epochs(run):
        return judged(name, NO_WARMUP if warmup is None else NO_FINETUNE, bound)
    first, last = warmup.last_epoch, run.last_epoch
    hint = (
        f"{CONTRASTIVE_LOSS} {number(run.at(CONTRASTIVE_LOSS, first))} at epoch {first} -> "
        f"{number(run.at(CONTRASTIVE_LOSS, last))} at epoch {last}: it no "
        "longer falls. Lower the classification weight; if train/contrastive_loss still falls, the run overfits its "
        "triplets: use more songs or fewer epochs"
    )
    return judged(name, loss_fall(run, first, last), bound, hint)


def gradient_balance(run: Run) -> Indicator:
    """Mean backbone/classifier ratio over the fine-tune; undefined while the head is frozen."""
    return balance(run, "finetune/gradient_balance", finetune_epochs(run))
