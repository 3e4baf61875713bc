"""Training-only augmentation of chart and audio frames.

A mirror swaps panels and leaves the radar unchanged: left-right swaps panels 0 and 3 and the feet, up-down swaps 1 and
2; both turn the hips the other way, and what the feet do is taken to stay what it is. Row dropout takes notes away, so
that the radar is only nearly that of the chart: a small share is meant.
Dimension letters: T frames, F features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groove.config.schema import AugmentConfig
from groove.features.frames import CHART_FEATURES

PANEL_FEATURES = ("attacks", "holds", "hold_beats")
_TURNED, _STEPS = ("turned_left", "turned_right"), ("left_steps", "right_steps")
LEFT_RIGHT, UP_DOWN = (3, 1, 2, 0), (0, 2, 1, 3)
_NOTES = np.array([not name.startswith(("seconds", "holds_")) for name in CHART_FEATURES])
"""What row dropout takes: not the time that passes, nor holds that go on."""


def mirror_columns(names: tuple[str, ...], panels: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the column order that moves every feature of `names` to where the mirror `panels` puts it."""
    order = np.arange(len(names))
    for feature in PANEL_FEATURES:
        for panel, source in enumerate(panels):
            order[names.index(f"{feature}_{panel}")] = names.index(f"{feature}_{source}")
    for one, other in (_TURNED, _STEPS) if panels == LEFT_RIGHT else (_TURNED,):
        order[[names.index(one), names.index(other)]] = names.index(other), names.index(one)
    return order


_MIRRORS = tuple(mirror_columns(CHART_FEATURES, panels) for panels in (LEFT_RIGHT, UP_DOWN))


class Augmentation(NamedTuple):
    """What is done to one chart: columns in another order, frames emptied, a span of silent audio or none at all.

    Drawn apart from applied: a process that loads a part of a batch draws for all of it, as a single one would.
    """

    columns: NDArray[np.intp] | None = None
    dropped: NDArray[np.bool_] | None = None
    silent: slice | None = None
    deaf: bool = False

    @classmethod
    def draw(cls, settings: AugmentConfig, frames: int, generator: np.random.Generator) -> Augmentation:
        """Return what to do to a chart of `frames` frames, a pure function of `generator`."""
        columns, dropped, silent, deaf = None, None, None, False
        if settings.mirror:
            for order in _MIRRORS:
                if generator.random() < 0.5:
                    columns = order if columns is None else columns[order]
        if settings.row_dropout > 0:
            dropped = generator.random(frames) < settings.row_dropout
        if settings.audio_mask > 0 and frames:
            length = int(generator.uniform(0, settings.audio_mask) * frames)
            start = int(generator.integers(0, frames - length + 1))
            silent = slice(start, start + length)
        if settings.audio_hidden > 0 and generator.random() < settings.audio_hidden:
            silent, deaf = slice(None), True
        return cls(columns, dropped, silent, deaf)

    def apply(
        self, chart: NDArray[np.float32], audio: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return augmented copies of `chart` (T, F) and `audio` (T, F)."""
        if self.columns is not None:
            chart = chart[:, self.columns]
        if self.dropped is not None:
            chart = np.where(self.dropped[:, None] & _NOTES, np.float32(0), chart)
        if self.silent is not None:
            audio = audio.copy()
            audio[self.silent] = 0
        return chart, audio
