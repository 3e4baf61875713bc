import numpy as np
import pyarrow as pa

from groove.embedding.seen_songs import same_song, seen_before
from tests.embedding.libraries import embedded_library


def changed(table: pa.Table, **columns) -> pa.Table:
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    return table


def test_what_training_saw_is_known_in_another_library_by_notes_or_by_title_and_artist():
    own = embedded_library(20)  # songs 0 (held out), 1, 2 (trained on), 3 (held out), five charts each
    splits = own.column("split")
    assert seen_before(own.table, own) == [
        split if split != "unseen" else splits[i - 1] for i, split in enumerate(splits)
    ]
    other = changed(
        own.table.slice(0, 4),
        content=["content 5", "new", "new too", "also new"],
        title=["Another", "SONG 3!", "Never heard", "Song 1"],
        artist=["Another", "someone", "Someone", "Unknown"],
        identity=["a", "b", "c", "d"],
    )
    assert seen_before(other, own) == ["train", "val", "unseen", "unseen"]
    one_song = changed(other, identity=["a", "b", "c", "a"])  # another difficulty of it, with other notes and no artist
    assert seen_before(one_song, own) == ["train", "val", "unseen", "train"]


def test_a_song_of_both_splits_was_trained_on():
    own = embedded_library(20)
    twice = changed(own.table.slice(0, 1), content=["content 5"])  # the title of song 0, the notes of song 1
    assert seen_before(twice, own) == ["train"]


def test_the_charts_of_a_song_are_found_by_any_of_them():
    library = embedded_library(20)
    stranger = changed(library.table.slice(0, 1), title=["Other"], artist=["Other"], content=["content 7"])
    assert same_song(library.table, stranger).tolist() == (library.song == library.song[7]).tolist()
    assert not same_song(library.table, changed(stranger, content=["new"])).any()
    assert same_song(library.table.slice(0, 0), stranger).shape == (0,)
    assert same_song(library.table, library.table.slice(3, 1)).sum() == np.sum(library.song == library.song[3])
