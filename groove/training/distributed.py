"""Several processes that train together (DDP): who starts them, what each may print, and how they end.

`Ranks` starts ``python -m groove.train`` again for every further rank of this machine, with the settings of this very
job and its run folder, when the first fit begins; from then on all ranks run the whole recipe side by side. Lightning's
own launcher would repeat a whole sweep in each child. Where a cluster starts the processes (torchrun, Slurm), none is
started here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from groove.cli.logs import log_to_file
from groove.config.schema import TrainConfig
from groove.errors import ConfigError
from groove.runs.layout import LOG_FILE

log = logging.getLogger(__name__)

_OURS = ("LOCAL_RANK", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE")
_PARENT = "GROOVE_PARENT_PID"


def first_rank() -> bool:
    """Return whether this is the process that prints, writes and judges."""
    return all(int(os.environ.get(name, "0")) == 0 for name in ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK"))


def run_log(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Return a context whose messages also go to the log file of the run `folder`; only the first rank writes it."""
    return log_to_file(folder / LOG_FILE) if first_rank() else contextlib.nullcontext()


class Ranks:
    """The further ranks of one job; as a context manager it ends them."""

    def __init__(self, cfg: TrainConfig, folder: Path) -> None:
        self.folder, self.resumes = folder, cfg.ckpt_path
        # torchrun, Slurm or `Ranks` itself started this process as one of several
        self.outside = "LOCAL_RANK" in os.environ or "SLURM_NTASKS" in os.environ
        self.count = cfg.trainer.devices if not self.outside and cfg.trainer.strategy == "ddp" else 1
        self.children: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
        self._ending = threading.Event()

    def start(self) -> None:
        """Start what is not running yet, and watch it: a rank that dies would leave the others waiting."""
        if self.count < 2 or self.children:
            return
        from hydra.core.hydra_config import HydraConfig
        from lightning.fabric.plugins.environments.lightning import find_free_network_port

        if not HydraConfig.initialized():
            raise ConfigError("trainer.strategy=ddp needs python -m groove.train: it starts that command several times")
        overrides = [o for o in HydraConfig.get().overrides.task if not o.lstrip("+~").startswith("ckpt_path=")]
        if self.resumes:
            overrides.append(f'ckpt_path="{self.resumes}"')
        overrides += [f'hydra.run.dir="{self.folder}"', "hydra.output_subdir=null"]
        port = str(find_free_network_port())
        os.environ |= {"LOCAL_RANK": "0", "NODE_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for rank in range(1, self.count):
            output = tempfile.TemporaryFile()
            environment = os.environ | {"LOCAL_RANK": str(rank), _PARENT: str(os.getpid())}
            command = [sys.executable, "-m", "groove.train", *overrides]
            child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=output)
            self.children.append((child, output))
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._ending.wait(0.5):
            for child, output in self.children:
                if child.poll() and not self._ending.is_set():
                    output.seek(0)
                    tail = output.read().decode(errors="replace").strip().splitlines()[-20:]
                    ended = f"groove: a process of {self.count} ended with status {child.returncode}"
                    log.error("\n".join([*tail, ended]))
                    os._exit(1)  # this process waits for it inside a collective, where no exception arrives

    def __enter__(self) -> Ranks:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        from torch import distributed

        if kind is None and distributed.is_initialized():
            distributed.barrier()  # a rank that ends while others still talk to it may abort
            distributed.destroy_process_group()
        self._ending.set()
        for child, output in self.children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0 if kind else 60)
            if child.poll() is None:
                child.kill()
                child.wait()
            output.close()
        self.children = []
        if distributed.is_initialized():
            distributed.destroy_process_group()  # the next job of a sweep makes its own
        if not self.outside:
            for name in _OURS:
                os.environ.pop(name, None)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Print nothing but errors in all ranks but the first, and end with the process that started this one."""
    if first_rank():
        yield
        return
    if parent := os.environ.get(_PARENT):
        threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
