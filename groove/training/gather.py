"""One batch encoded by several processes: what each needs of the others to compute the loss of the whole batch.

Every rank encodes its share of a batch and gathers the others' outputs, so that each pair and triplet of the batch
counts, as in one process with the whole batch. Only a rank's own rows carry a gradient. DDP averages the gradients of
the W ranks, so the loss is multiplied by W: the average of the parts is then the gradient of the whole.

Dimension letters: B charts of a batch, b charts of a rank, W ranks, D features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed

from groove.model.fusion import ModelOutput


def world_size() -> int:
    """Return the number of processes that train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def gather_rows(own: Tensor, charts: int) -> Tensor:
    """Return the rows of all ranks in the batch's order, (B, D), of which only this rank's have a gradient.

    Args:
        own: (b, D) rows of this rank, those at ``rank, rank + W, rank + 2 W, ...`` of the batch.
        charts: B.
    """
    ranks, rank = distributed.get_world_size(), distributed.get_rank()
    most = -(-charts // ranks)
    padded = own.new_zeros(most, *own.shape[1:])
    padded[: len(own)] = own.detach()
    parts = [torch.empty_like(padded) for _ in range(ranks)]
    distributed.all_gather(parts, padded.contiguous())
    parts[rank] = torch.cat([own, padded[len(own) :]])
    return torch.stack(parts, dim=1).flatten(0, 1)[:charts]  # row k * W + r is the k-th of rank r


def gather_output(output: ModelOutput, charts: int) -> ModelOutput:
    """Return `output` of a batch of `charts` as if one process had encoded it; `layers` stay this rank's."""
    if world_size() == 1:
        return output
    return output._replace(
        logits=gather_rows(output.logits, charts),
        embedding=gather_rows(output.embedding, charts),
        pooled=gather_rows(output.pooled, charts),
    )


def gather_lists(own: list[Any]) -> list[Any]:
    """Return the lists of all ranks joined, equal on every rank."""
    if world_size() == 1:
        return own
    parts: list[list[Any]] = [[] for _ in range(world_size())]
    distributed.all_gather_object(parts, own)
    return [entry for part in parts for entry in part]
