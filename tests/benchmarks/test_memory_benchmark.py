"""Training on a store ten times larger than the memory that the process may use: charts per second as a ratio.

``make bench``; not part of the default run. The limit is a control group's, which counts the pages of files too; it
needs the right to make one (root), and 8 GB of disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from groove.data.datamodule import GrooveDataModule
from groove.data.dataset import EpochSampler
from groove.features.audio import AUDIO_FEATURES
from groove.features.frames import CHART_FEATURES
from groove.training.fit import build_model
from groove.training.module import GrooveModule
from tests.batches import catalogue, frames, train_config

MEMORY = 768 * 2**20
TIMES = 10
FRAMES = 2400
BATCH, STEPS = 16, 24
GROUPS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
LIMITS = ("memory.limit_in_bytes", "memory.max")


def control_group(folder: Path) -> Path | None:
    """Return a new control group whose memory is limited, None where there is no right to make one."""
    for root, limit in zip(GROUPS, LIMITS, strict=True):
        group = root / f"groove-bench-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(MEMORY))
            return group
        except OSError:
            shutil.rmtree(group, ignore_errors=True)
    return None


def write_store(store: Path) -> tuple[pa.Table, int]:
    """Write `TIMES` times `MEMORY` bytes of charts, a file each; return their catalogue and the bytes."""
    chart, audio = (x.astype(np.float16) for x in frames(FRAMES))
    each = 2 * FRAMES * (len(CHART_FEATURES) + len(AUDIO_FEATURES))
    charts = -(-TIMES * MEMORY // each // 4) * 4
    table = catalogue(store / "unused", songs=charts // 4, length=4)
    for i in range(charts):
        folder = store / f"{i // 500}"
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"chart_{i}.npy", chart)
        np.save(folder / f"audio_{i}.npy", audio)
    columns = {"chart_path": [f"{i // 500}/chart_{i}.npy" for i in range(charts)]}
    columns |= {"audio_path": [f"{i // 500}/audio_{i}.npy" for i in range(charts)], "frames": [FRAMES] * charts}
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    pq.write_table(table, store / "table.parquet")
    return table, charts * each


def forget(store: Path) -> None:
    """Let the system forget the files' content, so that it is read from the disk."""
    os.sync()
    for path in store.rglob("*.npy"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def train(store: Path) -> float:
    """Return charts per second of some steps on random charts of `store`; run in a process of its own."""
    torch.set_num_threads(1)
    cfg = train_config("experiment=baseline", f"data.batch_size={BATCH}")
    data = GrooveDataModule(pq.read_table(store / "table.parquet"), store, cfg.data, None, 0)
    model = build_model(cfg, len(data.classes)).train()
    module = GrooveModule(model, cfg, data.classes, data.scaler.state())
    module.loss_weights = {"classification": 1.0, "contrastive": 1.0}
    module.log_dict = lambda *args, **kwargs: None
    optimizer, dataset = module.configure_optimizers(), data.dataset(data.train, augment=True)
    start = 0.0
    for step, request in enumerate(EpochSampler(len(data.train), BATCH, 0, 0)):
        if step == 1:
            start = time.perf_counter()
        if step == STEPS:
            break
        optimizer.zero_grad()
        module.training_step(dataset.__getitems__(request), 0).backward()
        optimizer.step()
    return (STEPS - 1) * BATCH / (time.perf_counter() - start)


def in_group(store: Path, group: Path | None) -> float:
    """Return what `train` gives in a new process, inside `group`."""
    enter = f"open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid())); " if group else ""
    code = f"import os; {enter}from pathlib import Path; from tests.benchmarks.test_memory_benchmark import train; "
    code += f"print(train(Path({str(store)!r})))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return float(result.stdout.split()[-1])


def test_a_store_ten_times_larger_than_the_memory(benchmark, tmp_path):
    group = control_group(tmp_path)
    if group is None:
        pytest.skip("no right to limit the memory of a process with a control group")
    if shutil.disk_usage(tmp_path).free < 1.3 * TIMES * MEMORY:
        pytest.skip("not enough disk")
    try:
        _, size = write_store(tmp_path)
        free = in_group(tmp_path, None)
        forget(tmp_path)
        limited = benchmark.pedantic(in_group, (tmp_path, group), rounds=1)
    finally:
        group.rmdir()
    found = {"store_gb": round(size / 1e9, 1), "memory_mb": MEMORY // 2**20, "charts_per_s": round(limited, 1)}
    found["ratio_to_unlimited"] = round(limited / free, 2)
    benchmark.extra_info.update(found)
    print(*(f"{name}: {value}" for name, value in found.items()), sep="\n")
    assert limited / free > 0.5
