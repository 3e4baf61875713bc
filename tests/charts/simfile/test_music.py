"""Which audio belongs to a song; none outside the library."""

from __future__ import annotations

import pytest

from groove.charts.simfile.reader import read_simfile
from tests.builders import write_song


@pytest.mark.parametrize(
    ("files", "tag", "expected"),
    [
        (["Song.OGG"], "song.ogg", "Song.OGG"),  # 1: case
        (["a.ogg", "A.ogg"], "A.ogg", "A.ogg"),  # 2: exact case first
        (["a.ogg"], "", "a.ogg"),  # 3: no tag, one file
        (["a.ogg", "b.mp3"], "", None),  # 4: no tag, two files
        (["a.ogg"], "missing.ogg", "a.ogg"),  # 5: missing, one file
        (["a.ogg", "b.ogg"], "missing.ogg", None),  # 6: missing, two files
        (["sub/a.ogg"], "SUB\\\\A.ogg", "sub/a.ogg"),  # 7: in a folder, written as on Windows
        ([], "a.ogg", None),  # 8: nothing
        (["a.txt"], "", None),  # 9: no audio
        (["a.ogg"], "../Other/b.ogg", "../Other/b.ogg"),  # 10: another folder of the library
        (["a.ogg"], "../../../secret.ogg", None),  # 11: out of the library
        (["a.ogg"], "/etc/hostname", None),  # 12: absolute
        (["a.ogg"], "C\\:\\\\a.ogg", None),  # 13: absolute, as on Windows
    ],
)
def test_music(tmp_path, files: list[str], tag: str, expected: str | None) -> None:
    root = tmp_path / "root"
    song = write_song(root, music=tag)
    (root / "Pack" / "Other").mkdir()
    for file in [*files, "../Other/b.ogg", "../../../secret.ogg"]:
        (song.parent / file).parent.mkdir(exist_ok=True)
        (song.parent / file).write_bytes(b"x")
    (chart,), left_out = read_simfile(song, root)
    wanted = None if expected is None else (song.parent / expected).resolve().relative_to(root.resolve()).as_posix()
    assert chart.music == wanted
    outside = "secret" in tag or "/etc" in tag or ":" in tag
    assert [entry.reason.endswith("leads out of the library and is not read") for entry in left_out] == [True] * outside


def test_music_link_out_of_the_library_is_not_used(tmp_path) -> None:
    root = tmp_path / "root"
    (tmp_path / "outside.ogg").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.ogg").write_bytes(b"x")
    for name, link, target in (("a.ogg", "a.ogg", "outside.ogg"), ("sub/b.ogg", "sub", "folder")):
        song = write_song(root, song=link, charts=[("Easy", 3, "1000"), ("Hard", 3, "0100")], music=name)
        (song.parent / link).symlink_to(tmp_path / target)
        charts, (left_out,) = read_simfile(song, root)
        assert [chart.music for chart in charts] == [None, None]
        assert left_out.reason == f"audio '{name}' leads out of the library and is not read"


def test_music_of_a_song_that_is_linked_into_the_library(tmp_path) -> None:
    write_song(tmp_path / "outside", music_seconds=1)
    root = tmp_path / "root"
    root.mkdir()
    (root / "Linked").symlink_to(tmp_path / "outside" / "Pack")
    (chart,), left_out = read_simfile(root / "Linked" / "Song" / "Song.ssc", root)
    assert chart.music == "Linked/Song/Song.wav" and not left_out
