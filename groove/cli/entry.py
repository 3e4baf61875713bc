"""How an entry point runs: `run_main` is what every ``python -m groove.X`` calls.

Errors of the user become one line, whatever raised them.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from typing import NoReturn

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from groove.cli.help import HELP, help_text
from groove.cli.overrides import prepared_arguments
from groove.config.messages import explain
from groove.config.schema import CONF_DIR, S, checked
from groove.errors import ConfigError, GrooveError, disk_error, one_line


def run_main(task: Callable[[S], None], config_name: str, schema: type[S]) -> None:
    """Compose `conf/<config_name>.yaml` with the command line, check it against `schema`, and call ``task(cfg)``.

    A user's mistake is printed as one line on standard error, with exit status 1; Ctrl-C exits with 130. In a sweep the
    other jobs still run. A reader of the output that has gone (``| head``) ends it quietly.
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
            if _stdout_closed(error):
                _end_quietly()
            failures.append(_one_line(_line_of_disk(error)))
        composing.append(True)

    failures: list[str] = []
    composing = [True]
    try:
        if any(word in HELP for word in sys.argv[1:]):
            print(help_text(config_name, sys.modules[task.__module__].__doc__ or ""), flush=True)
            return
        sys.argv[1:] = prepared_arguments(sys.argv[1:], schema)
        app()
        sys.stdout.flush()
    except ConfigError as error:
        failures.append(_one_line(str(error)))
    except (HydraException, OmegaConfBaseException) as error:
        failures.append(_one_line(explain(error, schema)))
    except OSError as error:
        if _stdout_closed(error):
            _end_quietly()
        failures.append(_one_line(_line_of_folder(error) if composing else _line_of_disk(error)))
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


def _line_of_folder(error: OSError) -> str:
    """Return the line for a folder or file of Hydra's own, which it makes before and after a job."""
    where = f"'{error.filename or 'a file'}' cannot be made: {error.strerror}"
    return f"{where}; the folder of a run is what hydra.run.dir= (of a sweep hydra.sweep.dir=) names"


def _stdout_closed(error: OSError) -> bool:
    """Return whether `error` is that nobody reads standard output any more: of another pipe it is a bug."""
    if not isinstance(error, BrokenPipeError):
        return False
    output = select.poll()
    output.register(sys.stdout.fileno(), select.POLLERR)
    return bool(output.poll(0))


def _end_quietly() -> NoReturn:
    """Exit as a program does that SIGPIPE has ended; the rest of the output goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(128 + 13)


def _one_line(text: str) -> str:
    """Print `text` as one line on standard error and return it."""
    line = f"groove: {one_line(text)}"
    print(line, file=sys.stderr, flush=True)
    return line
