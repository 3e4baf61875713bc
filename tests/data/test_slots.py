"""Charts of one simfile share its slots out: against every assignment tried one by one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groove.data.slots import SimfileSlots

CLASSES = {"Beginner": ["Beginner"], "Medium": ["Easy", "Medium"], "Hard": ["Hard"]}


def nearest_by_trying(expected: np.ndarray, capacity: list[int]) -> float:
    """Return the smallest sum of squares over all labellings that fill no slot twice."""
    classes = range(len(capacity))
    return min(
        sum((value - label) ** 2 for value, label in zip(expected, labels, strict=True))
        for labels in product(classes, repeat=len(expected))
        if all(labels.count(label) <= capacity[label] for label in classes)
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 3), min_size=1, max_size=9))
def test_each_simfile_is_given_the_nearest_labels_that_fill_no_slot_twice(seed, keys):
    keys = [key for index, key in enumerate(keys) if keys[:index].count(key) < 4]
    expected = np.random.default_rng(seed).uniform(0, 2, len(keys))
    labels = SimfileSlots.of([str(key) for key in keys], CLASSES).share(expected)
    for key in set(keys):
        own = np.flatnonzero(np.array(keys) == key)
        assert all((labels[own] == label).sum() <= capacity for label, capacity in enumerate([1, 2, 1]))
        assert ((expected[own] - labels[own]) ** 2).sum() == pytest.approx(nearest_by_trying(expected[own], [1, 2, 1]))
        assert (np.diff(labels[own][np.argsort(expected[own])]) >= 0).all(), "the order within a song is kept"


def test_siblings_decide_what_a_chart_alone_does_not_say():
    expected = np.array([1.6, 1.9])  # both look like Hard: the harder one is
    assert SimfileSlots.of(["a", "a"], CLASSES).share(expected).tolist() == [1, 2]
    assert SimfileSlots.of(["a", "b"], CLASSES).share(expected).tolist() == [2, 2], "songs do not compete"


def test_a_chart_without_siblings_is_given_the_class_that_is_nearest():
    expected = np.array([-0.2, 0.4, 0.6, 1.2, 1.7, 3.0])
    assert SimfileSlots.of(list("abcdef"), CLASSES).share(expected).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_simfile_with_more_charts_than_slots_uses_each_twice():
    labels = SimfileSlots.of(["a"] * 6, CLASSES).share(np.array([2.0, 2.1, 1.9, 1.0, 1.0, 0.0]))
    assert labels.tolist() == [2, 2, 1, 1, 1, 0]


def test_no_charts_are_no_labels():
    assert SimfileSlots.of([], CLASSES).share(np.zeros(0)).tolist() == []
