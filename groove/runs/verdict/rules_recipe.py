"""The recommended recipe (experiment c): nothing may be lost, and neighbours must be nearly those of the radar."""

from __future__ import annotations

from groove.runs.columns import ACCURACY
from groove.runs.folder import Run
from groove.runs.measured import Measured, absent, arrow, final, number, points
from groove.runs.verdict.advice import contrastive_weight
from groove.runs.verdict.indicator import Indicator, at_least, at_most, judged
from groove.runs.verdict.thresholds import BLIND_GAIN, RECIPE_GAIN, RECIPE_RUNS, RECIPE_SPREAD, RECOVERY_POINTS

CHANCE = 3 * RECIPE_SPREAD
"""How far below a bound a run may lie by chance."""


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
    short = gain_short(run, layer) or 0.0
    advice = f"train for more epochs, lower loss.temperature, or raise the {contrastive_weight(run)}"
    chance = "compare several seeds; if their mean is short too, " if short <= CHANCE else ""
    hint = (
        f"{column} went {arrow(run, column)}, {number(short)} short of {RECIPE_GAIN[layer]:g} ({scatter(short)}): "
        f"{chance}{advice}; a library of few songs may not reach it"
    )
    bound = at_least(RECIPE_GAIN[layer], f", meant for the mean of several runs (spread {RECIPE_SPREAD:g})")
    return judged(f"recipe/gain_{layer}", final(run, column), bound, hint)


def scatter(short: float) -> str:
    """Return what being `short` of a bound means for a single run."""
    more = "" if short <= CHANCE else "more than by chance: "
    return f"{more}single runs scatter, spread of {RECIPE_RUNS} runs {RECIPE_SPREAD:g}"


def gain_short(run: Run, layer: str) -> float | None:
    """Return by how much the final gain by `layer` misses its bound; 0 where it does not."""
    gain = run.final(f"retrieval/gain/{layer}")
    return None if gain is None else round(max(0.0, RECIPE_GAIN[layer] - gain), 4)


def gains_text(run: Run) -> str:
    """Return the final gains with their bounds, and, where one is missed, by how much and what that means."""
    parts, missed = [], 0.0
    for layer, bound in RECIPE_GAIN.items():
        short = gain_short(run, layer) or 0.0
        missed = max(missed, short)
        tail = f", {number(short)} short" if short else ""
        parts.append(f"{layer} {number(run.final(f'retrieval/gain/{layer}'))} (bound >= {bound:g}{tail})")
    return f"gain: {', '.join(parts)}" + (f"; {scatter(missed)}" if missed else "")
