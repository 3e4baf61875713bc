"""What the data settings must satisfy together, checked before any song is read; nothing heavy is imported here.

What one number or word may be stands in the schema (`groove.config.schema`, `groove.config.ranges`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groove.charts.chart import DIFFICULTIES, PANELS
from groove.data.splits import check_fold
from groove.data.triplets import check_percentiles
from groove.errors import ConfigError, did_you_mean


def check_data_settings(data: Any) -> None:
    """Check `data` (a `DataConfig`).

    Raises:
        ConfigError: for the first setting that cannot work.
    """
    slot_labels(data.classes)
    if len(data.classes) < 2:
        raise ConfigError(f"data.classes gives {len(data.classes)} class; a classifier needs at least 2")
    check_steps_types(data.steps_types)
    check_fold(data.val_fraction, data.fold)
    check_percentiles(data.triplets.positive_percentile, data.triplets.negative_percentile)


def slot_labels(classes: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the class index of each difficulty slot that `classes` names.

    Raises:
        ConfigError: for a class without a slot, or a slot that does not exist or is in two classes.
    """
    labels: dict[str, int] = {}
    for index, (name, slots) in enumerate(classes.items()):
        if not slots:
            raise ConfigError(f"data.classes.{name} names no slot; ~data.classes.{name} removes the class")
        for slot in slots:
            if slot not in DIFFICULTIES:
                raise ConfigError(f"data.classes.{name} names '{slot}': {did_you_mean(slot, DIFFICULTIES)}")
            if slot in labels:
                raise ConfigError(f"data.classes: '{slot}' is in two classes")
            labels[slot] = index
    return labels


def check_steps_types(steps_types: Sequence[str]) -> None:
    """Raise a `ConfigError` unless `steps_types` names charts that can be read."""
    if not steps_types:
        raise ConfigError(f"data.steps_types is empty; allowed: {', '.join(PANELS)}")
    for steps_type in steps_types:
        if steps_type not in PANELS:
            raise ConfigError(f"data.steps_types names '{steps_type}': {did_you_mean(steps_type, PANELS)}")
