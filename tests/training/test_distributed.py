"""Two processes on the CPU: the same phases and weights on both, disjoint parts of a batch, the curve of one."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import multiprocessing

from groove.errors import ConfigError, GrooveError
from groove.training.distributed import Ranks, first_rank
from tests.batches import train_config
from tests.training_runs import TINY, composed, rows, run, write_library

SETTINGS = (
    *("experiment=a", "experiment.warmup_epochs=1", "optimizer.schedule=constant"),
    *("model.dropout=0.0", "data.augment.row_dropout=0.1"),
)
BATCH = 16


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> Path:
    return write_library(tmp_path_factory.mktemp("songs"), songs=12)


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def single(work, songs) -> Path:
    """One process with batches of 16, the reference of all that two with batches of 8 do."""
    return run(work, songs, "single", *SETTINGS)


@pytest.fixture(scope="module")
def pretrained(work, single) -> Path:
    (folder,) = (entry for entry in (work / "pretrained").iterdir() if entry.is_dir())
    return folder / "checkpoints" / "last.ckpt"


# --- both ranks, watched from inside


def watched(rank: int, port: int, work: Path, songs: Path, overrides: list[str]) -> None:
    """Train as rank `rank`, started from outside as torchrun does, and write down what this rank saw."""
    os.environ |= {"LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0"}
    os.environ["OMP_NUM_THREADS"] = "1"
    from groove.training.module import GrooveModule
    from groove.training.monitor import DiagnosticsMonitor

    seen: dict[str, list[Any]] = {"charts": [], "batch": [], "weights": [], "frozen": [], "rows": []}
    step, end = GrooveModule.training_step, DiagnosticsMonitor.on_train_epoch_end

    def training_step(self, batch, batch_idx):
        seen["charts"].append(batch.index[batch.own].tolist())
        seen["batch"].append(batch.index.tolist())
        return step(self, batch, batch_idx)

    def on_train_epoch_end(self, trainer, module):
        end(self, trainer, module)
        content = b"".join(p.detach().numpy().tobytes() for p in module.model.parameters())
        seen["weights"].append(hashlib.sha256(content).hexdigest())
        seen["frozen"].append(sorted(n for n, p in module.model.named_parameters() if not p.requires_grad))
        seen["rows"].append({k: repr(v) for k, v in self.rows[-1].items()})

    GrooveModule.training_step, DiagnosticsMonitor.on_train_epoch_end = training_step, on_train_epoch_end
    run(work, songs, "watched", *overrides)
    (work / f"seen{rank}.json").write_text(json.dumps(seen))


@pytest.fixture(scope="module")
def seen(work, songs, pretrained) -> list[dict[str, Any]]:
    """What each of two ranks saw of one run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    overrides = [*SETTINGS, "trainer=ddp_cpu", f"data.batch_size={BATCH // 2}", f"pretrained={pretrained}"]
    multiprocessing.spawn(watched, (port, work, songs, overrides), nprocs=2)
    return [json.loads((work / f"seen{rank}.json").read_text()) for rank in range(2)]


def test_ranks_are_bit_identical_after_every_epoch_on_either_side_of_a_transition(seen):
    first, second = seen
    assert first["weights"] == second["weights"] and len(set(first["weights"])) == 3
    assert first["frozen"] == second["frozen"]
    assert all(name.startswith("classifier_head") for name in first["frozen"][0]) and first["frozen"][0]
    assert first["frozen"][1] == first["frozen"][2] == []


def test_every_rank_has_the_same_numbers(seen):
    assert seen[0]["rows"] == seen[1]["rows"]


def test_ranks_share_each_batch_without_a_chart_in_common(seen):
    first, second = seen
    assert first["batch"] == second["batch"]
    for batch, *parts in zip(first["batch"], first["charts"], second["charts"], strict=True):
        assert sorted(parts[0] + parts[1]) == sorted(batch) and len(set(batch)) == len(batch)


def test_two_processes_have_the_curve_of_one_with_twice_the_batch(seen, single, work):
    """The same batches, augmentation, pairs and triplets; sums in another order."""
    ours, theirs = rows(work / "watched"), rows(single)
    assert len(ours) == len(theirs) == 4
    for a, b in zip(ours, theirs, strict=True):
        for name in a:
            if a[name] != b[name] and "loss" in name:
                assert float(a[name]) == pytest.approx(float(b[name]), rel=1e-3), (a["epoch"], name)
        assert float(a["val/triplet_margin"]) == pytest.approx(float(b["val/triplet_margin"]), rel=1e-2)


# --- from the command line


