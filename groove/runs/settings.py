"""The settings of a run's command line that tell it from others of its experiment."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from groove.errors import RunError, one_line

OVERRIDES_FILE = Path(".hydra") / "overrides.yaml"
IGNORED = (
    "seed=",
    "experiment=",
    "pretrained=",
    "ckpt_path=",
    "pretrain.root=",
    "data.generated.root=",
    "data.store=",
    "data.workers=",
    "trainer.accelerator=",
    "trainer.devices=",
    "trainer.num_nodes=",
    "trainer.threads=",
    "trainer.progress_bar=",
    "hydra.",
    "hydra/",
)
"""What changes no result, or stands in ``run.json``."""


def settings_of(folder: Path, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the overrides of the run in `folder`, sorted, without those that change nothing and `known` keys.

    Raises:
        RunError: the file that holds them cannot be read.
    """
    ignored = (*IGNORED, *(f"{key}=" for key in known))
    overrides = (_unquoted(text) for text in _overrides(folder / OVERRIDES_FILE))
    return tuple(sorted(text for text in overrides if not text.lstrip("+~").startswith(ignored)))


def written(settings: tuple[str, ...]) -> str:
    """Return `settings` in one line, as a shell takes them: what holds a space stands in quotes."""
    return " ".join(f'"{text}"' if " " in text else text for text in settings)


def shortened(groups: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the settings of each group with the last part of their keys alone, where no two keys share it."""
    keys = {text.partition("=")[0] for settings in groups for text in settings}
    shared = Counter(key.rpartition(".")[2] for key in keys)
    return [tuple(_short(text, shared) for text in settings) for settings in groups]


def _short(setting: str, shared: Counter[str]) -> str:
    key, equals, value = setting.partition("=")
    last = key.rpartition(".")[2]
    return last + equals + value if shared[last] == 1 and key[0] not in "+~" else setting


def _overrides(path: Path) -> list[str]:
    from omegaconf import OmegaConf

    if not path.is_file():
        return []
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except Exception as error:  # of the parser, the encoding or the disk: each has its own
        raise RunError(f"{path} is not readable YAML: {one_line(error)}") from error
    if not isinstance(content, list):
        raise RunError(f"{path} holds a {type(content).__name__}, not a list of overrides")
    return [str(entry).lstrip("+") for entry in content]  # with it or without, it is the same setting


def _unquoted(override: str) -> str:
    """Return ``key=value`` without the quotes around the whole value that Hydra's grammar allows."""
    key, equals, value = override.partition("=")
    quoted = re.fullmatch(r"""(["'])(.*)\1""", value.strip(), re.DOTALL)
    if quoted is None:
        return override
    return key + equals + quoted[2].replace(f"\\{quoted[1]}", quoted[1])
