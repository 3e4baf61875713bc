"""What the phases of an experiment must satisfy whatever the model is; nothing heavy is imported here.

`groove.training.phases` resolves them against a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from groove.config.modules import LOSSES, MODULES
from groove.errors import ConfigError, did_you_mean


def check_phases(phases: Sequence[Any], epochs: int) -> None:
    """Check a list of `PhaseConfig` against the number of `epochs`.

    Raises:
        ConfigError: for epochs that do not add up, weights that are all zero, both freeze and train_only, or a module
            that no model has.
    """
    phase_lengths([phase.epochs for phase in phases], epochs)
    for phase in phases:
        check_one_list(phase)
        for key in ("freeze", "train_only", "lr_factor"):
            check_modules(phase[key], f"phase '{phase.name}': {key}")
        check_weights(phase.name, {loss: float(phase.weights[loss]) for loss in LOSSES})


def check_names_of_phases(experiment: Any) -> None:
    """Refuse a warm-up or a weight of an `ExperimentConfig` that no phase uses: it would change nothing, in silence.

    Raises:
        ConfigError: with the setting.
    """
    used = {
        "warmup_epochs": [phase.epochs for phase in experiment.phases],
        "classification_weight": [phase.weights.classification for phase in experiment.phases],
    }
    for name, values in used.items():
        if experiment[name] and experiment[name] not in values:
            raise ConfigError(
                f"experiment.{name} is {experiment[name]:g}, but no phase of experiment={experiment.name} uses it; "
                "its phases are in conf/experiment"
            )


def phase_lengths(given: Sequence[int | None], epochs: int) -> list[int]:
    """Return the number of epochs of each phase; None takes what is left.

    Raises:
        ConfigError: for epochs that do not add up.
    """
    open_ended = [i for i, n in enumerate(given) if n is None]
    fixed = sum(n for n in given if n is not None)
    if not given:
        raise ConfigError("experiment.phases is empty: at least one phase is needed")
    if len(open_ended) > 1 or any(n is not None and n < 0 for n in given):
        raise ConfigError(
            f"experiment.phases: epochs are {list(given)}; allowed: numbers >= 0, at most one null (the rest)"
        )
    if (open_ended and fixed >= epochs) or (not open_ended and fixed != epochs):
        raise ConfigError(
            f"experiment.phases: epochs {list(given)} do not add up to experiment.epochs={epochs} "
            "(null takes what is left, which must be at least 1)"
        )
    return [epochs - fixed if n is None else n for n in given]


def check_one_list(phase: Any) -> None:
    """Raise a `ConfigError` if `phase` says both what is frozen and what is trained."""
    if phase.freeze and phase.train_only:
        raise ConfigError(f"phase '{phase.name}' has both freeze and train_only; give one of them")


def check_modules(names: Iterable[str], where: str) -> None:
    """Raise a `ConfigError` for a name that no module begins with; `where` says which setting it came from."""
    for name in names:
        if not any(module.startswith(name) for module in MODULES):
            raise ConfigError(f"{where} names '{name}': {did_you_mean(name, MODULES)}")


def check_weights(name: str, weights: Mapping[str, float]) -> None:
    """Raise a `ConfigError` if a weight of the phase `name` is negative, or all are zero."""
    if any(weight < 0 for weight in weights.values()) or not any(weights.values()):
        raise ConfigError(f"phase '{name}': weights are {dict(weights)}; allowed: numbers >= 0, at least one above 0")
