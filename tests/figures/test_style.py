"""Dollar signs in titles, folders and settings are letters: matplotlib would set formulas, and fail on most."""

from __future__ import annotations

import dataclasses

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from groove.figures.comparison_figure import comparison_figure, plane_figure
from groove.figures.library_figure import library_figure
from groove.figures.style import new_figure, save, verbatim
from groove.figures.substyles_figure import substyles_figure
from tests.charts.library.test_summary import report
from tests.figures.test_comparison_figure import group
from tests.figures.test_substyles_figure import panel

NASTY = (r"a $\frac{ $ b", "$x^$", "$$", "100 $", r"\$", "a$b$c$", "plain")


def is_drawn(figure: Figure) -> bool:
    FigureCanvasAgg(figure).draw()
    return True


@pytest.mark.parametrize("text", NASTY)
def test_every_figure_with_a_text_of_strangers_can_be_drawn(text):
    row = {"accuracy_epoch0": 0.8, "accuracy_final": 0.8, "gain_pooled_before": 0.1, "gain_pooled_after": 0.2}
    assert is_drawn(library_figure(dataclasses.replace(report(), title=text, left_out={text: 3})))
    assert is_drawn(comparison_figure([group(text, row)])) and is_drawn(plane_figure([group(text, row)]))
    shown = dataclasses.replace(panel(), title=text, names=[text] * 3)
    assert is_drawn(substyles_figure([shown], text))


@pytest.mark.parametrize("text", NASTY[:4])
def test_it_is_shown_letter_by_letter(text):
    """As wide as the same text where formulas are switched off."""
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    ours, plain = figure.text(0, 0, verbatim(text)), figure.text(0, 0, text, parse_math=False)
    widths = [drawn.get_window_extent(canvas.get_renderer()).width for drawn in (ours, plain)]
    assert widths[0] == widths[1] > 0


def test_a_file_carries_its_description_and_leaves_nothing_beside_it(tmp_path):
    path = save(new_figure(2.0, 1.0), tmp_path / "new" / "x.png", description="what it shows")
    content = path.read_bytes()
    assert content[:4] == b"\x89PNG" and b"what it shows" in content
    assert (int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")) == (200, 100)
    assert list(path.parent.iterdir()) == [path]
