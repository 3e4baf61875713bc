"""The dance-single pad and the feet on it: four panels in a cross on a 3 x 3 grid, the screen beyond up.

Panels count from 0 in the order left, down, up, right; `NOWHERE` (-1) is no panel: its coordinates are not a number,
its distances and turns 0. A foot has two parts, heel and toe, so that it can cover two panels (a bracket); a foot on
one panel stands there with its heel. Arrays of parts are (M, 4): left heel, left toe, right heel, right toe.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PANEL_COUNT = 4
NOWHERE = -1
SIDE_PANELS = (0, 3)
DOWN, UP = 1, 2
X = np.array([0, 1, 1, 2, np.nan])
Y = np.array([1, 0, 2, 1, np.nan])
HEELS, TOES = [0, 2], [1, 3]
"""The parts of the left and the right foot."""


def _turned(away: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ITGmania's facing penalty of a line between two panels: 100 straight away, 0 from across on."""
    share = np.maximum(-away, 0) / np.where(distance > 0, distance, np.inf)
    return np.nan_to_num(100 * (share**4) ** 1.8)


_DX, _DY = X[None] - X[:, None], Y[None] - Y[:, None]
_DISTANCE = np.hypot(_DX, _DY)
FAR = np.nan_to_num(_DISTANCE)
"""(5, 5) distance of two panels."""
SIDEWAYS = _turned(_DX, _DISTANCE)
"""(5, 5) how far a body turns from the screen whose left foot is on the first and right foot on the second panel."""
BACKWARDS = _turned(_DY, _DISTANCE)
"""(5, 5) how far a foot points from the screen whose heel is on the first and toe on the second panel."""


def any_part(parts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for the left and the right foot (M, 2) whether it is true of a part of it."""
    return np.logical_or(parts[:, HEELS], parts[:, TOES])


def both_parts(parts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for the left and the right foot (M, 2) whether it is true of both its parts."""
    return np.logical_and(parts[:, HEELS], parts[:, TOES])


def centres(parts: NDArray[np.int8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y (M, 2) of the middle of each foot, not a number where it is on no panel; `parts` are panels."""
    heel, toe = parts[:, HEELS], parts[:, TOES]
    heel, toe = np.where(heel < 0, toe, heel), np.where(toe < 0, heel, toe)
    return (X[heel] + X[toe]) / 2, (Y[heel] + Y[toe]) / 2


def centres_or_corner(parts: NDArray[np.int8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y (M, 2) as `centres` does, the corner (0, 0) where a foot is on no panel, as the engine has it."""
    x, y = centres(parts)
    return np.nan_to_num(x), np.nan_to_num(y)
