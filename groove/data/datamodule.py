"""From a catalogue to batches: classes, split, scaler, pair rule, loaders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pyarrow as pa
import torch
from torch.utils.data import DataLoader

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.modules import PARTS
from groove.config.schema import DataConfig
from groove.data.dataset import ChartBatch, ChartDataset, ChartTable, EpochSampler, InOrderSampler
from groove.data.part_labels import PART_LABELS, part_labels
from groove.data.scaler import RadarScaler
from groove.data.slots import SimfileSlots
from groove.data.splits import held_out
from groove.data.triplets import ChartLabels, PairRule, fixed_triplets
from groove.errors import LibraryError

VAL_TRIPLETS_PER_ANCHOR = 16


class GrooveDataModule(L.LightningDataModule):
    """Training and held-out charts of one library.

    Attributes:
        classes: class names, in order of difficulty.
        scaler, rule: the one `RadarScaler` and the `PairRule`, fitted on the training split.
        catalogue, charts: the library, one row per chart; those without a class (Edit) have label -1.
        split: ``train`` or ``val`` of every chart of `charts` by its song; ``unseen`` if it has no class.
        train, val: the charts of each split; `tables` has both by name.
        val_triplets: (M, 3) fixed held-out triplets, indices into `val`.
        val_slots: which charts of `val` compete for the slots of one simfile.
        pair_counts: per split and class, the number of charts and of those that are no `anchors` of the rule.
    """

    def __init__(
        self,
        catalogue: pa.Table,
        store: Path,
        data: DataConfig,
        max_frames: int | None,
        seed: int,
        parts: Collection[str] = PARTS[:1],
    ) -> None:
        """Split `catalogue` as `data` says, for an embedding of these `parts`.

        Only other parts than the radar need labels of their own; a part of songs needs batches of whole songs.

        Raises:
            LibraryError: if a split has no chart of any class.
        """
        super().__init__()
        self.data, self.store, self.max_frames, self.seed = data, store, max_frames, seed
        self.songs_together = "song" in parts
        self.classes = list(data.classes)
        table = chart_table(catalogue, data)
        held = held_out(catalogue["identity"].to_pylist(), data.val_fraction, data.split_seed, data.fold)
        trainable = table.labels.label >= 0
        train, val = np.flatnonzero(~held & trainable), np.flatnonzero(held & trainable)
        if not len(train) or not len(val):
            raise LibraryError(
                f"{len(train)} training and {len(val)} held-out charts in the classes {', '.join(self.classes)}; "
                "both need at least one: add songs, or change data.val_fraction or data.split_seed"
            )
        self.scaler = RadarScaler.fit(table.radar[train])
        labels = replace(table.labels, radar=self.scaler(table.radar))
        self.catalogue, self.charts = catalogue, replace(table, labels=labels)
        if PART_LABELS.keys() & set(parts):
            self.charts = replace(self.charts, parts=part_labels(catalogue, train))
        self.train, self.val = self.charts.take(train), self.charts.take(val)
        self.tables = {"train": self.train, "val": self.val}
        self.split = np.where(trainable, np.where(held, "val", "train"), "unseen").tolist()
        pairs = data.triplets
        percentiles = (pairs.positive_percentile, pairs.negative_percentile)
        self.rule = PairRule.fit(self.train.labels, len(self.classes), percentiles, pairs.same_difficulty_only)
        self.pair_counts = {name: self._pair_counts(table.labels) for name, table in self.tables.items()}
        rows = self.rows["val"].select(["simfile", "steps_type"]).to_pylist()
        self.val_slots = SimfileSlots.of([f"{row['steps_type']} {row['simfile']}" for row in rows], data.classes)
        generator = np.random.default_rng(seed)
        self.val_triplets = fixed_triplets(self.rule, self.val.labels, VAL_TRIPLETS_PER_ANCHOR, generator)

    def _pair_counts(self, charts: ChartLabels) -> dict[str, dict[str, int]]:
        alone = ~self.rule.anchors(charts)
        members = {name: charts.label == c for c, name in enumerate(self.classes)}
        return {n: {"charts": int(m.sum()), "without_pair": int((m & alone).sum())} for n, m in members.items()}

    @property
    def rows(self) -> dict[str, pa.Table]:
        """Return the catalogue's rows of each split by name, in the order of its table."""
        return {name: self.catalogue.filter(pa.array(np.array(self.split) == name)) for name in self.tables}

    def classes_without_triplets(self, split: str) -> list[str]:
        """Return ``'Hard (2 charts)'`` for each class none of whose charts has both a positive and a negative."""
        counts = self.pair_counts[split].items()
        return [f"{name} ({n['charts']} charts)" for name, n in counts if n["without_pair"] == n["charts"]]

    def fingerprint(self, catalogue_fingerprint: str) -> str:
        """Return a hash of everything that decides what a classifier sees: charts, split, classes, augmentation."""
        data = self.data
        settings = {
            "catalogue": catalogue_fingerprint,
            "classes": [[name, list(slots)] for name, slots in data.classes.items()],  # their order is the label
            "radar": data.radar,  # an input of the classifier with model.radar_mlp
            "split": [data.split_seed, data.val_fraction, data.fold],
            "augment": data.augment.model_dump(),
            "max_frames": self.max_frames,
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]

    def dataset(self, table: ChartTable, augment: bool = False) -> ChartDataset:
        """Return a dataset over `table`, augmented if asked."""
        per_anchor, settings = self.data.triplets.per_anchor, self.data.augment if augment else None
        return ChartDataset(table, self.store, self.rule, self.max_frames, per_anchor, settings)

    def train_dataloader(self) -> DataLoader[ChartBatch]:
        """Return this epoch's batches (made anew each epoch: `reload_dataloaders_every_n_epochs=1`)."""
        trainer, data = self.trainer, self.data
        assert trainer is not None
        few = data.overfit_batches
        order = (data.batch_size, self.seed, 0 if few else trainer.current_epoch, data.min_steps)
        songs = self.train.labels.song if self.songs_together else None
        sampler: Any = EpochSampler(len(self.train), *order, trainer.global_rank, trainer.world_size, songs)
        if few:  # a request of a batch always gives the same one
            sampler = [*sampler][:few] * -(-data.min_steps // few)
        return _loader(self.dataset(self.train, augment=True), sampler)

    def val_dataloader(self) -> DataLoader[ChartBatch]:
        """Return the held-out charts, of several ranks this one's share."""
        trainer = self.trainer
        share = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return self.evaluation_loader(self.val, *share)

    def evaluation_loader(self, table: ChartTable, rank: int = 0, world_size: int = 1) -> DataLoader[ChartBatch]:
        """Return all charts of `table` (of several ranks: this one's batches), in order of length, not augmented."""
        return _loader(self.dataset(table), InOrderSampler(table.frames, rank=rank, world_size=world_size))


def _loader(dataset: ChartDataset, sampler: Any) -> DataLoader[ChartBatch]:
    # small memory-mapped data: the main process is 2-5 times faster than workers; a generator of its own, since every
    # iterator draws a number, and a resumed run makes them at other moments than an uninterrupted one
    own = torch.Generator()
    return DataLoader(dataset, batch_sampler=sampler, num_workers=0, collate_fn=lambda batch: batch, generator=own)


def chart_table(catalogue: pa.Table, data: DataConfig) -> ChartTable:
    """Return `catalogue` as a `ChartTable` with the classes of `data` (else -1), unscaled radars, and no `parts`."""
    radar = np.stack([catalogue[f"{data.radar}_{axis}"].to_numpy() for axis in RADAR_AXES], axis=1).astype(np.float64)
    _, song = np.unique(catalogue["identity"].to_pylist(), return_inverse=True)
    label_of = {slot: index for index, slots in enumerate(data.classes.values()) for slot in slots}
    label = np.array([label_of.get(slot, -1) for slot in catalogue["difficulty"].to_pylist()], dtype=np.int64)
    name, chart, audio = (catalogue[column].to_pylist() for column in ("chart_id", "chart_path", "audio_path"))
    labels = ChartLabels(radar, label, song.astype(np.int64))
    parts = np.zeros((len(radar), 0), dtype=np.float32)
    return ChartTable(name, chart, audio, catalogue["frames"].to_numpy(), radar, labels, parts)
