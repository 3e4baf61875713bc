"""Runs side by side: a row per run, mean and spread over runs that differ only in seed, split or fold.

Runs belong to one group when experiment, phases, margin, model size and the settings of the command line that decide a
result agree. Seeds met twice on one fold differ in something that no file says (or are a repetition): the second is in
another group. Spread is the sample standard deviation. A seed decides split and training alike, so runs of one seed and
fold share their held-out charts: their difference to the baseline varies less than either.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from groove.io.files import write_bytes
from groove.runs.folder import Run
from groove.runs.layout import COMPARISON_FILE, COMPARISON_MARKDOWN, CURVES_FILE
from groove.runs.metric_columns import ACCURACY, COSINE, JOINT_ACCURACY, KNN, MARGIN, POSITIVE, PROBE, gain
from groove.runs.verdict.verdict import judge

BASELINE = "baseline"
CHANCE = ["seed", "split_seed", "fold"]  # entries of run.json that runs of one group may differ in
PAIRED = ["accuracy_final", "probe_final", "gain_pooled_after", "gain_projection_after"]
FRESH = {"probe": PROBE, "knn": KNN}  # classifiers fitted on the pooled features of the held-out charts
TREES = ["random_forest", "boosted_trees"]  # without a network, on the charts of the same run (run.json's references)
JOINT = ["joint_accuracy_final", *(f"{name}_joint" for name in TREES)]  # by joint prediction per simfile
WHEN = ("epoch0", "lowest", "final")
NUMBERS = [
    *(*(f"accuracy_{when}" for when in WHEN), *(f"{name}_{when}" for name in FRESH for when in ("epoch0", "final"))),
    *(*TREES, *JOINT),
    *("pooled_cosine", "margin_before", "margin_after", "positive_fraction"),
    *("gain_pooled_before", "gain_pooled_after", "gain_projection_before", "gain_projection_after"),
    "indicators_passed",
]
COLUMNS = [
    *("row", "experiment", "settings", "phases", *CHANCE, "runs", "state", "passed"),
    *(*NUMBERS, "indicators_counted", "folder", "figure"),
]


def comparison_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per run: its numbers, and the number of its `group`, in whose order the rows stand."""
    frame = pd.DataFrame([_row(run) for run in runs]).astype(dict.fromkeys(NUMBERS, float))
    frame["repetition"] = frame.groupby(["identity", *CHANCE]).cumcount()
    frame["group"] = frame.groupby(["identity", "repetition"], sort=False).ngroup()
    return frame.sort_values(["group", *CHANCE], kind="stable", ignore_index=True)


def _row(run: Run) -> dict[str, Any]:
    verdict, info, figure = judge(run), run.info, run.folder / CURVES_FILE
    same = info.model_dump(include={"experiment", "verdict", "triplet_margin", "phases", "parameters"})
    gains = {layer: run.column(gain(layer)) for layer in ("pooled", "projection")}
    return {
        "identity": json.dumps([same, run.settings], sort_keys=True),
        "experiment": info.experiment,
        "settings": run.settings,
        "phases": " + ".join(f"{phase.name} {len(phase.epochs)}" for phase in info.phases),
        **info.model_dump(include={*CHANCE}),
        "runs": 1,
        "state": verdict.state,
        "passed": verdict.passed,
        "accuracy_epoch0": run.at(ACCURACY, 0),
        "accuracy_lowest": pd.Series(run.column(ACCURACY)[1:]).min(),
        "accuracy_final": run.final(ACCURACY),
        **{f"{name}_epoch0": run.at(column, 0) for name, column in FRESH.items()},
        **{f"{name}_final": run.final(column) for name, column in FRESH.items()},
        **{name: info.references.get(name) for name in TREES},
        "joint_accuracy_final": run.final(JOINT_ACCURACY),
        **{f"{name}_joint": info.references_joint.get(name) for name in TREES},
        "pooled_cosine": run.final(COSINE),
        "margin_before": run.at(MARGIN, 0),
        "margin_after": run.final(MARGIN),
        "positive_fraction": run.final(POSITIVE),
        **{f"gain_{layer}_before": values[0] for layer, values in gains.items()},
        **{f"gain_{layer}_after": values[-1] for layer, values in gains.items()},
        "indicators_passed": verdict.passed_count,
        "indicators_counted": len(verdict.counted),
        "folder": str(run.folder),
        "figure": str(figure) if figure.is_file() else "",
    }


