"""Find styles inside each difficulty class: ``python -m groove.substyles run=DIR songs=DIR out=DIR``.

Charts that a trained model sees close together are clustered, class by class; the number of clusters is chosen (one is
a possible answer), and each is named by what sets it apart. Into `out` go ``substyles.csv`` (a row per chart),
``substyles.json`` (all numbers) and ``substyles.png``. How to read it: `groove.styles.clusters`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groove.cli.entry import run_main
from groove.config.schema import SubstylesConfig
from groove.embedding.library import about, embedded
from groove.errors import RunError

if TYPE_CHECKING:
    from groove.embedding.embedded import EmbeddedLibrary
    from groove.figures.substyles_figure import ClassPanel
    from groove.styles.classes import ClassStyles, SubStyle
    from groove.styles.stability import Cut

CSV_FILE, JSON_FILE = "substyles.csv", "substyles.json"
SHOWN_EXAMPLES = 3
STRUCTURES = {"clusters": "clusters", "continuum": "continuum, cut", "undivided": "undivided"}
PREFERRED = "substyles.txt"
"""The sub-styles as preferred songs of the game (see `groove.retrieval.course`)."""
CUT_NUMBERS = (
    *("k", "silhouette", "ari_seeds", "ari_subsamples", "weakest_jaccard"),
    *("valley", "valley_p", "smallest", "stable", "separated"),
)


def run(cfg: SubstylesConfig) -> None:
    """Find the sub-styles, print them, and write table, numbers and figure.

    Raises:
        RunError: if there is no such space, or `out` cannot be written.
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
    from groove.styles.classes import substyles

    done: Counter[str] = Counter()
    with threadpool_limits(cfg.threads), progress() as on_step:

        def after_each_k(class_name: str) -> None:
            done[class_name] += 1
            on_step(f"clusters of {class_name}", done[class_name], cfg.largest - 1)

        return substyles(library, cfg.space, cfg.seed, cfg.largest, after_each_k)


# --- what is printed -----------------------------------------------------------------------------------------------


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
        one = found.partition.chosen if found.partition else None
        structure = STRUCTURES[found.partition.structure] if found.partition else STRUCTURES["undivided"]
        numbers = [str(one.k), *_cut_cells(one), f"{found.ari_radar:.2f}"] if one else ["1", *["-"] * 6]
        table.add_row(found.name, str(len(found.rows)), structure, *numbers)
    return table


def _cut_cells(one: Cut) -> list[str]:
    numbers = (one.silhouette, one.ari_seeds, one.ari_subsamples, one.weakest_jaccard)
    return [*(f"{number:.2f}" for number in numbers), f"{one.valley:.2f} (p {one.valley_p:.3f})"]


