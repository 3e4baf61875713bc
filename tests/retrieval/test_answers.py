from dataclasses import replace

import numpy as np
import pytest

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.errors import ConfigError, LibraryError
from groove.retrieval.answers import (
    answer_table,
    find_query,
    part_factors,
    query_by_chart,
    query_by_radar,
    recommend,
)
from tests.embedding.libraries import embedded_library

LIBRARY = embedded_library(60)
EVERYTHING = np.ones(60, dtype=bool)


def nearest_by_hand(row, allowed, k):
    vectors = LIBRARY.space("pooled").astype(float)
    others = [i for i in range(60) if allowed[i]]
    return sorted(others, key=lambda i: np.sqrt(((vectors[i] - vectors[row]) ** 2).sum()))[:k]


def test_the_nearest_of_other_songs_are_recommended():
    query = query_by_chart(LIBRARY, LIBRARY, 7, "pooled")
    found = recommend(LIBRARY, query, 5, EVERYTHING)
    allowed = [LIBRARY.song[i] != LIBRARY.song[7] for i in range(60)]
    assert [answer.row for answer in found] == nearest_by_hand(7, allowed, 5)
    vectors = LIBRARY.space("pooled").astype(float)
    for answer in found:
        assert answer.distance == pytest.approx(np.sqrt(((vectors[answer.row] - vectors[7]) ** 2).sum()), rel=1e-9)


def test_its_own_song_may_be_allowed_but_never_the_chart_itself():
    query = query_by_chart(LIBRARY, LIBRARY, 7, "pooled")
    found = recommend(LIBRARY, query, 59, EVERYTHING, own_song=True)
    assert [answer.row for answer in found] == nearest_by_hand(7, [i != 7 for i in range(60)], 59)


def test_only_allowed_charts_are_named_even_if_they_are_few():
    allowed = np.zeros(60, dtype=bool)
    allowed[[5, 7, 8, 30]] = True
    found = recommend(LIBRARY, query_by_chart(LIBRARY, LIBRARY, 7, "pooled"), 10, allowed)
    assert [answer.row for answer in found] == [30]


def test_nothing_but_the_own_song_is_said():
    allowed = LIBRARY.song == LIBRARY.song[7]
    with pytest.raises(LibraryError, match="same_song=true"):
        recommend(LIBRARY, query_by_chart(LIBRARY, LIBRARY, 7, "pooled"), 3, allowed)
    with pytest.raises(ConfigError, match="k must be 1 or more, got 0"):
        recommend(LIBRARY, query_by_chart(LIBRARY, LIBRARY, 7, "pooled"), 0, EVERYTHING)


def test_a_chart_from_outside_finds_what_its_copy_inside_finds():
    other = LIBRARY.take(np.array([7]))
    inside = recommend(LIBRARY, query_by_chart(LIBRARY, LIBRARY, 7, "pooled"), 5, EVERYTHING)
    outside = recommend(LIBRARY, query_by_chart(LIBRARY, other, 0, "pooled"), 5, EVERYTHING)
    assert outside == inside


def test_a_radar_finds_the_charts_nearest_in_the_axes_it_names():
    query = query_by_radar(LIBRARY, {"stream": 100, "air": "low", "chaos": None}, EVERYTHING)
    low = np.percentile(LIBRARY.radar[:, 2], 10)
    assert query.radar[[0, 2]].tolist() == [100, low] and np.isnan(query.radar[[1, 3, 4]]).all()
    scale = LIBRARY.scaler.scale
    far = [np.hypot((r[0] - 100) / scale[0], (r[2] - low) / scale[2]) for r in LIBRARY.radar]
    found = recommend(LIBRARY, query, 6, EVERYTHING)
    assert [answer.row for answer in found] == sorted(range(60), key=lambda i: far[i])[:6]
    np.testing.assert_allclose([answer.distance for answer in found], sorted(far)[:6])
    assert not {"voltage", "freeze", "chaos"} & set(found[0].reason.text.replace(",", " ").split())


def test_levels_are_percentiles_of_the_allowed_charts():
    allowed = LIBRARY.label == 2
    query = query_by_radar(LIBRARY, {"freeze": "High", "voltage": "medium"}, allowed)
    assert query.radar[3] == pytest.approx(np.percentile(LIBRARY.radar[allowed, 3], 90))
    assert query.radar[1] == pytest.approx(np.median(LIBRARY.radar[allowed, 1]))


@pytest.mark.parametrize("value", ["hih", "nan", "inf", ""])
def test_what_is_no_radar_value_is_refused(value):
    with pytest.raises(ConfigError, match="one of low, medium, high"):
        query_by_radar(LIBRARY, {"air": value}, EVERYTHING)


def test_a_radar_without_an_axis_is_refused():
    with pytest.raises(ConfigError, match=r"at least one of radar\.stream="):
        query_by_radar(LIBRARY, {}, EVERYTHING)


