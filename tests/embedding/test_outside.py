from pathlib import Path

import pytest

from groove.embedding.outside import the_simfile
from groove.errors import LibraryError, SimfileError


def folder(root: Path, *names: str) -> Path:
    root.mkdir(exist_ok=True)
    for name in names:
        (root / name).write_text("")
    return root


@pytest.mark.parametrize(
    ("names", "taken"),
    [(["a.sm", "a.ogg"], "a.sm"), (["a.SSC"], "a.SSC"), (["a.sm", "a.ssc"], "a.ssc"), (["A.ssc", "a.sm"], "A.ssc")],
)
def test_a_folder_stands_for_its_only_simfile(tmp_path, names, taken):
    assert the_simfile(folder(tmp_path / "song", *names)) == tmp_path / "song" / taken
    assert the_simfile(tmp_path / "song" / taken) == tmp_path / "song" / taken


def test_a_folder_with_several_names_them(tmp_path):
    with pytest.raises(LibraryError, match=r"a folder of 2 simfiles; choose one: .*/a\.sm\", .*/b\.ssc\"$"):
        the_simfile(folder(tmp_path, "b.ssc", "a.sm"))
    folder(tmp_path, *(f"{i}.sm" for i in range(20)))
    with pytest.raises(LibraryError, match=r"22 simfiles.*, and 14 more$"):
        the_simfile(tmp_path)


def test_what_holds_no_simfile_is_refused(tmp_path):
    with pytest.raises(LibraryError, match=r"is a folder without a \.sm or \.ssc file"):
        the_simfile(folder(tmp_path, "a.dwi"))
    with pytest.raises(SimfileError, match=r"a\.dwi is not a \.sm or \.ssc file"):
        the_simfile(tmp_path / "a.dwi")
    with pytest.raises(LibraryError, match="does not exist"):
        the_simfile(tmp_path / "none")
