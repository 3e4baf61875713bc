"""`python -m groove.explore`: the command, and its page in a real browser where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from groove.charts.technique.counting import TECHNIQUES
from groove.embedding.embedded import EmbeddedLibrary, save
from groove.errors import ConfigError, RunError
from groove.explore import ExploreConfig, run
from groove.explorer.map_layout import map_of
from groove.explorer.page import RINGS, SEEN, page_data
from groove.retrieval.search import nearest_of_other_songs
from tests.builders import ssc_text
from tests.embedding.libraries import embedded_library
from tests.explorer.test_page import EVIL, data_of, texts_of, unpacked

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
EVIL_ROW = 7
ATTACKED = ("title", "artist", "pack", "description", "simfile", "substyle")
"""Every text that a stranger's simfile or folder decides."""


def library_of(charts: int) -> EmbeddedLibrary:
    """Return a library with sub-styles, and one chart all of whose texts attack."""
    library = embedded_library(charts)
    styles = [f"style {i % 3}" for i in range(charts)]
    table = library.table.append_column("substyle", pa.array(styles))
    for name in ATTACKED:
        column = table[name].to_pylist()
        column[EVIL_ROW] = EVIL
        table = table.set_column(table.column_names.index(name), name, pa.array(column))
    return replace(library, table=table)


# --- the command ---------------------------------------------------------------------------------------------------


def test_run_as_a_user(tmp_path) -> None:
    library = embedded_library(40)
    save(library, tmp_path / "my run")
    command = [sys.executable, "-m", "groove.explore", "run=my run", "out=pages/map.html", "neighbors=3", "method=pca"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "40 charts" in done.stdout and "(PCA)" in done.stdout and "pages/map.html" in done.stdout
    assert sorted(os.listdir(tmp_path)) == ["my run", "pages"]
    data = data_of((tmp_path / "pages" / "map.html").read_text())
    assert data["count"] == 40 and "substyle" in data["texts"] and data["rings"] == list(RINGS["konami"])
    vectors, song = library.space("projection"), library.song
    for chart in range(40):
        apart = np.linalg.norm(vectors.astype(float) - vectors[chart].astype(float), axis=1)
        apart[song == song[chart]] = np.inf
        rows = unpacked(data["neighbors"]["rows"])[3 * chart : 3 * chart + 3]
        assert rows.tolist() == np.argsort(apart)[:3].tolist()
        distances = unpacked(data["neighbors"]["distances"])[3 * chart : 3 * chart + 3]
        np.testing.assert_allclose(distances, np.sort(apart)[:3], rtol=1e-6)


def test_the_page_shows_what_the_library_says() -> None:
    library = library_of(30)
    vectors = library.space("pooled")
    xy, how = map_of(vectors, "pca")
    data = page_data(library, "pooled", xy, how, nearest_of_other_songs(vectors, library.song, 4))
    for name in ("title", "substyle", "artist", "pack", "difficulty", "simfile", "split"):
        assert texts_of(data, name) == library.column(name)
    assert texts_of(data, "author") == library.column("description") and set(texts_of(data, "split")) <= set(SEEN)
    columns = {"meter": "meter", "bpm": "bpm", "length": "length_s", "steps": "steps"}
    columns |= {"stream_measures": "stream_measures"}
    steps = np.array(library.column("technique_steps"))
    for name in TECHNIQUES:
        per_100 = 100 * np.array(library.column(f"technique_{name}")) / steps
        np.testing.assert_allclose(unpacked(data["numbers"][name]), per_100, rtol=1e-6)
    numbers = {name: library.column(column) for name, column in columns.items()}
    numbers |= {axis: library.radar[:, index] for index, axis in enumerate(data["axes"])} | {
        "x": xy[:, 0],
        "y": xy[:, 1],
    }
    for name, values in numbers.items():
        np.testing.assert_allclose(unpacked(data["numbers"][name]), values, rtol=1e-6)
    assert unpacked(data["song"]).tolist() == library.song.tolist()
    assert "pooled" in data["about"][1] and "10 nearest" in data["how"] == how


def test_names_stand_in_the_order_of_difficulty() -> None:
    library = embedded_library(6)  # Easy, Medium, Hard, Challenge, Edit, Easy
    styles = pa.array(["b", "a", "b", "Hard: x", "", "Easy: x"])
    library = replace(library, table=library.table.append_column("substyle", styles))
    vectors = library.space("pooled")
    data = page_data(library, "pooled", vectors[:, :2], "", nearest_of_other_songs(vectors, library.song, 1))
    assert data["texts"]["substyle"]["names"] == ["Easy: x", "b", "a", "Hard: x", ""]
    assert data["texts"]["difficulty"]["names"] == ["Easy", "Medium", "Hard", "Challenge", "Edit"]


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"out": "."}, ConfigError, "is a folder"),
        ({"out": "embeddings.parquet/map.html", "method": "pca"}, ConfigError, "cannot be written"),
        ({"run": "nowhere"}, RunError, "nowhere"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, settings, error, text) -> None:
    monkeypatch.chdir(tmp_path)
    save(embedded_library(10), tmp_path)
    with pytest.raises(error, match=text) as raised:
        run(ExploreConfig(**({"run": "."} | settings)))
    assert "\n" not in str(raised.value)
    assert os.listdir(tmp_path) == ["embeddings.parquet"]


