"""What is drawn is read back from the figure; an unchanged picture is not drawn again."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from groove.figures.library_figure import REASONS, fingerprint, library_figure, write_library_figure
from tests.charts.library.test_summary import AXES, report

REASON = "steps type 'dance-threepanel' is not read, only dance-single, dance-double are"


def drawn(shown):
    """Return the figure's panels by their titles."""
    return {axes.get_title(): axes for axes in library_figure(shown).axes}


def test_the_bars_are_the_charts_with_and_without_audio():
    shown = report()
    axes = drawn(shown)["charts per difficulty"]
    there, missing = ([bar.get_height() for bar in bars] for bars in axes.containers)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Beginner", "Medium", "Hard"]
    assert [a + b for a, b in zip(there, missing, strict=True)] == [3, 40, 11]
    assert sum(there) == int(shown.has_audio.sum())
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == [f"with audio: {sum(there):.0f}", f"without: {sum(missing):.0f}"]
    assert axes.get_ylim()[1] > 1.2 * 40  # the legend hides no bar


def test_the_boxes_are_quartiles_and_whiskers_the_tenths():
    shown = report()
    panels = drawn(shown)
    for place, name in enumerate(AXES):
        boxes = panels[name].patches
        assert len(boxes) == 3
        for patch, mask in zip(boxes, shown.groups().values(), strict=True):
            across = patch.get_path().vertices[:, 0]
            expected = np.percentile(shown.radar[mask, place], [25, 75])
            assert (across.min(), across.max()) == pytest.approx(tuple(expected))
        ends = {round(float(x), 6) for line in panels[name].lines for x in line.get_xdata()}
        for mask in shown.groups().values():
            assert {round(float(x), 6) for x in np.percentile(shown.radar[mask, place], [10, 50, 90])} <= ends
    assert [label.get_text() for label in panels["stream"].get_yticklabels()] == ["Beginner", "Medium", "Hard"]


def test_reasons_are_wrapped_and_the_rare_ones_share_a_bar():
    reasons = {REASON: 50} | {f"reason {number}": 20 - number for number in range(REASONS + 3)}
    (axes,) = [axes for title, axes in drawn(report(left_out=reasons)).items() if title.startswith("left out")]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) == len(axes.patches) == REASONS
    assert names[0].replace("-\n", "-").replace("\n", " ") == REASON and "\n" in names[0]
    assert names[-1] == "5 other reasons (see the list)"
    assert sum(bar.get_width() for bar in axes.patches) == sum(reasons.values())
    assert f"{sum(reasons.values())} files or charts" in axes.get_title()


def test_nothing_left_out_one_chart_and_zeros_are_drawn(tmp_path):
    shown = report(counts=(0, 1, 0, 0), scale=0.0)
    (axes,) = [axes for title, axes in drawn(shown).items() if title.startswith("left out")]
    assert [text.get_text() for text in axes.texts] == ["nothing was left out"]
    write_library_figure(shown, tmp_path / "library.png")
    assert (tmp_path / "library.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_is_drawn_again_only_if_what_it_shows_has_changed(tmp_path):
    path = tmp_path / "new" / "library.png"
    write_library_figure(report(), path)
    first = path.read_bytes()
    os.utime(path, (1, 1))
    write_library_figure(report(), path)
    assert path.stat().st_mtime == 1
    write_library_figure(report(left_out={"one": 1}), path)
    assert path.stat().st_mtime > 1
    write_library_figure(report(), path)
    assert path.read_bytes() == first
    path.write_bytes(first[: len(first) // 2].replace(b"library ", b"broken! "))
    write_library_figure(report(), path)
    assert path.read_bytes() == first
    assert os.listdir(path.parent) == ["library.png"]


def test_the_fingerprint_depends_on_everything_that_is_shown():
    base = report()
    changes = {
        "title": "55 charts",
        "family": "stepmania",
        "difficulty": [*base.difficulty[:-1], "Easy"],
        "radar": base.radar + 1e-9,
        "has_audio": ~base.has_audio,
        "audio_means": "sound",
        "left_out": {"x": 1},
    }
    marks = {fingerprint(dataclasses.replace(base, **{name: value})) for name, value in changes.items()}
    assert len(marks | {fingerprint(base)}) == 1 + len(changes)
    assert fingerprint(report()) == fingerprint(base)
