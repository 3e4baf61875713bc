"""An embedding in named parts: what is alike in the radar, in the feet, in the flow, and as a song.

One part is the embedding as it is. Several lie side by side, each on a sphere of its weight, so that plain Euclidean
distance of two embeddings is the root of the weighted sum of the parts' squared distances, and another weight is
another factor on a part's columns. Dimension letters: B charts, E embedding size, P size of a part.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from groove.config.modules import part_columns


@dataclass(frozen=True)
class Parts:
    """The parts of an embedding by name, with their weights, in order; each has `size` numbers."""

    weights: dict[str, float]
    size: int

    @property
    def dim(self) -> int:
        """Return E, the size of the embedding."""
        return self.size * len(self.weights)

    @property
    def columns(self) -> dict[str, slice]:
        """Return which columns of the embedding each part has."""
        return {name: slice(*ends) for name, ends in part_columns(self.weights, self.size).items()}

    def __call__(self, projected: Tensor) -> Tensor:
        """Return the embedding (B, E) of what the projection head gives (B, E)."""
        if len(self.weights) == 1:
            return projected
        parts = [(weight, projected[:, self.columns[name]]) for name, weight in self.weights.items()]
        return torch.cat([weight * functional.normalize(part, dim=1) for weight, part in parts], dim=1)
