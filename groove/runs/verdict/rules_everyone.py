"""What runs of any kind must satisfy: whole and sound, its loss falls, the pooled features move, held-out charts agree.

The scale of the state is the cosine of pooled features with those of epoch 0. On unit vectors L2 = sqrt(2 - 2 cos), so
the two bounds of the source document (cosine 0.95, L2 0.1) lie far apart; L2 is judged by its own bounds and always
shown with the cosine it implies.
"""

from __future__ import annotations

import math

import numpy as np

from groove.config.modules import LOSSES
from groove.runs import metric_columns as columns
from groove.runs.folder import Run
from groove.runs.metric_columns import (
    ACCURACY,
    CONTRASTIVE_LOSS,
    COSINE,
    KNN,
    L2,
    LOSS_MARGIN,
    MARGIN,
    NORM,
    POSITIVE,
    PROBE,
)
from groove.runs.verdict import measured, thresholds
from groove.runs.verdict.indicator import Bound, Indicator, between, bound, judged, zero
from groove.runs.verdict.measured import Measured, arrow, number
from groove.runs.verdict.thresholds import HEALTHY_ABOVE, LOSS_BARELY_FALLS, RECOVERY_POINTS, RIGID_ABOVE


def run_complete(run: Run) -> Indicator:
    """The run reached the last epoch of its last phase; half a run proves nothing."""
    planned = max(phase.last_epoch for phase in run.info.phases)
    hint = f"the run ended at epoch {run.last_epoch} of {planned}: resume it with ckpt_path=.../checkpoints/last.ckpt"
    return judged("run/complete", Measured(float(run.last_epoch)), bound(">=", planned, " epochs"), hint)


def loss_finite(run: Run) -> Indicator:
    """No loss is NaN, infinite, or blank where its weight is above zero."""
    expected = [(columns.TRAIN_LOSS, epoch) for epoch in run.epochs[1:]]
    for loss in LOSSES:
        if any(phase.weights.get(loss, 0.0) > 0 for phase in run.info.phases):
            expected += [(columns.HELD_OUT_LOSS[loss], epoch) for epoch in run.epochs]
    blank = [
        f"{name} blank at epoch {epoch}"
        for name, epoch in expected
        if not run.columns.get(name) or run.columns[name][epoch] is None
    ]
    names = [name for name in run.columns if name.endswith("loss")]
    return _finite(run, "loss/finite", names, "loss values NaN, infinite or blank", blank)


def gradient_finite(run: Run) -> Indicator:
    """No gradient norm is NaN or infinite."""
    names = [name for name in run.columns if name.startswith("grad_")]
    return _finite(run, "gradient/finite", names, "gradient norms NaN or infinite", [])


def _finite(run: Run, indicator: str, names: list[str], text: str, blank: list[str]) -> Indicator:
    cells = ((name, epoch, cell) for name in names for epoch, cell in enumerate(run.columns[name]))
    bad = [f"{name} is {x} at epoch {epoch}" for name, epoch, x in cells if x is not None and not math.isfinite(x)]
    bad += blank
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    advice = (
        "Set trainer.gradient_clip_val=1.0, divide optimizer.lr by 10, lower the contrastive weight to 1.0, look for "
        "outliers in the radar"
    )
    if all(cell.startswith(f"{CONTRASTIVE_LOSS} blank") for cell in bad):
        advice = "There are no held-out triplets: more songs are needed, several of a class that differ in their radar"
    hint = f"{'; '.join(bad[:3])}{more}. {advice}"
    return judged(indicator, Measured(float(len(bad))), zero(f" {text}"), hint)


def no_radar_leak(run: Run) -> Indicator:
    """The radar defines the triplets; as an input of the projection head it makes them trivial."""
    hint = (
        "RADAR IN PROJECTION (model.radar_in_projection=true): the projection head sees the labels, so margins and "
        "retrieval prove nothing and the backbone has no reason to move. An ablation, not a result: set it to false"
    )
    leak = Measured(float(run.info.radar_in_projection))
    return judged("leak/radar_in_projection", leak, zero(" (false)"), hint)


# --- the loss falls, the pooled features move


