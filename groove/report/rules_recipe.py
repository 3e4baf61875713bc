"""The recommended recipe (experiment c): nothing may be lost, and neighbours must be nearly those of the radar."""

from __future__ import annotations

from groove.report.indicator import Indicator, at_least, at_most, judged
from groove.report.measured import ACCURACY, Measured, absent, arrow, final, number, points
from groove.report.run_folder import Run
from groove.report.thresholds import BLIND_GAIN, RECIPE_GAIN, RECOVERY_POINTS


def accuracy_kept(run: Run) -> Indicator:
    """The own head ends where it began, within what a held-out set of a few hundred charts can tell."""
    bound = at_least(-RECOVERY_POINTS, f" points of epoch 0 ({arrow(run, ACCURACY)})")
    hint = f"{ACCURACY} went {arrow(run, ACCURACY)}. Raise the classification weight, or train for more epochs"
    return judged("recipe/accuracy_kept", points(run, ACCURACY, run.final(ACCURACY), (run.last_epoch,)), bound, hint)


def blind(run: Run) -> Indicator:
    """The trained network, shown neither chart nor audio, finds neighbours no better than at random."""
    within = (run.retrieval or {}).get("within_difficulty") or {}
    gain = (within.get("blind_projection") or {}).get("gain")
    measured = absent("retrieval.json holds no blind_projection") if gain is None else Measured(float(gain))
    hint = (
        f"a network that sees neither chart nor audio has a retrieval gain of {number(measured.value)}: the label "
        "leaks into the embedding (model.radar_in_projection?), and no other number of this run is evidence"
    )
    return judged("leak/blind", measured, at_most(BLIND_GAIN, ""), hint)


def gain_reached(run: Run, layer: str) -> Indicator:
    """Held-out retrieval gain by `layer` ends at what the recipe promises."""
    column = f"retrieval/gain/{layer}"
    hint = (
        f"{column} went {arrow(run, column)}: train for more epochs, lower loss.temperature, or raise the contrastive "
        "weight; a library of few songs may not reach it"
    )
    return judged(f"recipe/gain_{layer}", final(run, column), at_least(RECIPE_GAIN[layer], ""), hint)
