"""Find styles inside each difficulty class: ``python -m groove.substyles run=DIR songs=DIR out=DIR``.

Charts that a trained model sees close together are clustered, class by class; the number of clusters is chosen (one is
a possible answer), and each is named by what sets it apart. Into `out` go ``substyles.csv`` (a row per chart),
``substyles.json`` (all numbers), ``substyles.txt`` (preferred songs of the game) and ``substyles.png``. How to read it:
`groove.styles.clusters`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groove.cli.entry import run_main
from groove.config.schema import SubstylesConfig
from groove.embedding.library import about, embedded
from groove.io.files import write_bytes, write_csv, write_json, writing

if TYPE_CHECKING:
    from groove.embedding.embedded import EmbeddedLibrary
    from groove.styles.division import ClassStyles

CSV_FILE, JSON_FILE, PREFERRED_FILE = "substyles.csv", "substyles.json", "substyles.txt"
SHOWN_EXAMPLES = 3


def run(cfg: SubstylesConfig) -> None:
    """Find the sub-styles, print them, and write table, numbers, songs and figure.

    Raises:
        ConfigError: if `out` cannot be written.
        GrooveError: if there is no such run or library, or one of them cannot be used.
    """
    library, _ = embedded(cfg)
    start = time.perf_counter()
    classes = _found(library, cfg)
    print(about(library))
    report(library, classes)
    for path in _written(library, classes, cfg):
        print(path)
    print(f"{time.perf_counter() - start:.1f} s")


def _found(library: EmbeddedLibrary, cfg: SubstylesConfig) -> list[ClassStyles]:
    from threadpoolctl import threadpool_limits

    from groove.cli.console import progress
    from groove.styles.division import substyles

    done: Counter[str] = Counter()
    with threadpool_limits(cfg.threads), progress() as on_step:

        def after_each_k(class_name: str) -> None:
            done[class_name] += 1
            on_step(f"clusters of {class_name}", done[class_name], cfg.largest - 1)

        return substyles(library, cfg.space, cfg.seed, cfg.largest, after_each_k)


def report(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> None:
    """Print what was found in each class, the sub-styles, and how they agree with labels no training saw."""
    from rich.console import Console

    console = Console(width=max(Console().width, 150))
    console.print(_class_table(classes))
    for found in classes:
        print(f"{found.name}: {found.reason}")
    if any(found.styles for found in classes):
        console.print(_style_table(library, classes))
        console.print(_check_table(classes))
    without = int((library.label < 0).sum())
    if without:
        print(f"{without} charts are of no class (Edit) and have no sub-style")


def _class_table(classes: Sequence[ClassStyles]) -> Any:
    from rich.table import Table

    columns = ("class", "charts", "structure", "k", "silhouette", "seeds", "subsamples", "weakest", "valley", "radar")
    title = "how well the division holds (adjusted Rand index over seeds, over subsamples, with the radar's own)"
    table = Table(*columns, title=title)
    for found in classes:
        numbers = ["1", *["-"] * 6]
        one = found.partition.chosen if found.partition else None
        if one:
            shares = (one.silhouette, one.ari_seeds, one.ari_subsamples, one.weakest_jaccard)
            numbers = [str(one.k), *(f"{x:.2f}" for x in shares), f"{one.valley:.2f} (p {one.valley_p:.3f})"]
            numbers.append(f"{found.ari_radar:.2f}")
        structure = "continuum, cut" if found.structure == "continuum" else found.structure
        table.add_row(found.name, str(len(found.rows)), structure, *numbers)
    return table


def _style_table(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> Any:
    from rich.table import Table

    from groove.charts.radar.groove_radar import RADAR_AXES
    from groove.styles.output import meter_of

    table = Table("class", "sub-style", "charts", "meter", *RADAR_AXES, "nearest to its center", title="sub-styles")
    titles = library.column("title")
    for found in classes:
        for style in found.styles:
            mean, deviation = meter_of(library, style)
            radar = [f"{value:.3g}" for value in library.radar[style.rows].mean(axis=0)]
            examples = ", ".join(titles[row] for row in style.examples[:SHOWN_EXAMPLES])
            meter = f"{mean:.1f} ± {deviation:.1f}"
            table.add_row(found.name, style.name, str(len(style.rows)), meter, *radar, examples)
        table.add_section()
    return table


def _check_table(classes: Sequence[ClassStyles]) -> Any:
    from rich.table import Table

    title = "labels no training saw: their pairs in one sub-style (meter: eta squared)"
    table = Table("class", "label", "charts", "pairs", "found", "chance", "p", "NMI", "chance", title=title)
    for found in classes:
        for check in found.checks:
            information = [check.mutual_information, check.chance_information]
            shares = ["-" if value is None else f"{value:.3f}" for value in information]
            counts = [str(check.charts), str(check.pairs) if check.pairs else "-"]
            numbers = [f"{check.value:.3f}", f"{check.chance:.3f}", f"{check.p:.3f}"]
            table.add_row(found.name, check.label, *counts, *numbers, *shares)
        table.add_section()
    return table


def _written(library: EmbeddedLibrary, classes: Sequence[ClassStyles], cfg: SubstylesConfig) -> list[Path]:
    """Write everything into ``cfg.out`` and return the files; say what the game's format cannot hold."""
    from groove.figures.substyles_figure import write_figure
    from groove.styles.output import CSV_COLUMNS, as_json, csv_rows, panel, preferred

    out, origin = Path(cfg.out), library.provenance
    songs, left_out = preferred(library, classes)
    for line in left_out:
        print(f"left out of {PREFERRED_FILE}: {line}")
    with writing(out):
        write_csv(out / CSV_FILE, CSV_COLUMNS, csv_rows(library, classes))
        settings = {"space": cfg.space, "seed": cfg.seed, "largest": cfg.largest}
        write_json(out / JSON_FILE, as_json(library, classes, settings))
        write_bytes(out / PREFERRED_FILE, songs.encode("utf-8", "surrogateescape"))
        title = f"sub-styles of {origin.songs} as experiment {origin.experiment} sees it ({cfg.space})"
        figure = write_figure([panel(library, found) for found in classes if len(found.rows)], title, out)
    return [out / CSV_FILE, out / JSON_FILE, out / PREFERRED_FILE, figure]


if __name__ == "__main__":
    run_main(run, config_name="substyles", schema=SubstylesConfig)
