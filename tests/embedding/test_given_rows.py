"""Tags of charts from a file: which charts it names, how they are read, and files that cannot be used."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from groove.embedding.given_rows import TAG_COLUMNS, check_given, with_tags
from groove.errors import ConfigError, LibraryError
from tests.embedding.libraries import embedded_library

HEADER = ",".join(TAG_COLUMNS)
LIBRARY = embedded_library(20)


def written(path, rows, header=HEADER, encoding="utf-8"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return path


def test_named_charts_have_the_tags_of_the_file_and_others_keep_their_own(tmp_path, caplog):
    rows = [
        "Pack 0/Song 0/song.ssc,HARD,br- ds XX",  # whatever its case; a word that is no tag is passed over
        "Pack 1/Song 1/song.ssc,easy,",
        "Pack 1/Song 1/other.ssc,Easy,FS",
        "Pack 0/Song 2/song.ssc,Expert,FS",
    ]
    with caplog.at_level(logging.INFO):
        found = with_tags(LIBRARY, written(tmp_path / "tags.csv", rows))
    expected = LIBRARY.column("tags")
    expected[2], expected[5] = "BR DS", ""
    assert LIBRARY.column("tags")[2] == "FS XO" and LIBRARY.column("tags")[5] == "FS XO", "the file says otherwise"
    assert found.column("tags") == expected
    assert "tags.csv: 2 of its 4 charts are among the 20 that are asked" in caplog.text
    assert found.table.drop_columns("tags").equals(LIBRARY.table.drop_columns("tags"))
    assert found.table.schema.equals(LIBRARY.table.schema)
    np.testing.assert_array_equal(found.space("pooled"), LIBRARY.space("pooled"))


def test_the_order_of_columns_further_columns_and_a_mark_at_the_start_do_not_matter(tmp_path):
    rows = ["FS,7,Easy,Pack 0/Song 0/song.ssc"]
    path = written(tmp_path / "tags.csv", rows, header="tags,meter,difficulty,simfile", encoding="utf-8-sig")
    assert with_tags(LIBRARY, path).column("tags")[0] == "FS"


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"", ConfigError, "has no column simfile, difficulty, tags: it must be a CSV file with the columns simfile,"),
        (b"simfile,tags\na,XO\n", ConfigError, "has no column difficulty: it must be"),
        (b"simfile,difficulty,tags\na,Hard,XO\nb,Hard\n", ConfigError, r"error after line 2 \(TypeError\)"),
        (b"simfile,difficulty,tags\n\xff,Hard,XO\n", ConfigError, r"error after line \d \(UnicodeDecodeError\)"),
        (b"simfile,difficulty,tags\n", LibraryError, "names none of the 20 charts: 0 rows"),
        (b"simfile,difficulty,tags\na,Hard,XO\n", LibraryError, "names none of the 20 charts: 1 rows by simfile"),
    ],
)
def test_files_that_cannot_be_used_are_named_in_one_line(tmp_path, content, error, says):
    path = tmp_path / "tags.csv"
    path.write_bytes(content)
    with pytest.raises(error, match=says) as raised:
        with_tags(LIBRARY, path)
    assert str(raised.value).startswith(f"tags={path} ") and "\n" not in str(raised.value)


def test_a_folder_and_a_missing_file_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(ConfigError, match="cannot be read: "):
            with_tags(LIBRARY, path)


def test_files_are_checked_before_any_library(tmp_path):
    (tmp_path / "tiers.csv").write_text("simfile,difficulty,level,tier\na.sm,Hard,nine,9.1\n")
    (tmp_path / "tags.csv").write_text("simfile,difficulty\na.sm,Hard\n")
    check_given(None, None)
    with pytest.raises(ConfigError, match=r"tiers\.csv must be .* error after line 0"):
        check_given(None, str(tmp_path / "tiers.csv"))
    with pytest.raises(ConfigError, match=r"tags\.csv has no column tags"):
        check_given(str(tmp_path / "tags.csv"), None)