def contrastive_drop(run: Run) -> Indicator:
    """The held-out contrastive loss fell over the whole run by more than next to nothing."""
    fall = measured.loss_fall(run, 0, run.last_epoch)
    limit = bound(">=", LOSS_BARELY_FALLS, ", relative fall by the last epoch")
    hint = loss_hint(run, fall.value, f"{CONTRASTIVE_LOSS} {arrow(run, CONTRASTIVE_LOSS)}", run.last_epoch)
    return judged("loss/contrastive_drop", fall, limit, hint)


def loss_hint(run: Run, fall: float, course: str, epoch: int) -> str:
    """Return what to try where the loss falls too little by `epoch`; `course` says what it did."""
    fell = "not measured" if math.isnan(fall) else f"{fall:.1%}"
    margin = f"Are the margins too small (loss.triplet_margin, it is {number(run.info.triplet_margin)})? "
    questions = margin if run.info.loss_uses_margin else ""
    questions += "Are the negatives too easy (try mining=semihard)? " if run.info.loss_uses_triplets else ""
    frozen = [past for past in range(1, epoch + 1) if run.is_frozen("backbone", past)]
    until = f"no, not after epoch {frozen[-1]}" if frozen else "no"
    until = f"yes, at epoch {epoch}" if epoch in frozen else until
    return (
        f"{course}, a fall of {fell}. {questions}Is the backbone still frozen ({until})? If none of these, raise "
        "optimizer.lr"
    )


def pooled_cosine(run: Run) -> Indicator:
    """The state: mean cosine of the pooled features with those of epoch 0, on the fixed held-out probe set."""
    cosine = measured.final(run, COSINE)
    text = f" (rigid > {RIGID_ABOVE}, moving > {thresholds.MOVING_ABOVE}, healthy > {HEALTHY_ABOVE})"
    fewer = "or train fewer epochs"
    if run.info.verdict not in ("b", "c"):  # which freeze the encoders already
        fewer = "train fewer epochs, or freeze the encoders (experiment=b)"
    hint = (
        f"cosine {number(cosine.value)} is far from epoch 0: what pretraining learned may be gone "
        f"({stale_or_lost(run, run.last_epoch)}). Lower optimizer.lr or the contrastive weight, {fewer}"
    )
    if cosine.value > RIGID_ABOVE:
        hint = (
            f"cosine {number(cosine.value)} is rigid: the backbone did not move. A more aggressive approach is needed: "
            f"{stronger(run)}"
        )
    return judged("drift/pooled_cosine", cosine, between(HEALTHY_ABOVE, RIGID_ABOVE, text), hint)


def pooled_l2(run: Run) -> Indicator:
    """Mean L2 distance of the normalised pooled features from epoch 0; the red flag is also b's bound."""
    moved = measured.final(run, L2)
    limit = bound(">", thresholds.L2_RED_FLAG, f" at the last epoch{implied(moved.value)}")
    return judged("drift/pooled_l2", moved, limit, drift_hint(run, moved.value, run.last_epoch))


def implied(l2: float) -> str:
    """Return the cosine that `l2` implies, as the end of a bound."""
    return "" if math.isnan(l2) else f"; implies cosine {thresholds.implied_cosine(l2):.4f}"


def drift_hint(run: Run, l2: float, epoch: int) -> str:
    """Return what to try where the pooled features are at `l2` from epoch 0 and should be further."""
    barely = f" (< {thresholds.L2_FAILURE}: it barely changed)" if l2 < thresholds.L2_FAILURE else ""
    return f"pooled L2 {number(l2)} at epoch {epoch}{barely}: a more aggressive approach is needed: {stronger(run)}"


def projection_only(run: Run) -> Indicator:
    """The loss must not fall by the projection head alone; the value is the fall of the held-out loss."""
    cosine, fall = measured.final(run, COSINE), measured.loss_fall(run, 0, run.last_epoch)
    limit = Bound(
        f"if the loss falls by > {LOSS_BARELY_FALLS:g}, pooled cosine <= {RIGID_ABOVE}",
        lambda fallen: cosine.value <= RIGID_ABOVE or fallen <= LOSS_BARELY_FALLS,
    )
    frozen = sorted({module for phase in run.info.phases for module in phase.frozen})
    weight = max(phase.weights.get("contrastive", 0.0) for phase in run.info.phases)
    head = run.final(columns.drift("projection", "cosine"))
    hint = (
        f"only the projection head moves: loss -{fall.value:.1%}, pooled cosine {number(cosine.value)}, L2 "
        f"{number(run.final(L2))} (projection cosine {number(head)}). Are backbone and fusion_module trained: "
        f"trainable count ({number(run.final(columns.TRAINABLE))}), frozen: {', '.join(frozen) or 'nothing'}? Unfreeze "
        f"the top 50 % of the encoders; weight 3.0 (it is {number(weight)})"
    )
    return judged("drift/projection_only", cosine if math.isnan(cosine.value) else fall, limit, hint)


