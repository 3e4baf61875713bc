"""``python -m groove.report runs=DIR``: judge finished runs again from their files, and compare them.

Rewrites ``verdict.json`` and ``training_curves.png`` in every run folder below `runs`, and writes ``comparison.csv``,
``comparison.md``, ``comparison.png``, ``plane.png`` and ``dial.png`` into `out`.
A run that cannot be read is listed with its reason and does not stop the others. A run that has not reached its
last epoch gets a figure and no ``verdict.json``, whose presence says that a run is finished.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from groove.cli.entry import run_main
from groove.config.schema import ReportConfig
from groove.errors import RunError
from groove.runs.folder import Run, find_runs, load_run
from groove.runs.layout import COMPARISON_FIGURE, COMPARISON_MARKDOWN, CURVES_FILE, DIAL_FIGURE, PLANE_FIGURE

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger("groove.report")


def report(cfg: ReportConfig) -> None:
    """Judge, draw and compare the runs that `cfg` names."""
    from rich.console import Console

    runs: list[Run] = []
    broken: list[str] = []
    for folder in folders_of(cfg.runs):
        try:
            runs.append(load_run(folder))
        except RunError as error:
            broken.append(str(error))
    for reason in broken:
        log.info(f"left out: {reason}")
    if not runs:
        raise RunError(f"none of the {len(broken)} run folders can be read; the first: {broken[0]}")
    finished = [run for run in runs if judge_again(run)]
    alone = not finished  # an unfinished run may be looked at, but its last epoch is nobody's result
    left_out = "" if alone else ", left out of the comparison"
    for run in runs:
        if run not in finished:
            log.info(f"unfinished (epoch {run.last_epoch}), no verdict written{left_out}: {run.folder}")
    width = max(120, min(200, shutil.get_terminal_size((160, 40)).columns))
    show(Console(width=width, highlight=False), runs if alone else finished, Path(cfg.out))


def folders_of(setting: str | Sequence[str]) -> list[Path]:
    """Return the run folders that the paths of `setting` hold, each once.

    Raises:
        RunError: a path that is no folder, or no run below it.
    """
    given = list(map(Path, [setting] if isinstance(setting, str) else setting))
    if not given:
        raise RunError("runs= names no folder; give runs=DIR or runs=[DIR1,DIR2]")
    folders: dict[Path, Path] = {}
    for root in given:
        if not root.is_dir():
            raise RunError(f"runs={root} is not a folder")
        found = find_runs(root)
        if not found:
            raise RunError(f"runs={root} holds no run: no run.json or metrics.csv in it or below it")
        for folder in found:
            folders.setdefault(folder.resolve(), folder)
    return list(folders.values())


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


def show(console: Console, runs: Sequence[Run], out: Path) -> None:
    """Print the verdict and the retrieval of a single run, or the comparison of several; write the latter to `out`."""
    from groove.figures.comparison_figure import write_figures
    from groove.runs.comparison import comparison_frame, write_comparison
    from groove.runs.run_tables import comparison_table, retrieval_tables
    from groove.runs.verdict.verdict import judge, verdict_table

    frame = comparison_frame(runs)
    if len(runs) == 1:
        verdict = judge(runs[0])
        console.print(verdict.summary, markup=False)
        for table in (verdict_table(verdict), *retrieval_tables(runs[0])):
            console.print(table)
        console.print(f"figure: {runs[0].folder / CURVES_FILE}", markup=False, soft_wrap=True)
    else:
        console.print(comparison_table(frame, console.width))
    write_figures(frame, out)
    path = write_comparison(frame, out)
    beside = f"{COMPARISON_MARKDOWN}, {COMPARISON_FIGURE}, {PLANE_FIGURE} and {DIAL_FIGURE} beside it"
    console.print(f"comparison: {path} ({beside})", markup=False, soft_wrap=True)


if __name__ == "__main__":
    run_main(report, config_name="report", schema=ReportConfig)
