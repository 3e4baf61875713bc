"""The comparison's figures: what they show lies within their axes."""

from __future__ import annotations

import itertools

from groove.figures.comparison_figure import comparison_figure, plane_figure

ROW = {
    "accuracy_epoch0": 0.81,
    "accuracy_final": 0.5,
    "gain_pooled_before": 0.3,
    "gain_pooled_after": 0.9,
    "gain_projection_before": 0.2,
    "gain_projection_after": 0.95,
}


def test_both_ends_of_every_arrow_lie_within_the_plane():
    figure = plane_figure([("a", [ROW]), ("c", [ROW | {"accuracy_final": 0.85}])])
    for axes, layer in zip(figure.axes, ("pooled", "projection"), strict=True):
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert left < ROW[f"gain_{layer}_before"] and ROW[f"gain_{layer}_after"] < right
        assert bottom < 0.5 and 0.85 < top


COMPARED = ROW | {"accuracy_lowest": 0.5, "pooled_cosine": 0.9, "margin_before": 0.1, "margin_after": 1.0}
LONG = "a\n " + "\n ".join(f"{name}_of_all_charts=0.123" for name in "bcdefghijklm")


def test_the_labels_of_many_settings_do_not_overlap():
    figure = comparison_figure([(f"{LONG}{number}", [COMPARED]) for number in range(6)])
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert len(boxes) == 6 and all(label.get_text().count("\n") == 12 for label in figure.axes[0].get_yticklabels())
    assert not any(first.overlaps(second) for first, second in itertools.combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.y1 <= figure.bbox.height for box in boxes)


def test_the_plane_has_room_for_its_legend_which_explains_every_mark():
    figure = plane_figure([(f"{LONG}{number}", [ROW]) for number in range(6)])
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


def test_a_short_label_stands_in_one_line():
    figure = comparison_figure([("a\n b=$1", [COMPARED])])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [r"a b=\$1"]
