import numpy as np

from groove.charts.technique.counting import TECHNIQUES
from groove.retrieval.reasons import ALIKE, DIFFERENT, Played, played_alike, reason


def compare(query, found, unit=20.0):
    query, found = np.array(query, dtype=float), np.array(found, dtype=float)
    return reason(query, found, (query - 50) / unit, (found - 50) / unit)


def test_the_same_chart_is_alike_in_every_axis_the_marked_ones_first():
    same = compare([90, 50, 10, 55, 45], [90, 50, 10, 55, 45])
    assert same.alike[:2] == ("stream", "air") and len(same.alike) == 5 and same.more == same.less == ()
    assert same.text == "both much stream, little air; alike in freeze, chaos, voltage"


def test_differences_are_named_with_their_values_the_largest_first():
    found = compare([50, 50, 50, 50, 50], [50, 90, 70, 10, 52])
    assert (found.alike, found.more, found.less) == (("stream", "chaos"), ("voltage", "air"), ("freeze",))
    assert found.text == "alike in stream, chaos; more voltage (+40), air (+20); less freeze (-40)"


def test_bounds_are_inclusive_and_between_them_nothing_is_said():
    unit = 100.0
    found = compare([0] * 5, [ALIKE * unit, DIFFERENT * unit, 50, 50, 50], unit)
    assert (found.alike, found.more, found.less) == (("stream",), ("voltage",), ())
    assert compare([0] * 5, [50] * 5, unit).text == "somewhat different in every axis"


def test_axes_that_were_not_asked_for_are_not_mentioned():
    nan = float("nan")
    found = compare([90, nan, nan, nan, nan], [90, 10, 20, 30, 40])
    assert found.text == "both much stream"


def test_shares_keep_two_decimals_where_percentages_have_none():
    query, found = np.array([0.42, 0.5, 0.1, 0.3, 0.5]), np.array([0.45, 0.5, 0.1, 0.51, 0.05])
    scaled = [(values - 0.3) / 0.2 for values in (query, found)]
    text = reason(query, found, *scaled, family="stepmania").text
    assert "more freeze (+0.21)" in text and "less chaos (-0.45)" in text
    assert "more freeze (+0)" in reason(query, found, *scaled).text


def played(bpm: float = 170.0, stream: int = 0, **technique: float) -> Played:
    return Played(np.array([technique.get(name, 0.0) for name in TECHNIQUES]), bpm, stream)


def test_what_the_feet_share_and_what_one_has_more_of():
    query = played(crossovers=6, brackets=2, footswitches=1, jacks=9, stream=24)
    found = played(bpm=174, crossovers=4, brackets=2.5, footswitches=5.2, jacks=1, stream=11)
    assert played_alike(query, found) == [
        "both crossovers, brackets",
        "more footswitches (+4 in 100 steps)",
        "fewer jacks (-8 in 100 steps)",
        "both 174 BPM",
        "11 measures of stream",
    ]


def test_nothing_is_said_of_what_neither_has_or_nobody_counted():
    unknown = Played(np.full(len(TECHNIQUES), np.nan), 120.0, 32)
    assert played_alike(played(crossovers=9), unknown) == played_alike(played(), played(bpm=120)) == []