# --- in a browser --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    """Return a headless Chromium: an installed one, or playwright's own."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install '.[browser]')")
    with api.sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, BROWSERS)), None) or playwright.chromium.executable_path
        if not Path(found).is_file():
            pytest.skip(f"no browser found (looked for {', '.join(BROWSERS)} and playwright's own)")
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Path, EmbeddedLibrary]:
    """Return the page of 2,000 charts and their library."""
    folder, library = tmp_path_factory.mktemp("explore"), library_of(2000)
    save(library, folder)
    out = folder / "map.html"
    run(ExploreConfig(run=str(folder), out=str(out), method="pca", neighbors=6, substyles=False))
    return out, library


@pytest.fixture
def tab(browser, written):
    """Return a page that is open; afterwards nothing may have gone wrong in it, and nothing been loaded."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    wrong, loaded = [], []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: loaded.append(request.url))
    page.goto(written[0].as_uri())
    settle(page)
    yield page
    page.close()
    assert wrong == []
    assert {url.split("#")[0] for url in loaded} == {written[0].as_uri()}


def settle(page) -> None:
    """Wait until what was asked for is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def drawn_colors(page) -> set[tuple[int, ...]]:
    """Return the different colours of the map's points."""
    code = """() => { const c = document.getElementById('points'); const copy = new OffscreenCanvas(c.width, c.height);
        const context = copy.getContext('2d', { willReadFrequently: true }); context.drawImage(c, 0, 0);
        const d = context.getImageData(0, 0, c.width, c.height).data; const found = new Set();
        for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) found.add([d[i], d[i+1], d[i+2]].join());
        return [...found]; }"""
    return {tuple(map(int, color.split(","))) for color in page.evaluate(code)}


def shown(page) -> int:
    return int(page.inner_text("#shown").split(" of ")[0].replace(",", ""))


def test_all_charts_are_there(tab) -> None:
    assert tab.inner_text("#shown") == "2,000 of 2,000 charts"
    assert "2000 charts" in tab.inner_text("#about")
    assert tab.inner_text("#legend").split()[1:] == ["Easy", "400", "Medium", "400", "Hard", "400", "Challenge", "400",
                                                     "Edit", "400"]  # fmt: skip
    assert len(drawn_colors(tab)) > 5


def test_every_colour_draws_and_has_a_legend(tab) -> None:
    names = tab.eval_on_selector_all("#color option", "options => options.map(o => o.value)")
    assert names == [
        "difficulty",
        "substyle",
        "stream",
        "voltage",
        "air",
        "freeze",
        "chaos",
        "meter",
        "bpm",
        "stream_measures",
        *TECHNIQUES,
        "split",
        "pack",
        "step_artist",
    ]
    seen = []
    for name in names:
        tab.select_option("#color", name)
        settle(tab)
        seen.append(frozenset(drawn_colors(tab)))
        title = tab.inner_text("#legend h2").lower()
        others = ("training", "sub-style", "stream (measures)", "step artist", f"{name} (in 100 steps)")
        assert title in (name, *others)
    assert len(set(seen)) >= len(names) - 4  # fixed colours of names may coincide