# --- what held-out charts show: triplets in order, neighbours nearer by groove, difficulty still in the features


def margin_improvement(run: Run) -> Indicator:
    """The mean held-out triplet margin d(a,n) - d(a,p) rises toward the target."""
    end, target, least = run.final(MARGIN), run.info.triplet_margin, thresholds.MARGIN_IMPROVEMENT
    text = f" over epoch 0 ({arrow(run, MARGIN)})"
    if not math.isnan(end):
        text += f"; target {target:g} " + (f"is {number(target - end)} away" if target > end else "reached")
    if run.info.loss_uses_margin and (asked := run.final(LOSS_MARGIN)) < 4 * least:
        least = round(asked / 4, 4)  # the source's bound is a quarter of its margin; a smaller one asks for as much
    limit = bound(">", least, text)
    hint = f"the margin went {arrow(run, MARGIN)}. {easy_triplets(run)}"
    return judged("triplet/margin_improvement", measured.change(run, MARGIN), limit, hint)


def positive_fraction(run: Run) -> Indicator:
    """Most held-out triplets are in the right order."""
    share = measured.final(run, POSITIVE)
    limit = bound(">", thresholds.POSITIVE_FRACTION, " of the held-out triplets")
    hint = f"only {number(share.value)} of the held-out triplets have d(a,n) > d(a,p). {easy_triplets(run)}"
    return judged("triplet/positive_fraction", share, limit, hint)


def embedding_norm_growth(run: Run) -> Indicator:
    """Growing norms satisfy a margin on raw distances without ordering anything better: report the ratio."""
    norms, margins = run.column(NORM), run.column(MARGIN)
    norms = np.where(norms == 0, np.nan, norms)
    start, end = (margins / norms)[[0, -1]]
    growth = Measured(float(run.final(NORM) / norms[0]), run.why_missing(NORM, (0, run.last_epoch)))
    hint = (
        f"embedding norms grew {number(growth.value)} x ({arrow(run, NORM)}), which widens every distance; the margin "
        f"per unit of norm went {number(start)} -> {number(end)}, so "
        f"{'more than' if end > 1.01 * start else 'only'} the scale grew. loss.radius=8 takes the scale out"
    )
    return judged("embedding/norm_growth", growth, bound("<=", thresholds.NORM_GROWTH, " x epoch 0"), hint)


def retrieval(run: Run, layer: str) -> Indicator:
    """Held-out neighbours by `layer` got better than at epoch 0: the evidence that learning happened."""
    column = columns.gain(layer)
    advice = "Check data.triplets and mining" if run.info.loss_uses_triplets else "Train longer"
    hint = (
        f"held-out retrieval by {layer} did not improve ({arrow(run, column)}; 0 = random, 1 = perfect): whatever the "
        f"loss did, charts of similar groove are no nearer. {advice}, and use more songs"
    )
    limit = bound(">", 0, f" over epoch 0 ({arrow(run, column)})")
    return judged(f"retrieval/{layer}_gain", measured.change(run, column), limit, hint)


def accuracy_kept(run: Run, name: str, column: str) -> Indicator:
    """Difficulty can still be predicted: by the own head, or from the pooled features by a fresh probe or k-NN."""
    limit = bound(">=", -RECOVERY_POINTS, f" points of epoch 0 ({arrow(run, column)})")
    lost = ". Raise the classification weight, or train for more epochs"
    if column != ACCURACY:
        lost = (
            ": the pooled features predict difficulty less well than before. Lower optimizer.lr or raise the "
            "classification weight"
        )
    return judged(name, measured.final_points(run, column), limit, f"{column} went {arrow(run, column)}{lost}")


