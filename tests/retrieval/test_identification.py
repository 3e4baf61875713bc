from itertools import combinations

import numpy as np
import pytest

from groove.retrieval.identification import chance_hits, finds_original, finds_song, first_ranks, shares_name
from tests.batches import labels

LABELS = labels(40, classes=4, songs=10)
VECTORS = np.random.default_rng(0).normal(size=(40, 5))


def rank_by_hand(query, references, relevant, allowed):
    far = [float(np.linalg.norm(query - r)) for r in references]
    best = min(f for f, r in zip(far, relevant, strict=True) if r)
    return 1 + sum(a and not r and f <= best for f, r, a in zip(far, relevant, allowed, strict=True))


def test_ranks_are_counted_among_the_allowed():
    random = np.random.default_rng(5)
    allowed = random.random((6, 40)) < 0.7
    relevant = allowed & (random.random((6, 40)) < 0.2)
    relevant[:, 0] = allowed[:, 0] = True
    found = first_ranks(VECTORS[:6] + 0.1, VECTORS, relevant, allowed)
    expected = [rank_by_hand(VECTORS[i] + 0.1, VECTORS, relevant[i], allowed[i]) for i in range(6)]
    assert found.tolist() == expected


def test_chance_is_that_of_drawing_every_handful():
    hands = list(combinations(range(7), 3))
    expected = sum(any(card < 2 for card in hand) for hand in hands) / len(hands)
    assert chance_hits(np.array([2]), np.array([7]), 3)[0] == pytest.approx(expected)
    assert chance_hits(np.array([2, 7, 1]), np.array([4, 7, 2]), 3).tolist() == [1.0, 1.0, 1.0]


def test_an_original_is_found_where_the_mirror_lies_near_it():
    assert finds_original(VECTORS + 1e-3, VECTORS, LABELS.song)["hit_at_1"].value == 1
    turned = finds_original(VECTORS[::-1].copy(), VECTORS, LABELS.song)
    assert turned["hit_at_1"].value == 0 and turned["chance"].value == pytest.approx(1 / 40)


def test_a_space_that_tells_nothing_apart_finds_nothing():
    same = np.zeros((40, 3))
    assert finds_original(same, same, LABELS.song)["hit_at_1"].value == 0
    assert finds_song(same, LABELS)["hit_at_5"].value == 0


def test_other_difficulties_of_the_song_are_found():
    by_song = np.eye(10)[LABELS.song] + 1e-3 * VECTORS[:, [0]]
    found = finds_song(by_song, LABELS)
    assert found["hit_at_5"].value == 1 and found["reciprocal_rank"].value == 1 and found["queries"].value == 40
    assert found["chance"].value < 0.7


def test_names_are_shared_by_charts_of_other_songs_of_the_difficulty():
    names = [["Ann", "bob", "", "ann "][song % 4] for song in LABELS.song]
    code = np.array([{"ann": 0, "bob": 1}.get(name.strip().lower(), 2) for name in names])
    found = shares_name(np.eye(3)[code], LABELS, names)
    assert found["hit_at_5"].value == 1 and found["queries"].value == sum(code < 2)
    lonely = shares_name(VECTORS, LABELS, [str(song) for song in LABELS.song])
    assert lonely["queries"].value == 0 and np.isnan(lonely["hit_at_5"].value)
