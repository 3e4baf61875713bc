"""Scanning folders and listing what is left out."""

from __future__ import annotations

import os

import pytest

from groove.charts.library.scan import count_reasons, scan
from groove.charts.library.walk import LeftOut
from groove.errors import LibraryError
from tests.builders import write_song

# ---- scan -------------------------------------------------------------------------------------------


def test_scan_is_sorted_and_complete(tmp_path) -> None:
    write_song(tmp_path, "B", "Two", fmt="sm")
    write_song(tmp_path, "A", "One", [("Easy", 3, "1000"), ("Hard", 8, "1100")])
    (tmp_path / "A" / "One" / "notes.txt").write_text("x")
    (tmp_path / "A" / "One" / "old.dwi").write_text("x")
    (tmp_path / "B" / "Two" / "broken.SM").write_bytes(b"")
    library = scan(tmp_path)
    assert library.chart_id == ["A/One/One.ssc#0", "A/One/One.ssc#1", "B/Two/Two.sm#0"]
    assert library.left_out == [
        LeftOut("A/One/old.dwi", "", "format DWI is not read, only .sm and .ssc are"),
        LeftOut("B/Two/broken.SM", "", "empty file"),
    ]
    assert count_reasons(library.left_out)["empty file"] == 1


def test_other_steps_types_are_listed(tmp_path) -> None:
    write_song(tmp_path, song="Single")
    write_song(tmp_path, song="Double", charts=[("Hard", 9, "10000001")], steps_type="dance-double")
    write_song(tmp_path, song="Pump", charts=[("Hard", 9, "10001")], steps_type="pump-single")
    library = scan(tmp_path)
    assert library.text("title") == ["Single"]
    assert [entry.chart for entry in library.left_out] == ["#0 dance-double Hard 9", "#0 pump-single Hard 9"]
    both = scan(tmp_path, ["dance-single", "dance-double"])
    assert both.text("title") == ["Double", "Single"]


def test_pack_of_songs_at_any_depth(tmp_path) -> None:
    write_song(tmp_path / "Songs" / "Deep", "Pack", "Song")
    for root, pack in (
        (tmp_path, "Pack"),
        (tmp_path / "Songs" / "Deep", "Pack"),
        (tmp_path / "Songs/Deep/Pack", "Pack"),
    ):
        assert scan(root).text("pack") == [pack]


def test_folder_that_cannot_be_used(tmp_path) -> None:
    with pytest.raises(LibraryError, match="does not exist"):
        scan(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(LibraryError, match="is not a folder"):
        scan(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LibraryError, match="no files at all"):
        scan(tmp_path / "empty")
    (tmp_path / "a.dwi").write_text("x")
    with pytest.raises(LibraryError, match=r"2 other files .*1 \.dwi.*\.dwi files are not read"):
        scan(tmp_path)


def test_links_to_folders_are_followed_once(tmp_path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    write_song(root)
    linked = write_song(outside, song="Linked", music_seconds=1)
    (root / "Away").symlink_to(outside)
    (root / "Again").symlink_to(outside / "Pack" / "..")
    (root / "Pack" / "Loop").symlink_to(root)
    (root / "Pack" / "Song" / "file.ssc").symlink_to(linked)
    (root / "Pack" / "Song" / "lost.sm").symlink_to(root / "nothing.sm")
    library = scan(root)
    assert library.text("simfile") == [
        "Again/Pack/Linked/Linked.ssc",
        "Pack/Song/Song.ssc",
        "Pack/Song/file.ssc",
    ]
    assert library.text("music") == ["Again/Pack/Linked/Linked.wav", "", ""]
    assert [(entry.path, entry.reason) for entry in library.left_out] == [
        ("Away", "link to a folder that is read already, not followed"),
        ("Pack/Loop", "link to a folder that is read already, not followed"),
        ("Pack/Song/lost.sm", "not a regular file"),
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder_is_listed(tmp_path) -> None:
    write_song(tmp_path)
    (tmp_path / "closed").mkdir(mode=0)
    assert [entry.path for entry in scan(tmp_path).left_out] == ["closed"]
