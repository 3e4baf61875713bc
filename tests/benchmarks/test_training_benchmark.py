"""Training: charts used as anchors per second, what Trainer and diagnostics cost, and the time to the first step.

``make bench``; not part of the default run. Charts are random, but as long as real ones: their lengths follow the
deciles of a library of 982 charts. One thread.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import lightning as L
import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.nn import functional

from groove.data.datamodule import GrooveDataModule
from groove.data.dataset import EpochSampler
from groove.training.distributed import Ranks
from groove.training.fit import Fit, build_model
from groove.training.module import GrooveModule
from groove.training.monitor import DiagnosticsMonitor
from tests.batches import catalogue, frames, train_config
from tests.training_runs import TINY

DECILES = (481, 905, 975, 1050, 1121, 1185, 1278, 1369, 1537, 1817, 4352)
"""Frames of 982 charts of real packs, from the shortest to the longest."""
FULL_LENGTH = 1440


def lengths(charts: int) -> np.ndarray:
    """Return the lengths of `charts` charts, spread as real ones are."""
    return np.interp(np.linspace(0, 10, charts), np.arange(11), DECILES).astype(int)


def library(store: Path, charts: int) -> pa.Table:
    """Return a catalogue of `charts` charts of as many songs / 4, with arrays in `store` of real lengths."""
    table = catalogue(store, songs=charts // 4)
    order = np.random.default_rng(0).permutation(lengths(charts))
    for i, length in enumerate(order):
        chart, audio = frames(int(length), i)
        np.save(store / f"chart_{i}.npy", chart.astype(np.float16))
        np.save(store / f"audio_{i}.npy", audio.astype(np.float16))
    for name in ("content", "key"):
        table = table.append_column(name, table["chart_id"])
    return table.set_column(table.schema.get_field_index("frames"), "frames", pa.array(order))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def charts(store) -> pa.Table:
    return library(store, 320)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def config(*overrides: str):
    return train_config("experiment=baseline", "trainer.threads=1", "trainer.progress_bar=false", *overrides)


def triplets_one_by_one(cfg, data: GrooveDataModule, count: int) -> float:
    """Return triplets per second of the straightforward way: load three charts, pad, encode three times, 32 bits."""
    model = build_model(cfg, len(data.classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    positive, negative = data.rule.masks(data.train.labels)
    usable = np.flatnonzero(positive.any(axis=1) & negative.any(axis=1))[:count]
    start = time.perf_counter()
    for anchor in usable:
        roles = (anchor, positive[anchor].argmax(), negative[anchor].argmax())
        out = []
        for i in roles:
            chart, audio = (
                np.load(data.store / path)[:FULL_LENGTH].astype(np.float32)
                for path in (data.train.chart_path[i], data.train.audio_path[i])
            )
            padded = [torch.zeros(1, FULL_LENGTH, x.shape[1]) for x in (chart, audio)]
            for whole, part in zip(padded, (chart, audio), strict=True):
                whole[0, : len(part)] = torch.from_numpy(part)
            pooled = model.encode_frames(*padded, torch.ones(1), torch.tensor([len(chart)]))["pooled"]
            out.append((model.logits(pooled, None), model.embedding(pooled, None)))
        loss = functional.triplet_margin_loss(*(embedding for _, embedding in out), margin=1.0)
        label = torch.tensor([int(data.train.labels.label[anchor])])
        (loss + functional.cross_entropy(out[0][0], label)).backward()
        optimizer.step()
        optimizer.zero_grad()
    return len(usable) / (time.perf_counter() - start)


def bare_loop(module: GrooveModule, data: GrooveDataModule, cfg, epoch: int, limit: int | None = None) -> float:
    """Return the seconds of forward, backward and step over the batches of one epoch, and nothing else."""
    model, optimizer = module.model.train(), module.configure_optimizers()
    module.log = lambda *args, **kwargs: None
    dataset = data.dataset(data.train, augment=True)
    start = time.perf_counter()
    for request in list(EpochSampler(len(data.train), cfg.data.batch_size, cfg.seed, epoch))[:limit]:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=cfg.trainer.precision == "bf16-mixed"):
            loss = module.training_step(dataset.__getitems__(request), 0)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return time.perf_counter() - start


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_anchors_per_second_of_the_full_model(precision, benchmark, store, charts):
    cfg = config("model=full", f"trainer.precision={precision}")
    data = GrooveDataModule(charts, store, cfg.data, cfg.model.max_frames, cfg.seed)
    plain = triplets_one_by_one(cfg, data, 24)
    module = fit_module(cfg, data, store)
    bare_loop(module, data, cfg, 0, limit=1)  # the first call of a kernel prepares it
    seconds = benchmark.pedantic(bare_loop, (module, data, cfg, 1), rounds=1)
    anchors = len(data.train) / seconds
    ratio = anchors / plain
    benchmark.extra_info.update(anchors_per_s=round(anchors, 1), plain_per_s=round(plain, 2), ratio=round(ratio, 1))
    print(f"\n{precision}: {anchors:.1f} anchors/s, one by one {plain:.2f}, ratio {ratio:.1f}; each in 4 triplets")


def fit_module(cfg, data: GrooveDataModule, folder: Path) -> GrooveModule:
    """Return the module of a fit of `cfg`, weighing both losses."""
    module = Fit(cfg, build_model(cfg, len(data.classes)), data, folder / "fit", Ranks(cfg, folder)).module
    module.loss_weights = {"classification": 0.8, "contrastive": 1.0}
    return module


class Clock(L.Callback):
    """Measures, per epoch, the seconds of the whole, of held-out charts with all diagnostics, and of these alone."""

    def __init__(self, monitor: DiagnosticsMonitor) -> None:
        self.whole, self.held_out, self.diagnostics = [], [], []
        self._starts: list[float] = []
        self._validation = self._spent = 0.0
        for name in ("on_validation_epoch_end", "on_train_epoch_end", "on_before_optimizer_step"):
            setattr(monitor, name, self._timed(getattr(monitor, name)))

    def _timed(self, method):
        def run(*args):
            start = time.perf_counter()
            method(*args)
            self._spent += time.perf_counter() - start

        return run

    def on_train_epoch_start(self, trainer, pl_module):
        now = time.perf_counter()
        self._starts.append(now)
        if len(self._starts) > 1:
            self._end_of_epoch(now)
        self._spent = 0.0

    def _end_of_epoch(self, now: float) -> None:
        self.whole.append(now - self._starts[-2])
        self.diagnostics.append(self._spent)

    def on_validation_start(self, trainer, pl_module):
        self._validation = time.perf_counter()

    def on_validation_end(self, trainer, pl_module):
        if trainer.state.fn == "fit":
            self.held_out.append(time.perf_counter() - self._validation)

    def on_fit_end(self, trainer, pl_module):
        self._end_of_epoch(time.perf_counter())


def whole_fit(fit: Fit) -> None:
    """Measure epoch 0 and train, without the files around it."""
    fit.trainer.validate(fit.module, fit.data, verbose=False)
    fit.trainer.fit(fit.module, datamodule=fit.data)


def test_what_trainer_and_diagnostics_cost(benchmark, store, tmp_path):
    """The default model on as many charts as the real library has; the best of three epochs of each."""
    table = library(store, 980)
    cfg = config("experiment.epochs=3")
    data = GrooveDataModule(table, store, cfg.data, cfg.model.max_frames, cfg.seed)
    bare = min(bare_loop(fit_module(cfg, data, tmp_path), data, cfg, epoch) for epoch in range(3))
    fit = Fit(cfg, build_model(cfg, len(data.classes)), data, tmp_path / "run", Ranks(cfg, tmp_path))
    clock = Clock(fit.monitor)
    fit.trainer.callbacks.insert(0, clock)
    benchmark.pedantic(whole_fit, (fit,), rounds=1)
    training = min(w - h for w, h in zip(clock.whole, clock.held_out, strict=False))
    found = {
        "bare_s": round(bare, 2),
        "epoch_without_held_out_over_bare": round(training / bare, 3),
        "diagnostics_share_of_epoch": round(min(clock.diagnostics) / min(clock.whole), 3),
        "held_out_and_diagnostics_share_of_epoch": round(min(clock.held_out) / min(clock.whole), 3),
        "epoch_over_bare": round(min(clock.whole) / bare, 3),
    }
    benchmark.extra_info.update(found)
    print(*(f"{name}: {value}" for name, value in found.items()), sep="\n")
    assert training / bare < 1.15


def test_a_start_with_a_warm_store(benchmark, finished, tmp_path):
    """From the command to the end of the first training step (an epoch of one step), store and classifier there."""
    settings = [*TINY, "experiment=a", "experiment.epochs=2", "experiment.warmup_epochs=1", "data.batch_size=1000"]
    settings += [f"data.songs={finished / 'songs'}", f"data.store={finished / 'store'}", f"hydra.run.dir={tmp_path}"]
    settings += [f"pretrain.root={finished / 'pretrained'}"]

    def first_step() -> float:
        start = time.perf_counter()
        command = [sys.executable, "-u", "-m", "groove.train", *settings]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            assert any(line.startswith("epoch  1/") for line in process.stdout)
            seconds = time.perf_counter() - start
            process.kill()
        return seconds

    seconds = benchmark.pedantic(first_step, rounds=3)
    print(f"{seconds:.1f} s to the end of the first epoch of one step")
    assert benchmark.stats.stats.min < 15


@pytest.mark.parametrize("argument", ["--help", "experiment=zzz", "data.batch_size=0"])
def test_help_and_mistakes_are_quick(argument, benchmark):
    command = [sys.executable, "-m", "groove.train", argument]
    benchmark.pedantic(lambda: subprocess.run(command, capture_output=True), rounds=5)
    assert benchmark.stats.stats.min < 1