def test_the_table_of_answers_holds_both_radars_and_the_reason():
    query = query_by_chart(LIBRARY, LIBRARY, 7, "pooled")
    found = recommend(LIBRARY, query, 3, EVERYTHING)
    rows = answer_table(LIBRARY, query, found).to_pylist()
    assert [row["rank"] for row in rows] == [1, 2, 3]
    for row, answer in zip(rows, found, strict=True):
        assert row["chart_id"] == LIBRARY.column("chart_id")[answer.row]
        for axis, name in enumerate(RADAR_AXES):
            assert row[name] == pytest.approx(LIBRARY.radar[answer.row, axis], abs=0.05)
            assert row[f"query_{name}"] == pytest.approx(LIBRARY.radar[7, axis], abs=0.05)
        assert row["reason"] == answer.reason.text


def test_a_radar_of_shares_keeps_its_decimals_in_words_and_in_the_table():
    library = replace(LIBRARY, family="stepmania")
    assert np.allclose(library.radar, LIBRARY.radar / 100)
    query = query_by_radar(library, {"stream": 0.5, "air": 0.254}, EVERYTHING)
    assert query.text == "stream 0.50, air 0.25"
    assert query_by_radar(LIBRARY, {"stream": 86.4}, EVERYTHING).text == "stream 86"
    answers = recommend(library, query, 3, EVERYTHING)
    for row, answer in zip(answer_table(library, query, answers).to_pylist(), answers, strict=True):
        assert row["query_air"] == 0.254
        assert [row[axis] for axis in RADAR_AXES] == pytest.approx(library.radar[answer.row], abs=0.0005)


CHART_7 = LIBRARY.column("chart_id")[7]
PARTS = replace(
    LIBRARY,
    vectors={**LIBRARY.vectors, "projection": np.random.default_rng(3).normal(size=(60, 6)).astype(np.float32)},
    weights={"radar": 1.0, "feet": 0.5, "song": 2.0},
)


def test_other_weights_are_those_of_the_parts_squared_distances():
    weights = {"radar": 1.0, "feet": 3.0, "song": 0.0}
    query, among = find_query(
        PARTS, PARTS.column("chart_id")[7], None, {}, "projection", {"difficulty": "any"}, weights
    )
    found = recommend(PARTS, query, 5, among)
    x = PARTS.space("projection").astype(float)

    def distance(i):
        parts = {"radar": (0, 2, 1.0), "feet": (2, 4, 3.0 / 0.5), "song": (4, 6, 0.0)}
        return sum(f**2 * ((x[i, a:b] - x[7, a:b]) ** 2).sum() for a, b, f in parts.values()) ** 0.5

    others = [i for i in range(60) if PARTS.song[i] != PARTS.song[7]]
    assert [answer.row for answer in found] == sorted(others, key=distance)[:5]
    assert found[0].distance == pytest.approx(distance(found[0].row))


def test_weights_that_cannot_be_name_the_parts():
    with pytest.raises(ConfigError, match=r"weights\.flow=1 cannot be: .* has parts radar, feet, song"):
        part_factors(PARTS, {"flow": 1.0, "feet": None}, "projection")
    with pytest.raises(ConfigError, match="one part only, the radar"):
        part_factors(LIBRARY, {"feet": 1.0}, "projection")
    with pytest.raises(ConfigError, match="space=pooled has no parts"):
        part_factors(PARTS, {"feet": 1.0}, "pooled")
    with pytest.raises(ConfigError, match="0 for every part"):
        part_factors(PARTS, {"radar": 0.0, "feet": 0.0, "song": 0.0}, "projection")
    assert part_factors(LIBRARY, {"feet": None}, "projection") is None


def test_one_level_harder_asks_for_the_next_meter_in_any_difficulty():
    chart, meters = LIBRARY.column("chart_id")[5], LIBRARY.column("meter")
    _, among = find_query(LIBRARY, chart, None, {}, "projection", {"harder": 3})
    assert among.tolist() == [meter == meters[5] + 3 for meter in meters] and among.any()
    with pytest.raises(ConfigError, match="both harder=1 and meter=8- given"):
        find_query(LIBRARY, chart, None, {}, "projection", {"harder": 1, "meter": "8-"})
    with pytest.raises(ConfigError, match="harder= needs a chart"):
        find_query(LIBRARY, None, None, {"air": "20"}, "projection", {"harder": 1})
    with pytest.raises(ConfigError, match=r"weights\.\*= need a chart"):
        find_query(LIBRARY, None, None, {"air": "20"}, "projection", {}, {"feet": 1.0})
    with pytest.raises(LibraryError, match="meter=9 0"):
        find_query(LIBRARY, chart, None, {}, "projection", {"harder": 7})


def test_a_radar_beside_a_chart_is_a_filter():
    query, among = find_query(
        LIBRARY, LIBRARY.column("chart_id")[7], None, {"air": "-50"}, "pooled", {"difficulty": "any"}
    )
    assert query.space == "pooled" and among.tolist() == [air <= 50 for air in LIBRARY.radar[:, 2]]


def test_a_space_of_parts_speaks_of_feet_and_flow():
    query, among = find_query(PARTS, CHART_7, None, {}, "projection", {"difficulty": "any"})
    texts = [answer.reason.text for answer in recommend(PARTS, query, 9, among)]
    assert any("in 100 steps" in text for text in texts)
    plain = recommend(LIBRARY, query_by_chart(LIBRARY, LIBRARY, 7, "pooled"), 9, EVERYTHING)
    assert all("in 100 steps" not in answer.reason.text for answer in plain)
