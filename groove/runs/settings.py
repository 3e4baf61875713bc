"""The settings of a run's command line that tell it from others of its experiment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from groove.config.schema import NO_EFFECT
from groove.errors import RunError, one_line
from groove.runs.layout import OVERRIDES_FILE

_STATED = (
    *("seed", "experiment", "data.split_seed", "data.fold", "trainer.devices", "trainer.num_nodes"),  # in run.json
    "pretrained",  # another file for every seed and fold
)


def settings_of(folder: Path, processes: int = 1) -> tuple[str, ...]:
    """Return the overrides of the run in `folder`, sorted, without what changes no result or stands in ``run.json``.

    The batch is per process, so `processes`, of one machine or several, are a setting where there is more than one.

    Raises:
        RunError: the file that holds them cannot be read.
    """
    texts = [f"trainer.devices={processes}"] * (processes > 1)
    for override in _overrides(folder / OVERRIDES_FILE):
        key, equals, value = override.lstrip("+").partition("=")  # with + or without, it is the same setting
        if key.lstrip("~") in NO_EFFECT + _STATED or key.lstrip("~").startswith(("hydra.", "hydra/")):
            continue
        quoted = re.fullmatch(r"""(["'])(.*)\1""", value.strip(), re.DOTALL)  # Hydra's grammar allows quotes
        texts.append(key + equals + (quoted[2].replace(f"\\{quoted[1]}", quoted[1]) if quoted else value))
    return tuple(sorted(texts))


def _overrides(path: Path) -> list[str]:
    from omegaconf import OmegaConf

    if not path.is_file():
        return []
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except Exception as error:  # of the parser, the encoding or the disk: each has its own
        raise RunError(f"{path} is not readable YAML: {one_line(error)}") from error
    if not isinstance(content, list):
        raise RunError(f"{path} must be a list of overrides, found a {type(content).__name__}")
    return list(map(str, content))


def written(settings: Sequence[str]) -> str:
    """Return `settings` in one line, as a shell takes them: what holds a space stands in quotes."""
    return " ".join(f'"{text}"' if " " in text else text for text in settings)