def test_names_of_sub_styles_have_two_lines_and_a_tooltip(tab, written) -> None:
    names = set(written[1].column("substyle"))
    tab.select_option("#color", "substyle")
    settle(tab)
    for place in ("#legend .named", ".tick:has(input[name=substyle]) .named"):
        titles = tab.eval_on_selector_all(place, "found => found.map(one => [one.title, one.textContent])")
        assert all(title == text for title, text in titles) and {title for title, _ in titles} == names
        heights = tab.eval_on_selector_all(place, "found => found.map(one => one.clientHeight / parseFloat("
                                                  "getComputedStyle(one).lineHeight))")  # fmt: skip
        assert {round(height) for height in heights} <= {1, 2}


def test_search_finds_titles_and_only_those(tab, written) -> None:
    titles = written[1].column("title")
    tab.fill("#search", "sONG 12 ")
    expected = sum("song 12" in title.lower() for title in titles)
    everything = sum("12" in title and "song" in title.lower() for title in titles)
    settle(tab)
    assert shown(tab) == everything >= expected > 0
    assert tab.inner_text("#found").startswith(f"{everything} found")
    assert tab.locator("#results li").first.locator("b").inner_text() == "Song 12"
    tab.fill("#search", "no such song")
    assert tab.inner_text("#found") == "0 found" and tab.locator("#results li").count() == 0
    tab.keyboard.press("Escape")
    assert shown(tab) == 2000


def test_a_title_that_attacks_is_shown_as_it_is(tab) -> None:
    tab.fill("#search", "</script>")
    assert shown(tab) == 1
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    settle(tab)
    assert tab.text_content("#details h2") == EVIL
    assert tab.text_content("#details").count(EVIL) >= 3
    for name in ("substyle", "pack"):  # the legend names them
        tab.select_option("#color", name)
        settle(tab)
    assert tab.locator("script").count() == 2 and tab.locator("img").count() == 0


def test_a_chart_its_radar_and_its_neighbours(tab, written) -> None:
    library = written[1]
    tab.goto(f"{written[0].as_uri()}#color=stream&chart=123")
    settle(tab)
    assert tab.inner_text("#details h2") == library.column("title")[123]
    expected = nearest_of_other_songs(library.space("projection"), library.song, 6)
    rows = tab.locator(".neighbor")
    assert rows.count() == 6
    for i, row in enumerate(expected.rows[123]):
        text = rows.nth(i).inner_text()
        level = f"{library.column('difficulty')[row]} {library.column('meter')[row]}"
        assert library.column("title")[row] in text and level in text and library.column("pack")[row] in text
        assert f"distance {expected.distance[123, i]:.3f}" in text
        cells = rows.nth(i).locator(".axes span").all_inner_texts()
        difference = library.radar[row] - library.radar[123]
        found = [float(cell.replace("\u2212", "-")) for cell in cells]
        np.testing.assert_allclose(found, difference, atol=0.51)
    corners = tab.get_attribute("svg.radar polygon.value", "points").split()
    top = 100 if library.radar[[123, *expected.rows[123]]].max() <= 100 else 200
    heights = [np.linalg.norm(np.array(point.split(","), float) - [165, 133]) / 92 * top for point in corners]
    np.testing.assert_allclose(heights, np.minimum(library.radar[123], top), atol=0.3)
    rows.nth(2).click()
    settle(tab)
    assert tab.inner_text("#details h2") == library.column("title")[expected.rows[123, 2]]
    tab.go_back()
    settle(tab)
    assert tab.inner_text("#details h2") == library.column("title")[123]


