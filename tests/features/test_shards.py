"""Shards are disjoint and cover everything; a plain run after them has nothing left to do."""

import hashlib
import itertools
from pathlib import Path

import pytest

from groove.config.schema import FeaturesConfig
from groove.errors import LibraryError
from groove.features.catalogue import prepare_library
from groove.features.shards import Shard, prepare_shard
from groove.features.sources import DigestCache
from tests.builders import steady, write_song

SETTINGS = FeaturesConfig()
SONGS = 9


@pytest.fixture
def songs(tmp_path):
    root = tmp_path / "Songs"
    for song in range(SONGS):
        seconds = 3 if song % 3 == 0 else None
        write_song(root, song=f"S{song}", charts=[("Easy", 1, steady(4, 2 + song))], music_seconds=seconds)
    write_song(root, "Copies", "S1", charts=[("Easy", 1, steady(4, 3))])
    (root / "Pack" / "S2" / "S2.sm").write_text("#TITLE:twin;")
    return root


def files(store):
    return {path.relative_to(store): path.read_bytes() for path in Path(store).rglob("*") if path.is_file()}


def records(store):
    return {path.parent.name for path in store.glob("??/*/record.json")}


def test_shards_are_disjoint_and_cover_and_a_plain_run_finishes(songs, tmp_path):
    whole = prepare_library(songs, tmp_path / "whole", SETTINGS)
    found = []
    for number in range(3):
        own = tmp_path / f"own {number}"
        part = prepare_shard(songs, own, SETTINGS, Shard(number, 3))
        assert (part.total, part.computed, part.failed) == (SONGS + 1, len(records(own)), [])
        found.append(records(own))
    assert all(found) and sum(map(len, found)) == len(set().union(*found)) == SONGS  # the copy shares a record
    assert set().union(*found) == records(tmp_path / "whole")

    shared = tmp_path / "shared"
    parts = [prepare_shard(songs, shared, SETTINGS, Shard(number, 3)) for number in range(3)]
    assert sum(part.simfiles for part in parts) == SONGS + 1
    assert not list(shared.glob("catalogue-*"))
    merged = prepare_library(songs, shared, SETTINGS)
    assert (whole.computed, merged.computed, merged.fingerprint) == (SONGS, 0, whole.fingerprint)
    assert files(shared) == files(tmp_path / "whole")


def test_a_shard_reads_no_audio_of_the_others(songs, tmp_path, monkeypatch):
    read = []
    digest = DigestCache.digest
    monkeypatch.setattr(DigestCache, "digest", lambda cache, path: read.append(path) or digest(cache, path))
    for number in range(2):
        prepare_shard(songs, tmp_path / str(number), SETTINGS, Shard(number, 2))
    audio = [path for path in read if path.suffix == ".wav"]
    assert len(audio) == len(set(audio)) == 3


def test_the_shard_is_a_function_of_the_bytes():
    digests = [hashlib.sha256(bytes([byte])).hexdigest() for byte in range(200)]
    for count in (1, 2, 7):
        held = [[digest for digest in digests if Shard(number, count).holds(digest)] for number in range(count)]
        assert sorted(itertools.chain(*held)) == sorted(digests)
        assert min(map(len, held)) > 0.5 * len(digests) / count


def test_a_shard_that_was_done_does_nothing(songs, tmp_path):
    first = prepare_shard(songs, tmp_path / "store", SETTINGS, Shard(1, 2))
    before = files(tmp_path / "store")
    again = prepare_shard(songs, tmp_path / "store", SETTINGS, Shard(1, 2))
    assert (first.computed > 0, again.computed, again.simfiles) == (True, 0, first.simfiles)
    assert files(tmp_path / "store") == before


def test_digests_of_two_processes_are_both_kept(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    caches = [DigestCache(tmp_path / "store") for _ in paths]
    for path, cache in zip(paths, caches, strict=True):
        path.write_text(path.name)
        cache.digest(path)
        cache.save()
    assert all(str(path) in (tmp_path / "store" / "digests.json").read_text() for path in paths)


def test_failures_are_told(songs, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("broken")

    monkeypatch.setattr("groove.features.workers.compute_record", fail)
    part = prepare_shard(songs, tmp_path / "store", SETTINGS, Shard(0, 1))
    assert len(part.failed) == SONGS + 1
    assert "ValueError: broken" in part.failed[0].reason


def test_a_library_without_charts_and_a_store_that_is_a_file_are_one_line(songs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError, match="cannot be used"):
        prepare_shard(songs, tmp_path / "file", SETTINGS, Shard(0, 1))
    with pytest.raises(LibraryError, match="no chart to use"):
        prepare_shard(songs, tmp_path / "store", SETTINGS, Shard(0, 1), ["dance-double"])
