"""Experiment b: accuracy stays, the loss falls steadily, and what is frozen stays as it was."""

from __future__ import annotations

import itertools

from groove.runs.columns import ACCURACY, BACKBONE, CONTRASTIVE_LOSS, GRADIENT, WEIGHT_CHANGE, weight_change
from groove.runs.folder import Run
from groove.runs.measured import Measured, absent, arrow, loss_fall, lowest, number, points
from groove.runs.verdict.indicator import Bound, Indicator, bound, judged, zero
from groove.runs.verdict.rules_everyone import loss_hint
from groove.runs.verdict.rules_evidence import stale_or_lost
from groove.runs.verdict.thresholds import STABLE_POINTS, UPWARD_CHANGE, UPWARD_SHARE

WITHOUT_WEIGHTS = ("pooling",)  # mean_max pooling has no parameters, so nothing of it can be measured


def accuracy_stable(run: Run) -> Indicator:
    """Accuracy never falls more than two points below epoch 0; a rise is welcome."""
    start = run.at(ACCURACY, 0)
    low, worst = lowest(run, ACCURACY, run.training_epochs)
    hint = (
        f"accuracy fell to {number(low)} at epoch {worst}, epoch 0 was {number(start)} ({stale_or_lost(run, worst)}). "
        "Raise the classification weight, freeze more modules, or lower optimizer.lr"
    )
    limit = bound(">=", -STABLE_POINTS, f" points of epoch 0 ({number(start)}) at every epoch")
    return judged("training/accuracy_stable", points(run, ACCURACY, low, run.training_epochs), limit, hint)


def contrastive_steady(run: Run) -> Indicator:
    """The held-out contrastive loss falls steadily; the value is the share of epochs that go up by more than 1 %.

    Steadily = lower at the end than at epoch 0, and at most a third of the changes from one epoch to the next are
    upward by more than 1 % of the earlier value.
    """
    values = run.over(CONTRASTIVE_LOSS, run.epochs) or []
    steps = list(itertools.pairwise(values))
    share = sum(after > before * (1 + UPWARD_CHANGE) for before, after in steps) / len(steps) if steps else None
    missing = run.why_missing(CONTRASTIVE_LOSS, run.epochs) if run.last_epoch else "no epoch was trained"
    fell, went = bool(values) and values[-1] < values[0], arrow(run, CONTRASTIVE_LOSS)
    limit = Bound(
        f"<= {UPWARD_SHARE:.2f} of epochs up by > {UPWARD_CHANGE:.0%}, and a fall ({went})",
        lambda upward: fell and upward <= UPWARD_SHARE,
    )
    text = f"{CONTRASTIVE_LOSS} {went}, {number(share)} of its changes went up"
    hint = loss_hint(run, loss_fall(run).value, text, run.last_epoch)
    return judged("training/contrastive_steady", Measured(share, missing), limit, hint)


def frozen_gradients(run: Run) -> Indicator:
    """Gradients flow only in the unfrozen modules: those of the frozen ones are 0 or not there, in every epoch.

    A module frozen throughout has no column at all; that counts as none, once the backbone shows that gradients were
    measured in the same epochs.
    """
    trained = [epoch for epoch in run.training_epochs if not run.is_frozen("backbone", epoch)]
    missing = run.why_missing(BACKBONE, trained) if run.over(BACKBONE, trained) is None else ""
    return _still(run, "training/frozen_gradients", GRADIENT, "gradient norm", missing)


def frozen_weights(run: Run) -> Indicator:
    """Frozen modules keep their weights to the bit."""
    unmeasured = (
        run.why_missing(weight_change(module), epochs)
        for module, epochs in _frozen_epochs(run).items()
        if module not in WITHOUT_WEIGHTS and run.over(weight_change(module), epochs) is None
    )
    words = "weight change since epoch 0"
    return _still(run, "training/frozen_weights", WEIGHT_CHANGE, words, next(unmeasured, ""))


def _still(run: Run, name: str, prefix: str, words: str, missing: str) -> Indicator:
    """Judge the largest value that ``prefix/module`` has while the module is frozen; an empty cell counts as 0."""
    frozen = _frozen_epochs(run)
    limit = zero(f" in {', '.join(frozen) or 'the frozen modules'}")
    if not frozen or missing:
        return judged(name, absent(missing if frozen else "nothing is frozen in any phase"), limit)
    cells = ((module, epoch) for module, epochs in frozen.items() for epoch in epochs)
    values = {cell: abs(run.at(f"{prefix}/{cell[0]}", cell[1]) or 0.0) for cell in cells}
    module, epoch = max(values, key=lambda cell: values[cell])
    worst = values[module, epoch]
    hint = (
        f"the {words} of {module} is {number(worst)} at epoch {epoch} though it is frozen: check the freezing logic "
        "and which parameters the optimizer holds"
    )
    return judged(name, Measured(worst), limit, hint)


def _frozen_epochs(run: Run) -> dict[str, list[int]]:
    """Return the modules that are frozen from epoch 1 on, each with the epochs until it is first unfrozen."""
    frozen: dict[str, list[int]] = {}
    for module in dict.fromkeys(module for phase in run.info.phases for module in phase.frozen):
        unfrozen = (epoch for epoch in run.training_epochs if not run.is_frozen(module, epoch))
        epochs = list(range(1, next(unfrozen, run.last_epoch + 1)))
        if epochs:
            frozen[module] = epochs
    return frozen
