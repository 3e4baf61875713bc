"""The recommended recipe (experiment c): neighbours must be nearly those of the radar, and nothing may leak."""

from __future__ import annotations

from groove.runs.columns import gain
from groove.runs.folder import Run
from groove.runs.measured import Measured, arrow, final, number
from groove.runs.verdict.advice import contrastive_weight
from groove.runs.verdict.indicator import Indicator, bound, judged
from groove.runs.verdict.thresholds import BLIND_GAIN, RECIPE_GAIN, RECIPE_RUNS, RECIPE_SPREAD

CHANCE = 3 * RECIPE_SPREAD
"""How far below a bound a run may lie by chance."""


def blind(run: Run) -> Indicator:
    """The trained network, shown neither chart nor audio, finds neighbours no better than at random."""
    within = (run.retrieval or {}).get("within_difficulty") or {}
    value = (within.get("blind_projection") or {}).get("gain")
    measured = Measured(None if value is None else float(value), "retrieval.json holds no blind_projection")
    hint = (
        f"a network that sees neither chart nor audio has a retrieval gain of {number(measured.value)}: the label "
        "leaks into the embedding (model.radar_in_projection?), and no other number of this run is evidence"
    )
    return judged("leak/blind", measured, bound("<=", BLIND_GAIN), hint)


def gain_reached(run: Run, layer: str) -> Indicator:
    """Held-out retrieval gain by `layer` ends at what the recipe promises."""
    column = gain(layer)
    short = gain_short(run, layer) or 0.0
    advice = f"train for more epochs, lower loss.temperature, or raise the {contrastive_weight(run)}"
    chance = "compare several seeds; if their mean is short too, " if short <= CHANCE else ""
    hint = (
        f"{column} went {arrow(run, column)}, {number(short)} short of {RECIPE_GAIN[layer]:g} ({scatter(short)}): "
        f"{chance}{advice}; a library of few songs may not reach it"
    )
    limit = bound(">=", RECIPE_GAIN[layer], f", meant for the mean of several runs (spread {RECIPE_SPREAD:g})")
    return judged(f"recipe/gain_{layer}", final(run, column), limit, hint)


def scatter(short: float) -> str:
    """Return what being `short` of a bound means for a single run."""
    more = "" if short <= CHANCE else "more than by chance: "
    return f"{more}single runs scatter, spread of {RECIPE_RUNS} runs {RECIPE_SPREAD:g}"


def gain_short(run: Run, layer: str) -> float | None:
    """Return by how much the final gain by `layer` misses its bound; 0 where it does not."""
    value = run.final(gain(layer))
    return None if value is None else round(max(0.0, RECIPE_GAIN[layer] - value), 4)


def gains_text(run: Run) -> str:
    """Return the final gains with their bounds, and, where one is missed, by how much and what that means."""
    parts, missed = [], 0.0
    for layer, least in RECIPE_GAIN.items():
        short = gain_short(run, layer) or 0.0
        missed = max(missed, short)
        tail = f", {number(short)} short" if short else ""
        parts.append(f"{layer} {number(run.final(gain(layer)))} (bound >= {least:g}{tail})")
    return f"gain: {', '.join(parts)}" + (f"; {scatter(missed)}" if missed else "")