def comparison_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``comparison.csv``: those of `frame`, and ``mean`` and ``spread`` after a group of several.

    A group with runs of the baseline's seeds and folds ends in ``paired``: the mean differences to the baseline's runs.
    """
    rows: list[dict[str, Any]] = []
    differences = baseline_differences(frame)
    for _, members in frame.groupby("group"):
        first = members.iloc[0]
        shared = {key: first[key] for key in ("experiment", "settings", "phases")}
        several = shared | {"runs": len(members), "indicators_counted": first["indicators_counted"]}
        rows += members.assign(row="run").to_dict("records")
        if len(members) > 1:
            rows.append(
                several | {"row": "mean", "state": "/".join(members["state"].unique()), **members[NUMBERS].mean()}
            )
            rows.append(several | {"row": "spread", **members[NUMBERS].std()})
        paired = differences.loc[members.index]
        if paired.notna().any(axis=None) and first["experiment"] != BASELINE:
            rows.append(shared | {"row": "paired", "runs": paired[PAIRED[0]].count(), **paired.mean()})
    return pd.DataFrame(rows, columns=COLUMNS)


def baseline_differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `PAIRED` of each row less that of the baseline's run of the same seed and fold, NaN where there is none.

    Where several groups are baselines, there is none.
    """
    baseline = frame[frame["experiment"] == BASELINE]
    if baseline["group"].nunique() != 1:
        return pd.DataFrame(float("nan"), index=frame.index, columns=PAIRED)
    return frame[PAIRED] - frame[CHANCE].merge(baseline[CHANCE + PAIRED], how="left", on=CHANCE)[PAIRED]


def mean_spread(values: pd.Series, digits: int = 3, sign: str = "") -> str:
    """Return mean ± sample standard deviation of what is known of `values`, the mean alone of one, - of none."""
    known = values.dropna()
    if known.empty:
        return "-"
    mean = f"{known.mean():{sign}.{digits}f}"
    return mean if len(known) == 1 else f"{mean} ± {known.std():.{digits}f}"


def written(settings: Sequence[str]) -> str:
    """Return `settings` in one line, as a shell takes them: what holds a space stands in quotes."""
    return " ".join(f'"{text}"' if " " in text else text for text in settings)


@dataclass(frozen=True)
class Group:
    """Runs that differ only by chance; `name` and `settings` together are unlike those of any other group.

    Attributes:
        name: the experiment, with the phases or a number where more is needed.
        settings: those that not all groups share.
        rows: of `comparison_frame`.
    """

    name: str
    settings: tuple[str, ...]
    rows: pd.DataFrame

    @property
    def label(self) -> str:
        """Return name and settings in one line."""
        return " ".join(filter(None, (self.name, written(self.settings))))


def groups_of(frame: pd.DataFrame) -> list[Group]:
    """Return the groups of a `comparison_frame`, named."""
    members = [rows for _, rows in frame.groupby("group")]
    first = [rows.iloc[0] for rows in members]
    common = set.intersection(*(set(row["settings"]) for row in first)) if len(first) > 1 else set()
    own = [tuple(text for text in row["settings"] if text not in common) for row in first]
    names = [row["experiment"] for row in first]
    for more in ([f" ({row['phases']})" for row in first], [f" #{number}" for number, _ in enumerate(first, start=1)]):
        labels = list(zip(names, own, strict=True))
        repeated = [labels.count(label) > 1 for label in labels]
        names = [name + text * again for name, text, again in zip(names, more, repeated, strict=True)]
    return [Group(*parts) for parts in zip(names, own, members, strict=True)]


def write_comparison(frame: pd.DataFrame, folder: Path) -> Path:
    """Write ``comparison.csv`` and ``comparison.md`` into `folder`, atomically; return the path of the first."""
    rows = comparison_rows(frame)
    rows["settings"] = rows["settings"].map(written)
    write_bytes(folder / COMPARISON_MARKDOWN, markdown(frame).encode())
    write_bytes(folder / COMPARISON_FILE, rows.to_csv(index=False, float_format="%.12g").encode())
    return folder / COMPARISON_FILE


def markdown(frame: pd.DataFrame) -> str:
    """Return the comparison as a Markdown table, one line per group of runs."""
    differences = baseline_differences(frame)
    plain = [*TREES, *JOINT, "pooled_cosine"]
    names = ["experiment", "runs", "accuracy at epoch 0", "lowest", "final", *FRESH, *plain]
    names += ["gain, pooled", "gain, projection"]
    names += ["accuracy - baseline", "probe - baseline", "gain pooled - baseline", "gain projection - baseline"]
    lines = [[name.replace("_", " ") for name in names], ["---"] * len(names)]
    for group in groups_of(frame):
        rows, cells = group.rows, [group.label.replace("|", "\\|"), str(len(group.rows))]
        cells += [mean_spread(rows[f"accuracy_{when}"]) for when in WHEN]
        cells += [_from_to(rows, f"{name}_epoch0", f"{name}_final") for name in FRESH]
        cells += [mean_spread(rows[name]) for name in plain]
        cells += [_from_to(rows, f"gain_{layer}_before", f"gain_{layer}_after") for layer in ("pooled", "projection")]
        for values in (differences.loc[rows.index, name] for name in PAIRED):
            pairs = int(values.count())
            partial = "" if pairs in (0, len(values)) else f" ({pairs} pair{'s' * (pairs > 1)})"
            cells.append(mean_spread(values, sign="+") + partial)
        lines.append(cells)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _from_to(rows: pd.DataFrame, before: str, after: str) -> str:
    return " → ".join(mean_spread(rows[name]) for name in (before, after))
