"""How an entry point runs: `run_main` is what every ``python -m groove.X`` calls."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from groove.cli.help import HELP, help_text
from groove.cli.logs import log_to_console
from groove.cli.overrides import prepared_arguments
from groove.config.messages import explain
from groove.config.schema import CONF_DIR, S, checked
from groove.errors import GrooveError, disk_error, one_line


def run_main(task: Callable[[S], object], config_name: str, schema: type[S]) -> None:
    """Compose `conf/<config_name>.yaml` with the command line, check it against `schema`, and call ``task(cfg)``.

    A user's mistake is printed as one line on standard error, with exit status 1; Ctrl-C exits with 130. In a sweep the
    other jobs still run. A reader of the output that has gone (``| head``) ends it quietly.
    """
    failed, composing = False, True

    def attempt(work: Callable[[], object]) -> None:
        nonlocal failed
        try:
            work()
        except Exception as error:
            if isinstance(error, BrokenPipeError) and _stdout_closed():
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where the rest of the output goes
                sys.exit(128 + 13)  # as a program does that SIGPIPE has ended
            line = _line(error, composing, schema)
            if line is None:
                raise
            print(f"groove: {one_line(line)}", file=sys.stderr, flush=True)
            failed = True

    def job(cfg: DictConfig) -> object:
        nonlocal composing
        composing = False
        result: list[object] = [None]  # what a search is told of a job that failed
        attempt(lambda: result.append(task(checked(cfg, schema))))  # here: Hydra adds a line of its own to an error
        composing = True
        return result[-1]

    if any(word in HELP for word in sys.argv[1:]):
        attempt(lambda: print(help_text(config_name, sys.modules[task.__module__].__doc__ or "", schema), flush=True))
        return
    log_to_console()
    try:
        attempt(lambda: _with_hydra(job, config_name, schema))
    except KeyboardInterrupt:
        print("groove: interrupted", file=sys.stderr)
        sys.exit(130)
    if failed:
        sys.exit(1)


def _with_hydra(job: Callable[[DictConfig], object], config_name: str, schema: type[S]) -> None:
    import hydra

    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra re-raises instead of printing; `run_main` prints
    sys.argv[1:] = prepared_arguments(sys.argv[1:], schema)
    hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=config_name)(job)()
    sys.stdout.flush()


def _line(error: Exception, composing: bool, schema: type[S]) -> str | None:
    """Return the line for an `error` of the user or the machine; None for a bug."""
    from hydra.errors import HydraException

    if isinstance(error, GrooveError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):  # of which one is an OSError
        return explain(error, schema)
    if not composing:
        return disk_error(error) if isinstance(error, OSError) else None
    if isinstance(error, OSError):  # of a folder of Hydra's own, which it makes before and after a job
        where = f"'{error.filename or 'a file'}' cannot be made: {error.strerror}"
        return f"{where}; the folder of a run is what hydra.run.dir= (of a sweep hydra.sweep.dir=) names"
    return explain(error, schema)  # Hydra asserts what some overrides are, as data=-1


def _stdout_closed() -> bool:
    """Return whether nobody reads standard output any more: a broken pipe to somebody else is a bug."""
    output = select.poll()
    output.register(sys.stdout.fileno(), select.POLLERR)
    return bool(output.poll(0))
