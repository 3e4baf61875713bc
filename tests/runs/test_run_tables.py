"""``retrieval.json`` as tables: every name whole in 120 columns."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from groove.runs.folder import load_run
from groove.runs.run_tables import retrieval_tables
from tests.runs.builders import good_a

METRICS = ("gain", "recall_at_5", "precision_at_5", "ndcg_at_5", "spearman")
AXES = ("stream", "voltage", "air", "freeze", "chaos")
SPACES = ("pooled", "projection", "epoch0_projection", "untrained_pooled", "blind_projection", "radar")


def shown(folder: Path, retrieval: dict[str, Any], width: int = 120) -> str:
    run = load_run(good_a(folder))
    console = Console(width=width, record=True, file=io.StringIO())
    for table in retrieval_tables(replace(run, retrieval=retrieval)):
        console.print(table)
    return console.export_text()


def test_every_name_is_whole_and_within_and_across_are_two_tables(tmp_path: Path) -> None:
    names = [*METRICS, *(f"spearman_{axis}" for axis in AXES)]
    values = {space: {name: -0.5 - i / 100 for name in names} for i, space in enumerate(SPACES)}
    text = shown(tmp_path, {"split": "val", "charts": 9, "within_difficulty": values, "across_difficulties": values})
    lines = text.splitlines()
    assert max(map(len, lines)) <= 120 and "…" not in text
    assert sum("held-out retrieval within difficulty" in line for line in lines) == 1
    assert sum("held-out retrieval across difficulties" in line for line in lines) == 1
    rows = [line.split() for line in lines if line.split()[:1] and line.split()[0] in SPACES]
    assert [row[0] for row in rows] == [*SPACES, *SPACES] and all(len(row) == 1 + len(names) for row in rows)
    heads = [line.split() for line in lines if line.strip().startswith("space")]
    assert heads == [["space", "gain", "recall@5", "precision@5", "ndcg@5", "spearman", *AXES]] * 2


def test_what_is_missing_is_a_dash_and_no_file_is_no_table(tmp_path: Path) -> None:
    text = shown(tmp_path / "1", {"within_difficulty": {"pooled": {"gain": 0.4}, "radar": {"gain": None, "hits": 3}}})
    assert [line.split() for line in text.splitlines() if line.split()[:1] == ["radar"]] == [["radar", "-", "3"]]
    assert [line.split() for line in text.splitlines() if line.split()[:1] == ["pooled"]] == [["pooled", "0.400", "-"]]
    assert "then with each axis" not in text
    assert shown(tmp_path / "2", {}) == "" and shown(tmp_path / "3", {"split": "val"}) == ""


def test_the_gain_of_the_blind_network_is_no_table_of_spaces(tmp_path: Path) -> None:
    blind = {"gain": 0.0, "gain_low": -0.1, "gain_high": None, "draws": 100}
    retrieval = {"within_difficulty": {"pooled": {"gain": 0.4}}, "blind": blind}
    (table,) = retrieval_tables(replace(load_run(good_a(tmp_path)), retrieval=retrieval))
    assert "within difficulty" in str(table.title)


def test_the_file_of_a_finished_run_is_shown(finished: Path) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    for table in retrieval_tables(load_run(finished / "run")):
        console.print(table)
    assert console.export_text().count("held-out retrieval") == 2
