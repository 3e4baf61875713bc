"""What every group of settings has in common: typed, in range, read-only, no unknown key; and the kinds of values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


class Settings(BaseModel):
    """A group of settings. Numbers are finite, nothing is converted (but whole numbers to floats)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, serialize_by_alias=True)

    def changed(self, **values: Any) -> Self:
        """Return a copy with other `values`, checked again.

        Raises:
            ValidationError: for a value that cannot be.
        """
        return self.model_validate(self.model_dump() | values)

    def _mistakes(self) -> Iterator[str]:
        """Yield what the values must be together and are not, each line beginning with a key."""
        yield from ()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for mistake in self._mistakes():
            raise ValueError(mistake)
        return self


def one_of(names: Iterable[str]) -> AfterValidator:
    """Return a check that a text is one of `names`, as of a Literal that is not written out."""
    expected = " or ".join(map(repr, names))

    def check(value: str) -> str:
        if value not in names:
            raise PydanticCustomError("literal_error", "{expected}", {"expected": expected})
        return value

    return AfterValidator(check)


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


PATH, NAME = "path", "name"
"""Marks of text that the command line takes as it is written, brackets, commas and all."""
Text = Annotated[str, BeforeValidator(_number_as_text)]
"""Text, in which a number may stand: a folder may be called 5."""
PathText = Annotated[Text, PATH]
NameText = Annotated[Text, NAME]

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Processes = Annotated[int, Field(ge=1, le=1024)]
Width = Annotated[int, Field(ge=1, le=8192)]
"""Channels of a layer: wider ones have more weights than a machine has memory."""
Epochs = Annotated[int, Field(ge=1, le=1_000_000)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Rate = Annotated[float, Field(gt=0, le=10)]
Share = Annotated[float, Field(ge=0, lt=1)]
Percentile = Annotated[float, Field(gt=0, lt=100)]
