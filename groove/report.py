"""``python -m groove.report runs=DIR``: judge finished runs again from their files, and compare them.

Rewrites ``verdict.json`` and ``training_curves.png`` in every run folder below `runs` and ``comparison.csv`` in `out`.
A run that cannot be read is listed with its reason and does not stop the others. A run that has not reached its
last epoch gets a figure and no ``verdict.json``, whose presence says that a run is finished.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groove.cli.entry import run_main
from groove.config.schema import ReportConfig
from groove.errors import RunError
from groove.runs.folder import Run, find_runs, load_run
from groove.runs.layout import COMPARISON_FIGURE, COMPARISON_MARKDOWN, CURVES_FILE, PLANE_FIGURE

if TYPE_CHECKING:
    from rich.console import Console


def report(cfg: ReportConfig) -> None:
    """Judge, draw and compare the runs that `cfg` names."""
    from rich.console import Console

    runs, broken = load_runs(folders_of(cfg.runs))
    console = Console(width=max(120, min(200, shutil.get_terminal_size((160, 40)).columns)), highlight=False)
    say = partial(console.print, markup=False, soft_wrap=True)
    for reason in broken:
        say(f"left out: {reason}")
    if not runs:
        raise RunError(f"none of the {len(broken)} run folders can be read; the first: {broken[0]}")
    finished = [run for run in runs if judge_again(run)]
    alone = not finished  # an unfinished run may be looked at, but its last epoch is nobody's result
    for run in runs:
        if run not in finished:
            left_out = "" if alone else ", left out of the comparison"
            say(f"unfinished (epoch {run.last_epoch}), no verdict written{left_out}: {run.folder}")
    runs = runs if alone else finished
    if len(runs) == 1:
        show_one(console, runs[0])
    compare(console, runs, Path(cfg.out))


def folders_of(setting: Any) -> list[Path]:
    """Return the run folders that `setting` (a path, or a list of them) holds, each once.

    Raises:
        RunError: a path that is no folder, or no run below it.
    """
    one = isinstance(setting, str | int | float)  # a folder may be called 5
    given = [Path(str(setting))] if one else [Path(str(entry)) for entry in setting or ()]
    if not given:
        raise RunError("runs= names no folder; give runs=DIR or runs=[DIR1,DIR2]")
    folders: dict[Path, Path] = {}
    for root in given:
        if not root.is_dir():
            raise RunError(f"runs={root} is not a folder")
        found = find_runs(root)
        if not found:
            raise RunError(f"runs={root} holds no run: no run.json or metrics.csv in it or below it")
        folders |= {folder.resolve(): folder for folder in found if folder.resolve() not in folders}
    return list(folders.values())


def load_runs(folders: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """Return the runs that can be read, and the reasons of those that cannot."""
    runs, broken = [], []
    for folder in folders:
        try:
            runs.append(load_run(folder))
        except RunError as error:
            broken.append(str(error))
    return runs, broken


def judge_again(run: Run) -> bool:
    """Rewrite the figure of `run`, and, if it is finished, its verdict; return whether it is finished."""
    from groove.figures.training_curves import write_figure
    from groove.runs.verdict.rules_everyone import run_complete
    from groove.runs.verdict.verdict import judge, write_verdict

    write_figure(run, run.folder)
    finished = run_complete(run).passed is True
    if finished:
        write_verdict(judge(run), run.folder)
    return finished


def show_one(console: Console, run: Run) -> None:
    """Print the verdict and the retrieval of the only run, and where its figure lies."""
    from groove.runs.retrieval_tables import retrieval_tables
    from groove.runs.verdict.verdict import judge, verdict_table

    verdict = judge(run)
    for table in (verdict_table(verdict), *retrieval_tables(run)):
        console.print(table)
    console.print(verdict.summary, markup=False)
    console.print(f"figure: {run.folder / CURVES_FILE}", markup=False, soft_wrap=True)


def compare(console: Console, runs: Sequence[Run], out: Path) -> None:
    """Write the comparison into `out`, show it where there are several runs, and say where it lies."""
    from groove.figures.comparison_figure import write_figures
    from groove.runs.comparison import comparison_frame, write_comparison
    from groove.runs.comparison_table import comparison_table

    frame = comparison_frame(runs)
    if len(runs) > 1:
        console.print(comparison_table(frame, console.width))
    write_figures(frame, out)
    path = write_comparison(frame, out)
    beside = f"{COMPARISON_MARKDOWN}, {COMPARISON_FIGURE} and {PLANE_FIGURE} beside it"
    console.print(f"comparison: {path} ({beside})", markup=False, soft_wrap=True)


if __name__ == "__main__":
    run_main(report, config_name="report", schema=ReportConfig)
