"""Files are written whole or not at all, and an error of the disk names the file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from groove.io.files import remove_parts, write_atomically, write_bytes, write_if_changed


@pytest.mark.parametrize("durable", [False, True])
def test_content_is_written_and_replaced(tmp_path, durable):
    path = tmp_path / "new" / "a.txt"
    for content in (b"", b"one", memoryview(b"two")):
        write_bytes(path, content, durable)
        assert path.read_bytes() == bytes(content) and os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
def test_a_full_disk_leaves_what_was_there_and_names_the_file(tmp_path, monkeypatch, call):
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError) as caught:
        write_bytes(path, b"new", durable=True)
    assert caught.value.filename == str(path) and caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.txt"]


def test_only_parts_are_removed(tmp_path):
    for name in (".a.txt.x1.part", "a.part", ".hidden", "a.txt"):
        (tmp_path / name).write_text("")
    remove_parts(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".hidden", "a.part", "a.txt"]
    remove_parts(tmp_path / "not there")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    target.write_text("old")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomically(target, fail)
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_unchanged_content_is_not_written_again(tmp_path):
    path = tmp_path / "folder" / "file"
    write_if_changed(path, b"1")
    os.utime(path, (1, 1))
    write_if_changed(path, b"1")
    assert path.stat().st_mtime == 1
    write_if_changed(path, b"2")
    assert path.read_bytes() == b"2"
    assert os.listdir(path.parent) == ["file"]
