"""``python -m groove.evaluate`` on a finished run: its own held-out charts, another library, mistakes."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from groove.embedding.embedded import EMBEDDINGS_FILE, load
from groove.errors import ConfigError, LibraryError
from groove.evaluate import EvaluateConfig, run, show
from groove.retrieval.intervals import Interval
from tests.training_runs import write_library

SPACES = {
    "projection",
    "pooled",
    "epoch0_projection",
    "epoch0_pooled",
    "untrained_pooled",
    "raw_features",
    "counts",
    "random",
    "radar",
}


def settings(finished: Path, **changes) -> EvaluateConfig:
    given = {"run": str(finished / "run"), "store": str(finished / "store"), "workers": 1, "draws": 20}
    return EvaluateConfig(**(given | changes))


def test_on_its_own_library_the_held_out_charts_are_asked(finished, tmp_path, capsys):
    out = tmp_path / "found.json"
    run(settings(finished, out=str(out)))
    found = json.loads(out.read_text())
    library = load(finished / "run" / EMBEDDINGS_FILE)
    assert found["charts"] == library.column("split").count("val") and found["provenance"]["experiment"] == "c"
    within = found["tables"]["retrieval within a difficulty"]
    assert set(within) == SPACES and within["radar"]["gain"]["value"] == pytest.approx(1)
    reported = json.loads((finished / "run" / "retrieval.json").read_text())["within_difficulty"]
    for space in ("pooled", "projection", "epoch0_pooled", "raw_features", "radar"):
        for name in ("gain", "recall_at_5", "ndcg_at_5"):
            assert within[space][name]["value"] == pytest.approx(reported[space][name], abs=1e-3), (space, name)
    *_, last = csv.DictReader((finished / "run" / "metrics.csv").open())
    accuracy = found["tables"]["accuracy"]["own head"]["accuracy"]["value"]
    assert accuracy == pytest.approx(float(last["val/accuracy"]))
    text = capsys.readouterr().out
    assert all(title in text for title in found["tables"]) and "technique counted in 32 of 32 charts" in text


def test_on_another_library_all_its_charts_are_asked(finished, tmp_path):
    run_copy = shutil.copytree(finished / "run", tmp_path / "run")
    (run_copy / "checkpoints" / "epoch0.ckpt").unlink()
    other = write_library(tmp_path / "Other", songs=6)
    for folder in sorted((other / "Pack").iterdir()):
        (simfile,) = folder.glob("*.s*")
        text = simfile.read_text()
        simfile.write_text(text.replace("Song0", "Another song ").replace("1000", "0001"))
    run(settings(finished, run=str(run_copy), songs=str(other)))
    (result,) = (run_copy / "libraries").glob("*/evaluation.json")
    found = json.loads(result.read_text())
    assert found["charts"] == 24 and not any(
        name.startswith("epoch0") for name in found["tables"]["gain in each difficulty"]
    )
    assert set(found["tables"]["what the space knows"]) == SPACES - {"epoch0_projection", "epoch0_pooled"}


def test_what_cannot_be_asked_is_said(finished, tmp_path):
    one = write_library(tmp_path / "One", songs=1)
    run_copy = shutil.copytree(finished / "run", tmp_path / "run")
    with pytest.raises(LibraryError, match="two songs are needed"):
        run(settings(finished, run=str(run_copy), songs=str(one)))


def test_intervals_hold_no_nan_in_json(finished, tmp_path):
    out = tmp_path / "found.json"
    run(settings(finished, out=str(out)))
    assert "NaN" not in out.read_text() and np.isfinite(json.loads(out.read_text())["songs"])


NOTHING = Interval(float("nan"), float("nan"), float("nan"))


@pytest.mark.parametrize("width", [60, 120, 500])
def test_no_name_in_a_table_is_cut_and_no_line_is_too_long(width, capsys):
    names = ["gain", "precision_at_10", "a rather long name of a technique", *(f"metric number {n}" for n in range(9))]
    table = {space: {name: Interval(0.5, 0.25, 0.75) for name in names} for space in SPACES}
    show("a title", table, width)
    text = capsys.readouterr().out
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    heads = [line.split("┃")[1:-1] for line in text.splitlines() if line.startswith("┃")]
    assert [cell.strip() for head in heads for cell in head[1:]] == [name.replace("_at_", "@") for name in names]
    assert all(not head[0].strip() for head in heads)
    assert text.count("(continued)") == len(heads) - 1 and (len(heads) == 1) is (width == 500)
    rows = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    rows = [[cell.strip() for cell in row] for row in rows if row[0].strip()]
    for space in SPACES:
        assert [cell for row in rows if row[0] == space for cell in row[1:]] == ["0.500"] * len(names)


def test_what_no_chart_has_is_one_line_and_no_column(capsys):
    table = {space: {"jacks": NOTHING, "steps": Interval(0.5, 0.4, 0.6), "mines": NOTHING} for space in ("a", "b")}
    table["a"]["rare"], table["b"]["rare"] = NOTHING, Interval(0.25, 0.2, 0.3)
    show("gain", table, 120)
    text = capsys.readouterr().out
    (line,) = [line for line in text.splitlines() if "jacks" in line]
    assert line == "gain, left out: jacks, mines (no chart has a value, or all have the same one)"
    assert text.count("mines") == 1 and "rare" in text and text.count(" - ") == 1, "what one space has stays"
    show("gain", {"a": {"jacks": NOTHING}}, 120)
    assert capsys.readouterr().out.splitlines() == [
        "gain, left out: jacks (no chart has a value, or all have the same one)"
    ]


@pytest.mark.parametrize("name", ["found.csv", "found", "found.json.gz"])
def test_a_name_that_is_not_of_json_is_refused_before_any_work(finished, tmp_path, name):
    out = tmp_path / name
    with pytest.raises(ConfigError, match=r"must end in \.json$"):
        run(settings(finished, run=str(tmp_path / "no run"), out=str(out)))
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (None, ConfigError, r"tiers\.csv cannot be read: No such file"),
        ("simfile,tier\na,1\n", ConfigError, "must be a CSV file with the columns simfile, difficulty, level, tier"),
        ("simfile,difficulty,level,tier\na,Hard,x,1\n", ConfigError, "ValueError: invalid literal for int"),
        ("simfile,difficulty,level,tier\na,Hard,9,9.5\n", LibraryError, "names none of the 32 charts"),
    ],
)
def test_tiers_that_cannot_be_used_are_named(finished, tmp_path, content, error, says):
    path = tmp_path / "tiers.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=says):
        run(settings(finished, tiers=str(path)))


def test_tags_and_tiers_of_files_are_asked_and_what_they_match_is_said(finished, tmp_path, caplog, capsys):
    library = load(finished / "run" / EMBEDDINGS_FILE)
    held = [i for i, split in enumerate(library.column("split")) if split == "val"]
    charts = [(library.column("simfile")[i], library.column("difficulty")[i].lower()) for i in held]
    tags, tiers, out = tmp_path / "tags.csv", tmp_path / "tiers.csv", tmp_path / "found.json"
    rows = [f"{simfile},{slot},{('XO+', 'FS XO')[i % 2]}" for i, (simfile, slot) in enumerate(charts)]
    tags.write_text("\n".join(["simfile,difficulty,tags", "else/where.sm,hard,XO", *rows[1:]]) + "\n")
    rows = [f"{simfile},{slot},9,{9 + i / 100}" for i, (simfile, slot) in enumerate(charts)]
    tiers.write_text("\n".join(["simfile,difficulty,level,tier", *rows[2:]]) + "\n")
    with caplog.at_level("INFO"):
        run(settings(finished, tags=str(tags), tiers=str(tiers), out=str(out)))
    said, n = caplog.text + capsys.readouterr().out, len(held)
    assert f"tags={tags}: {n - 1} of its {n} charts are among the {n} that are asked" in said
    assert f"tiers={tiers}: {n - 2} of the {n} charts that are asked have one" in said
    known = json.loads(out.read_text())["tables"]["what the space knows"]
    assert set(known) == SPACES and all({"tags", "player tiers"} <= set(row) for row in known.values())


@pytest.mark.parametrize("name", ["tags", "tiers"])
def test_a_file_that_cannot_be_used_is_found_before_the_networks_run(finished, tmp_path, name, monkeypatch):
    monkeypatch.setattr("groove.embedding.reference.compared_spaces", lambda *_: pytest.fail("too late"))
    with pytest.raises(ConfigError, match=rf"^{name}=.*none\.csv cannot be read: No such file or directory$"):
        run(settings(finished, **{name: str(tmp_path / "none.csv")}))


def test_the_audio_of_charts_that_have_any_is_hidden_and_swapped(finished, tmp_path):
    out = tmp_path / "found.json"
    run(settings(finished, out=str(out)))
    tables = {title: table for title, table in json.loads(out.read_text())["tables"].items() if "with audio" in title}
    library = load(finished / "run" / EMBEDDINGS_FILE)
    heard = np.array(library.column("has_audio")) & (np.array(library.column("split")) == "val")
    if len(set(library.song[heard].tolist())) < 2:
        assert tables == {}
        return
    ((title, table),) = tables.items()
    assert title.startswith(f"{heard.sum()} charts") and list(table) == ["its own", "none", "another song's"]
    assert all(0 <= row["accuracy"]["value"] <= 1 for row in table.values())
