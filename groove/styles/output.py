"""What is kept of sub-styles: a row per chart, all numbers, preferred songs for the game, the panels of the figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.stats import rankdata

from groove.charts.display import SHOWN
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.embedding.embedded import EmbeddedLibrary
from groove.figures.substyles_figure import ClassPanel
from groove.retrieval.course import course_entry, left_out, preferred_refusal, preferred_text
from groove.styles.division import ClassStyles, SubStyle, style_column

CSV_COLUMNS = (*SHOWN, "class", "substyle", "distance")
_CUT_NUMBERS = (
    *("k", "silhouette", "ari_seeds", "ari_subsamples", "weakest_jaccard"),
    *("valley", "valley_p", "smallest", "stable", "separated"),
)


def csv_rows(library: EmbeddedLibrary, classes: Sequence[ClassStyles]) -> Iterator[tuple[object, ...]]:
    """Yield `CSV_COLUMNS` of every chart; those of no class have neither class nor sub-style nor distance.

    The distance is that to the center of the sub-style, in an undivided class to the center of the class.
    """
    place: dict[int, tuple[str, str]] = {}
    for found in classes:
        for index, row in enumerate(found.rows.tolist()):
            place[row] = (found.name, f"{found.partition.distance[index] if found.partition else 0.0:.6g}")
    names = style_column(library, classes)
    for row, known in enumerate(zip(*map(library.column, SHOWN), strict=True)):
        of_class, distance = place.get(row, ("", ""))
        yield (*known, of_class, names[row], distance)


def as_json(library: EmbeddedLibrary, classes: Sequence[ClassStyles], settings: dict[str, Any]) -> dict[str, Any]:
    """Return all numbers as plain containers, without a NaN."""
    by_class = {found.name: _class_json(library, found) for found in classes}
    return {"provenance": asdict(library.provenance), "settings": settings, "classes": by_class}


def _class_json(library: EmbeddedLibrary, found: ClassStyles) -> dict[str, Any]:
    return {
        "charts": len(found.rows),
        "structure": found.structure,
        "reason": found.reason,
        "k": found.partition.k if found.partition else 1,
        "tried": [
            {name: getattr(one, name) for name in _CUT_NUMBERS}
            for one in (found.partition.cuts if found.partition else ())
        ],
        "ari_radar": found.ari_radar,
        "substyles": [_style_json(library, style) for style in found.styles],
        "checks": [asdict(check) for check in found.checks],
    }


def _style_json(library: EmbeddedLibrary, style: SubStyle) -> dict[str, Any]:
    radar = library.radar[style.rows].mean(axis=0).tolist()
    ids = library.column("chart_id")
    mean, deviation = meter_of(library, style)
    return {
        "name": style.name,
        "charts": len(style.rows),
        "meter": {"mean": mean, "deviation": deviation},
        "radar": {f"{library.family}_{axis}": value for axis, value in zip(RADAR_AXES, radar, strict=True)},
        "z": dict(style.z),
        "p": dict(style.p),
        "examples": [ids[row] for row in style.examples],
    }


def meter_of(library: EmbeddedLibrary, style: SubStyle) -> tuple[float, float]:
    """Return mean and standard deviation of the meters of a sub-style."""
    meters = library.table["meter"].to_numpy()[style.rows]
    return float(np.mean(meters)), float(np.std(meters))


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
