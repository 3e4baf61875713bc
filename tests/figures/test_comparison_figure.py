"""The comparison's figures: what they show lies within their axes."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from groove.figures.comparison_figure import comparison_figure, dial_figure, plane_figure, write_figures
from groove.runs.comparison import NUMBERS, Group, comparison_frame
from groove.runs.folder import load_run
from tests.runs.builders import good_a, good_b

ROW = {
    "accuracy_epoch0": 0.81,
    "accuracy_final": 0.5,
    "gain_pooled_before": 0.3,
    "gain_pooled_after": 0.9,
    "gain_projection_before": 0.2,
    "gain_projection_after": 0.95,
}


def group(lines: str, *rows: dict) -> Group:
    name, *settings = lines.split("\n ")
    return Group(name, tuple(settings), pd.DataFrame([dict.fromkeys(NUMBERS, np.nan) | row for row in rows]))


def test_both_ends_of_every_arrow_lie_within_the_plane():
    figure = plane_figure([group("a", ROW), group("c", ROW | {"accuracy_final": 0.85})])
    for axes, layer in zip(figure.axes, ("pooled", "projection"), strict=True):
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert left < ROW[f"gain_{layer}_before"] and ROW[f"gain_{layer}_after"] < right
        assert bottom < 0.5 and 0.85 < top


COMPARED = ROW | {"accuracy_lowest": 0.5, "pooled_cosine": 0.9, "margin_before": 0.1, "margin_after": 1.0}
LONG = "a\n " + "\n ".join(f"{name}_of_all_charts=0.123" for name in "bcdefghijklm")


def test_the_labels_of_many_settings_do_not_overlap():
    figure = comparison_figure([group(f"{LONG}{number}", COMPARED) for number in range(6)])
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert len(boxes) == 6 and all(label.get_text().count("\n") == 12 for label in figure.axes[0].get_yticklabels())
    assert not any(first.overlaps(second) for first, second in itertools.combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.y1 <= figure.bbox.height for box in boxes)


def test_the_plane_has_room_for_its_legend_which_explains_every_mark():
    figure = plane_figure([group(f"{LONG}{number}", ROW) for number in range(6)])
    figure.canvas.draw()
    legend = figure.axes[1].get_legend()
    box = legend.get_window_extent()
    assert 0 <= box.y0 and box.y1 <= figure.bbox.height and box.x1 <= figure.bbox.width
    assert all(axes.bbox.height > 0.7 * figure.bbox.height for axes in figure.axes)
    marks = {text.get_text(): handle for text, handle in zip(legend.texts, legend.legend_handles, strict=True)}
    assert marks["epoch 0, mean of the runs"].get_fillstyle() == "none"
    assert marks["end, mean of the runs"].get_markersize() > marks["end, each run"].get_markersize()
    drawn = {(line.get_marker(), line.get_fillstyle()) for line in figure.axes[0].lines}
    assert drawn == {(handle.get_marker(), handle.get_fillstyle()) for handle in list(marks.values())[-3:]}


def test_a_line_of_points_per_group_in_every_panel_and_a_bar_for_several():
    row = {"accuracy_epoch0": 0.8, "accuracy_final": 0.8, "pooled_cosine": 0.9}
    figure = comparison_figure([group("a", row, {**row, "pooled_cosine": 0.8}), group("b", row)])
    assert len(figure.axes) == 4
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a", "b"]
    drawn = [list(line.get_xdata()) for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert drawn == [[], [0.9, 0.8], [0.9]]
    (bar,) = figure.axes[1].collections
    assert np.ptp(bar.get_segments()[0][:, 0]) / 2 == pytest.approx(np.std([0.9, 0.8], ddof=1)), (
        "sample standard deviation"
    )


def test_the_dial_has_a_line_per_experiment_in_order_of_drift_and_the_values_of_its_setting():
    turned = [
        group(f"a\n experiment.drift_weight={weight}", ROW | {"experiment": "a", "pooled_cosine": cosine})
        for weight, cosine in ((1, 0.9), (10, 0.97), (0, 0.5))
    ]
    alone = group("b", ROW | {"experiment": "b", "pooled_cosine": 1.0}, ROW | {"experiment": "b"})
    figure = dial_figure([*turned, alone])
    gains, lost = figure.axes[0], figure.axes[2]
    line, other = (next(one for one in gains.get_lines() if one.get_label() == name) for name in ("a", "b"))
    assert line.get_xdata() == pytest.approx([0.03, 0.1, 0.5]) and line.get_ydata() == pytest.approx([0.9] * 3)
    assert [text.get_text() for text in gains.texts][:3] == ["10", "1", "0"]
    assert other.get_xdata() == pytest.approx([1e-3]), "the run without a cosine has no point"
    (own,) = [one for one in lost.get_lines() if one.get_label() == "a"]
    assert own.get_ydata() == pytest.approx([-31.0] * 3)


def test_all_files_are_written(tmp_path: Path):
    frame = comparison_frame([load_run(good_a(tmp_path / "a")), load_run(good_b(tmp_path / "b"))])
    write_figures(frame, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["comparison.png", "dial.png", "plane.png"]