def stale_or_lost(run: Run, epoch: int) -> str:
    """Return what head, probe and k-NN say together at `epoch`: a stale head, or lost information.

    The probe is compared with itself at epoch 0; where it fell but stays well above the head, both are true.
    """
    head, probe, knn = (run.at(column, epoch) for column in (ACCURACY, PROBE, KNN))
    text = f"head {number(head)}, probe {number(probe)}, k-NN {number(knn)}"
    fall = measured.points(run, PROBE, probe, ()).value
    if math.isnan(head) or math.isnan(fall):
        return text
    if fall >= -RECOVERY_POINTS:
        return f"{text}: the information is there, the head is stale"
    stale = round(100.0 * (probe - head), 6) > RECOVERY_POINTS
    return f"{text}: " + ("some information was lost, and the head is stale" if stale else "information was lost")


# --- the pretrained classifier that everything starts from


def accuracy_reached(run: Run, name: str, column: str) -> Indicator:
    """It ends near the 80 % of the source document."""
    end = measured.final(run, column)
    hint = (
        f"{column} ends at {number(end.value)} (epoch 0: {number(run.at(column, 0))}), short of "
        f"{thresholds.PRETRAIN_ACCURACY:g}: raise pretrain.epochs or use more songs. Later experiments compare with "
        "this classifier, whatever it reaches"
    )
    return judged(name, end, bound(">=", thresholds.PRETRAIN_ACCURACY), hint)


def trees_beaten(run: Run) -> Indicator:
    """A network that reads every note predicts better than tree models that know twenty counts of a chart."""
    end, trees = run.final(ACCURACY), run.info.references
    why = run.why_missing(ACCURACY, (run.last_epoch,)) if trees else "run.json has no references"
    ahead = round(100.0 * (end - max(trees.values(), default=math.nan)), 6)
    known = ", ".join(f"{name.replace('_', ' ')} {number(accuracy)}" for name, accuracy in trees.items())
    hint = (
        f"{ACCURACY} ends at {number(end)} on the charts on which trees reach: {known}. One split says little: compare "
        "the five of data.fold=0,1,2,3,4; then raise pretrain.epochs or use more songs"
    )
    limit = bound(">", 0, f" points over the best of: {known}" if known else " points over the best tree model")
    return judged("pretrain/trees_beaten", Measured(ahead, why), limit, hint)


# --- advice that fits the loss, the kind and the phases of the run; settings by their full names


def contrastive_weight(run: Run) -> str:
    """Return "contrastive weight" with the setting and the value of the last phase that has one."""
    weighted = [phase for phase in run.info.phases if phase.weights.get("contrastive", 0.0) > 0]
    if not weighted:
        return "contrastive weight (it is 0)"
    setting = f"experiment.phases.{weighted[-1].index}.weights.contrastive"
    return f"contrastive weight ({setting}, it is {weighted[-1].weights['contrastive']:g})"


def stronger(run: Run) -> str:
    """Return how to ask for more movement; experiment=a only of who has not already asked for it."""
    other = "experiment=a, " if run.info.verdict in ("b", "baseline") else ""
    longer = "a longer warm-up (experiment.warmup_epochs), " if run.info.verdict == "a" else ""
    return f"{other}{longer}a higher {contrastive_weight(run)}, or a higher optimizer.lr"


def easy_triplets(run: Run) -> str:
    """Return what to try where held-out triplets are out of order."""
    if not run.info.loss_uses_triplets:
        weight = contrastive_weight(run)
        return f"{run.info.loss} trains on no triplets: they only measure. Train for more epochs, or raise the {weight}"
    cause, first = "The negatives are too easy", ""
    if run.info.loss_uses_margin:
        cause, margin, least = f"{cause} or the margin is too high", run.info.triplet_margin, thresholds.FIRST_MARGIN
        first = f", and start with loss.triplet_margin={least} (it is {number(margin)})"
        if margin <= least:
            first = f" (loss.triplet_margin is {number(margin)}, no more than the {least} to start with)"
    return (
        f"{cause}: set data.triplets.positive_percentile=10 data.triplets.negative_percentile=90, check "
        f"data.triplets.same_difficulty_only=true{first}"
    )
