"""The level of a chart: every number from scikit-learn's own fitted objects, charts and packs one by one."""

from __future__ import annotations

import itertools
import json
from statistics import NormalDist

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import QuantileTransformer

from groove.embedding import level as module
from groove.embedding.embedded import EMBEDDINGS_FILE, load
from groove.embedding.level import (
    FEATURES,
    Level,
    OrdinalRegression,
    compared,
    fit_level,
    level_error,
    level_features,
    level_of_run,
    with_level,
)
from groove.errors import RunError
from groove.runs.layout import LEVEL_FILE


@pytest.fixture(scope="module")
def table(finished) -> pa.Table:
    """The 80 charts of a finished run, as if its 20 songs were of four packs, of which one rates two levels higher."""
    rows = load(finished / "run" / EMBEDDINGS_FILE).table
    number = [int(path.split("/")[1].removeprefix("Song")) % 4 for path in rows["simfile"].to_pylist()]
    meter = [old + 2 * (pack == 3) for old, pack in zip(rows["meter"].to_pylist(), number, strict=True)]
    packs = pa.array([f"Pack {pack}" for pack in number])
    return with_column(with_column(rows, "pack", packs), "meter", pa.array(meter))


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def of_split(table: pa.Table, name: str) -> np.ndarray:
    return np.array([split == name for split in table["split"].to_pylist()])


def predicted_slowly(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Fit on `x`, `y` with scikit-learn's own objects, and walk up the levels for each row of `asked`."""
    ranks = QuantileTransformer(n_quantiles=min(65, len(x)), output_distribution="normal", random_state=0).fit(x)
    bound = NormalDist().inv_cdf(1 - 0.5 / 65)  # the outermost of 65 quantiles stand for half of their share
    found = np.zeros(len(asked))
    levels = sorted(set(y.tolist()))
    for row, values in enumerate(np.clip(ranks.transform(asked), -bound, bound)):
        found[row] = levels[0]
        for lower, upper in itertools.pairwise(levels):
            above = LogisticRegression(max_iter=1000).fit(np.clip(ranks.transform(x), -bound, bound), y > lower)
            found[row] += (upper - lower) * above.predict_proba(values[None])[0, list(above.classes_).index(True)]
    return found


def test_the_expected_level_is_walked_up_to():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 3))
    y = np.array([1.0, 2.0, 5.0])[np.digitize(x[:, 0] + random.normal(0, 0.3, 60), [-0.5, 0.5])]
    model = OrdinalRegression().fit(x, y)
    expected = []
    for row in x:
        odds = [LogisticRegression(max_iter=1000).fit(x, y > at).predict_proba(row[None])[0, 1] for at in (1, 2)]
        expected.append(1 + odds[0] + 3 * odds[1])
    np.testing.assert_allclose(model.predict(x), expected)
    assert np.abs(model.predict(x) - y).mean() < 0.7 and model.predict(x).min() >= 1 and model.predict(x).max() <= 5
    np.testing.assert_array_equal(OrdinalRegression().fit(x, np.full(60, 7.0)).predict(x), np.full(60, 7.0))


def test_one_far_level_does_not_pull_all_others():
    x = np.linspace(0, 1, 200)[:, None] * 10
    y = np.round(1 + x[:, 0])
    far = np.append(y[:-1], 40.0)
    pulls = []
    for model in (OrdinalRegression(), LinearRegression()):
        usual = model.fit(x, y).predict(x[:100])
        pulls.append(np.abs(model.fit(x, far).predict(x[:100]) - usual).max())
    assert pulls[0] < 0.05 < pulls[1]


