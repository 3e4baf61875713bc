"""Written files hold what they were given."""

from __future__ import annotations

import csv
import io

import pytest

from groove.io.files import csv_bytes


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "-1+1", 'a "b", c', "two\nlines", "\u2028", "ä", "\udcff", ""]
)
def test_every_text_comes_back_from_a_csv_as_it_was(text):
    """Titles that a spreadsheet would take for formulas are data, too."""
    content = csv_bytes(["title", "n"], [[text, 1], ["after", 2]]).decode("utf-8", "surrogateescape")
    assert list(csv.reader(io.StringIO(content, newline=""))) == [["title", "n"], [text, "1"], ["after", "2"]]
