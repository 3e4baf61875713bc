"""From a catalogue to splits, classes, the pair rule and loaders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from groove.config.modules import PARTS
from groove.data.datamodule import GrooveDataModule, chart_table
from groove.data.part_labels import PART_LABELS, part_labels
from groove.errors import LibraryError
from tests.batches import catalogue, train_config


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def songs(store) -> pa.Table:
    return catalogue(store)


@pytest.fixture(scope="module")
def many_songs(store) -> pa.Table:
    return catalogue(store, songs=60)


def data_module(
    table: pa.Table, store: Path, *overrides: str, seed: int = 0, max_frames=None, parts: Collection[str] = PARTS
) -> GrooveDataModule:
    settings = train_config("data.val_fraction=0.25", "data.batch_size=8", *overrides).data
    return GrooveDataModule(table, store, settings, max_frames, seed, parts)


def test_slots_fold_into_classes_in_the_order_of_the_setting(store):
    slots = ("Beginner", "Easy", "Medium", "Hard", "Challenge", "Edit")
    table, settings = catalogue(store, songs=1, slots=slots), train_config().data
    assert chart_table(table, settings).labels.label.tolist() == [0, 1, 2, 3, 3, -1]
    folded = settings.changed(classes={"low": ["Beginner", "Easy"], "high": ["Challenge"]})
    assert chart_table(table, folded).labels.label.tolist() == [0, 0, -1, -1, 1, -1]


def test_the_table_takes_radar_class_and_song_from_the_catalogue(songs):
    for family in ("konami", "stepmania"):
        table = chart_table(songs, train_config(f"data.radar={family}").data)
        rows = songs.to_pylist()
        for i in (0, 5, 47):
            expected = [rows[i][f"{family}_{axis}"] for axis in ("stream", "voltage", "air", "freeze", "chaos")]
            assert table.radar[i].tolist() == expected
            assert table.labels.label[i] == ["Beginner", "Easy", "Medium", "Hard"].index(rows[i]["difficulty"])
            assert table.chart_id[i] == rows[i]["chart_id"]
        same_song = table.labels.song[:, None] == table.labels.song[None, :]
        names = np.array([row["identity"] for row in rows])
        np.testing.assert_array_equal(same_song, names[:, None] == names[None, :])


def test_no_song_is_in_both_splits_and_all_charts_of_a_class_are_in_one(songs, store):
    data = data_module(songs, store)
    identity = dict(zip(songs["chart_id"].to_pylist(), songs["identity"].to_pylist(), strict=True))
    train, val = ({identity[name] for name in part.chart_id} for part in (data.train, data.val))
    assert not train & val and len(train) == 9 and len(val) == 3
    assert sorted(data.train.chart_id + data.val.chart_id) == sorted(identity)


def test_rows_in_another_order_give_the_same_splits_scaler_and_rule(songs, store):
    data = data_module(songs, store)
    other = data_module(songs.take(np.random.default_rng(0).permutation(len(songs))), store)
    assert set(data.val.chart_id) == set(other.val.chart_id)
    np.testing.assert_allclose(data.scaler.scale, other.scaler.scale)
    np.testing.assert_allclose(data.rule.nearest, other.rule.nearest)


def test_slots_without_a_class_are_in_neither_split(store):
    table = catalogue(store, slots=("Beginner", "Easy", "Medium", "Edit"))
    data = data_module(table, store)
    assert len(data.train) + len(data.val) == 36
    assert min(data.train.labels.label.min(), data.val.labels.label.min()) == 0


def test_the_rows_of_a_split_are_those_of_its_table(songs, store):
    data = data_module(songs, store)
    for split, table in data.tables.items():
        assert data.rows[split]["chart_id"].to_pylist() == table.chart_id
        assert data.rows[split]["frames"].to_pylist() == table.frames.tolist()


def test_the_scaler_is_fitted_on_the_training_split_and_applied_to_both(songs, store):
    data = data_module(songs, store)
    np.testing.assert_allclose(data.scaler.center, np.median(data.train.radar, axis=0))
    for part in (data.train, data.val):
        np.testing.assert_allclose(part.labels.radar, (part.radar - data.scaler.center) / data.scaler.scale)


def test_the_labels_of_the_parts_are_scaled_by_the_training_split_in_the_order_of_the_charts(songs, store):
    data = data_module(songs, store)
    trained = np.flatnonzero(np.array(data.split) == "train")
    np.testing.assert_array_equal(data.charts.parts, part_labels(songs, trained))
    order = np.random.default_rng(0).permutation(len(songs))
    other = data_module(songs.take(order), store)
    np.testing.assert_allclose(other.charts.parts, data.charts.parts[order], atol=1e-5)
    for split, part in data.tables.items():
        np.testing.assert_array_equal(part.parts, data.charts.parts[np.array(data.split) == split])
    np.testing.assert_allclose(data.train.parts[:, PART_LABELS["flow"].start].mean(), 0, atol=1e-5)


def test_held_out_triplets_are_valid_fixed_and_of_the_rule_of_the_training_split(many_songs, store):
    data = data_module(many_songs, store)
    facts = data.val.labels
    assert len(data.val_triplets) > 100
    for a, p, n in data.val_triplets:
        assert facts.label[a] == facts.label[p] == facts.label[n]
        assert facts.song[a] not in (facts.song[p], facts.song[n])
        assert np.linalg.norm(facts.radar[a] - facts.radar[p]) <= data.rule.nearest[facts.label[a]] + 1e-9
        assert np.linalg.norm(facts.radar[a] - facts.radar[n]) >= data.rule.farthest[facts.label[a]] - 1e-9
    np.testing.assert_array_equal(data.val_triplets, data_module(many_songs, store).val_triplets)


def test_pair_counts_by_a_loop(many_songs, store):
    data = data_module(many_songs, store)
    for split, part in (("train", data.train), ("val", data.val)):
        positive, negative = data.rule.masks(part.labels)
        for c, name in enumerate(data.classes):
            rows = np.flatnonzero(part.labels.label == c)
            without = sum(not (positive[i].any() and negative[i].any()) for i in rows)
            assert data.pair_counts[split][name] == {"charts": len(rows), "without_pair": without}


def test_classes_without_triplets_are_named_with_their_charts(store):
    data = data_module(catalogue(store, songs=3), store, "data.val_fraction=0.3")
    # two training songs: one pair per class, at once the nearest and the farthest, so no anchor has both
    assert data.classes_without_triplets("train") == [f"{name} (2 charts)" for name in data.classes]
    assert data.classes_without_triplets("val") == [f"{name} (1 charts)" for name in data.classes]
    assert data.val_triplets.shape == (0, 3)


def test_a_library_with_triplets_names_no_class(many_songs, store):
    assert data_module(many_songs, store).classes_without_triplets("train") == []


def test_a_split_without_a_chart_of_any_class_is_an_error(store):
    with pytest.raises(LibraryError, match="0 training and 0 held-out charts in the classes Beginner, Easy"):
        data_module(catalogue(store, slots=("Edit",)), store)


def test_the_fingerprint_names_all_that_a_classifier_sees(songs, store):
    def fingerprint(*overrides: str, content: str = "c", max_frames=None) -> str:
        return data_module(songs, store, *overrides, max_frames=max_frames).fingerprint(content)

    base = fingerprint()
    assert base == fingerprint() and len(base) == 16
    # triplets decide nothing that a classifier sees
    assert base == fingerprint("data.triplets.positive_percentile=10", "data.triplets.per_anchor=2")
    others = [
        fingerprint(content="other"),
        fingerprint(max_frames=100),
        fingerprint("data.split_seed=1"),
        fingerprint("data.val_fraction=0.3"),
        fingerprint("data.augment.mirror=false"),
        fingerprint("data.classes.Hard=[Hard]"),
        fingerprint("data.radar=stepmania"),
    ]
    swapped = data_module(songs, store)
    swapped.data = swapped.data.changed(classes=dict(reversed(swapped.data.classes.items())))
    others.append(swapped.fingerprint("c"))  # the order of classes is their label
    assert len({base, *others}) == 9


def test_the_training_loader_is_a_function_of_the_epoch_and_augments(songs, store):
    def batches(epoch: int) -> list:
        data = data_module(songs, store)
        data.trainer = SimpleNamespace(current_epoch=epoch, global_rank=0, world_size=1)
        return list(data.train_dataloader())

    first, again, later = batches(0), batches(0), batches(1)
    visits = Counter(i for batch in first for i in batch.index.tolist())
    assert sorted(visits) == list(range(36)) and len(set(visits.values())) == 1
    assert all((a.chart == b.chart).all() for a, b in zip(first, again, strict=True))
    assert [b.index.tolist() for b in first] != [b.index.tolist() for b in later]


def test_songs_come_together_where_it_is_asked_for(songs, store):
    def apart(together: bool) -> int:
        data = data_module(songs, store, "data.min_steps=1", parts=PARTS if together else PARTS[:1])
        data.trainer = SimpleNamespace(current_epoch=0, global_rank=0, world_size=1)
        loaded = list(data.train_dataloader())
        assert sorted(i for batch in loaded for i in batch.index.tolist()) == list(range(36))
        return sum(len(batch.song.unique()) for batch in loaded)

    assert 9 <= apart(True) <= 9 + 4 < apart(False), "9 songs in 5 batches of about 7 charts"


def test_the_evaluation_loader_gives_each_chart_as_stored(songs, store):
    data = data_module(songs, store)
    seen = {}
    for batch in data.val_dataloader():
        for row, i in enumerate(batch.index.tolist()):
            seen[i] = batch.chart[row, : batch.lengths[row]].numpy()
    assert sorted(seen) == list(range(len(data.val)))
    for i, chart in seen.items():
        np.testing.assert_array_equal(chart, np.load(store / data.val.chart_path[i]).astype(np.float32))