def test_a_level_is_fitted_on_the_training_charts_and_measured_on_the_others(table):
    level = fit_level(table, table["split"].to_pylist())
    x, y, pack = level_features(table), np.array(table["meter"].to_pylist(), float), np.array(table["pack"].to_pylist())
    train, val = of_split(table, "train"), of_split(table, "val")
    expected = predicted_slowly(x[train], y[train], x)
    np.testing.assert_allclose(level.predict(table), np.round(expected, 1), atol=1e-9)
    assert level.held_out.charts == val.sum() and level.levels == sorted(set(y[train].astype(int).tolist()))
    assert level.held_out.mean == pytest.approx(np.abs(expected - y)[val].mean(), abs=1e-9)
    off = []
    for one in set(pack[train]):
        these = pack[train] == one
        found = predicted_slowly(x[train][~these], y[train][~these], x[train][these])
        off += np.abs(found - y[train][these]).tolist()
    assert level.other_packs.charts == len(off) == train.sum()
    assert level.other_packs.mean == pytest.approx(np.mean(off), abs=1e-9)
    assert level.error(own=True) == level.held_out.mean and level.error(own=False) == level.other_packs.mean


def test_an_error_is_said_as_it_is_and_beside_the_packs_others():
    predicted = np.array([3.0, 5.0, 8.0, 9.0, 9.5, 2.0])
    meter = np.array([4.0, 7.0, 8.0, 6.0, 6.0, 9.0])
    found = level_error(predicted, meter, np.array(["a", "a", "a", "b", "b", "alone"]))
    off = [-1.0, -2.0, 0.0, 3.0, 3.5, -7.0]
    assert found.charts == 6 and found.mean == pytest.approx(np.mean(np.abs(off)))
    assert found.within_1 == pytest.approx(2 / 6)
    beside = [-1 - (-2 + 0) / 2, -2 - (-1 + 0) / 2, 0 - (-1 - 2) / 2, 3 - 3.5, 3.5 - 3]
    assert found.in_pack_charts == 5 and found.in_pack == pytest.approx(np.mean(np.abs(beside)))
    assert found.in_pack_within_1 == pytest.approx(np.mean(np.abs(beside) < 1.5)) == 3 / 5
    nothing = level_error(np.zeros(0), np.zeros(0), np.zeros(0, dtype=object))
    assert nothing.charts == 0 and nothing.mean is None and nothing.in_pack is None


def test_another_scale_of_a_pack_is_no_error_beside_the_pack():
    random = np.random.default_rng(0)
    meter, pack = random.integers(1, 12, 300).astype(float), np.repeat(["a", "b", "c"], 100)
    noise = random.normal(0, 0.5, 300)
    same, moved = (level_error(meter + noise, meter + shift, pack) for shift in (0.0, 4.0 * (pack == "b")))
    assert moved.mean > same.mean + 1 and moved.in_pack == pytest.approx(same.in_pack)


@pytest.mark.parametrize("joke", [0, -3, 51, 9999])
def test_a_meter_that_is_no_level_teaches_and_counts_nothing(table, joke):
    meter = np.array(table["meter"].to_pylist())
    (train, *_), (val, *_) = (np.flatnonzero(of_split(table, name)) for name in ("train", "val"))
    meter[[train, val]] = joke
    split = table["split"].to_pylist()
    jokes = fit_level(with_column(table, "meter", pa.array(meter)), split)
    split[train] = split[val] = "unseen"
    assert jokes == fit_level(table, split) and jokes.held_out.charts == of_split(table, "val").sum() - 1


def test_one_meter_is_no_scale(table):
    all_five = with_column(table, "meter", pa.array([5] * len(table)))
    assert fit_level(all_five, table["split"].to_pylist()) is None
    column = with_level(table.drop_columns(["level"]), None)["level"]
    assert column.type == pa.float64() and column.null_count == len(table)


def test_one_pack_says_nothing_of_others(finished):
    rows = load(finished / "run" / EMBEDDINGS_FILE).table
    level = fit_level(rows, rows["split"].to_pylist())
    assert level.other_packs is None and level.error(own=False) is None and level.error(own=True) is not None


def test_a_chart_beyond_all_others_is_as_the_last_of_them(table):
    level = fit_level(table, table["split"].to_pylist())
    hardest = table.slice(int(np.argmax(level.predict(table))), 1)
    huge = with_column(hardest, "konami_steps_per_minute", pa.array([float("inf")]))
    huge = with_column(huge, "technique_steps", pa.nulls(1, pa.int64()))  # as of a double chart
    (value,) = level.predict(huge)
    assert min(level.levels) <= value <= max(level.levels)
    assert level.predict(table.slice(0, 0)).shape == (0,)


