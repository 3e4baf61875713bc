"""The verdict on a run: did the representation move, did it stay useful, and if not, what should be tried.

Every indicator is relative to the measured epoch 0 and, except for gradients, on held-out charts. Here stands which
rules judge which kind of run; the rules are in ``rules_*.py``, their bounds in ``thresholds.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from groove.io.files import write_json
from groove.runs.columns import ACCURACY, COSINE, KNN, L2, PROBE
from groove.runs.folder import Run
from groove.runs.layout import VERDICT_FILE
from groove.runs.measured import number
from groove.runs.verdict import rules_aggressive as aggressive
from groove.runs.verdict import rules_conservative as conservative
from groove.runs.verdict import rules_everyone as everyone
from groove.runs.verdict import rules_evidence as evidence
from groove.runs.verdict import rules_gradient as gradient
from groove.runs.verdict import rules_recipe as recipe
from groove.runs.verdict.indicator import Indicator, Verdict, advisory
from groove.runs.verdict.thresholds import state_of

if TYPE_CHECKING:
    from rich.table import Table

Rule = Callable[[Run], Indicator]
Several = tuple[Rule, ...]


@dataclass(frozen=True)
class Rules:
    """The indicators of one kind of run: those that decide, and those that inform."""

    required: Several
    advisory: Several


_SOUND: Several = (
    everyone.run_complete,
    everyone.loss_finite,
    everyone.gradient_finite,
    everyone.no_radar_leak,
)
_DRIFT: Several = (
    everyone.contrastive_drop,
    everyone.pooled_cosine,
    everyone.pooled_l2,
    everyone.projection_only,
)
_GRADIENTS: Several = (gradient.backbone_alive, gradient.classifier_to_backbone)
_RETRIEVAL: Several = tuple(partial(evidence.retrieval, layer=layer) for layer in ("pooled", "projection"))
_EVERYONE: Several = (*_SOUND, *_DRIFT, *_GRADIENTS, *_RETRIEVAL)
_TRIPLETS: Several = (evidence.margin_improvement, evidence.positive_fraction)
_INFORM: Several = (
    gradient.backbone_good_range,
    evidence.embedding_norm_growth,
    partial(evidence.accuracy_kept, name="accuracy/probe", column=PROBE),
    partial(evidence.accuracy_kept, name="accuracy/knn", column=KNN),
)
_RECIPE_GAINS: Several = tuple(partial(recipe.gain_reached, layer=layer) for layer in ("pooled", "projection"))
_KEPT: Rule = partial(evidence.accuracy_kept, name="recipe/accuracy_kept", column=ACCURACY)
_PRETRAIN: Several = (partial(evidence.accuracy_reached, name="pretrain/accuracy", column=ACCURACY),)
_OF_A: Several = (
    *(aggressive.accuracy_dip, aggressive.contrastive_drop, aggressive.drift_l2, aggressive.backbone_gradient),
    *(aggressive.accuracy_recovery, aggressive.contrastive_falling, aggressive.gradient_balance),
)
_OF_B: Several = (
    *(conservative.accuracy_stable, conservative.contrastive_steady),
    *(conservative.frozen_gradients, conservative.frozen_weights),
)

RULES: dict[str, Rules] = {
    "a": Rules((*_OF_A, *_TRIPLETS, *_EVERYONE), _INFORM),
    "b": Rules((*_OF_B, *_EVERYONE), (*_TRIPLETS, gradient.balance, *_INFORM)),
    "baseline": Rules(_EVERYONE, (*_TRIPLETS, gradient.balance, *_INFORM)),
    "c": Rules(
        (
            *(_KEPT, *_RECIPE_GAINS, recipe.blind),
            *(*_SOUND, everyone.contrastive_drop, *_GRADIENTS, *_RETRIEVAL),
        ),
        (*_TRIPLETS, everyone.pooled_cosine, *_INFORM),
    ),
    "control": Rules((*_SOUND, *_GRADIENTS), (*_RETRIEVAL, *_TRIPLETS, everyone.pooled_cosine, *_INFORM)),
    "pretrain": Rules(
        (*_PRETRAIN, *_SOUND, *_GRADIENTS),
        (
            partial(evidence.accuracy_reached, name="pretrain/probe_accuracy", column=PROBE),
            partial(evidence.accuracy_reached, name="pretrain/knn_accuracy", column=KNN),
            evidence.trees_beaten,
            gradient.balance,
            gradient.backbone_good_range,
        ),
    ),
}


def judge(run: Run) -> Verdict:
    """Return the verdict on `run` by the rules of its kind (``run.json``'s ``verdict``)."""
    rules = RULES[run.info.verdict]
    indicators = [rule(run) for rule in rules.required] + [advisory(rule(run)) for rule in rules.advisory]
    passed = all(indicator.passed is True for indicator in indicators if indicator.required)
    verdict = Verdict(run.info.experiment, state_of(run.final(COSINE)), passed, "", indicators, gradient.causes_of(run))
    return replace(verdict, summary=_summary(run, verdict))


def _summary(run: Run, verdict: Verdict) -> str:
    """Return the verdict in one sentence."""
    trained = [(value, epoch) for epoch, value in enumerate(run.column(ACCURACY)) if value is not None and epoch > 0]
    lowest = "" if not trained else f" -> lowest {number(min(trained)[0])} at epoch {min(trained)[1]}"
    failed = [indicator.name for indicator in verdict.counted if indicator.passed is False]
    undefined = [indicator.name for indicator in verdict.counted if indicator.passed is None]
    drift = f"pooled cosine {number(run.final(COSINE))}, L2 {number(run.final(L2))}{_what_it_means(run, verdict.state)}"
    parts = [
        f"{verdict.experiment} is {verdict.state} ({drift})",
        f"accuracy {number(run.at(ACCURACY, 0))}{lowest} -> {number(run.final(ACCURACY))}",
        *([recipe.gains_text(run)] if run.info.verdict == "c" else []),
        f"{verdict.passed_count} of {len(verdict.counted)} indicators pass",
    ]
    parts += [f"failed: {', '.join(failed)}"] if failed else []
    parts += [f"undefined: {', '.join(undefined)}"] if undefined else []
    leak = "RADAR IN PROJECTION, an ablation and not a result: " if run.info.radar_in_projection else ""
    return leak + "; ".join(parts)


def _what_it_means(run: Run, state: str) -> str:
    """Return what the state is worth in runs that need not have one."""
    if run.info.verdict == "pretrain":
        return ", from its random start"
    if run.info.verdict != "c":
        return ""
    return f"{': it moved far' if state == 'disrupted' else ''}; what it is worth say accuracy and gain"


def write_verdict(verdict: Verdict, folder: Path) -> Path:
    """Write ``verdict.json`` into `folder`, atomically, as strict JSON (no NaN), and return its path."""
    content = asdict(verdict)
    content["indicators"] = [
        {key: value for key, value in indicator.items() if key != "required"} for indicator in content["indicators"]
    ]
    write_json(folder / VERDICT_FILE, content)
    return folder / VERDICT_FILE


def verdict_table(verdict: Verdict) -> Table:
    """Return the verdict as a table for 120 columns: what decides, then what informs, then the causes of rigidity.

    Under every line that does not pass stands its hint.
    """
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    outcome = "pass" if verdict.passed else "FAIL"
    count = f"{verdict.passed_count} of {len(verdict.counted)} indicators pass"
    title = Text(f"{verdict.experiment}: {verdict.state}, {outcome} ({count})")
    table = Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("result")
    table.add_column("indicator", max_width=31)
    table.add_column("value", justify="right")
    table.add_column("bound, and what to try")
    for section in (verdict.counted, verdict.advisory):
        for indicator in section:
            text = Text(indicator.bound)
            if indicator.hint:
                text.append("\n" + indicator.hint, style="yellow")
            value = "-" if indicator.value is None else number(indicator.value)
            table.add_row(_result(indicator), Text(indicator.name), value, text)
        table.add_section()
    for cause in verdict.causes:
        held = {True: "holds", False: "no", None: "undefined"}[cause.holds]
        value = "-" if cause.value is None else number(cause.value)
        table.add_row(held, Text(f"cause: {cause.name.replace('_', ' ')}"), value, Text(cause.text))
    return table


def _result(indicator: Indicator) -> str:
    """Return the result in rich's markup; an advisory line that fails is a note."""
    if indicator.passed is None:
        return "[bold red]undefined[/]" if indicator.required else "[yellow]undefined[/]"
    if indicator.passed:
        return "[green]pass[/]"
    return "[bold red]FAIL[/]" if indicator.required else "[yellow]note[/]"
