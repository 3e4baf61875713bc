"""The verdict on a run: did the representation move, did it stay useful, and if not, what should be tried.

Every indicator is relative to the measured epoch 0 and, except for gradients, on held-out charts. Here stands which
rules judge which kind of run; the rules are in ``rules_*.py``, their bounds in ``thresholds.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from groove.io.files import write_atomically
from groove.runs.folder import Run
from groove.runs.measured import ACCURACY, COSINE, KNN, L2, PROBE, number
from groove.runs.verdict import rules_conservative as conservative
from groove.runs.verdict import rules_everyone as everyone
from groove.runs.verdict import rules_evidence as evidence
from groove.runs.verdict import rules_finetune as finetune
from groove.runs.verdict import rules_gradient as gradient
from groove.runs.verdict import rules_recipe as recipe
from groove.runs.verdict import rules_warmup as warmup
from groove.runs.verdict.causes import causes_of
from groove.runs.verdict.indicator import Indicator, Verdict, advisory
from groove.runs.verdict.thresholds import state_of

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Indicator", "Verdict", "judge", "state_of", "verdict_table", "write_verdict"]

VERDICT_FILE = "verdict.json"
Rule = Callable[[Run], Indicator]


@dataclass(frozen=True)
class Rules:
    """The indicators of one kind of run: those that decide, and those that inform."""

    required: tuple[Rule, ...]
    advisory: tuple[Rule, ...]


_SOUND = (everyone.run_complete, everyone.loss_finite, everyone.gradient_finite, everyone.no_radar_leak)
_DRIFT = (everyone.contrastive_drop, everyone.pooled_cosine, everyone.pooled_l2, everyone.projection_only)
_GRADIENTS = (gradient.backbone_alive, gradient.classifier_to_backbone)
_RETRIEVAL = tuple(partial(evidence.retrieval, layer=layer) for layer in ("pooled", "projection"))
_EVERYONE: tuple[Rule, ...] = (*_SOUND, *_DRIFT, *_GRADIENTS, *_RETRIEVAL)
_TRIPLETS = (evidence.margin_improvement, evidence.positive_fraction)
_INFORM: tuple[Rule, ...] = (
    gradient.backbone_good_range,
    evidence.embedding_norm_growth,
    partial(evidence.accuracy_kept, name="accuracy/probe", column=PROBE),
    partial(evidence.accuracy_kept, name="accuracy/knn", column=KNN),
)
_RECIPE_GAINS = tuple(partial(recipe.gain_reached, layer=layer) for layer in ("pooled", "projection"))
_OF_A = (
    *(warmup.accuracy_dip, warmup.contrastive_drop, warmup.drift_l2, warmup.backbone_gradient),
    *(finetune.accuracy_recovery, finetune.contrastive_falling, finetune.gradient_balance),
)
_OF_B = (
    *(conservative.accuracy_stable, conservative.contrastive_steady),
    *(conservative.frozen_gradients, conservative.frozen_weights),
)

RULES: dict[str, Rules] = {
    "a": Rules((*_OF_A, *_TRIPLETS, *_EVERYONE), _INFORM),
    "b": Rules((*_OF_B, *_EVERYONE), (*_TRIPLETS, gradient.whole_balance, *_INFORM)),
    "baseline": Rules(_EVERYONE, (*_TRIPLETS, gradient.whole_balance, *_INFORM)),
    "c": Rules(
        (
            recipe.accuracy_kept,
            *_RECIPE_GAINS,
            recipe.blind,
            *_SOUND,
            everyone.contrastive_drop,
            *_GRADIENTS,
            *_RETRIEVAL,
        ),
        (*_TRIPLETS, everyone.pooled_cosine, *_INFORM),
    ),
    "control": Rules((*_SOUND, *_GRADIENTS), (*_RETRIEVAL, *_TRIPLETS, everyone.pooled_cosine, *_INFORM)),
    "pretrain": Rules(
        (partial(evidence.accuracy_reached, name="pretrain/accuracy", column=ACCURACY), *_SOUND, *_GRADIENTS),
        (
            partial(evidence.accuracy_reached, name="pretrain/probe_accuracy", column=PROBE),
            partial(evidence.accuracy_reached, name="pretrain/knn_accuracy", column=KNN),
            evidence.trees_beaten,
            gradient.whole_balance,
            gradient.backbone_good_range,
        ),
    ),
}


def judge(run: Run) -> Verdict:
    """Return the verdict on `run` by the rules of its kind (``run.json``'s ``verdict``)."""
    rules = RULES[run.kind]
    indicators = [rule(run) for rule in rules.required] + [advisory(rule(run)) for rule in rules.advisory]
    passed = all(indicator.passed is True for indicator in indicators if indicator.required)
    verdict = Verdict(run.experiment, state_of(run.final(COSINE)), passed, indicators, "", causes_of(run))
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
        *([recipe.gains_text(run)] if run.kind == "c" else []),
        f"{verdict.passed_count} of {len(verdict.counted)} indicators pass",
    ]
    parts += [f"failed: {', '.join(failed)}"] if failed else []
    parts += [f"undefined: {', '.join(undefined)}"] if undefined else []
    leak = "RADAR IN PROJECTION, an ablation and not a result: " if run.info.get("radar_in_projection") else ""
    return leak + "; ".join(parts)


def _what_it_means(run: Run, state: str) -> str:
    """Return what the state is worth in runs that need not have one."""
    if run.kind == "pretrain":
        return ", from its random start"
    if run.kind != "c":
        return ""
    return f"{': it moved far' if state == 'disrupted' else ''}; what it is worth say accuracy and gain"


def write_verdict(verdict: Verdict, folder: Path) -> Path:
    """Write ``verdict.json`` into `folder`, atomically, as strict JSON (no NaN), and return its path."""
    content = {
        "experiment": verdict.experiment,
        "state": verdict.state,
        "passed": verdict.passed,
        "summary": verdict.summary,
        "indicators": [
            {key: value for key, value in asdict(indicator).items() if key != "required"}
            for indicator in verdict.indicators
        ],
        "causes": [asdict(cause) for cause in verdict.causes],
    }
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    return write_atomically(Path(folder) / VERDICT_FILE, lambda path: path.write_text(text, encoding="utf-8"))


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
