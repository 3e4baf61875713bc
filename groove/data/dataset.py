"""Charts as tensors: a dataset that reads the feature store, and the batch that the model sees.

Dimension letters: B charts of a batch, T frames (padded), F features, M triplets, R radar axes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from groove.config.schema import AugmentConfig
from groove.data.augment import Augmentation
from groove.data.triplets import ChartLabels, PairRule, draw_triplets
from groove.features.audio import AUDIO_FEATURES
from groove.features.store import load_array

_OPEN_ARRAYS = 8192
"""Arrays that stay mapped into memory; a process may have about 65,000 mappings."""


@dataclass(frozen=True)
class ChartTable:
    """The catalogue's columns that training needs, one entry per chart (N).

    The paths are of arrays in the store, an empty one of audio that is missing; `frames` (N,) are lengths, `radar`
    (N, R) unscaled values of the chosen family, `labels` hold the scaled ones, `parts` (N, L) are `part_labels`.
    """

    chart_id: list[str]
    chart_path: list[str]
    audio_path: list[str]
    frames: NDArray[np.int64]
    radar: NDArray[np.float64]
    labels: ChartLabels
    parts: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.chart_id)

    def take(self, index: NDArray[np.intp]) -> ChartTable:
        """Return the rows at `index`."""
        name, chart, audio = ([x[i] for i in index] for x in (self.chart_id, self.chart_path, self.audio_path))
        radar, parts = self.radar[index], self.parts[index]
        return ChartTable(name, chart, audio, self.frames[index], radar, self.labels.take(index), parts)


class BatchRequest(NamedTuple):
    """What a sampler asks of the dataset: charts, and where the randomness of this batch starts.

    A process that trains with others loads the charts at the positions ``rank, rank + world_size, ...`` of `indices`.
    """

    indices: list[int]
    seed: tuple[int, ...]
    rank: int = 0
    world_size: int = 1


@dataclass(frozen=True)
class ChartBatch:
    """B charts, encoded once; anchors, positives and negatives are indices into them.

    A process that trains with others has the frames of b charts, those at `own`, and the labels of all B.

    Attributes:
        chart: (b, T, F) chart frames, zero where padded.
        audio: (b, T, F) audio frames on the same grid, zero where padded or missing.
        has_audio: (b,) 1 where the chart's audio is there: the explicit flag of `missing_audio=mask`.
        lengths: (b,) frames before the padding.
        own: (b,) rows of the batch that the frames are of.
        label: (B,) class index, -1 where the slot belongs to no class.
        song: (B,) a number per song.
        radar: (B, R) scaled radar: the label of the contrastive task, never an input of the embedding.
        parts: (B, L) labels of the embedding's other parts (`groove.data.part_labels`), never an input either.
        index: (B,) row of the split's table.
        triplets: (M, 3) anchor, positive, negative.
        positive, negative: (B, B) the pairs that `triplets` was drawn from; miners look for harder negatives there.
    """

    chart: Tensor
    audio: Tensor
    has_audio: Tensor
    lengths: Tensor
    own: Tensor
    label: Tensor
    song: Tensor
    radar: Tensor
    parts: Tensor
    index: Tensor
    triplets: Tensor
    positive: Tensor
    negative: Tensor

    def to(self, device: torch.device) -> ChartBatch:
        """Return the batch on `device`."""
        return ChartBatch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})


@dataclass
class ChartDataset(Dataset[ChartBatch]):
    """Reads charts of `table`, cut at `max_frames`, from the store's float16 arrays, memory-mapped, by the batch."""

    table: ChartTable
    store: Path
    rule: PairRule
    max_frames: int | None = None
    per_anchor: int = 4
    augment: AugmentConfig | None = None

    def __post_init__(self) -> None:
        self._array = lru_cache(_OPEN_ARRAYS)(partial(load_array, self.store))

    def __len__(self) -> int:
        return len(self.table)

    def __getitems__(self, request: BatchRequest) -> ChartBatch:
        """Return the batch of `request`: the same request always gives the same batch."""
        generator = np.random.default_rng(request.seed)
        index = np.asarray(request.indices, dtype=np.intp)
        own = np.arange(request.rank, len(index), request.world_size)
        drawn = [Augmentation()] * len(index)
        if self.augment:
            frames = np.minimum(self.table.frames[index], self.max_frames or np.inf).astype(int)
            drawn = [Augmentation.draw(self.augment, int(n), generator) for n in frames]
        pairs = [drawn[k].apply(*self._frames(index[k])) for k in own]
        chart, audio = ([torch.from_numpy(x) for x in part] for part in zip(*pairs, strict=True))
        labels = self.table.labels.take(index)
        positive, negative = self.rule.masks(labels)
        triplets = draw_triplets(positive, negative, self.per_anchor, generator)
        return ChartBatch(
            chart=pad_sequence(chart, batch_first=True),
            audio=pad_sequence(audio, batch_first=True),
            has_audio=torch.tensor([float(bool(self.table.audio_path[index[k]]) and not drawn[k].deaf) for k in own]),
            lengths=torch.tensor([len(x) for x in chart]),
            own=torch.from_numpy(own),
            label=torch.from_numpy(labels.label),
            song=torch.from_numpy(labels.song),
            radar=torch.from_numpy(labels.radar.astype(np.float32)),
            parts=torch.from_numpy(self.table.parts[index]),
            index=torch.from_numpy(index.astype(np.int64)),
            triplets=torch.from_numpy(triplets),
            positive=torch.from_numpy(positive),
            negative=torch.from_numpy(negative),
        )

    def _frames(self, i: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return chart (T, F) and audio (T, F) of chart `i`, cut."""
        chart = self._array(self.table.chart_path[i])[: self.max_frames].astype(np.float32)
        audio = np.zeros((len(chart), len(AUDIO_FEATURES)), dtype=np.float32)
        if path := self.table.audio_path[i]:
            stored = self._array(path)[: len(chart)]
            audio[: len(stored)] = stored
        return chart, audio


@dataclass(frozen=True)
class EpochSampler:
    """Batches of one epoch: as many passes as have `min_steps` batches, each chart once per pass.

    A small library is passed several times, each in an order of its own, a function of seed, epoch and pass. Under DDP
    `batch_size` is that of one rank: a batch is shared by all ranks, and each loads its part of it. With `songs` (N,),
    a number per song, the charts of a song follow each other, so that most come into one batch.
    """

    charts: int
    batch_size: int
    seed: int
    epoch: int
    min_steps: int = 1
    rank: int = 0
    world_size: int = 1
    songs: NDArray[np.int64] | None = None

    def _batches_per_pass(self) -> int:
        wanted = round(self.charts / (self.batch_size * self.world_size))
        return max(1, min(wanted, self.charts // self.world_size))  # no rank without a chart

    def _passes(self) -> int:
        return -(-self.min_steps // self._batches_per_pass())

    def __len__(self) -> int:
        return self._batches_per_pass() * self._passes()

    def __iter__(self):
        """Yield one `BatchRequest` per batch; batches of a pass differ by at most one chart in size."""
        for p in range(self._passes()):
            generator = np.random.default_rng((self.seed, self.epoch, p))
            order = generator.permutation(self.charts)
            if self.songs is not None:
                drawn = generator.permutation(self.songs.max() + 1)
                order = order[np.argsort(drawn[self.songs[order]], kind="stable")]
            for b, part in enumerate(np.array_split(order, self._batches_per_pass())):
                yield BatchRequest(part.tolist(), (self.seed, self.epoch, p, b, 0), self.rank, self.world_size)


class InOrderSampler:
    """Batches of charts of `frames` (N,) frames, short ones together; of several ranks each has every W-th batch."""

    def __init__(self, frames: NDArray[np.int64], batch_size: int = 64, rank: int = 0, world_size: int = 1) -> None:
        self.order = np.argsort(frames, kind="stable")
        if world_size > 1:
            batch_size = max(1, min(batch_size, len(self.order) // world_size))  # no rank without a batch
        self.batch_size, self.starts = batch_size, range(0, len(self.order), batch_size)[rank::world_size]

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self):
        """Yield one `BatchRequest` per batch."""
        for start in self.starts:
            yield BatchRequest(self.order[start : start + self.batch_size].tolist(), (start,))
