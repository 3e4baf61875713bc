"""The verdict on a run: did the representation move, did it stay useful, and if not, what should be tried.

Every indicator is relative to the measured epoch 0 and, except for gradients, on held-out charts. Here stands which
rules judge which kind of run; the rules are in ``rules_*.py``, their bounds in ``thresholds.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from groove.io.files import write_json
from groove.runs.folder import Run
from groove.runs.layout import VERDICT_FILE
from groove.runs.metric_columns import ACCURACY, COSINE, KNN, L2, PROBE, gain
from groove.runs.verdict import rules_everyone as everyone
from groove.runs.verdict import rules_experiments as experiments
from groove.runs.verdict import rules_gradient as gradient
from groove.runs.verdict.indicator import Indicator, Verdict, advisory
from groove.runs.verdict.measured import arrow, change, final_points, number
from groove.runs.verdict.thresholds import RECIPE_GAIN, RECOVERY_POINTS, state_of

if TYPE_CHECKING:
    from rich.table import Table

Rules = tuple[Callable[[Run], Indicator], ...]
LAYERS = ("pooled", "projection")

_SOUND: Rules = (everyone.run_complete, everyone.loss_finite, everyone.gradient_finite, everyone.no_radar_leak)
_DRIFT: Rules = (everyone.contrastive_drop, everyone.pooled_cosine, everyone.pooled_l2, everyone.projection_only)
_GRADIENTS: Rules = (gradient.backbone_alive, gradient.classifier_to_backbone)
_RETRIEVAL: Rules = tuple(partial(everyone.retrieval, layer=layer) for layer in LAYERS)
_EVERYONE: Rules = (*_SOUND, *_DRIFT, *_GRADIENTS, *_RETRIEVAL)
_TRIPLETS: Rules = (everyone.margin_improvement, everyone.positive_fraction)
_INFORM: Rules = (
    gradient.backbone_good_range,
    everyone.embedding_norm_growth,
    partial(everyone.accuracy_kept, name="accuracy/probe", column=PROBE),
    partial(everyone.accuracy_kept, name="accuracy/knn", column=KNN),
)
_OF_A: Rules = (
    *(experiments.accuracy_dip, experiments.warmup_contrastive_drop, experiments.drift_l2),
    *(experiments.backbone_gradient, experiments.accuracy_recovery, experiments.contrastive_falling),
    experiments.gradient_balance,
)
_OF_B: Rules = (
    *(experiments.accuracy_stable, experiments.contrastive_steady),
    *(experiments.frozen_gradients, experiments.frozen_weights),
)
_OF_C: Rules = (
    partial(everyone.accuracy_kept, name="recipe/accuracy_kept", column=ACCURACY),
    partial(everyone.accuracy_kept, name="recipe/probe_kept", column=PROBE),
    *(partial(experiments.gain_reached, layer=layer) for layer in LAYERS),
    experiments.blind,
)

RULES: dict[str, tuple[Rules, Rules]] = {
    "a": ((*_OF_A, *_TRIPLETS, *_EVERYONE), _INFORM),
    "b": ((*_OF_B, *_EVERYONE), (*_TRIPLETS, gradient.balance, *_INFORM)),
    "baseline": (_EVERYONE, (*_TRIPLETS, gradient.balance, *_INFORM)),
    "c": (
        (*_OF_C, *_SOUND, *_GRADIENTS, *_RETRIEVAL),  # its loss may rise while the neighbours get better
        (*_TRIPLETS, everyone.pooled_cosine, *_INFORM),
    ),
    "feel": (
        (
            partial(everyone.accuracy_kept, name="feel/accuracy_kept", column=ACCURACY),
            partial(everyone.accuracy_kept, name="feel/probe_kept", column=PROBE),
            partial(everyone.accuracy_kept, name="feel/knn_kept", column=KNN),
            *_SOUND,
            partial(everyone.retrieval, layer="projection"),
        ),
        _TRIPLETS,
    ),
    "control": ((*_SOUND, *_GRADIENTS), (*_RETRIEVAL, *_TRIPLETS, everyone.pooled_cosine, *_INFORM)),
    "overfit": ((everyone.run_complete, everyone.gradient_finite, experiments.overfitted), ()),
    "pretrain": (
        (partial(everyone.accuracy_reached, name="pretrain/accuracy", column=ACCURACY), *_SOUND, *_GRADIENTS),
        (
            partial(everyone.accuracy_reached, name="pretrain/probe_accuracy", column=PROBE),
            partial(everyone.accuracy_reached, name="pretrain/knn_accuracy", column=KNN),
            *(everyone.trees_beaten, gradient.balance, gradient.backbone_good_range),
        ),
    ),
}
"""By the kind of run: the rules that decide, and those that inform."""


def judge(run: Run) -> Verdict:
    """Return the verdict on `run` by the rules of its kind (``run.json``'s ``verdict``)."""
    deciding, informing = RULES[run.info.verdict]
    indicators = [rule(run) for rule in deciding] + [advisory(rule(run)) for rule in informing]
    passed = all(indicator.passed is True for indicator in indicators if indicator.required)
    state, causes = _state(run), gradient.causes_of(run)
    why = gradient.diagnosis(causes) if state == "rigid" else ""
    verdict = Verdict(run.info.experiment, state, passed, "", why, indicators, causes)
    return replace(verdict, summary=_summary(run, verdict))


def _state(run: Run) -> str:
    """Return the state by the pooled cosine; who moved far, kept its accuracy and gained is reshaped, not disrupted.

    A pretraining starts from random weights, so that there is nothing it could keep; feel trains its head alone, so
    that features which stay are kept, not rigid.
    """
    state = state_of(run.final(COSINE))
    if run.info.verdict == "pretrain":
        return "trained" if state != "unknown" else state
    if run.info.verdict == "feel":
        return "kept" if state == "rigid" else state
    kept = all(final_points(run, column).value >= -RECOVERY_POINTS for column in (ACCURACY, PROBE))
    useful = kept and change(run, gain("pooled")).value > 0
    return "reshaped" if state == "disrupted" and useful else state


def _summary(run: Run, verdict: Verdict) -> str:
    """Return the verdict in one sentence."""
    accuracy, lowest, meaning, gains = run.column(ACCURACY), "", "", []
    if not np.isnan(accuracy[1:]).all():
        epoch = 1 + int(np.nanargmin(accuracy[1:]))
        lowest = f" -> lowest {number(accuracy[epoch])} at epoch {epoch}"
    if run.info.verdict == "pretrain":
        meaning = " with its random start"
    elif run.info.verdict == "c":
        meaning = "; judge it by accuracy and gain"
        bounds = RECIPE_GAIN.items()
        gains = [f"{layer} {number(run.final(gain(layer)))} (bound >= {least:g})" for layer, least in bounds]
    elif run.info.verdict == "feel":
        gains = [f"projection {arrow(run, gain('projection'))}"]
    parts = [
        f"{verdict.experiment} is {verdict.state} (pooled cosine {number(run.final(COSINE))}, "
        f"L2 {number(run.final(L2))}{meaning})",
        f"accuracy {number(run.at(ACCURACY, 0))}{lowest} -> {number(run.final(ACCURACY))}",
        *([f"gain: {', '.join(gains)}"] if gains else []),
        *([f"the cause is {verdict.diagnosis}"] if verdict.diagnosis else []),
        f"{verdict.passed_count} of {len(verdict.counted)} indicators pass",
    ]
    for word, passed in (("failed", False), ("undefined", None)):
        names = [indicator.name for indicator in verdict.counted if indicator.passed is passed]
        parts += [f"{word}: {', '.join(names)}"] * bool(names)
    leak = "RADAR IN PROJECTION, an ablation and not a result: " if run.info.radar_in_projection else ""
    return leak + "; ".join(parts)


def write_verdict(verdict: Verdict, folder: Path) -> Path:
    """Write ``verdict.json`` into `folder`, atomically, as strict JSON (no NaN), and return its path."""
    content = asdict(verdict)
    for indicator in content["indicators"]:
        del indicator["required"]
    write_json(folder / VERDICT_FILE, content)
    return folder / VERDICT_FILE


def verdict_rows(verdict: Verdict) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of every indicator: first what decides and does not pass, last what passes."""
    words = {True: "pass", False: "FAIL", None: "undefined"}
    rows = []
    for line in sorted(verdict.indicators, key=lambda line: (bool(line.passed), not line.required)):
        word = "note" if line.passed is False and not line.required else words[line.passed]
        value = "-" if line.value is None else number(line.value)
        rows.append([word, line.name, value, line.bound, line.hint])
    return ["result", "indicator", "value", "bound", "what to try"], rows


def verdict_table(verdict: Verdict) -> Table:
    """Return the verdict as a table for 120 columns, to be read after its one sentence, ``summary``.

    First what decides and does not pass, each line with its hint, then notes: advisory lines that do not pass. The
    causes of rigidity follow where the run is rigid. What passes is one line; all values are in ``verdict.json``.
    """
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    outcome = "pass" if verdict.passed else "FAIL"
    passed = [line.name for line in verdict.indicators if line.passed]
    title = Text(f"{verdict.experiment}: {verdict.state}, {outcome}")
    caption = Text(f"{len(passed)} pass: {', '.join(passed)}; all values: {VERDICT_FILE}")
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=SIMPLE)
    table.add_column("result")
    table.add_column("indicator", max_width=31)
    table.add_column("value", justify="right")
    table.add_column("bound, and what to try")
    for required in (True, False):
        failed = "[bold red]FAIL[/]" if required else "[yellow]note[/]"
        undefined = "[bold red]undefined[/]" if required else "[yellow]undefined[/]"
        for line in verdict.indicators:
            if line.required is required and not line.passed:
                text = Text(line.bound).append(f"\n{line.hint}" if line.hint else "", style="yellow")
                value = "-" if line.value is None else number(line.value)
                table.add_row(undefined if line.passed is None else failed, Text(line.name), value, text)
        table.add_section()
    for cause in verdict.causes if verdict.state == "rigid" else ():
        held = {True: "holds", False: "no", None: "undefined"}[cause.holds]
        value = "-" if cause.value is None else number(cause.value)
        table.add_row(held, Text(f"cause: {cause.name.replace('_', ' ')}"), value, Text(cause.text))
    table.show_header = table.row_count > 0
    return table
