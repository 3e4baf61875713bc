"""The page as a file: it holds what it was given, loads nothing, and no text of a simfile leaves its element."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from groove.explorer.page import LibraryPage, as_json, html, packed

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


def page_of(titles: list[str], **changes) -> LibraryPage:
    n = len(titles)
    names = ("artist", "pack", "author", "simfile")
    settings = {
        "about": ["about"],
        "how": "by hand",
        "axes": ["stream", "voltage", "air", "freeze", "chaos"],
        "rings": [50, 100],
        "texts": {name: ["x"] * n for name in names}
        | {"title": titles, "difficulty": ["Hard", "Easy", "Edit"] * (n // 3), "split": ["val"] * n},
        "numbers": {name: np.arange(n) + i / 7 for i, name in enumerate(("x", "y", "meter", "bpm", "length", "steps"))},
        "song": np.arange(n),
        "neighbors": np.tile([1, -1], (n, 1)),
        "distances": np.tile([0.5, 0.0], (n, 1)),
        "orders": {"difficulty": ["Easy", "Medium", "Hard"]},
    }
    return LibraryPage(**(settings | changes))


def data_of(text: str) -> dict:
    (found,) = [body for _, attributes, body in Elements(text).texts if attributes.get("id") == "data"]
    return json.loads(found)


def unpacked(column: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(column["data"]), TYPES[column["kind"]])


def test_the_data_are_those_given():
    page = page_of(["b", "a", "b", "c", "ä 譜面", "d"])
    data = data_of(html(page))
    assert data["count"] == 6 and data["axes"] == page.axes and data["how"] == "by hand"
    for name, values in page.texts.items():
        coded = data["texts"][name]
        assert [coded["names"][code] for code in unpacked(coded["codes"])] == values
    for name, values in page.numbers.items():
        np.testing.assert_allclose(unpacked(data["numbers"][name]), values, rtol=1e-6)
    assert data["texts"]["difficulty"]["names"] == [
        "Easy",
        "Hard",
        "Edit",
    ]  # in order, what there is; the rest after it
    assert unpacked(data["song"]).tolist() == list(range(6))
    rows = unpacked(data["neighbors"]["rows"]).reshape(6, data["neighbors"]["k"])
    assert rows.tolist() == [[1, data["neighbors"]["none"]]] * 6 and data["neighbors"]["none"] >= 6
    assert unpacked(data["neighbors"]["distances"]).tolist() == [0.5, 0.0] * 6


@pytest.mark.parametrize("count", [3, 65535, 65538])
def test_numbers_of_charts_fit_their_kind(count):
    neighbors = np.full((count, 1), count - 1)
    page = page_of(["t"] * count, neighbors=neighbors, distances=np.zeros((count, 1)))
    found = data_of(html(page))["neighbors"]
    assert (unpacked(found["rows"]) == count - 1).all() and found["none"] != count - 1


@pytest.mark.parametrize(
    "title", [EVIL, "<!--<script>", "{{program}}", "{{data}}", "\u2028\u2029 \\ \" ' &lt;", "\udc80"]
)
def test_a_title_is_only_ever_data(title):
    plain = Elements(html(page_of(["plain"] * 3)))
    text = html(page_of([title] * 3))
    text.encode()
    found = Elements(text)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert data_of(text)["texts"]["title"]["names"] == [title]
    assert "alert" not in text.replace(as_json(EVIL), "")


def test_the_page_loads_nothing():
    text = html(page_of(["t"] * 3))
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
    found = Elements(html(page_of(["t"] * 3)))
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


def test_a_number_that_is_none_survives():
    column = packed(np.array([1.0, np.nan, -2.5]), "f4")
    np.testing.assert_array_equal(unpacked(column), [1, np.nan, -2.5])
