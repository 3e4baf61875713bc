"""What hints share: advice that fits the loss, the kind and the phases of the run; settings by their full names."""

from __future__ import annotations

from groove.runs.folder import Run
from groove.runs.verdict.measured import number
from groove.runs.verdict.thresholds import FIRST_MARGIN


def frozen_text(run: Run, module: str, last: int) -> str:
    """Return whether `module` is frozen at epoch `last`, and until when it was."""
    frozen = [epoch for epoch in range(1, last + 1) if run.is_frozen(module, epoch)]
    if last in frozen:
        return f"yes, at epoch {last}"
    return f"no, not after epoch {frozen[-1]}" if frozen else "no"


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


def loss_questions(run: Run) -> str:
    """Return what to ask where the loss falls too little, as far as the loss has it; ends in a space, or is empty."""
    margin = f"Are the margins too small (loss.triplet_margin, it is {number(run.info.triplet_margin)})? "
    negatives = "Are the negatives too easy (try mining=semihard)? "
    return (margin if run.info.loss_uses_margin else "") + (negatives if run.info.loss_uses_triplets else "")


def easy_triplets(run: Run) -> str:
    """Return what to try where held-out triplets are out of order."""
    if not run.info.loss_uses_triplets:
        weight = contrastive_weight(run)
        return f"{run.info.loss} trains on no triplets: they only measure. Train for more epochs, or raise the {weight}"
    cause, first, margin = "The negatives are too easy", "", run.info.triplet_margin
    if run.info.loss_uses_margin:
        cause += " or the margin is too high"
        first = f", and start with loss.triplet_margin={FIRST_MARGIN} (it is {number(margin)})"
        if margin <= FIRST_MARGIN:
            first = f" (loss.triplet_margin is {number(margin)}, no more than the {FIRST_MARGIN} to start with)"
    return (
        f"{cause}: set data.triplets.positive_percentile=10 data.triplets.negative_percentile=90, check "
        f"data.triplets.same_difficulty_only=true{first}"
    )
