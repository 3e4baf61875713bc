"""What held-out charts show: triplets in order, neighbours nearer by groove, and difficulty still in the features."""

from __future__ import annotations

from groove.runs.columns import ACCURACY, KNN, MARGIN, NORM, POSITIVE, PROBE, gain
from groove.runs.folder import Run
from groove.runs.measured import Measured, arrow, change, final, final_points, number, points
from groove.runs.verdict.advice import easy_triplets, weak_retrieval
from groove.runs.verdict.indicator import Indicator, bound, judged
from groove.runs.verdict.thresholds import (
    MARGIN_IMPROVEMENT,
    NORM_GROWTH,
    POSITIVE_FRACTION,
    PRETRAIN_ACCURACY,
    RECOVERY_POINTS,
)


def margin_improvement(run: Run) -> Indicator:
    """The mean held-out triplet margin d(a,n) - d(a,p) rises toward the target."""
    text, end, target = f" over epoch 0 ({arrow(run, MARGIN)})", run.final(MARGIN), run.info.triplet_margin
    if end is not None:
        text += f"; target {target:g} " + (f"is {number(target - end)} away" if target > end else "reached")
    hint = f"the margin went {arrow(run, MARGIN)}. {easy_triplets(run)}"
    return judged("triplet/margin_improvement", change(run, MARGIN), bound(">", MARGIN_IMPROVEMENT, text), hint)


def positive_fraction(run: Run) -> Indicator:
    """Most held-out triplets are in the right order."""
    share = final(run, POSITIVE)
    hint = f"only {number(share.value)} of the held-out triplets have d(a,n) > d(a,p). {easy_triplets(run)}"
    return judged("triplet/positive_fraction", share, bound(">", POSITIVE_FRACTION, " of the held-out triplets"), hint)


def embedding_norm_growth(run: Run) -> Indicator:
    """Growing norms satisfy a margin on raw distances without ordering anything better: report the ratio."""
    before, after = run.at(NORM, 0), run.final(NORM)
    value = after / before if before and after is not None else None
    growth = Measured(value, run.why_missing(NORM, (0, run.last_epoch)))
    start, end = (_margin_per_norm(run, epoch) for epoch in (0, run.last_epoch))
    risen = start is not None and end is not None and end > 1.01 * start
    hint = (
        f"embedding norms grew {number(value)} x ({arrow(run, NORM)}), which widens every distance; the margin per "
        f"unit of norm went {number(start)} -> {number(end)}"
        + (", so more than the scale grew" if risen else ", so only the scale grew")
        + ". loss.normalize=true takes the scale out"
    )
    return judged("embedding/norm_growth", growth, bound("<=", NORM_GROWTH, " x epoch 0"), hint)


def _margin_per_norm(run: Run, epoch: int) -> float | None:
    margin, norm = run.at(MARGIN, epoch), run.at(NORM, epoch)
    return margin / norm if margin is not None and norm else None


def retrieval(run: Run, layer: str) -> Indicator:
    """Held-out neighbours by `layer` got better than at epoch 0: the evidence that learning happened."""
    column = gain(layer)
    limit = bound(">", 0, f" over epoch 0 ({arrow(run, column)})")
    hint = (
        f"held-out retrieval by {layer} did not improve ({arrow(run, column)}; 0 = random, 1 = perfect): whatever the "
        f"loss did, charts of similar groove are no nearer. {weak_retrieval(run)}"
    )
    return judged(f"retrieval/{layer}_gain", change(run, column), limit, hint)


def accuracy_kept(run: Run, name: str, column: str) -> Indicator:
    """Difficulty can still be predicted: by the own head, or from the pooled features by a fresh probe or k-NN."""
    limit = bound(">=", -RECOVERY_POINTS, f" points of epoch 0 ({arrow(run, column)})")
    lost = ". Raise the classification weight, or train for more epochs"
    if column != ACCURACY:
        lost = (
            ": read afresh from the pooled features, difficulty is harder to tell than before. Lower optimizer.lr or "
            "raise the classification weight"
        )
    return judged(name, final_points(run, column), limit, f"{column} went {arrow(run, column)}{lost}")


def accuracy_reached(run: Run, name: str, column: str) -> Indicator:
    """The pretrained classifier that everything starts from ends near the 80 % of the source document."""
    end = final(run, column)
    hint = (
        f"{column} ends at {number(end.value)} (epoch 0: {number(run.at(column, 0))}), short of {PRETRAIN_ACCURACY:g}: "
        "raise pretrain.epochs or use more songs. Later experiments compare with this classifier, whatever it reaches"
    )
    return judged(name, end, bound(">=", PRETRAIN_ACCURACY), hint)


def trees_beaten(run: Run) -> Indicator:
    """A network that reads every note predicts better than tree models that know twenty counts of a chart."""
    end, trees = run.final(ACCURACY), run.info.references
    why = run.why_missing(ACCURACY, (run.last_epoch,)) if trees else "run.json has no references"
    value = None if end is None or not trees else round(100.0 * (end - max(trees.values())), 6)
    known = ", ".join(f"{name.replace('_', ' ')} {number(accuracy)}" for name, accuracy in trees.items())
    hint = (
        f"{ACCURACY} ends at {number(end)} on the charts on which trees reach: {known}. One split says little: compare "
        "the five of data.fold=0,1,2,3,4; then raise pretrain.epochs or use more songs"
    )
    limit = bound(">", 0, f" points over the best of: {known}" if known else " points over the best tree model")
    return judged("pretrain/trees_beaten", Measured(value, why), limit, hint)


def stale_or_lost(run: Run, epoch: int) -> str:
    """Return what head, probe and k-NN say together at `epoch`: a stale head, or lost information.

    The probe is compared with itself at epoch 0; where it fell but stays well above the head, both are true.
    """
    head, probe, knn = (run.at(column, epoch) for column in (ACCURACY, PROBE, KNN))
    text = f"head {number(head)}, probe {number(probe)}, k-NN {number(knn)}"
    fall = points(run, PROBE, probe, (epoch,)).value
    if head is None or probe is None or fall is None:
        return text
    if fall >= -RECOVERY_POINTS:
        return f"{text}: the information is there, the head is stale"
    stale = round(100.0 * (probe - head), 6) > RECOVERY_POINTS
    return f"{text}: " + ("some information was lost, and the head is stale" if stale else "information was lost")
