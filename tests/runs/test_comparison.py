from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from groove.figures.training_curves import write_figure
from groove.runs.comparison import comparison_frame, write_comparison
from groove.runs.comparison import comparison_rows as rows_of
from groove.runs.folder import Run, load_run
from groove.runs.run_tables import comparison_table as table_of
from tests.runs.builders import PHASES_A, good_a, good_b, good_pretrain, rigid_baseline


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Two seeds of a (final accuracy 0.80 and 0.82), one b, one baseline."""
    folders = [
        good_a(tmp_path / "a1", {"val/accuracy": {20: 0.82}}, seed=1),
        good_b(tmp_path / "b"),
        good_a(tmp_path / "a0", {"val/accuracy": {20: 0.80}}, seed=0),
        rigid_baseline(tmp_path / "baseline"),
    ]
    return [load_run(folder) for folder in folders]


def comparison_rows(runs: list[Run]) -> list[dict[str, Any]]:
    """Return the rows of the CSV, what is missing as None."""
    return [
        {key: None if pd.api.types.is_scalar(value) and pd.isna(value) else value for key, value in row.items()}
        for row in rows_of(comparison_frame(runs)).to_dict("records")
    ]


def comparison_table(runs: list[Run], width: int) -> object:
    return table_of(comparison_frame(runs), width)


def shown(renderable: object) -> str:
    console = Console(width=220, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def test_a_row_per_run_and_mean_and_spread_per_group(runs: list[Run]) -> None:
    rows = comparison_rows(runs)
    assert [(row["row"], row["experiment"]) for row in rows] == [
        ("run", "a"),
        ("run", "a"),
        ("mean", "a"),
        ("spread", "a"),
        ("paired", "a"),
        ("run", "b"),
        ("paired", "b"),
        ("run", "baseline"),
    ]
    assert [row["seed"] for row in rows[:2]] == [0, 1]
    assert rows[2]["accuracy_final"] == pytest.approx(0.81)
    assert rows[3]["accuracy_final"] == pytest.approx(math.sqrt(2 * 0.01**2 / 1)), "sample standard deviation"
    assert rows[3]["pooled_cosine"] == 0.0 and rows[2]["state"] == "healthy" and rows[2]["runs"] == 2


def test_the_numbers_of_a_row(runs: list[Run]) -> None:
    row = comparison_rows(runs)[0]
    expected = {
        "accuracy_epoch0": 0.81,
        "accuracy_lowest": 0.73,
        "accuracy_final": 0.80,
        "pooled_cosine": 0.90,
        "margin_before": 0.1,
        "margin_after": 1.2,
        "positive_fraction": 0.9,
        "gain_pooled_before": 0.3,
        "gain_pooled_after": 0.45,
        "gain_projection_before": 0.1,
        "gain_projection_after": 0.5,
        "indicators_passed": 21,
    }
    assert {key: row[key] for key in expected} == pytest.approx(expected)
    assert row["indicators_counted"] == 21 and row["passed"] is True and row["phases"] == "warmup 5 + finetune 15"


def test_other_settings_are_another_group(tmp_path: Path) -> None:
    folders = [good_a(tmp_path / str(number), seed=number) for number in range(3)]
    for folder, weight in zip(folders, ("0.1", "0.1", "0.5"), strict=True):
        (folder / ".hydra").mkdir()
        overrides = f"- experiment=a\n- seed={folder.name}\n- trainer.devices=1\n- loss.margin_scale={weight}\n"
        (folder / ".hydra" / "overrides.yaml").write_text(overrides)
    rows = comparison_rows([load_run(folder) for folder in folders])
    assert [row["row"] for row in rows] == ["run", "run", "mean", "spread", "run"]
    assert rows[0]["settings"] == ("loss.margin_scale=0.1",) and rows[4]["settings"] == ("loss.margin_scale=0.5",)


def test_more_processes_are_another_group(tmp_path: Path) -> None:
    """The batch is that of one process: two and four of them train on batches of other sizes."""
    runs = []
    for devices, nodes, seed in ((1, 1, 0), (2, 1, 0), (4, 1, 0), (1, 4, 1), (1, 1, 1)):
        folder = good_a(tmp_path / f"{devices}_{nodes}_{seed}", seed=seed, processes=devices * nodes)
        overrides = (f"trainer.devices={devices}", f"trainer.num_nodes={nodes}", "trainer.strategy=ddp")
        runs.append(load_run(with_settings(folder, *overrides[: 1 if devices * nodes == 1 else 3])))
    rows = comparison_rows(runs)
    group = ["run", "run", "mean", "spread"]
    assert [row["row"] for row in rows] == [*group, "run", *group], "4 of one machine are 1 of 4 machines"
    settings = [(), ("trainer.devices=2",), ("trainer.devices=4",)]
    assert [row["settings"] for row in rows] == [settings[0]] * 4 + [settings[1]] + [settings[2]] * 4
    text = shown(comparison_table(runs, 220))
    assert "devices=2" in text and "devices=4" in text and "strategy" not in text


def test_a_seed_met_twice_is_no_spread(tmp_path: Path) -> None:
    runs = [load_run(good_a(tmp_path / str(number), seed=seed)) for number, seed in enumerate((0, 1, 0))]
    assert [(row["row"], row["seed"]) for row in comparison_rows(runs) if row["row"] == "run"] == [
        ("run", 0),
        ("run", 1),
        ("run", 0),
    ]
    assert [row["row"] for row in comparison_rows(runs)] == ["run", "run", "mean", "spread", "run"]
    text = shown(comparison_table(runs, 220))
    assert "#1" in text and "#2" in text


def test_other_phases_are_another_group_with_another_label(tmp_path: Path) -> None:
    longer = [{**PHASES_A[0], "last_epoch": 10}, {**PHASES_A[1], "first_epoch": 11}]
    runs = [load_run(good_a(tmp_path / "1")), load_run(good_a(tmp_path / "2", phases=longer))]
    assert [row["row"] for row in comparison_rows(runs)] == ["run", "run"]
    text = shown(comparison_table(runs, 220))
    assert "warmup 5" in text and "warmup 10" in text


def test_the_table_shows_spread_and_where_the_figures_lie(runs: list[Run]) -> None:
    write_figure(runs[0], runs[0].folder)
    text = shown(comparison_table(runs, 220))
    for fragment in ("0.810 ± 0.014", "2 of 2 pass", "FAIL 9/12", "rigid"):
        assert fragment in text
    assert "".join(str(runs[0].folder / "training_curves.png").split()) in "".join(text.split())


def test_what_was_not_measured_is_blank(tmp_path: Path) -> None:
    run = load_run(good_pretrain(tmp_path / "run"))
    assert comparison_rows([run])[0]["margin_after"] is None
    path = write_comparison(comparison_frame([run]), tmp_path / "out")
    (row,) = csv.DictReader(path.open())
    assert row["margin_after"] == "" and row["state"] == "trained"
    both = shown(comparison_table([run, load_run(good_a(tmp_path / "a"))], 220))
    assert "triplet margin" in both and "-> -" in both
    assert "triplet margin" not in shown(comparison_table([run], 220)), "a column without a number is left out"


def with_settings(folder: Path, *settings: str) -> Path:
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {setting}\n" for setting in settings))
    return folder


@pytest.mark.parametrize(
    ("key", "width", "numbered"),
    [
        ("loss.temperature", 110, True),
        ("experiment.classification_weight", 120, True),
        ("loss.temperature", 140, False),
        ("experiment.classification_weight", 180, False),
        ("data.triplets.same_difficulty_only_for_all_charts_of_all_songs_of_all_packs", 160, True),
    ],
)
def test_no_word_of_the_table_is_broken(tmp_path: Path, key: str, width: int, numbered: bool) -> None:
    trees = {"references": {"random_forest": 0.8}, "references_joint": {"random_forest": 0.9}}
    folders = []
    for weight, seed in ((0.1, 0), (0.1, 1), (0.5, 0)):
        change = {"val/accuracy": {20: 0.8 + 0.01 * seed}, "drift/pooled/cosine": {20: 0.9 - 0.1 * seed}}
        folder = good_a(tmp_path / f"{weight}_{seed}", change, seed=seed, **trees)
        folders.append(with_settings(folder, f"{key}={weight}"))
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(comparison_table([load_run(folder) for folder in folders], width))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width and "…" not in text
    headers = {"accuracy", "positive", "healthy", "reshaped", "proj.", "verdict", "cosine", "boosted"}
    assert headers | {f"{key}=0.1", f"{key}=0.5"} <= set(text.split()), text
    below = [line.split()[:3] for line in text.splitlines() if line.startswith("#")]
    assert below == ([["#1", "a", f"{key}=0.1"], ["#2", "a", f"{key}=0.5"]] if numbered else [])


def test_a_difference_says_of_how_many_pairs_it_is(tmp_path: Path) -> None:
    folders = [good_a(tmp_path / f"a{seed}", seed=seed) for seed in range(3)]
    folders += [rigid_baseline(tmp_path / "one", {"val/accuracy": {20: 0.805}}, seed=1)]
    folders += [good_b(tmp_path / "b", {"val/accuracy": {20: 0.815}}, seed=1)]
    path = write_comparison(comparison_frame([load_run(folder) for folder in folders]), tmp_path / "out")
    lines = path.with_name("comparison.md").read_text().splitlines()
    assert "| +0.000 (1 pair) |" in lines[2] and lines[2].startswith("| a | 3 |")
    assert "| +0.010 |" in lines[4] and "pair" not in lines[4], "all of its runs have a partner"


def test_files(runs: list[Run], tmp_path: Path) -> None:
    path = write_comparison(comparison_frame(runs), tmp_path / "out")
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "comparison.csv",
        "comparison.md",
    ]
    rows = list(csv.DictReader(path.open()))
    assert len(rows) == 8 and float(rows[0]["accuracy_final"]) == 0.80


def test_differences_are_paired_by_seed(tmp_path: Path) -> None:
    # Accuracies 0.80 and 0.82 against baselines of 0.70 and 0.78: +0.10 and +0.04; a seed without a partner is out.
    folders = [good_a(tmp_path / f"a{s}", {"val/accuracy": {20: 0.80 + 0.02 * s}}, seed=s) for s in (0, 1, 2)]
    folders += [
        rigid_baseline(tmp_path / f"base{s}", {"val/accuracy": {20: value}}, seed=s)
        for s, value in ((0, 0.70), (1, 0.78))
    ]
    loaded = [load_run(folder) for folder in folders]
    (row,) = [row for row in comparison_rows(loaded) if row["row"] == "paired"]
    assert row["experiment"] == "a" and row["runs"] == 2
    assert row["accuracy_final"] == pytest.approx((0.10 + 0.04) / 2)
    path = write_comparison(comparison_frame(loaded), tmp_path / "out")
    lines = path.with_name("comparison.md").read_text().splitlines()
    assert len(lines) == 4 and lines[2].startswith("| a | 3 |") and "| +0.070 ± 0.042 (2 pairs) |" in lines[2]
    assert {len(line.split(" | ")) for line in (lines[0], *lines[2:])} == {19}


def folds_of_pretrain(folder: Path, references: dict[int, dict[str, float]], **info: object) -> list[Run]:
    """Five folds of one seed, final accuracies 0.80 to 0.84, as a sweep over ``data.fold`` leaves them."""
    runs = []
    for fold in range(5):
        trees = {"references": references[fold]} if fold in references else {}
        if trees:
            trees["references_joint"] = {name: value + 0.1 for name, value in references[fold].items()}
        change = {"val/accuracy": {20: 0.80 + 0.01 * fold}, "val/joint_accuracy": {20: 0.90 + 0.01 * fold}}
        path = good_pretrain(folder / f"fold{fold}", change, fold=fold, **trees, **info)
        (path / ".hydra").mkdir()
        (path / ".hydra" / "overrides.yaml").write_text(f"- experiment=pretrain\n- data.fold={fold}\n- data.songs=S\n")
        runs.append(load_run(path))
    return runs


def test_folds_are_one_group_with_the_trees_of_the_same_charts(tmp_path: Path) -> None:
    trees = {fold: {"random_forest": 0.79 + 0.01 * fold, "boosted_trees": 0.81} for fold in range(5)}
    runs = folds_of_pretrain(tmp_path, trees)
    rows = comparison_rows(runs[::-1])
    assert [(row["row"], row.get("fold")) for row in rows] == [
        *(("run", fold) for fold in range(5)),
        ("mean", None),
        ("spread", None),
    ]
    assert [row["settings"] for row in rows] == [("data.songs=S",)] * 7
    mean, spread = rows[5:]
    assert (mean["accuracy_final"], mean["random_forest"], mean["boosted_trees"]) == pytest.approx((0.82, 0.81, 0.81))
    deviation = math.sqrt(sum((0.01 * (fold - 2)) ** 2 for fold in range(5)) / 4)
    assert (spread["accuracy_final"], spread["random_forest"]) == pytest.approx((deviation, deviation))
    assert spread["boosted_trees"] == pytest.approx(0.0)
    by_song = ("joint_accuracy_final", "random_forest_joint", "boosted_trees_joint")
    assert [mean[name] for name in by_song] == pytest.approx([0.92, 0.91, 0.91])
    lines = (
        write_comparison(comparison_frame(runs), tmp_path / "out").with_name("comparison.md").read_text().splitlines()
    )
    assert "| final | probe | knn | random forest | boosted trees | joint accuracy final | random" in lines[0]
    assert "| 0.820 ± 0.016 | 0.500 ± 0.000 → 0.830 ± 0.000 |" in lines[2]
    assert "| 0.810 ± 0.016 | 0.810 ± 0.000 | 0.920 ± 0.016 | 0.910 ± 0.016 |" in lines[2]
    assert len(lines) == 3
    text = shown(comparison_table(runs, 220))
    assert "random forest" in text and "0.810 ± 0.016" in text


def test_runs_without_trees_are_left_out_of_their_mean(tmp_path: Path) -> None:
    rows = comparison_rows(folds_of_pretrain(tmp_path, {1: {"random_forest": 0.8}}))
    assert [row["random_forest"] for row in rows[:5]] == [None, 0.8, None, None, None]
    assert [row["random_forest_joint"] for row in rows[:5]] == [None, pytest.approx(0.9), None, None, None]
    assert rows[5]["random_forest"] == 0.8 and rows[5]["boosted_trees"] is None, "a mean of those that have it"


def test_a_fold_met_twice_is_no_spread(tmp_path: Path) -> None:
    runs = [load_run(good_a(tmp_path / str(number), fold=fold)) for number, fold in enumerate((0, 1, 1))]
    assert [row["row"] for row in comparison_rows(runs)] == ["run", "run", "mean", "spread", "run"]


def test_differences_to_the_baseline_are_of_the_same_fold(tmp_path: Path) -> None:
    # a: 0.80, 0.84 on folds 0, 1; the baseline: 0.70, 0.78 and, on a fold that a lacks, 0.1.
    folders = [
        good_a(tmp_path / f"a{fold}", {"val/accuracy": {20: value}}, fold=fold)
        for fold, value in ((0, 0.80), (1, 0.84))
    ]
    folders += [
        rigid_baseline(tmp_path / f"b{fold}", {"val/accuracy": {20: value}}, fold=fold)
        for fold, value in ((0, 0.70), (1, 0.78), (2, 0.1))
    ]
    rows = comparison_rows([load_run(folder) for folder in folders])
    (paired,) = [row for row in rows if row["row"] == "paired"]
    assert paired["runs"] == 2 and paired["accuracy_final"] == pytest.approx((0.10 + 0.06) / 2)


def test_splits_are_one_group(tmp_path: Path) -> None:
    runs = []
    for split in range(3):
        change = {"val/accuracy": {20: 0.80 + 0.01 * split}}
        path = good_pretrain(tmp_path / f"split{split}", change, fold=0, split_seed=split)
        runs.append(load_run(with_settings(path, "experiment=pretrain", f"data.split_seed={split}")))
    rows = comparison_rows(runs)
    assert [row["row"] for row in rows] == ["run"] * 3 + ["mean", "spread"]
    assert [row["split_seed"] for row in rows[:3]] == [0, 1, 2]
    assert rows[3]["accuracy_final"] == pytest.approx(0.81)
