"""How an entry point runs: `run_main` is what every ``python -m groove.X`` calls.

Errors of the user become one line, whatever raised them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from groove.config import CONF_DIR, checked
from groove.config_errors import explain
from groove.errors import GrooveError, disk_error, one_line

PATH_KEYS = (
    "songs",
    "out",
    "index",
    "compare",
    "data.songs",
    "data.store",
    "pretrained",
    "ckpt_path",
    "runs",
    "run",
    "hydra.run.dir",
    "simfile",
    "store",
)
TEXT_KEYS = ("chart", "pack")
"""Values that name charts and packs: taken as they are written, brackets and all."""


def run_main(task: Callable[[Any], None], config_name: str, schema: type) -> None:
    """Compose `conf/<config_name>.yaml` with the command line, check it against `schema`, and call ``task(cfg)``.

    A user's mistake is printed as one line on standard error, with exit status 1; Ctrl-C exits with 130. In a sweep the
    other jobs still run.
    """
    import hydra
    from hydra.errors import HydraException

    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra re-raises instead of printing; the lines below print

    @hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=config_name)
    def app(cfg: DictConfig) -> None:
        composing.clear()
        try:
            task(checked(cfg, schema))
        except GrooveError as error:  # caught here, since Hydra writes a line of its own when a job raises
            failures.append(_one_line(str(error)))
        except OSError as error:
            failures.append(_one_line(_line_of_disk(error)))
        composing.append(True)

    failures: list[str] = []
    composing = [True]
    sys.argv = [sys.argv[0], *map(_quote_path, sys.argv[1:])]
    try:
        app()
    except (HydraException, OmegaConfBaseException) as error:
        failures.append(_one_line(explain(error, schema)))
    except OSError as error:  # of Hydra's own files
        failures.append(_one_line(_line_of_disk(error)))
    except Exception as error:
        if not composing:
            raise
        failures.append(_one_line(explain(error, schema)))  # Hydra asserts what some overrides are, as data=-1
    except KeyboardInterrupt:
        print("groove: interrupted", file=sys.stderr)
        sys.exit(130)
    if failures:
        sys.exit(1)


def _line_of_disk(error: OSError) -> str:
    """Return the line for a full or read-only disk; anything else is raised again."""
    line = disk_error(error)
    if line is None:
        raise error
    return line


def _quote_path(argument: str) -> str:
    """Quote a path that exists for Hydra's grammar, which trips over brackets, accents and quotes in folders' names.

    In Hydra's quoted strings a backslash is itself, except before a quote (and the end is one).
    """
    key, separator, value = argument.partition("=")
    key = key.lstrip("+")
    if not separator or not value or value[0] in "\"'" or not (key in TEXT_KEYS or _is_path(key, value)):
        return argument
    escaped = re.sub(r'(\\*)(?="|$)', r"\1\1", value).replace('"', '\\"')
    return f'{argument.partition("=")[0]}="{escaped}"'


def _is_path(key: str, value: str) -> bool:
    return key in PATH_KEYS and Path(value).exists()


def _one_line(text: str) -> str:
    """Print `text` as one line on standard error and return it."""
    line = f"groove: {one_line(text)}"
    print(line, file=sys.stderr, flush=True)
    return line
