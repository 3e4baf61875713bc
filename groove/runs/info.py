"""``run.json``: what a report must know of a run beside its numbers; training writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from groove.config.messages import line_of
from groove.config.schema import VerdictKind
from groove.errors import RunError


class _Recorded(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="allow", allow_inf_nan=False)


class RecordedPhase(_Recorded):
    """A phase that was trained: epochs `first_epoch`..`last_epoch`, both included.

    `index` is its place in ``experiment.phases``, where phases may have no epoch.
    """

    index: int
    name: str
    first_epoch: int
    last_epoch: int
    frozen: list[str]
    weights: dict[str, float]
    lr_factor: dict[str, float] = {}

    @property
    def epochs(self) -> range:
        """Return the epochs of the phase."""
        return range(self.first_epoch, self.last_epoch + 1)


class RunInfo(_Recorded):
    """The contents of ``run.json`` that reports read.

    Attributes:
        verdict: the rules the run is judged by.
        processes: that trained together, each with a batch of its own.
        triplet_margin: the target of the triplet margin, whatever the loss.
        references: accuracy of models without a network on the same held-out charts.
        references_joint: the same, by joint prediction per simfile.
    """

    experiment: str
    verdict: VerdictKind
    seed: int
    split_seed: int
    fold: int
    processes: int
    loss: str
    loss_uses_triplets: bool
    loss_uses_margin: bool
    triplet_margin: float
    radar_in_projection: bool
    phases: Annotated[list[RecordedPhase], Field(min_length=1)]
    parameters: dict[str, int]
    references: dict[str, float]
    references_joint: dict[str, float]


def read_info(path: Path) -> RunInfo:
    """Read a ``run.json``.

    Raises:
        RunError: in one line, if it cannot be read or a value is missing or wrong.
    """
    try:
        return RunInfo.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"{path} is not readable: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise RunError(f"{path} is not readable JSON: {first['ctx']['error']}") from error
        if first["type"] == "missing":
            raise RunError(f"{path} has no '{'.'.join(map(str, first['loc']))}'") from error
        raise RunError(f"{path}: {line_of(error, RunInfo).removeprefix(' ')}") from error
