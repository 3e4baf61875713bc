"""Settings of the command line that the chosen loss does not use: said in one line each, since a sweep may have them.

A sweep of ``mining=random,hard`` over several experiments is fair, though the recipe's loss takes no triplets.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser

from groove.config.schema import TrainConfig
from groove.model.losses import ContrastiveLoss
from groove.training.module import make_objective

MEASURED = "triplet_margin"
"""What the verdict holds the triplet margin against, whatever the loss."""


def unused_settings(overrides: Sequence[str], cfg: TrainConfig) -> list[str]:
    """Return a line for each of the words `overrides` that cannot change what `cfg` trains."""
    given = [(word, key) for word, key in _keys_of(overrides) if key.partition(".")[0] in ("loss", "mining")]
    if not any(phase.weights.contrastive for phase in cfg.experiment.phases):
        silent = f"no phase of experiment={cfg.experiment.name} weighs the contrastive loss"
        return [f"{word} changes nothing that is trained, only what is measured: {silent}" for word, _ in given]
    loss, _ = make_objective(cfg)
    reasons = ((word, _reason(key, loss)) for word, key in given)
    return [f"{word} {reason}" for word, reason in reasons if reason]


def _keys_of(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each word that sets something, and its key; what is set to null is not set."""
    for word, override in zip(overrides, OverridesParser.create().parse_overrides(list(overrides)), strict=True):
        if not override.is_delete() and override.value() is not None:
            yield word.lstrip("+"), override.key_or_group


def _reason(key: str, loss: ContrastiveLoss) -> str | None:
    """Return why `key` changes nothing of `loss`; None if it does."""
    group, _, name = key.partition(".")
    kind = type(loss)
    if group == "mining":
        unlike = f"changes nothing that is trained, only what is measured: {kind.__name__} takes no triplets"
        return None if loss.uses_triplets else unlike
    accepted = inspect.signature(kind).parameters
    if not name or name == "_target_" or name in accepted:
        return None
    if name == MEASURED:
        return f"is not used by {kind.__name__}, only by the verdict, which holds the triplet margin against it"
    return f"changes nothing: {kind.__name__} has no {name}, only {', '.join(sorted(accepted))}"