def _style_table(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> Any:
    from rich.table import Table

    from groove.charts.radar.groove_radar import RADAR_AXES

    table = Table("class", "sub-style", "charts", "meter", *RADAR_AXES, "nearest to its centre", title="sub-styles")
    titles = library.column("title")
    for found in classes:
        for style in found.styles:
            meter = _meter(library, style)
            radar = [f"{value:.3g}" for value in library.radar[style.rows].mean(axis=0)]
            examples = ", ".join(titles[row] for row in style.examples[:SHOWN_EXAMPLES])
            place = f"{meter['mean']:.1f} ± {meter['deviation']:.1f}"
            table.add_row(found.name, style.name, str(len(style.rows)), place, *radar, examples)
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


def _meter(library: EmbeddedLibrary, style: SubStyle) -> dict[str, float]:
    import numpy as np

    meters = library.table["meter"].to_numpy()[style.rows]
    return {"mean": float(np.mean(meters)), "deviation": float(np.std(meters))}


# --- what is written -----------------------------------------------------------------------------------------------


def _written(library: EmbeddedLibrary, classes: Sequence[ClassStyles], cfg: SubstylesConfig) -> list[Path]:
    from groove.figures.substyles_figure import write_figure
    from groove.io.files import write_bytes, write_csv, write_json

    out = Path(cfg.out)
    origin = library.provenance
    try:
        write_csv(out / CSV_FILE, CSV_COLUMNS, csv_rows(library, classes))
        write_json(out / JSON_FILE, as_json(library, classes, cfg))
        write_bytes(out / PREFERRED, preferred(library, classes).encode("utf-8", "surrogateescape"))
        title = f"sub-styles of {origin.songs} as experiment {origin.experiment} sees it ({cfg.space})"
        figure = write_figure([panel(library, found) for found in classes if len(found.rows)], title, out)
    except OSError as error:
        raise RunError(f"out='{out}' cannot be written: {error.strerror or error}") from error
    return [out / CSV_FILE, out / JSON_FILE, out / PREFERRED, figure]


def preferred(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> str:
    """Return the sub-styles as preferred songs for the game, a section each; what the format cannot hold is said."""
    from groove.retrieval.course import course_entry, left_out, preferred_refusal, preferred_text

    charts = library.table.to_pylist()
    sections = {
        f"{found.name}: {style.name}": [course_entry(charts[row]) for row in style.rows]
        for found in classes
        for style in found.styles
    }
    for entry, why in left_out([entry for part in sections.values() for entry in part], preferred_refusal):
        print(f"left out of {PREFERRED}: {entry}: {why}")
    return preferred_text(sections)


CSV_COLUMNS = ("chart_id", "title", "difficulty", "class", "substyle", "distance")


def csv_rows(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> Iterator[tuple[object, ...]]:
    """Return a row per chart of the library; those of no class have neither class nor sub-style nor distance.

    The distance is that to the centre of the sub-style, in an undivided class to the centre of the class.
    """
    from groove.styles.classes import style_column

    place: dict[int, tuple[str, str]] = {}
    for found in classes:
        for index, row in enumerate(found.rows.tolist()):
            distance = found.partition.distance[index] if found.partition else 0.0
            place[row] = (found.name, f"{distance:.6g}")
    names = style_column(library, classes)
    columns = (library.column(name) for name in CSV_COLUMNS[:3])
    for row, known in enumerate(zip(*columns, strict=True)):
        of_class, distance = place.get(row, ("", ""))
        yield (*known, of_class, names[row], distance)


def as_json(library: EmbeddedLibrary, classes: Sequence[ClassStyles], cfg: SubstylesConfig) -> dict[str, Any]:
    """Return all numbers as plain containers, without a NaN."""
    settings = {"space": cfg.space, "seed": cfg.seed, "largest": cfg.largest}
    by_class = {found.name: _class_json(library, found) for found in classes}
    return {"provenance": asdict(library.provenance), "settings": settings, "classes": by_class}


def _class_json(library: EmbeddedLibrary, found: ClassStyles) -> dict[str, Any]:
    cuts = found.partition.cuts if found.partition else []
    return {
        "charts": len(found.rows),
        "structure": found.partition.structure if found.partition else "undivided",
        "reason": found.reason,
        "k": found.partition.k if found.partition else 1,
        "tried": [{name: getattr(one, name) for name in CUT_NUMBERS} for one in cuts],
        "ari_radar": found.ari_radar,
        "substyles": [_style_json(library, style) for style in found.styles],
        "checks": [asdict(check) for check in found.checks],
    }


def _style_json(library: EmbeddedLibrary, style: SubStyle) -> dict[str, Any]:
    from groove.charts.radar.groove_radar import RADAR_AXES

    radar = library.radar[style.rows].mean(axis=0).tolist()
    ids = library.column("chart_id")
    return {
        "name": style.name,
        "charts": len(style.rows),
        "meter": _meter(library, style),
        "radar": {f"{library.family}_{axis}": value for axis, value in zip(RADAR_AXES, radar, strict=True)},
        "z": dict(style.z),
        "p": dict(style.p),
        "examples": [ids[row] for row in style.examples],
    }


def panel(library: EmbeddedLibrary, found: ClassStyles) -> ClassPanel:
    """Return what is drawn of one class, which has a chart."""
    import numpy as np
    from scipy.stats import rankdata

    from groove.charts.radar.groove_radar import RADAR_AXES
    from groove.figures.substyles_figure import ClassPanel

    assert found.partition is not None
    one = found.partition
    what = {"clusters": f"{one.k} clusters", "continuum": f"a continuum, cut in {one.k}", "undivided": "undivided"}
    ranks = (rankdata(library.radar[found.rows], axis=0) - 0.5) / len(found.rows) * 100
    profiles = [ranks[one.labels == cluster].mean(axis=0) for cluster in range(len(found.styles))]
    return ClassPanel(
        title=f"{found.name}: {what[one.structure]}",
        axes=RADAR_AXES,
        names=[style.name for style in found.styles],
        profiles=np.array(profiles).reshape(len(profiles), len(RADAR_AXES)),
        points=one.points[:, :2],
        labels=one.labels,
        explained=one.explained[:2],
    )


if __name__ == "__main__":
    run_main(run, config_name="substyles", schema=SubstylesConfig)