def test_a_click_on_the_map_opens_the_chart_there(tab, written) -> None:
    library = written[1]
    places = map_of(library.space("projection"), "pca")[0]
    alone = int(np.argmax([np.sort(np.linalg.norm(places - place, axis=1))[1] for place in places]))
    box = tab.locator("#marks").bounding_box()
    size = min(box["width"], box["height"]) - 56
    x, y = (box[side] / 2 + (places[alone, i] - 0.5) * size for i, side in enumerate(("width", "height")))
    tab.mouse.move(box["x"] + x, box["y"] + y)
    assert tab.inner_text("#tip b") == library.column("title")[alone]
    tab.mouse.click(box["x"] + x, box["y"] + y)
    settle(tab)
    assert f"chart={alone}" in tab.url and tab.inner_text("#details h2") == library.column("title")[alone]
    tab.keyboard.press("Escape")
    settle(tab)
    assert tab.locator("#details h2").count() == 0


def test_filters(tab, written) -> None:
    library = written[1]
    difficulty, meter, bpm, pack, split = (
        np.array(library.column(name)) for name in ("difficulty", "meter", "bpm", "pack", "split")
    )

    def counted(name):
        return np.array(library.column(name), dtype=float)

    tab.uncheck("input[name=difficulty][value=Edit]")
    kept = difficulty != "Edit"
    assert shown(tab) == kept.sum()
    tab.fill("#filter-meter-from", "5")
    tab.fill("#filter-meter-to", "11")
    kept &= (meter >= 5) & (meter <= 11)
    assert shown(tab) == kept.sum()
    tab.fill("#filter-bpm-to", "150")
    kept &= bpm <= 150
    assert shown(tab) == kept.sum()
    tab.select_option("#filter-pack", label="Pack 1")
    kept &= pack == "Pack 1"
    assert shown(tab) == kept.sum()
    tab.uncheck("input[name=split][value=train]")
    kept &= split != "train"
    assert shown(tab) == kept.sum()
    tab.uncheck("input[name=substyle][value='style 1']")
    kept &= np.array(library.column("substyle")) != "style 1"
    assert shown(tab) == kept.sum() > 0
    tab.click("summary:has-text('Technique')")
    tab.fill("#filter-crossovers-from", "2.5")
    kept &= 100 * counted("technique_crossovers") / counted("technique_steps") >= 2.5
    assert shown(tab) == kept.sum() > 0
    tab.fill("#filter-stream_measures-to", "40")
    kept &= counted("stream_measures") <= 40
    tab.select_option("#filter-step_artist", label="artist 1")
    kept &= np.array(library.column("step_artist")) == "artist 1"
    assert shown(tab) == kept.sum()
    tab.fill("#search", "song")
    assert f"{2000 - 1 - kept.sum():,} more behind the filters" in tab.inner_text("#found")
    tab.click("#reset")
    tab.fill("#search", "")
    assert shown(tab) == 2000


def test_keys_move_the_map_and_find_the_search(tab) -> None:
    before = tab.locator("#points").screenshot()
    tab.focus("#marks")
    for key in ("+", "ArrowLeft", "ArrowUp"):
        tab.keyboard.press(key)
    settle(tab)
    assert tab.locator("#points").screenshot() != before
    tab.keyboard.press("0")
    settle(tab)
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "search" and tab.input_value("#search") == ""
    tab.focus("#marks")
    tab.keyboard.press("Enter")
    settle(tab)
    assert tab.locator(".neighbor").count() == 6


def test_a_phone_shows_all_without_scrolling_sideways(browser, written) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    page.goto(f"{written[0].as_uri()}#chart=5")
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator(".neighbor").count() == 6 and page.locator("#marks").bounding_box()["height"] > 300
    page.close()


# --- what is asked for in the page: weights, a level, a list, notes ----------------------------------------------


