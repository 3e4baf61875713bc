"""Digests of audio: read once, of files that changed again, and none where no other file can be equal."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from groove.charts.library import digests
from groove.charts.library.digests import AudioDigests, audio_digest
from tests.builders import settle

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def written(root: Path, **contents: bytes) -> Path:
    root.mkdir(exist_ok=True)
    for name, content in contents.items():
        (root / name).write_bytes(content)
        settle(root / name)
    return root


def test_the_digest_is_that_of_the_bytes(tmp_path) -> None:
    root = written(tmp_path / "songs", a=b"abc")
    assert audio_digest(root / "a") == AudioDigests(root, None).digest("a") == ABC
    with pytest.raises(OSError):
        AudioDigests(root, None).digest("none")


def test_what_is_known_is_not_read_again_unless_it_changed(tmp_path, monkeypatch) -> None:
    root = written(tmp_path / "songs", a=b"abc")
    first = AudioDigests(root, tmp_path / "cache")
    first.digest("a")
    first.save()
    with monkeypatch.context() as patch:
        patch.setattr(digests, "audio_digest", lambda path: pytest.fail("read again"))
        assert AudioDigests(root, tmp_path / "cache").digest("a") == ABC
    now = time.time_ns()
    for content in (b"abd", b"abe"):  # twice at one time
        (root / "a").write_bytes(content)
        os.utime(root / "a", ns=(now, now))
        again = AudioDigests(root, tmp_path / "cache")
        assert again.digest("a") == audio_digest(root / "a")
        again.save()


def test_only_files_of_one_size_can_be_equal(tmp_path, monkeypatch) -> None:
    root = written(tmp_path / "songs", a=b"abc", b=b"abcd", c=b"abc", d=b"xyz")
    read = []
    monkeypatch.setattr(digests, "audio_digest", lambda path: read.append(path.name) or path.read_text())
    found = AudioDigests(root, None).of_equal_sizes(["a", "b", "c", "d", "a", "gone"])
    assert found == {"a": "abc", "c": "abc", "d": "xyz"} and sorted(read) == ["a", "c", "d"]


def test_digests_of_two_processes_are_both_kept(tmp_path, monkeypatch) -> None:
    root = written(tmp_path / "songs", a=b"1", b=b"2")
    both = [AudioDigests(root, tmp_path / "cache") for _ in range(2)]
    for kept, name in zip(both, "ab", strict=True):
        kept.digest(name)
        kept.save()
    monkeypatch.setattr(digests, "audio_digest", lambda path: pytest.fail("read again"))
    third = AudioDigests(root, tmp_path / "cache")
    assert third.digest("a") != third.digest("b")


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', '{"a": ["x"]}'])
def test_a_broken_file_is_made_anew(tmp_path, content: str) -> None:
    root = written(tmp_path / "songs", a=b"abc")
    (tmp_path / "digests.json").write_text(content)
    kept = AudioDigests(root, tmp_path)
    assert kept.digest("a") == ABC
    kept.save()
    assert ABC in (tmp_path / "digests.json").read_text()
