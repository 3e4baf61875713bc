from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from groove.figures.substyles_figure import COLORS, FIGURE_FILE, ClassPanel, substyles_figure, write_figure

AXES = ("stream", "voltage", "air", "freeze", "chaos")


def panel(styles: int = 3, charts: int = 12, name: str = "Easy") -> ClassPanel:
    random = np.random.default_rng(0)
    return ClassPanel(
        title=f"{name}: a continuum, cut in {styles}",
        axes=AXES,
        names=[f"style {number}" for number in range(styles)],
        profiles=random.uniform(10, 90, (styles, 5)),
        points=random.normal(size=(charts, 2)),
        labels=np.arange(charts) % max(styles, 1),
        explained=np.array([0.6, 0.3]),
    )


def test_a_pentagon_and_a_cloud_of_each_style() -> None:
    one = panel()
    pentagons, cloud = substyles_figure([one], "title").axes
    assert pentagons.name == "polar"
    *outlines, middle = pentagons.lines
    for number, outline in enumerate(outlines):
        angles, radii = outline.get_data()
        np.testing.assert_allclose(radii, [*one.profiles[number], one.profiles[number][0]])
        np.testing.assert_allclose(np.diff(angles[:-1]), 2 * np.pi / 5)
        assert to_rgba(outline.get_color()) == to_rgba(COLORS[number])
    assert set(middle.get_ydata()) == {50.0}
    drawn = [line for line in cloud.lines if len(line.get_xdata())]  # the others are the legend's
    assert len(drawn) == 6
    for number in range(3):
        charts, centre = drawn[2 * number : 2 * number + 2]
        inside = one.points[one.labels == number]
        np.testing.assert_allclose(np.transpose(charts.get_data()), inside)
        np.testing.assert_allclose(np.ravel(centre.get_data()), inside.mean(axis=0))
    assert "60%" in cloud.get_xlabel() and "30%" in cloud.get_ylabel()


def test_the_legend_names_styles_and_counts() -> None:
    figure = substyles_figure([panel()], "title")
    (legend,) = figure.subfigs[0].legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *(f"style {number} (4)" for number in range(3)),
        "all (12)",
    ]


@pytest.mark.parametrize("classes", [1, 2, 3, 4])
def test_every_class_has_its_two_panels(classes: int) -> None:
    figure = substyles_figure([panel(name=str(number)) for number in range(classes)], "title")
    assert len(figure.axes) == 2 * classes
    titles = [part.get_suptitle() for part in figure.subfigs][:classes]
    assert titles == [f"{number}: a continuum, cut in 3" for number in range(classes)]


def test_an_undivided_class_is_grey_and_no_class_is_a_figure_too(tmp_path: Path) -> None:
    pentagons, cloud = substyles_figure([panel(styles=0, charts=1)], "title").axes
    assert len(pentagons.lines) == 1 and sum(len(line.get_xdata()) > 0 for line in cloud.lines) == 1
    path = write_figure([], "title", tmp_path)
    assert path == tmp_path / FIGURE_FILE and path.read_bytes().startswith(b"\x89PNG")
