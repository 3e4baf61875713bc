"""The model's modules: what a freeze list, a log key or a plot legend may name, and what training does with each.

Every other list of module names derives from these. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Collection

SHARED_MODULES = ("audio_encoder", "chart_encoder", "fusion_module", "backbone", "pooling")
"""In order of the data's flow: what both losses train, and what a checkpoint must hold."""
HEAD_OF = {"classification": "classifier_head", "contrastive": "projection_head"}
"""The head that each loss alone trains."""
LOSSES = tuple(HEAD_OF)
DRIFT = "drift"
"""A third loss, which holds the pooled features where they were at epoch 0: the dial of plasticity."""
HEADS = tuple(HEAD_OF.values())
OPTIONAL_MODULES = ("radar_mlp",)
"""What a model may lack; naming it in `train_only` is then no mistake."""
MODULES = (*SHARED_MODULES, *HEADS, *OPTIONAL_MODULES)
PARTS = ("radar", "feet", "flow", "song")
"""The parts that an embedding may have; the first one is in every embedding."""

FRESH_MODULES = ("projection_head",)
"""What a fine-tuning starts anew: a classifier's checkpoint holds an untrained projection head."""


BUILTIN = "builtin"
"""What `run` and `pretrained` may be in place of a path: the model in the box."""


def part_columns(parts: Collection[str], size: int) -> dict[str, tuple[int, int]]:
    """Return the first column of an embedding that each of its `parts` of `size` has, and the one after its last."""
    return {name: (i * size, (i + 1) * size) for i, name in enumerate(parts)}


def reached_by(loss: str, radar_in_projection: bool) -> set[str]:
    """Return the modules that the gradient of `loss` reaches: what all losses share, and its own head if it has one.

    `radar_mlp` feeds the classifier, and the projection head only in the ablation `model.radar_in_projection`.
    """
    if loss == DRIFT:
        return set(SHARED_MODULES)
    radar_too = loss == "classification" or radar_in_projection
    return {*SHARED_MODULES, HEAD_OF[loss], *(OPTIONAL_MODULES if radar_too else ())}
