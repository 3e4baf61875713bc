"""Runs side by side: one row per run, and mean and spread over runs that differ only in seed, split or fold.

Runs belong together when experiment, phases, margin, model size and the command line (``.hydra/overrides.yaml``)
agree in all but seeds, fold and what does not change a result. Seeds met twice on one fold differ in something that
no file says (or is a repetition): it is another group, never part of a spread. Spread is the sample standard
deviation; of one run there is none.
"""

from __future__ import annotations

import csv
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groove.figures.comparison_figure import comparison_figure, plane_figure
from groove.figures.training_curves import FIGURE_FILE
from groove.io.files import write_atomically
from groove.runs.comparison.pairs import BY_SONG, PAIRED, TREES, baseline_rows, markdown, paired_differences
from groove.runs.folder import Run
from groove.runs.measured import ACCURACY, COSINE, MARGIN, POSITIVE, SONG_ACCURACY
from groove.runs.settings import shortened, written
from groove.runs.verdict.verdict import judge

if TYPE_CHECKING:
    from rich.table import Table

COMPARISON_FILE, COMPARISON_FIGURE = "comparison.csv", "comparison.png"
MARKDOWN_FILE, PLANE_FIGURE = "comparison.md", "plane.png"
CHANCE = ("seed", "split_seed", "fold")
"""Entries of ``run.json`` that runs of one group may differ in."""
NUMBERS = (
    "accuracy_epoch0",
    "accuracy_lowest",
    "accuracy_final",
    *TREES,
    *BY_SONG,
    "pooled_cosine",
    "margin_before",
    "margin_after",
    "positive_fraction",
    "gain_pooled_before",
    "gain_pooled_after",
    "gain_projection_before",
    "gain_projection_after",
    "indicators_passed",
)
COLUMNS = (
    "row",
    "experiment",
    "settings",
    "phases",
    "seed",
    "split_seed",
    "fold",
    "runs",
    "state",
    "passed",
    *NUMBERS,
    "indicators_counted",
    "folder",
    "figure",
)
TABLE_COLUMNS = (
    "runs",
    "accuracy 0 / lowest / final",
    " / ".join(name.replace("_", " ") for name in TREES),
    "told by song: final / trees",
    "pooled cosine",
    "state",
    "triplet margin",
    "positive",
    "gain pooled",
    "gain proj.",
    "verdict",
)
NARROWEST = 120
"""Characters that a table has at least."""
Row = dict[str, Any]
Named = tuple[str, tuple[str, ...], list[Row]]
"""Name, own settings and rows of a group."""


def comparison_rows(runs: Sequence[Run]) -> list[Row]:
    """Return one row per run (``row="run"``); after each group of several, its ``mean`` and ``spread``.

    A group with runs of the baseline's seeds and folds ends in ``paired``: the mean differences to the baseline's runs.
    """
    rows: list[Row] = []
    groups = [[_row(run) for run in group] for group in _groups(runs)]
    baseline = baseline_rows([("", members) for members in groups])
    for members in groups:
        rows += members
        if len(members) > 1:
            rows += [_over_group(members, "mean"), _over_group(members, "spread")]
        paired = paired_differences(members, baseline)
        if any(paired.values()) and members[0]["experiment"] != "baseline":
            shared = {key: members[0][key] for key in ("experiment", "settings", "phases")}
            means = {key: statistics.fmean(values) for key, values in paired.items() if values}
            rows.append({"row": "paired", "runs": len(paired[PAIRED[0]]), **shared, **means})
    return rows