@pytest.fixture(scope="module")
def sweep(work, songs) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A sweep of two jobs in two processes each, from nothing: the pretraining is shared too."""
    folder = work / "sweep"
    settings = [*TINY, *SETTINGS, "trainer=ddp_cpu", f"data.batch_size={BATCH // 2}", f"data.songs={songs}"]
    settings += [f"pretrain.batch_size={BATCH // 2}", f"data.store={work / 'store'}", f"hydra.sweep.dir={folder}"]
    settings += [f"pretrain.root={work / 'pretrained2'}", "experiment.epochs=2", "optimizer.lr=1e-3,5e-4"]
    command = [sys.executable, "-m", "groove.train", "-m", *settings]
    return subprocess.run(command, capture_output=True, text=True, timeout=300), folder


def test_a_sweep_of_jobs_in_two_processes_writes_one_set_of_files(sweep, single):
    result, folder = sweep
    assert result.returncode == 0, result.stderr
    assert "unused parameters" not in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["0_a", "1_a", "multirun.yaml"]
    written = {path.name for path in single.iterdir()}
    for job in ("0_a", "1_a"):
        assert {path.name for path in (folder / job).iterdir()} == written | {".hydra"}
        assert json.loads((folder / job / "verdict.json").read_text())["indicators"]
    assert result.stdout.count("\nWARMUP PHASE: Freezing classifier_head\n") == 2, "once per job, not once per process"
    assert result.stdout.count("pretraining one into") == 1 and result.stdout.count("(reused)") == 1


def test_a_sweep_in_two_processes_trains_what_one_process_does(sweep, single):
    """Pretraining included; one epoch, since settings of later ones differ."""
    with (sweep[1] / "0_a" / "metrics.csv").open() as file:
        ours = list(csv.DictReader(file))
    for a, b in zip(ours[:2], rows(single), strict=False):
        assert float(a["val/classification_loss"]) == pytest.approx(float(b["val/classification_loss"]), rel=1e-3)


def test_a_mistake_is_said_once(work, songs):
    settings = [*TINY, "experiment=a", "trainer=ddp_cpu", f"data.songs={songs}", "experiment.epochs=1"]
    result = subprocess.run([sys.executable, "-m", "groove.train", *settings], capture_output=True, text=True)
    assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1, result.stderr


# --- the parts


@pytest.mark.parametrize("strategy", ["ddp_spawn", "ddp_fork", "fsdp", "dp"])
def test_other_strategies_are_refused(strategy):
    with pytest.raises(ConfigError, match=f"trainer.strategy must be 'auto' or 'ddp', got '{strategy}'"):
        train_config(f"trainer.strategy={strategy}")


def test_fewer_charts_than_processes(tmp_path, songs, monkeypatch):
    monkeypatch.setattr("groove.training.fit.make_trainer", lambda *_: SimpleNamespace(world_size=100))
    with pytest.raises(GrooveError, match="charts cannot be shared by 100 processes"):
        run(tmp_path, songs, "run", "experiment=scratch")


def test_without_the_command_line_no_process_can_be_started(tmp_path, songs):
    cfg = composed(tmp_path, songs, "trainer=ddp_cpu")
    with pytest.raises(ConfigError, match="needs python -m groove"), Ranks(cfg, tmp_path) as ranks:
        ranks.start()
    assert "LOCAL_RANK" not in os.environ


def test_one_process_starts_none(tmp_path, songs):
    with Ranks(composed(tmp_path, songs), tmp_path) as ranks:
        ranks.start()
        assert ranks.children == [] and first_rank()


def test_nothing_of_a_group_of_one_is_left(work, songs, pretrained):
    run(work, songs, "alone", *SETTINGS, "trainer=ddp_cpu", "trainer.devices=1", f"pretrained={pretrained}")
    assert not torch.distributed.is_initialized() and not {"LOCAL_RANK", "MASTER_PORT"} & set(os.environ)


@pytest.mark.parametrize(("name", "rank"), [("LOCAL_RANK", 1), ("NODE_RANK", 1), ("RANK", 2), ("SLURM_PROCID", 3)])
def test_a_further_rank_is_not_the_first(name, rank, monkeypatch):
    monkeypatch.setenv(name, str(rank))
    assert not first_rank()


def test_gathered_rows_are_the_rows_of_one_process():
    """Without a group there is nothing to gather; the interleaving itself, by hand."""
    most, ranks, charts = 3, 2, 5
    parts = [torch.arange(0, 6, 2), torch.tensor([1, 3, -1])]
    assert torch.stack(parts, dim=1).flatten()[:charts].tolist() == list(range(charts))
    assert [len(range(rank, charts, ranks)) for rank in range(ranks)] == [most, 2]
