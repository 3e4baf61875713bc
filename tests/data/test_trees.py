"""Tree models beside the network: the same charts, counted features only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.tree import DecisionTreeClassifier

from groove.config.schema import FeaturesConfig
from groove.data.slots import SimfileSlots
from groove.data.trees import COUNTED, counted_features, tree_references
from groove.features.preparation import prepare_library
from tests.builders import measures, write_song

CLASSES = {"Beginner": ["Beginner"], "Easy": ["Easy"], "Medium": ["Medium"], "Hard": ["Hard", "Challenge"]}


def rows(**columns: Any) -> pa.Table:
    """Return a catalogue of the counted columns: the named ones as given, all others zero."""
    length = len(next(iter(columns.values())))
    return pa.table({name: columns.get(name, np.zeros(length)) for name in COUNTED} | {"title": ["t"] * length})


def data(train: pa.Table, label: Any, val: pa.Table, val_label: Any, songs: Any = None) -> Any:
    """Return what `tree_references` reads of a `GrooveDataModule`; without `songs` each held-out chart is its own."""

    def table(values: Any) -> Any:
        return SimpleNamespace(labels=SimpleNamespace(label=np.asarray(values)))

    slots = SimfileSlots.of(songs or range(len(val)), CLASSES)
    return SimpleNamespace(
        rows={"train": train, "val": val},
        train=table(label),
        val=table(val_label),
        classes=list(CLASSES),
        val_slots=slots,
    )


def noisy(charts: int, seed: int) -> tuple[pa.Table, np.ndarray]:
    """Return charts whose class (0-3) is the hundreds of their steps, and one in five labels drawn anew."""
    generator = np.random.default_rng(seed)
    steps = generator.uniform(0, 400, charts)
    label = (steps // 100).astype(np.int64)
    wrong = generator.random(charts) < 0.2
    label[wrong] = generator.integers(0, 4, wrong.sum())
    return rows(steps=steps, bpm=generator.uniform(90, 200, charts)), label


def test_counted_features_are_about_notes_and_time_alone():
    assert len(COUNTED) == len(set(COUNTED)) == 20
    assert not {"meter", "title", "pack", "artist", "difficulty", "description"} & set(COUNTED)
    table = rows(steps=[3, 4], bpm=[120.0, np.nan], length_s=[np.inf, 7.0])
    found = counted_features(table)
    assert found.shape == (2, 20)
    assert found[:, COUNTED.index("steps")].tolist() == [3.0, 4.0]
    assert found[1, COUNTED.index("bpm")] == 0.0 and found[0, COUNTED.index("length_s")] == np.finfo(np.float32).max
    assert np.isfinite(found.astype(np.float32)).all()


def test_every_counted_feature_is_a_column_of_a_real_catalogue(tmp_path):
    notes = measures("1000 0100 0010 0001", "1001 0000 0000 0000")
    write_song(tmp_path / "songs", "Pack", "Song", [("Easy", 3, notes), ("Hard", 8, notes.replace("0000", "0100"))])
    table = prepare_library(tmp_path / "songs", tmp_path / "store", FeaturesConfig()).table
    found = {name: value for name, value in zip(COUNTED, counted_features(table).T, strict=True)}
    by_slot = dict(zip(table["difficulty"].to_pylist(), found["steps"], strict=True))
    assert by_slot == {"Easy": 5.0, "Hard": 8.0} and found["jumps"].tolist() == [1.0, 1.0]
    assert (found["konami_steps_per_minute"] > 0).all()


def test_the_trees_learn_what_can_be_learned_and_no_more():
    train, label = noisy(600, seed=1)
    val, val_label = noisy(300, seed=2)
    found, by_song = tree_references(data(train, label, val, val_label))
    assert set(found) == {"random_forest", "boosted_trees"}
    assert set(by_song) == set(found)
    ceiling = float((np.asarray(val["steps"]) // 100 == val_label).mean())
    assert 0.8 < ceiling < 0.9
    for name, accuracy in found.items():
        assert 0.65 < accuracy <= ceiling + 0.02, name


def test_the_forest_agrees_with_one_grown_by_hand():
    """Bootstrap, a tree on sqrt(F) features a split, mean of the leaves' shares: slow, and equal but for chance."""
    train, label = noisy(400, seed=3)
    val, val_label = noisy(200, seed=4)
    x, held = counted_features(train), counted_features(val)
    generator, votes = np.random.default_rng(0), np.zeros((200, 4))
    for number in range(300):
        drawn = generator.integers(0, 400, 400)
        tree = DecisionTreeClassifier(max_features="sqrt", random_state=number).fit(x[drawn], label[drawn])
        votes += tree.predict_proba(held)
    by_hand = float((votes.argmax(axis=1) == val_label).mean())
    assert tree_references(data(train, label, val, val_label)).by_chart["random_forest"] == pytest.approx(
        by_hand, abs=0.03
    )


def test_the_same_charts_give_the_same_numbers():
    train, label = noisy(80, seed=5)
    val, val_label = noisy(40, seed=6)
    first = tree_references(data(train, label, val, val_label))
    assert tree_references(data(train, label, val, val_label), threads=2) == first


def test_one_class_in_training_is_given_to_every_chart():
    train, _ = noisy(12, seed=7)
    val, _ = noisy(4, seed=8)
    found, _ = tree_references(data(train, [2] * 12, val, [2, 2, 2, 0]))
    assert found == {"random_forest": 0.75, "boosted_trees": 0.75}


def test_a_single_training_chart_is_enough_and_a_new_class_is_never_right():
    one = rows(steps=[10.0])
    assert tree_references(data(one, [0], one, [3])).by_chart == {"random_forest": 0.0, "boosted_trees": 0.0}


def test_what_is_the_same_in_every_chart_teaches_nothing():
    same = rows(steps=np.full(40, 5.0))
    found, _ = tree_references(data(same, [0] * 30 + [1] * 10, same, [0] * 30 + [1] * 10))
    assert found == {"random_forest": 0.75, "boosted_trees": 0.75}


def test_told_with_their_siblings_charts_are_told_better():
    """Songs of four charts whose steps are ordered, on a scale of the song's own that only the order survives."""
    generator = np.random.default_rng(9)

    def songs(count: int) -> tuple[pa.Table, np.ndarray]:
        steps = generator.uniform(0.7, 1.4, count)[:, None] * np.array([100, 200, 300, 400])
        return rows(steps=steps.ravel()), np.tile(np.arange(4), count)

    train, label = songs(300)
    val, val_label = songs(40)
    found = tree_references(data(train, label, val, val_label, songs=np.repeat(np.arange(40), 4).tolist()))
    for name in ("random_forest", "boosted_trees"):
        assert found.by_song[name] > found.by_chart[name] + 0.05, name