def comparison_table(runs: Sequence[Run], width: int = NARROWEST) -> Table:
    """Return one line per group of runs, numbers as mean ± spread, and where the figures lie.

    A column in which no run has a number is left out. No word is broken within `width` characters, which are at
    least 120: settings stand in lines of the first column, or, where one is too long for it, the groups are numbered
    there and named below the table.
    """
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    groups = _named(runs)
    cells = [(str(len(rows)), *_cells(rows)) for _, _, rows in groups]
    measured = [i for i in range(len(TABLE_COLUMNS)) if any(row[i].strip("-> \n") for row in cells)]
    columns = [[TABLE_COLUMNS[i], *(row[i] for row in cells)] for i in measured]
    labels = _label_lines(groups)
    below = _figure_lines(runs)
    if max(map(_longest_line, labels)) > width - sum(2 + max(map(_longest_word, column)) for column in columns) - 3:
        labels = [f"#{number} {name}" for number, (name, _, _) in enumerate(groups, start=1)]
        below = [f"#{n} {_label(name, settings)}" for n, (name, settings, _) in enumerate(groups, start=1)] + below
    columns = [["experiment", *labels], *columns]
    title = "before -> after; mean ± spread over seeds and splits"
    caption = Text("\n".join(below))
    table = Table(title=title, caption=caption, caption_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for column, characters in zip(columns, _column_widths(columns, width - 1 - 2 * len(columns)), strict=True):
        table.add_column(column[0], overflow="fold", width=characters)
    for row in list(zip(*columns, strict=True))[1:]:
        table.add_row(*map(Text, row))
    return table


def _column_widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return a width per column: its longest line, narrowed to its longest word where `room` for all asks for it.

    The first column holds labels, whose lines stay whole.
    """
    widest = [max(map(_longest_line, column)) for column in columns]
    least = [widest[0], *(max(map(_longest_word, column)) for column in columns[1:])]
    while sum(widest) > room and widest != least:
        reducible = [wide if wide > narrow else 0 for wide, narrow in zip(widest, least, strict=True)]
        widest[reducible.index(max(reducible))] -= 1
    return widest


def _longest_line(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)


def write_comparison(runs: Sequence[Run], folder: Path) -> Path:
    """Write the comparison as CSV, Markdown and two figures into `folder`, atomically; return the path of the table."""
    folder = Path(folder)
    rows = comparison_rows(runs)

    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(rows)

    groups = _named(runs)
    members = [rows for _, _, rows in groups]
    drawn = list(zip(_label_lines(groups), members, strict=True))
    for name, figure in ((COMPARISON_FIGURE, comparison_figure(drawn)), (PLANE_FIGURE, plane_figure(drawn))):
        write_atomically(folder / name, partial(figure.savefig, format="png"))
    text = markdown([(_label(name, settings), rows) for name, settings, rows in groups])
    write_atomically(folder / MARKDOWN_FILE, lambda path: path.write_text(text, encoding="utf-8"))
    return write_atomically(folder / COMPARISON_FILE, write)


def _row(run: Run) -> Row:
    verdict = judge(run)
    trained = [value for value in run.column(ACCURACY)[1:] if value is not None]
    figure = run.folder / FIGURE_FILE
    return {
        "row": "run",
        "experiment": run.experiment,
        "settings": written(run.settings),
        "phases": _phases(run),
        "seed": run.info.get("seed"),
        "split_seed": run.info.get("split_seed", run.info.get("seed")),
        "fold": run.info.get("fold"),
        "runs": 1,
        "state": verdict.state,
        "passed": verdict.passed,
        "accuracy_epoch0": run.at(ACCURACY, 0),
        "accuracy_lowest": min(trained, default=None),
        "accuracy_final": run.final(ACCURACY),
        **{name: run.references.get(name) for name in TREES},
        "song_accuracy_final": run.final(SONG_ACCURACY),
        **{f"{name}_by_song": run.references_by_song.get(name) for name in TREES},
        "pooled_cosine": run.final(COSINE),
        "margin_before": run.at(MARGIN, 0),
        "margin_after": run.final(MARGIN),
        "positive_fraction": run.final(POSITIVE),
        "gain_pooled_before": run.at("retrieval/gain/pooled", 0),
        "gain_pooled_after": run.final("retrieval/gain/pooled"),
        "gain_projection_before": run.at("retrieval/gain/projection", 0),
        "gain_projection_after": run.final("retrieval/gain/projection"),
        "indicators_passed": verdict.passed_count,
        "indicators_counted": len(verdict.counted),
        "folder": str(run.folder),
        "figure": str(figure) if figure.is_file() else "",
    }


def _over_group(rows: list[Row], kind: str) -> Row:
    """Return the mean or the spread of every number over `rows`, of those that have it."""
    shared = {key: rows[0][key] for key in ("experiment", "settings", "phases", "indicators_counted")}
    moments = {key: _mean_spread(rows, key)[0 if kind == "mean" else 1] for key in NUMBERS}
    return {"row": kind, "runs": len(rows), **shared, **moments, "state": _states(rows) if kind == "mean" else ""}


def _mean_spread(rows: Sequence[Row], key: str) -> tuple[float | None, float | None]:
    values = [float(row[key]) for row in rows if row.get(key) is not None]
    if not values:
        return None, None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Return the runs that differ only in seeds and fold together, in the order in which they are first met."""
    groups: dict[tuple[str, int], list[Run]] = {}
    seen: Counter[tuple[Any, ...]] = Counter()
    for run in runs:
        keys = ("experiment", "verdict", "triplet_margin", "radar_in_projection", "phases", "parameters")
        identity = json.dumps([[run.info.get(key) for key in keys], run.settings], sort_keys=True)
        repeated = (identity, *_chance(run))
        groups.setdefault((identity, seen[repeated]), []).append(run)
        seen[repeated] += 1
    return [sorted(group, key=lambda run: [str(part) for part in _chance(run)]) for group in groups.values()]


def _chance(run: Run) -> tuple[Any, ...]:
    """Return what runs of one group may differ in."""
    return tuple(run.info.get(key) for key in CHANCE)


def _label(name: str, settings: tuple[str, ...]) -> str:
    """Return the name and settings of a group in one line."""
    return " ".join(filter(None, (name, written(settings))))


def _label_lines(groups: Sequence[Named]) -> list[str]:
    """Return the same of every group with a line per setting, its key in short."""
    settings = shortened([own for _, own, _ in groups])
    return ["\n ".join((name, *own)) for (name, _, _), own in zip(groups, settings, strict=True)]


def _named(runs: Sequence[Run]) -> list[Named]:
    """Return (name, settings, rows) of each group, name and settings together unlike those of any other group.

    The name is the experiment, with the phases or a number where more is needed; settings that all share are left out.
    """
    groups = _groups(runs)
    rows = [[_row(run) for run in group] for group in groups]
    settings = [group[0].settings for group in groups]
    shared_by_all = set(settings[0]).intersection(*settings[1:]) if len(groups) > 1 else set()
    own = [tuple(text for text in texts if text not in shared_by_all) for texts in settings]
    names = [members[0]["experiment"] for members in rows]
    counts = Counter(zip(names, own, strict=True))
    names = [
        f"{name} ({members[0]['phases']})" if counts[name, texts] > 1 else name
        for name, texts, members in zip(names, own, rows, strict=True)
    ]
    counts = Counter(zip(names, own, strict=True))
    names = [
        f"{name} #{number}" if counts[name, texts] > 1 else name
        for number, (name, texts) in enumerate(zip(names, own, strict=True), start=1)
    ]
    return list(zip(names, own, rows, strict=True))


def _phases(run: Run) -> str:
    return " + ".join(f"{phase.name} {len(phase.epochs)}" for phase in run.phases)


def _states(rows: Sequence[Row], separator: str = "/") -> str:
    return separator.join(dict.fromkeys(row["state"] for row in rows))


def _cells(rows: Sequence[Row]) -> tuple[str, ...]:
    def show(key: str, digits: int = 3) -> str:
        mean, spread = _mean_spread(rows, key)
        if mean is None:
            return "-"
        return f"{mean:.{digits}f}" + (f" ± {spread:.{digits}f}" if spread is not None else "")

    return (
        "\n".join(show(f"accuracy_{when}") for when in ("epoch0", "lowest", "final")),
        "\n".join(show(name) for name in TREES),
        "\n".join(show(name) for name in BY_SONG),
        show("pooled_cosine"),
        _states(rows, "\n"),
        f"{show('margin_before', 2)}\n-> {show('margin_after', 2)}",
        show("positive_fraction", 2),
        f"{show('gain_pooled_before')}\n-> {show('gain_pooled_after')}",
        f"{show('gain_projection_before')}\n-> {show('gain_projection_after')}",
        _verdict_cell(rows),
    )


def _verdict_cell(rows: Sequence[Row]) -> str:
    counts = ", ".join(f"{row['indicators_passed']}/{row['indicators_counted']}" for row in rows)
    if len(rows) == 1:
        return f"{'pass' if rows[0]['passed'] else 'FAIL'} {counts}"
    return f"{sum(row['passed'] for row in rows)} of {len(rows)} pass ({counts})"


def _figure_lines(runs: Sequence[Run]) -> list[str]:
    figures = [run.folder / FIGURE_FILE for group in _groups(runs) for run in group]
    return [f"figure: {path}" for path in figures if path.is_file()]
