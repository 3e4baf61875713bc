"""Training-only augmentation of chart and audio frames.

A mirror swaps panels and leaves the radar unchanged: left-right swaps panels 0 and 3, up-down swaps 1 and 2. Row
dropout takes notes away, so that the radar is only nearly that of the chart: a small share is meant.
Dimension letters: T frames, F features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PANEL_FEATURES = ("attacks", "holds", "hold_beats")
TIME_FEATURES = ("seconds", "holds_")
"""What row dropout leaves: the time that passes, and holds that go on."""
LEFT_RIGHT = (3, 1, 2, 0)
UP_DOWN = (0, 2, 1, 3)


def mirror_columns(names: tuple[str, ...], panels: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the column order that moves every per-panel feature of `names` to the panel given by `panels`."""
    position = {name: i for i, name in enumerate(names)}
    order = np.arange(len(names))
    for feature in PANEL_FEATURES:
        for panel, source in enumerate(panels):
            order[position[f"{feature}_{panel}"]] = position[f"{feature}_{source}"]
    return order


class Augmentation(NamedTuple):
    """What is done to one chart: columns in another order, frames emptied, a span of silent audio (or nothing)."""

    columns: NDArray[np.intp] | None = None
    dropped: NDArray[np.bool_] | None = None
    silent: slice | None = None


class Augmenter:
    """Applies each augmentation that is switched on; a pure function of the generator it is given.

    Drawing is apart from applying: a process that encodes a part of a batch draws for all of it, and so does to each
    chart what a single process would do.
    """

    def __init__(
        self, chart_features: tuple[str, ...], mirror: bool, audio_mask: float, row_dropout: float = 0.0
    ) -> None:
        """Prepare for charts with columns `chart_features`.

        `audio_mask` is the largest share of audio frames to silence, `row_dropout` the share of frames to empty.
        """
        self.mirror = mirror
        self.audio_mask = audio_mask
        self.row_dropout = row_dropout
        self._notes = np.array([not name.startswith(TIME_FEATURES) for name in chart_features])
        self._left_right = mirror_columns(chart_features, LEFT_RIGHT)
        self._up_down = mirror_columns(chart_features, UP_DOWN)

    def draw(self, frames: int, generator: np.random.Generator) -> Augmentation:
        """Return what to do to a chart of `frames` frames."""
        columns, dropped, silent = None, None, None
        if self.mirror:
            for order in (self._left_right, self._up_down):
                if generator.random() < 0.5:
                    columns = order if columns is None else columns[order]
        if self.row_dropout > 0:
            dropped = generator.random(frames) < self.row_dropout
        if self.audio_mask > 0 and frames:
            silent = _span(frames, self.audio_mask, generator)
        return Augmentation(columns, dropped, silent)

    def apply(
        self, chart: NDArray[np.float32], audio: NDArray[np.float32], drawn: Augmentation
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return augmented copies of `chart` (T, F) and `audio` (T, F)."""
        if drawn.columns is not None:
            chart = chart[:, drawn.columns]
        if drawn.dropped is not None:
            chart = np.where(drawn.dropped[:, None] & self._notes, np.float32(0), chart)
        if drawn.silent is not None:
            audio = audio.copy()
            audio[drawn.silent] = 0
        return chart, audio


def _span(frames: int, share: float, generator: np.random.Generator) -> slice:
    """Return one random span of at most `share` of the frames."""
    length = int(generator.uniform(0, share) * frames)
    start = int(generator.integers(0, frames - length + 1))
    return slice(start, start + length)
