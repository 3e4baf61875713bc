"""No song on both sides; the split is a function of content and seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groove.data.splits import held_out
from groove.errors import LibraryError

SONGS = [f"song {i}" for i in range(50)]


def chosen(identities: list[str], fraction: float = 0.2, seed: int = 0) -> set[str]:
    return {name for name, held in zip(identities, held_out(identities, fraction, seed), strict=True) if held}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text(max_size=4), min_size=2, max_size=40).filter(lambda names: len(set(names)) > 1),
    st.floats(0.01, 0.99),
    st.integers(0, 5),
)
def test_no_song_is_on_both_sides_and_none_is_empty(identities, fraction, seed):
    held = held_out(identities, fraction, seed)
    inside = {name for name, side in zip(identities, held, strict=True) if side}
    outside = {name for name, side in zip(identities, held, strict=True) if not side}
    assert inside and outside and not inside & outside
    assert len(inside) == min(max(1, round(fraction * len(inside | outside))), len(inside | outside) - 1)


def test_order_and_duplicates_do_not_matter():
    generator = np.random.default_rng(0)
    expected = chosen(SONGS)
    assert len(expected) == 10
    assert chosen(SONGS[::-1]) == expected
    assert chosen([SONGS[i] for i in generator.permutation(50)]) == expected
    # unequal numbers of charts per song: the share is one of songs, not of charts
    assert chosen([*SONGS, *SONGS[:3] * 40]) == expected


def test_the_seed_changes_the_split_and_nothing_else_does():
    assert chosen(SONGS, seed=1) != chosen(SONGS, seed=0)
    np.testing.assert_array_equal(held_out(SONGS, 0.2, 1), held_out(SONGS, 0.2, 1))


def test_a_new_song_moves_at_most_one_other_song():
    before, after = chosen(SONGS), chosen([*SONGS, "a new one"])
    assert len(before - after) <= 1


def test_one_song_cannot_be_split():
    with pytest.raises(LibraryError, match="1 song with usable charts: at least two are needed"):
        held_out(["only"] * 9, 0.2, 0)
    with pytest.raises(LibraryError, match="0 song"):
        held_out([], 0.2, 0)


def test_folds_share_out_all_songs():
    folds = [
        {name for name, held in zip(SONGS, held_out(SONGS, 0.2, 3, fold), strict=True) if held} for fold in range(5)
    ]
    assert folds[0] == chosen(SONGS, seed=3)
    assert sorted(name for fold in folds for name in fold) == sorted(SONGS)
    assert [len(fold) for fold in folds] == [10] * 5
    uneven = [held_out(SONGS[:12], 0.2, 0, fold).sum() for fold in range(5)]
    assert sum(uneven) == 12 and set(uneven) == {2, 3}
