"""What is shown and kept of sub-styles: tables, a row per chart, all numbers, songs for the game, panels of the figure.

``substyles.json`` holds no NaN; profiles of the figure are percentile ranks within the class.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from scipy.stats import rankdata

from groove.charts.display import SHOWN
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.cli.console import table_console
from groove.config.schema import SubstylesConfig
from groove.embedding.embedded import EmbeddedLibrary
from groove.figures.substyles_figure import ClassPanel, write_figure
from groove.io.files import write_bytes, write_csv, write_json, writing
from groove.retrieval.course import course_entry, left_out, preferred_refusal, preferred_text
from groove.styles.clusters import CONTINUUM
from groove.styles.division import ClassStyles, SubStyle, style_column

CSV_COLUMNS = (*SHOWN, "class", "substyle", "distance")
CSV_FILE, JSON_FILE, PREFERRED_FILE = "substyles.csv", "substyles.json", "substyles.txt"
SHOWN_EXAMPLES = 3
_LEAST_COLUMNS = 150
log = logging.getLogger(__name__)


def report(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> None:
    """Print what was found in each class, the sub-styles, and how they agree with labels no training saw."""
    console = table_console(_LEAST_COLUMNS)
    console.print(_class_table(classes))
    for found in classes:
        print(f"{found.name}: {found.partition.reason}")
    if any(found.styles for found in classes):
        console.print(_style_table(library, classes))
        console.print(_check_table(classes))
    without = int((library.label < 0).sum())
    if without:
        print(f"{without} charts are of no class (Edit) and have no sub-style")


def write(library: EmbeddedLibrary, classes: Sequence[ClassStyles], cfg: SubstylesConfig) -> None:
    """Write everything into ``cfg.out`` and name the files, and what the game's format cannot hold.

    Raises:
        ConfigError: if it cannot be written.
    """
    out, origin = Path(cfg.out), library.provenance
    songs, left_out = preferred(library, classes)
    for line in left_out:
        log.info(f"left out of {PREFERRED_FILE}: {line}")
    with writing(out):
        write_csv(out / CSV_FILE, CSV_COLUMNS, csv_rows(library, classes))
        settings = {"space": cfg.space, "seed": cfg.seed, "largest": cfg.largest}
        write_json(out / JSON_FILE, as_json(library, classes, settings))
        write_bytes(out / PREFERRED_FILE, songs.encode("utf-8", "surrogateescape"))
        title = f"sub-styles of {origin.songs} as experiment {origin.experiment} sees it ({cfg.space})"
        figure = write_figure([panel(library, found) for found in classes if len(found.rows)], title, out)
    for path in (out / CSV_FILE, out / JSON_FILE, out / PREFERRED_FILE, figure):
        print(path)


def _class_table(classes: Sequence[ClassStyles]) -> Table:
    columns = ("class", "charts", "structure", "k", "silhouette", "seeds", "subsamples", "weakest", "valley", "radar")
    title = "stability of the clusters (adjusted Rand index over seeds, over subsamples, with the radar's own)"
    table = Table(*columns, title=title)
    for found in classes:
        numbers, one = ["-"] * 6, found.partition.chosen
        if one:
            shares = (one.silhouette, one.ari_seeds, one.ari_subsamples, one.weakest_jaccard)
            valley = f"{one.valley:.2f} (p {one.valley_p:.3f})"
            numbers = [*(f"{x:.2f}" for x in shares), valley, f"{found.ari_radar:.2f}"]
        structure = found.partition.structure
        structure = "continuum, cut" if structure == CONTINUUM else structure
        table.add_row(found.name, str(len(found.rows)), structure, str(found.partition.k), *numbers)
    return table


def _style_table(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> Table:
    table = Table("class", "sub-style", "charts", "meter", *RADAR_AXES, "nearest to its center", title="sub-styles")
    titles = library.column("title")
    for found in classes:
        for style in found.styles:
            mean, deviation = _meter_of(library, style)
            radar = [f"{value:.3g}" for value in library.radar[style.rows].mean(axis=0)]
            examples = ", ".join(titles[row] for row in style.examples[:SHOWN_EXAMPLES])
            meter = f"{mean:.1f} ± {deviation:.1f}"
            table.add_row(found.name, style.name, str(len(style.rows)), meter, *radar, examples)
        table.add_section()
    return table


def _check_table(classes: Sequence[ClassStyles]) -> Table:
    title = "labels not used in training: share of their pairs in one sub-style (meter: eta squared)"
    table = Table("class", "label", "charts", "pairs", "found", "chance", "p", "NMI", "chance", title=title)
    for found in classes:
        for check in found.checks:
            numbers = (check.value, check.chance, check.p, check.mutual_information, check.chance_information)
            texts = ["-" if value is None else f"{value:.3f}" for value in numbers]
            table.add_row(found.name, check.label, str(check.charts), str(check.pairs or "-"), *texts)
        table.add_section()
    return table


def csv_rows(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> Iterator[tuple[object, ...]]:
    """Yield `CSV_COLUMNS` of every chart; those of no class have neither class nor sub-style nor distance.

    The distance is that to the center of the sub-style, in an undivided class to the center of the class.
    """
    place = {
        row: (found.name, f"{distance:.6g}")
        for found in classes
        for row, distance in zip(found.rows.tolist(), found.partition.distance.tolist(), strict=True)
    }
    names = style_column(library, classes)
    for row, known in enumerate(zip(*map(library.column, SHOWN), strict=True)):
        of_class, distance = place.get(row, ("", ""))
        yield (*known, of_class, names[row], distance)


def as_json(library: EmbeddedLibrary, classes: Sequence[ClassStyles], settings: dict[str, Any]) -> dict[str, Any]:
    """Return all numbers as plain containers, without a NaN."""
    by_class = {
        found.name: {
            "charts": len(found.rows),
            "structure": found.partition.structure,
            "reason": found.partition.reason,
            "k": found.partition.k,
            "tried": [one.numbers for one in found.partition.cuts],
            "ari_radar": found.ari_radar,
            "substyles": [_style_json(library, style) for style in found.styles],
            "checks": [asdict(check) for check in found.checks],
        }
        for found in classes
    }
    return {"provenance": asdict(library.provenance), "settings": settings, "classes": by_class}


def _style_json(library: EmbeddedLibrary, style: SubStyle) -> dict[str, Any]:
    radar = library.radar[style.rows].mean(axis=0).tolist()
    mean, deviation = _meter_of(library, style)
    return {
        "name": style.name,
        "charts": len(style.rows),
        "meter": {"mean": mean, "deviation": deviation},
        "radar": {f"{library.family}_{axis}": value for axis, value in zip(RADAR_AXES, radar, strict=True)},
        "z": dict(style.z),
        "p": dict(style.p),
        "examples": library.table["chart_id"].take(style.examples).to_pylist(),
    }


def _meter_of(library: EmbeddedLibrary, style: SubStyle) -> tuple[float, float]:
    meters = library.table["meter"].to_numpy()[style.rows]
    return float(meters.mean()), float(meters.std())


def preferred(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> tuple[str, list[str]]:
    """Return the sub-styles as preferred songs for the game, a section each, and what that format cannot hold."""
    charts = library.table.to_pylist()
    sections = {
        f"{found.name}: {style.name}": [course_entry(charts[row]) for row in style.rows]
        for found in classes
        for style in found.styles
    }
    entries = [entry for part in sections.values() for entry in part]
    return preferred_text(sections), [f"{entry}: {why}" for entry, why in left_out(entries, preferred_refusal)]


def panel(library: EmbeddedLibrary, found: ClassStyles) -> ClassPanel:
    """Return what is drawn of one class, which has a chart."""
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
