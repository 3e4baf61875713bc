"""What a space knows, derived again query by query on small made-up libraries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from groove.charts.notation import TAGS
from groove.embedding.given_rows import tiers_of
from groove.retrieval.intervals import Interval
from groove.retrieval.known import (
    RADAR_KEPT,
    beside_radar,
    gains,
    known_table,
    orders_tiers,
    questions,
    shares_artist,
)
from groove.retrieval.metrics import retrieval_gain
from tests.embedding.libraries import embedded_library

LIBRARY = embedded_library(120)
NOISE = np.random.default_rng(5).normal(size=(120, 4))


def with_column(library, name, values):
    table = library.table
    return replace(library, table=table.set_column(table.column_names.index(name), name, pa.array(values)))


def gain_by_hand(vectors, labels, group, apart, k=5):
    random, found, best = [], [], []
    for i in range(len(labels)):
        among = [j for j in range(len(labels)) if group[j] == group[i] and apart[j] != apart[i]]
        if len(among) <= k:
            continue
        difference = {j: float(np.linalg.norm(labels[i] - labels[j])) for j in among}
        near = sorted(among, key=lambda j: (np.linalg.norm(vectors[i] - vectors[j]), j))[:k]
        random.append(np.mean(list(difference.values())))
        found.append(np.mean([difference[j] for j in near]))
        best.append(np.mean(sorted(difference.values())[:k]))
    return (sum(random) - sum(found)) / (sum(random) - sum(best))


def test_gains_by_hand():
    part = with_column(LIBRARY, "meter", [5 + (7 * i) % 11 for i in range(120)])
    asked = questions(part)
    for name in ("technique", "tempo", "profile", "level"):
        found = gains({"noise": NOISE}, asked[name], draws=10)["noise"].value
        assert found == pytest.approx(gain_by_hand(NOISE, *asked[name])), name
    level = asked["level"]
    packs = part.column("pack")
    for i in range(1, 120):  # charts of one pack and one difficulty, and no others, are candidates
        together = packs[i] == packs[0] and part.label[i] == part.label[0]
        assert (level.group[i] == level.group[0]) == together


def test_a_space_that_is_the_label_knows_it_and_noise_knows_nothing():
    table = known_table({"tempo": np.log(np.array(LIBRARY.column("bpm")))[:, None], "noise": NOISE}, LIBRARY, draws=10)
    assert table["tempo"]["tempo"].value == pytest.approx(1)
    assert abs(table["noise"]["tempo"].value) < 0.25
    assert "player tiers" not in table["noise"] and set(table["noise"]) == set(table["tempo"])


def test_tags_are_asked_of_other_step_artists_only():
    asked = questions(LIBRARY)["tags"]
    tagged = [bool(tags) for tags in LIBRARY.column("tags")]
    assert asked.labels.shape == (120, len(TAGS)) and asked.labels.any(axis=1).tolist() == tagged
    alone = [i for i, own in enumerate(tagged) if not own]
    assert len({int(asked.group[i]) for i in alone}) == len(alone), "a chart without a tag has no candidate"
    found = gains({"noise": NOISE}, asked, draws=10)["noise"].value
    assert found == pytest.approx(gain_by_hand(NOISE, *asked))


def test_the_share_of_the_same_step_artist_by_hand():
    part = with_column(LIBRARY, "step_artist", ["" if i % 7 == 0 else f"Artist {i % 3}" for i in range(120)])
    artist = [name.casefold() for name in part.column("step_artist")]
    shares = []
    for i in range(120):
        among = [
            j
            for j in range(120)
            if artist[i] and artist[j] and part.label[i] == part.label[j] and part.song[i] != part.song[j]
        ]
        if any(artist[j] == artist[i] for j in among) and len(among) >= 5:
            near = sorted(among, key=lambda j: np.linalg.norm(NOISE[i] - NOISE[j]))[:5]
            shares.append(np.mean([artist[j] == artist[i] for j in near]))
    assert shares_artist(NOISE, part, draws=10).value == pytest.approx(np.mean(shares))


def test_counts_weigh_as_much_as_leaves_the_radar_its_gain():
    found = beside_radar(NOISE, LIBRARY)
    assert found.shape == (120, 5 + 4)
    np.testing.assert_array_equal(found[:, :5], LIBRARY.scaled_radar)
    kept = retrieval_gain(found, LIBRARY.labels)
    assert RADAR_KEPT <= kept < RADAR_KEPT + 0.03


@pytest.fixture
def tiers(tmp_path):
    """Every chart of one level, its tier a function of its stream; rows of other charts are in the file too."""
    path = tmp_path / "tiers.csv"
    rows = zip(LIBRARY.column("simfile"), LIBRARY.column("difficulty"), LIBRARY.radar[:, 0], strict=True)
    lines = [
        f"{simfile},{slot.lower()},{9 + i % 2},{9 + i % 2 + x / 1000:.4f}" for i, (simfile, slot, x) in enumerate(rows)
    ]
    path.write_text("\n".join(["simfile,difficulty,level,tier", "else/where.sm,Hard,9,9.5", *lines]) + "\n")
    return path


def test_tiers_are_matched_by_simfile_and_difficulty(tiers):
    found = tiers_of(LIBRARY, tiers)
    keys = list(zip(LIBRARY.column("simfile"), LIBRARY.column("difficulty"), strict=True))
    assert set(found) == set(range(120)) and len(set(keys)) == 120
    assert found[7][0] == 10 and found[7][1] == pytest.approx(10 + LIBRARY.radar[7, 0] / 1000, abs=1e-4)


def test_a_space_that_tells_what_is_hard_orders_the_tiers_and_one_that_does_not_is_half_right(tiers):
    given = tiers_of(LIBRARY, tiers)
    level = np.array([given[row][0] for row in range(120)], dtype=float)
    knows = (level + 0.2 * (LIBRARY.radar[:, 0] - LIBRARY.radar[:, 0].mean()) / LIBRARY.radar[:, 0].std())[:, None]
    assert orders_tiers(knows, LIBRARY, given, draws=10).value > 0.95
    assert orders_tiers(np.zeros((120, 1)), LIBRARY, given, draws=10).value == pytest.approx(0.5, abs=0.1)
    few = {row: given[row] for row in range(4)}
    assert np.isnan(orders_tiers(knows, LIBRARY, few).value) and isinstance(orders_tiers(knows, LIBRARY, few), Interval)


def test_fifths_of_songs_of_other_levels_do_not_order_the_tiers():
    """A space that tells nothing is half right, also where songs of high levels have high tiers throughout."""
    song = LIBRARY.song
    level = 5 + np.arange(120) % 5 + song % 3
    given = {i: (int(level[i]), float(level[i] + 0.3 * (song[i] % 3) + 1e-4 * i)) for i in range(120)}
    noise = [np.random.default_rng(seed).normal(size=(120, 3)) for seed in range(30)]
    found = [orders_tiers(vectors, LIBRARY, given, draws=2).value for vectors in noise]
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)
    assert orders_tiers(np.zeros((120, 1)), LIBRARY, given, draws=2).value == 0.5, "equal predictions are half right"