def test_a_finished_run_keeps_its_level_and_every_chart_has_it(finished):
    library = load(finished / "run" / EMBEDDINGS_FILE)
    level = level_of_run(finished / "run")
    assert level == fit_level(library.table, library.column("split"))
    assert library.column("level") == level.predict(library.table).tolist()
    assert all(value == round(value, 1) for value in library.column("level"))
    assert library.level_error == level.held_out.mean
    assert set(json.loads((finished / "run" / LEVEL_FILE).read_text())) == set(Level.model_fields)


@pytest.mark.parametrize("what", ["cut short", "another feature", "a slope too few", "not a number"])
def test_a_level_that_cannot_be_used_is_one_clear_error(finished, tmp_path, what):
    content = json.loads((finished / "run" / LEVEL_FILE).read_text())
    if what == "another feature":
        content["features"][0] = "luck"
    elif what == "a slope too few":
        content["slopes"].pop()
    elif what == "not a number":
        content["intercepts"][0] = "x"
    text = json.dumps(content)
    (tmp_path / LEVEL_FILE).write_text(text[: len(text) // 2] if what == "cut short" else text)
    with pytest.raises(
        RunError, match=r"level\.json cannot be used: damaged, or of another version; delete it"
    ) as error:
        level_of_run(tmp_path)
    assert "\n" not in str(error.value)
    assert level_of_run(finished) is None  # a folder without one


def test_every_way_to_predict_the_meter_has_the_same_charts(table, monkeypatch):
    monkeypatch.setattr(
        module, "RandomForestRegressor", lambda *_, **settings: HistGradientBoostingRegressor(**settings)
    )
    random = np.random.default_rng(0)
    pooled, counts = random.normal(size=(80, 4)), random.normal(size=(80, 2))
    found = compared(table, pooled, counts)
    level = fit_level(table, table["split"].to_pylist())
    assert found["level"] == (level.held_out, level.other_packs)
    train, val = of_split(table, "train"), of_split(table, "val")
    y, slot = np.array(table["meter"].to_pylist(), float), np.array(table["difficulty"].to_pylist())
    means = {name: y[train & (slot == name)].mean() for name in set(slot)}
    expected = np.array([means[name] for name in slot[val]])
    assert found["mean of the slot"].held_out.mean == pytest.approx(np.abs(expected - y[val]).mean())
    x = np.hstack([level_features(table), counts])
    boosted = HistGradientBoostingRegressor(random_state=0).fit(x[train], y[train]).predict(x[val])
    assert found["boosted trees on all counts"].held_out.mean == pytest.approx(np.abs(boosted - y[val]).mean())
    assert {errors.held_out.charts for errors in found.values()} == {val.sum()}
    assert {errors.other_packs.charts for errors in found.values()} == {train.sum()}
    noise = found["network's features"].held_out.mean
    assert noise > 1.2 * found["level"].held_out.mean, "what is random knows no meter"
    assert found["level with network's features"].held_out.mean < noise


def test_nothing_of_title_pack_slot_or_meter_is_read(table):
    assert len(set(FEATURES)) == len(FEATURES) == level_features(table).shape[1]
    level = fit_level(table, table["split"].to_pylist())
    other = table
    for name in ("title", "pack", "difficulty", "description", "step_artist"):
        other = with_column(other, name, pa.array(["x"] * len(table)))
    other = with_column(other, "meter", pa.array([1] * len(table)))
    np.testing.assert_array_equal(level.predict(other), level.predict(table))


def test_the_file_holds_plain_numbers_only(finished):
    text = (finished / "run" / LEVEL_FILE).read_text()
    content = json.loads(text)
    assert np.array(content["slopes"]).shape == (len(content["levels"]) - 1, len(FEATURES))
    assert np.isfinite(np.array(content["quantiles"])).all() and "NaN" not in text and "Infinity" not in text
    assert pq.read_schema(finished / "run" / EMBEDDINGS_FILE).field("level").type == pa.float64()
