"""What all figures share: size in pixels, grey, strangers' text, and a file written whole or not at all.

Figures are plain `Figure` objects: no pyplot, hence no global state, and matplotlib is imported only when something is
drawn.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from groove.io.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100
GREY = "0.35"


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Return an empty figure of `width` x `height` inches with `title`, shown letter by letter."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(verbatim(title), fontsize=14)
    return figure


def save(figure: Figure, path: Path, description: str = "") -> Path:
    """Write `figure` as PNG to `path`, with `description` inside the file, and return `path`.

    Raises:
        OSError: if the file cannot be written.
    """
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Description": description} if description else None)
    write_bytes(path, content.getvalue())
    return path


def verbatim(text: str) -> str:
    """Return `text` as matplotlib must get it to show it letter by letter.

    Between two dollar signs matplotlib sets a formula, and raises on what is none.
    """
    return text.replace("$", r"\$")
