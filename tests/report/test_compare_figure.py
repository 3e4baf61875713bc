"""The comparison's figures: what they show lies within their axes."""

from __future__ import annotations

from groove.report.compare_figure import plane_figure

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
