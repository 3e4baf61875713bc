"""The page as a file: it holds what it was given, loads nothing, and no text of a simfile leaves its element."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

from groove.explorer.page import as_json, html, packed, page_data
from groove.retrieval.search import Neighbors
from tests.embedding.libraries import embedded_library

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'\u2028`${alert(3)}`"
TYPES = {"u2": "<u2", "u4": "<u4", "f4": "<f4"}


class Elements(HTMLParser):
    """All elements of a page with their attributes, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.texts: list[tuple[str, dict, str]] = []
        self.inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside in ("script", "style"):
            self.texts.append((*self.tags[-1], data))


def data_with(title: str, charts: int = 5, k: int = 2) -> dict:
    """Return what a page of `charts` charts holds, all of this title; their neighbor is the last one."""
    library = embedded_library(5).take(np.arange(charts) % 5)
    table = library.table.set_column(library.table.column_names.index("title"), "title", pa.array([title] * charts))
    rows = np.tile([charts - 1, -1][:k], (charts, 1))
    neighbors = Neighbors(rows, np.where(rows < 0, np.inf, 0.5))
    return page_data(replace(library, table=table), "pooled", np.zeros((charts, 2)), "by hand", neighbors)


def data_of(text: str) -> dict:
    (found,) = [body for _, attributes, body in Elements(text).texts if attributes.get("id") == "data"]
    return json.loads(found)


def unpacked(column: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(column["data"]), TYPES[column["kind"]])


def texts_of(data: dict, name: str) -> list[str]:
    coded = data["texts"][name]
    return [coded["names"][code] for code in unpacked(coded["codes"])]


def test_the_data_are_those_given():
    given = data_with("ä 譜面")
    data = data_of(html(given))
    assert data == json.loads(json.dumps(given)) and data["count"] == 5 and data["how"] == "by hand"
    assert texts_of(data, "title") == ["ä 譜面"] * 5
    rows = unpacked(data["neighbors"]["rows"]).reshape(5, data["neighbors"]["k"])
    assert rows.tolist() == [[4, data["neighbors"]["none"]]] * 5 and data["neighbors"]["none"] >= 5
    assert unpacked(data["neighbors"]["distances"]).tolist() == [0.5, 0.0] * 5


@pytest.mark.parametrize("count", [3, 65535, 65538])
def test_numbers_of_charts_fit_their_kind(count):
    found = data_with("t", count, k=1)["neighbors"]
    assert (unpacked(found["rows"]) == count - 1).all() and found["none"] != count - 1


@pytest.mark.parametrize("title", [EVIL, "<!--<script>", "{{program}}", "{{data}}", "\u2028\u2029 \\ \" ' &lt;"])
def test_a_title_is_only_ever_data(title):
    plain = Elements(html(data_with("plain")))
    text = html(data_with(title))
    text.encode()
    found = Elements(text)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert data_of(text)["texts"]["title"]["names"] == [title]
    assert "alert" not in text.replace(as_json(EVIL), "")


def test_the_page_loads_nothing():
    text = html(data_with("t"))
    found = Elements(text)
    for tag, attributes in found.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form"), tag
        assert not {"src", "href", "srcset", "style", "onclick"} & set(attributes), (tag, attributes)
    program = "".join(body for tag, a, body in found.texts if a.get("id") != "data")
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    for way in ("@import", "url(", "fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "import(", "innerHTML",
                "insertAdjacentHTML", "document.write", "eval("):  # fmt: skip
        assert way not in program, way


def test_the_policy_names_the_page_s_own_script_and_style_and_nothing_else():
    found = Elements(html(data_with("t")))
    (policy,) = [a["content"] for tag, a in found.tags if tag == "meta" and a.get("http-equiv")]
    sources = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert sources["default-src"] == "'none'"
    bodies = {"style-src": [], "script-src": []}
    for tag, attributes, body in found.texts:
        if attributes.get("type") != "application/json":
            bodies[f"{tag}-src"].append(body)
    for rule, (body,) in bodies.items():
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert sources[rule] == f"'sha256-{digest}'"


def test_half_a_character_of_a_file_name_is_data_too():
    assert json.loads(as_json(["\udc80 <"])) == ["\udc80 <"] and as_json("\udc80").isascii()


def test_a_number_that_is_none_survives():
    column = packed(np.array([1.0, np.nan, -2.5]), "f4")
    np.testing.assert_array_equal(unpacked(column), [1, np.nan, -2.5])
