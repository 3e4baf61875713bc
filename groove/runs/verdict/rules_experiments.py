"""What one experiment alone is judged by.

* a, aggressive: in the warm-up the contrastive loss alone moves the backbone, in the fine-tune the head catches up.
* b, conservative: accuracy stays, the loss falls steadily, and what is frozen stays as it was.
* c, the recommended recipe: neighbours must be nearly those of the radar, and nothing may leak.
* debug=overfit: a few triplets, shown again and again, are learned.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from groove.runs import metric_columns as columns
from groove.runs.folder import RecordedPhase, Run
from groove.runs.metric_columns import ACCURACY, BACKBONE, CONTRASTIVE_LOSS, L2, gain, weight_change
from groove.runs.verdict import measured, thresholds
from groove.runs.verdict.indicator import Bound, Indicator, bound, judged, zero
from groove.runs.verdict.measured import Measured, arrow, number
from groove.runs.verdict.rules_everyone import contrastive_weight, drift_hint, implied, loss_hint, stale_or_lost
from groove.runs.verdict.rules_gradient import balance

NO_WARMUP = Measured(math.nan, "the run has no warm-up phase: is experiment.warmup_epochs > 0?")
NO_FINETUNE = Measured(math.nan, "the run has no epoch after its warm-up")
WITHOUT_WEIGHTS = ("pooling",)  # mean_max pooling has no parameters, so nothing of it can be measured

# --- experiment a


def warmup_of(run: Run) -> RecordedPhase | None:
    """Return the warm-up: the phase named so, else a first of several phases that silences classification."""
    named = [phase for phase in run.info.phases if phase.name == "warmup"]
    first, *others = run.info.phases
    if not named and others and first.weights.get("classification") == 0.0:
        return first
    return named[0] if named else None


def finetune_epochs(run: Run) -> range:
    """Return the epochs after the warm-up; all that trained, where there is none."""
    warmup = warmup_of(run)
    return range(warmup.last_epoch + 1 if warmup else 1, run.last_epoch + 1)


def accuracy_dip(run: Run) -> Indicator:
    """Accuracy falls below epoch 0 within the warm-up: if it never does, the backbone never moved."""
    name, start, warmup = "warmup/accuracy_dip", number(run.at(ACCURACY, 0)), warmup_of(run)
    limit = bound(">=", thresholds.DIP_POINTS, f" points below epoch 0 ({start}), ideally {thresholds.IDEAL_DIP}")
    if warmup is None:
        return judged(name, NO_WARMUP, limit)
    low, _ = measured.lowest(run, ACCURACY, warmup.epochs)
    rise = measured.points(run, ACCURACY, low, warmup.epochs)
    change = number(run.at(weight_change("classifier_head"), warmup.last_epoch))
    frozen = ", ".join(warmup.frozen) or "nothing"
    hint = (
        f"accuracy never dipped (lowest {number(low)} vs epoch 0 {start}). Check experiment.warmup_epochs > 0 "
        f"(it is {len(warmup.epochs)}), that the head is frozen (frozen: {frozen}; its weight change: "
        f"{change}) and 'WARMUP PHASE: Freezing classifier_head' is printed; "
        "then raise experiment.warmup_epochs to 10 or optimizer.lr"
    )
    return judged(name, Measured(0.0 - rise.value, rise.missing), limit, hint)


def warmup_contrastive_drop(run: Run) -> Indicator:
    """The held-out contrastive loss falls rapidly while it alone trains the backbone."""
    name, warmup = "warmup/contrastive_drop", warmup_of(run)
    limit = bound(">", thresholds.WARMUP_LOSS_DROP, ", relative fall by the end of the warm-up")
    if warmup is None:
        return judged(name, NO_WARMUP, limit)
    last = warmup.last_epoch
    fall = measured.loss_fall(run, 0, last)
    text = f"{CONTRASTIVE_LOSS} {arrow(run, CONTRASTIVE_LOSS, 0, last)} at epoch {last}"
    return judged(name, fall, limit, loss_hint(run, fall.value, text, last))


def drift_l2(run: Run) -> Indicator:
    """The pooled features have moved by the end of the warm-up."""
    warmup = warmup_of(run)
    last = warmup.last_epoch if warmup else 0
    moved = Measured(run.at(L2, last), run.why_missing(L2, (last,))) if warmup else NO_WARMUP
    limit = bound(">", thresholds.WARMUP_L2, f" by the end of the warm-up{implied(moved.value)}")
    return judged("warmup/drift_l2", moved, limit, drift_hint(run, moved.value, last))


def backbone_gradient(run: Run) -> Indicator:
    """The contrastive gradient reaches the backbone during the warm-up (mean over its epochs)."""
    name, warmup = "warmup/backbone_gradient", warmup_of(run)
    limit = bound(">", thresholds.GOOD_BACKBONE_GRADIENT[0], ", mean over the warm-up")
    if warmup is None:
        return judged(name, NO_WARMUP, limit)
    norm = measured.mean(run, BACKBONE, warmup.epochs)
    hint = (
        f"the backbone's mean gradient norm is {number(norm.value)}, too little to move it: check the freezing logic "
        f"(frozen: {', '.join(warmup.frozen) or 'nothing'}) and raise the contrastive weight "
        f"(it is {number(warmup.weights.get('contrastive'))})"
    )
    return judged(name, norm, limit, hint)


def accuracy_recovery(run: Run) -> Indicator:
    """Accuracy is back within two points of epoch 0, or above."""
    start, end = number(run.at(ACCURACY, 0)), number(run.final(ACCURACY))
    rise = measured.final_points(run, ACCURACY) if finetune_epochs(run) else NO_FINETUNE
    hint = (
        f"accuracy ends at {end}, epoch 0 was {start} ({stale_or_lost(run, run.last_epoch)}). Fine-tune for more "
        f"epochs, raise the classification weight (it is {number(run.info.phases[-1].weights.get('classification'))}), "
        "or lower optimizer.lr"
    )
    limit = bound(">=", -thresholds.RECOVERY_POINTS, f" points of epoch 0 ({start})")
    return judged("finetune/accuracy_recovery", rise, limit, hint)


def contrastive_falling(run: Run) -> Indicator:
    """The held-out contrastive loss falls further after the warm-up."""
    name, limit = "finetune/contrastive_falling", bound(">", 0, ", relative fall after the warm-up")
    warmup, last = warmup_of(run), run.last_epoch
    if warmup is None or not finetune_epochs(run):
        return judged(name, NO_WARMUP if warmup is None else NO_FINETUNE, limit)
    first = warmup.last_epoch
    before, after = (number(run.at(CONTRASTIVE_LOSS, epoch)) for epoch in (first, last))
    hint = (
        f"{CONTRASTIVE_LOSS} {before} at epoch {first} -> {after} at epoch {last}: it no longer falls. Lower the "
        f"classification weight; if {columns.TRAIN_CONTRASTIVE_LOSS} still falls, the run overfits its triplets: use "
        "more songs or fewer epochs"
    )
    return judged(name, measured.loss_fall(run, first, last), limit, hint)


def gradient_balance(run: Run) -> Indicator:
    """Mean backbone/classifier ratio over the fine-tune; undefined while the head is frozen."""
    return balance(run, "finetune/gradient_balance", finetune_epochs(run))


# --- experiment b


def accuracy_stable(run: Run) -> Indicator:
    """Accuracy never falls more than two points below epoch 0, in the mean of five epochs; a rise is welcome."""
    start, epochs = number(run.at(ACCURACY, 0)), list(run.epochs[1:])
    low, first = measured.lowest_mean(run, ACCURACY, epochs, thresholds.STABLE_EPOCHS)
    worst, at = measured.lowest(run, ACCURACY, epochs)
    hint = (
        f"accuracy averaged {number(low)} from epoch {first} on, epoch 0 was {start}; its lowest was {number(worst)} "
        f"at epoch {at} ({stale_or_lost(run, at)}). Raise experiment.drift_weight or the classification weight, freeze "
        "more modules, or lower optimizer.lr"
    )
    epochs_in_a_row = f" points of epoch 0 ({start}) in any {thresholds.STABLE_EPOCHS} epochs in a row"
    limit = bound(">=", -thresholds.STABLE_POINTS, epochs_in_a_row)
    return judged("training/accuracy_stable", measured.points(run, ACCURACY, low, epochs), limit, hint)


def contrastive_steady(run: Run) -> Indicator:
    """The held-out contrastive loss falls steadily; the value is the share of epochs that go up by more than 1 %.

    Steadily = lower at the end than at epoch 0, and at most a third of the changes from one epoch to the next are
    upward by more than 1 % of the loss at epoch 0: one that is nearly gone may flicker.
    """
    values, most = run.column(CONTRASTIVE_LOSS), thresholds.UPWARD_SHARE
    share, missing = math.nan, run.why_missing(CONTRASTIVE_LOSS, run.epochs)
    if not run.last_epoch:
        missing = "no epoch was trained"
    elif not math.isnan(values.sum()):
        least = thresholds.UPWARD_CHANGE * values[0]
        ups = [after - before > least for before, after in itertools.pairwise(values)]
        share = sum(ups) / len(ups)
    fell, went = values[-1] < values[0], arrow(run, CONTRASTIVE_LOSS)
    limit = Bound(
        f"<= {most:.2f} of epochs up by > {thresholds.UPWARD_CHANGE:.0%} of epoch 0, and a fall ({went})",
        lambda upward: fell and upward <= most,
    )
    text = f"{CONTRASTIVE_LOSS} {went}, {number(share)} of its changes went up"
    hint = loss_hint(run, measured.loss_fall(run, 0, run.last_epoch).value, text, run.last_epoch)
    return judged("training/contrastive_steady", Measured(share, missing), limit, hint)


def frozen_gradients(run: Run) -> Indicator:
    """Gradients flow only in the unfrozen modules: those of the frozen ones are 0 or not there, in every epoch.

    A module frozen throughout has no column at all; that counts as none, once the backbone shows that gradients were
    measured in the same epochs.
    """
    trained = [epoch for epoch in run.epochs[1:] if not run.is_frozen("backbone", epoch)]
    missing = run.why_missing(BACKBONE, trained) if math.isnan(measured.lowest(run, BACKBONE, trained)[0]) else ""
    return _still(run, "training/frozen_gradients", columns.GRADIENT, "gradient norm", missing)


def frozen_weights(run: Run) -> Indicator:
    """Frozen modules keep their weights to the bit."""
    unmeasured = (
        run.why_missing(weight_change(module), epochs)
        for module, epochs in _frozen_epochs(run).items()
        if module not in WITHOUT_WEIGHTS and math.isnan(measured.lowest(run, weight_change(module), epochs)[0])
    )
    name, words = "training/frozen_weights", "weight change since epoch 0"
    return _still(run, name, columns.WEIGHT_CHANGE, words, next(unmeasured, ""))


def _still(run: Run, name: str, prefix: str, words: str, missing: str) -> Indicator:
    """Judge the largest value that ``prefix/module`` has while the module is frozen; an empty cell counts as 0."""
    frozen = _frozen_epochs(run)
    limit = zero(f" in {', '.join(frozen) or 'the frozen modules'}")
    if not frozen or missing:
        return judged(name, Measured(math.nan, missing if frozen else "nothing is frozen in any phase"), limit)
    cells = ((module, epoch) for module, epochs in frozen.items() for epoch in epochs)
    values = {cell: abs(float(np.nan_to_num(run.at(f"{prefix}/{cell[0]}", cell[1])))) for cell in cells}
    module, epoch = max(values, key=lambda cell: values[cell])
    worst = values[module, epoch]
    hint = (
        f"the {words} of {module} is {number(worst)} at epoch {epoch} though it is frozen: check the freezing logic "
        "and which parameters the optimizer holds"
    )
    return judged(name, Measured(worst), limit, hint)


def _frozen_epochs(run: Run) -> dict[str, range]:
    """Return the modules that are frozen from epoch 1 on, each with the epochs until it is first unfrozen."""
    frozen: dict[str, range] = {}
    for module in dict.fromkeys(module for phase in run.info.phases for module in phase.frozen):
        unfrozen = (epoch for epoch in run.epochs[1:] if not run.is_frozen(module, epoch))
        frozen[module] = range(1, next(unfrozen, run.last_epoch + 1))
    return {module: epochs for module, epochs in frozen.items() if epochs}


# --- experiment c


def blind(run: Run) -> Indicator:
    """The trained network, shown neither chart nor audio, finds neighbours no better than at random."""
    found = run.blind_gain
    known = Measured(math.nan if found is None else found, "retrieval.json holds no gain of the blind network")
    hint = (
        f"a network that sees neither chart nor audio has a retrieval gain of {number(found)}: the label "
        "leaks into the embedding (model.radar_in_projection?), and no other number of this run is evidence"
    )
    return judged("leak/blind", known, bound("<=", thresholds.BLIND_GAIN), hint)


def gain_reached(run: Run, layer: str) -> Indicator:
    """Held-out retrieval gain by `layer` ends at what the recipe promises, which single runs miss by chance."""
    column, least, spread = gain(layer), thresholds.RECIPE_GAIN[layer], thresholds.RECIPE_SPREAD
    hint = (
        f"{column} went {arrow(run, column)}, {number(round(least - run.final(column), 4))} short of {least:g} (single "
        f"runs scatter, spread of {thresholds.RECIPE_RUNS} runs {spread:g}): compare several seeds; if their mean is "
        f"short too, train for more epochs, lower loss.temperature, or raise the {contrastive_weight(run)}"
    )
    limit = bound(">=", least, f", meant for the mean of several runs (spread {spread:g} within one library)")
    return judged(f"recipe/gain_{layer}", measured.final(run, column), limit, hint)


# --- debug=overfit


def overfitted(run: Run) -> Indicator:
    """The training loss of the few triplets that are shown again and again went to 0."""
    column = columns.TRAIN_CONTRASTIVE_LOSS
    start, end = run.at(column, 0), run.final(column)
    left = Measured(end / start if start > 0 else math.nan, "there are no triplets in the batch: raise data.batch_size")
    limit = bound("<=", thresholds.OVERFIT_LEFT, f" of {column} at epoch 0 is left")
    hint = (
        f"{column} {arrow(run, column)}: no loss that stays above 0 can be judged by this (loss=plain_triplet); else "
        "raise experiment.epochs or optimizer.lr, and if that does not help, no gradient reaches the network"
    )
    return judged("overfit/loss", left, limit, hint)