@pytest.fixture
def in_parts(browser, tmp_path):
    """Return a page of 60 charts whose embedding has two parts, of which three have notes; and their library."""
    library = replace(embedded_library(60, dim=4), weights={"radar": 1.0, "feet": 0.5})
    table = library.table.set_column(library.table.column_names.index("meter"), "meter", pa.array([5, 6, 7, 5, 6] * 12))
    library = replace(library, table=table, provenance=replace(library.provenance, songs=str(tmp_path / "Songs")))
    folder = tmp_path / "Songs" / "Pack 0" / "Song 0"
    folder.mkdir(parents=True)
    charts = [(slot, 5, "1000\n0100\n0010\n0001,\n2000\n0000\n3000\n0110") for slot in ("Beginner", "Easy", "Medium")]
    (folder / "song.ssc").write_text(ssc_text(charts=charts))
    save(library, tmp_path)
    out = tmp_path / "map.html"
    run(ExploreConfig(run=str(tmp_path), out=str(out), method="pca", neighbors=5, substyles=False))
    page, wrong = browser.new_page(viewport={"width": 1280, "height": 800}, accept_downloads=True), []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{out.as_uri()}#chart=1")
    settle(page)
    yield page, library
    page.close()
    assert wrong == []


def distances_shown(page) -> list[float]:
    return [float(text.split("distance ")[1].split("\n")[0]) for text in page.locator(".neighbor").all_inner_texts()]


def asked(library: EmbeddedLibrary, chart: int, feet: float, meter: int | None = None) -> np.ndarray:
    """Return the five smallest distances to `chart` with a weight on the feet, the slow way."""
    vectors = library.space("projection").astype(float)
    (first, end) = library.parts["feet"]
    vectors[:, first:end] *= feet / library.weights["feet"]
    apart = np.linalg.norm(vectors - vectors[chart], axis=1)
    other = library.song != library.song[chart]
    if meter is not None:
        other &= library.table["meter"].to_numpy() == meter
    return np.sort(apart[other])[:5]


def test_weights_of_parts_and_one_level_harder(in_parts) -> None:
    page, library = in_parts
    np.testing.assert_allclose(distances_shown(page), asked(library, 1, 0.5), atol=6e-4)  # the command's own
    for feet in (2.0, 0.0):
        page.locator("#weight-feet").fill(str(feet))
        np.testing.assert_allclose(distances_shown(page), asked(library, 1, feet), rtol=0.05, atol=0.05)  # of 8 bits
    page.get_by_text("one level harder").click()
    np.testing.assert_allclose(distances_shown(page), asked(library, 1, 0.0, meter=7), rtol=0.05, atol=0.05)
    assert {text.split()[-1] for text in page.locator(".neighbor .level").all_inner_texts()} == {"7"}
    page.get_by_text("as the model weighs").click()
    np.testing.assert_allclose(distances_shown(page), asked(library, 1, 0.5), atol=6e-4)


def test_a_list_becomes_files(in_parts) -> None:
    page, _ = in_parts
    assert page.locator("#list").is_hidden()
    page.locator("#listed").click()
    page.locator(".neighbor").first.click()
    settle(page)
    page.locator("#listed").click()
    assert page.inner_text("#list summary") == "List (2)"
    texts = {}
    for name in ("list.csv", "list.crs", "favorites.txt"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        texts[name] = Path(download.value.path()).read_text()
    assert texts["list.csv"].splitlines()[1].startswith('"Song 0","Someone","Pack 0","Medium"')
    assert texts["list.crs"].splitlines()[:2] == ["#COURSE:groove;", "#SONG:Pack 0/Song 0:Medium;"]
    assert texts["favorites.txt"].splitlines()[:2] == ["---groove", "Pack 0/Song 0"]
    page.locator("#listed").click()
    assert page.inner_text("#list summary") == "List (1)"


def test_the_notes_of_a_chart_are_drawn_and_said_where_they_are_not_known(in_parts) -> None:
    page, _ = in_parts
    page.locator(".strip").wait_for()
    assert page.locator(".keys .key").all_inner_texts() == ["4th"]
    assert page.evaluate("document.querySelector('.strip').scrollHeight") >= 420
    colors = """c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const found = new Set();
        for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) found.add([d[i], d[i+1], d[i+2]].join());
        return [...found]; }"""
    assert "217,48,44" in page.locator(".strip canvas").evaluate(colors)  # a 4th note
    page.goto(f"{page.url.split('#')[0]}#chart=20")
    page.get_by_text("Its notes could not be read when this page was made.").wait_for()
    assert page.locator(".strip").count() == 0
