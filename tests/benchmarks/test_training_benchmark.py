"""Training: charts used as anchors per second, what Trainer and diagnostics cost, and the time to the first step.

``make bench``; not part of the default run. Charts are random, but as long as real ones: their lengths follow the
deciles of a library of 982 charts. One thread.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.nn import functional

from groove.data.datamodule import GrooveDataModule
from groove.data.dataset import EpochSampler
from groove.training.fit import Fit, build_model
from groove.training.module import GrooveModule
from tests.batches import catalogue, frames, train_config

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
            out.append(model.heads(pooled, None))
        loss = functional.triplet_margin_loss(*(embedding for _, embedding in out), margin=1.0)
        label = torch.tensor([int(data.train.labels.label[anchor])])
        (loss + functional.cross_entropy(out[0][0], label)).backward()
        optimizer.step()
        optimizer.zero_grad()
    return len(usable) / (time.perf_counter() - start)


def bare_loop(module: GrooveModule, data: GrooveDataModule, cfg, epoch: int, limit: int | None = None) -> float:
    """Return the seconds of forward, backward and step over the batches of one epoch, and nothing else."""
    model, optimizer = module.model.train(), module.configure_optimizers()
    module.log_dict = lambda *args, **kwargs: None
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
    module = Fit(cfg, build_model(cfg, len(data.classes)), data, folder / "fit").module
    module.loss_weights = {"classification": 0.8, "contrastive": 1.0}
    return module
