from dataclasses import replace
from math import erfc

import numpy as np
import pyarrow as pa
import pytest

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.styles.names import (
    TRAITS,
    Differences,
    Trait,
    differences,
    phrases,
    spreads,
    style_names,
    trait_values,
)
from tests.embedding.libraries import embedded_library

HALF = np.arange(80) % 2


def found(z, from_class=None, p=0.0):
    z = np.atleast_2d(np.array(z, dtype=float))
    from_class = z if from_class is None else np.atleast_2d(np.array(from_class, dtype=float))
    return Differences(TRAITS[: z.shape[1]], z, from_class, np.full(z.shape, p))


def radar(axis, shift, seed=0):
    values = np.random.default_rng(seed).normal(size=(80, len(RADAR_AXES)))
    values[HALF == 0, axis] += shift
    return values


@pytest.mark.parametrize("axis", range(len(RADAR_AXES)))
def test_the_planted_axis_is_named_and_no_other(axis):
    names = style_names(differences(TRAITS[:5], radar(axis, 4.0), HALF), "Easy")
    assert [name.removeprefix("very ") for name in names] == [TRAITS[axis].more, TRAITS[axis].less]


def test_a_difference_that_is_not_there_is_not_named():
    for seed in range(5):
        names = style_names(differences(TRAITS[:5], radar(0, 0.0, seed), HALF), "Easy")
        assert names == ["typical Easy", "typical Easy (2)"]


def test_a_difference_of_few_charts_is_left_to_chance():
    values = np.concatenate([np.full((2, 1), 3.0), np.random.default_rng(0).normal(size=(30, 1))])
    labels = np.array([1] * 2 + [0] * 30)
    small = differences(TRAITS[:1], values, labels)
    assert small.z[1, 0] > 2 and small.p[1, 0] > 0.01
    assert phrases(small, 1) == []


def test_z_is_the_difference_of_medians_in_robust_spreads():
    values = radar(2, 3.0)
    result = differences(TRAITS[:5], values, HALF)
    for axis in range(5):
        column = values[:, axis]
        spread = (np.percentile(column, 90) - np.percentile(column, 10)) / 2.563
        inside, rest = np.median(column[HALF == 0]), np.median(column[HALF == 1])
        assert result.z[0, axis] == pytest.approx((inside - rest) / spread)
        assert result.from_class[0, axis] == pytest.approx((inside - np.median(column)) / spread)


def test_a_p_value_is_that_of_the_rank_test():
    values = radar(0, 0.7)
    inside, rest = values[HALF == 0, 0], values[HALF == 1, 0]
    u = (inside[:, None] > rest[None, :]).sum()
    deviation = np.sqrt(40 * 40 * 81 / 12)
    z = (abs(u - 800) - 0.5) / deviation
    assert differences(TRAITS[:5], values, HALF).p[0, 0] == pytest.approx(erfc(z / np.sqrt(2)))


def test_a_single_cluster_differs_from_nothing():
    one = differences(TRAITS[:5], radar(0, 3.0), np.zeros(80, dtype=int))
    assert not one.z.any() and (one.p == 1).all()
    assert style_names(one, "Hard") == ["typical Hard"]


def test_constant_traits_have_no_difference_and_no_nan():
    result = differences(TRAITS[:5], np.ones((80, 5)), HALF)
    assert not result.z.any() and (result.p == 1).all()


def test_the_strongest_differences_come_first_and_very_is_off_the_class():
    assert phrases(found([[0.6, -0.7, 0, 2.0, 0.4]], [[0.1, -0.2, 0, 1.0, 0.4]]), 0) == [
        "very many freezes",
        "weak bursts",
        "dense streams",
    ]
    assert phrases(found([[0.9, 0, 0, 0, 0]], p=0.02), 0) == []


def test_a_word_and_its_opposite_are_not_in_one_name():
    traits = [Trait("air", "many jumps", "few jumps"), Trait("jumps", "many jumps", "few jumps", per_step=True)]
    both = Differences(traits, np.array([[0.6, -0.9]]), np.zeros((1, 2)), np.zeros((1, 2)))
    assert phrases(both, 0) == ["few jumps"]


def test_names_of_one_class_are_unique():
    alike = found([[2, 1.9, 0.8, 0, 0], [2, 1.9, 0, 0.7, 0], [2, 1.9, 0, 0.7, 0], [0, 0, 0, 0, 0]], np.zeros((4, 5)))
    assert style_names(alike, "Easy") == [
        "dense streams, strong bursts, many jumps",
        "dense streams, strong bursts, many freezes",
        "dense streams, strong bursts, many freezes (2)",
        "typical Easy",
    ]


def test_rare_counts_are_measured_by_their_deviation():
    rolls = np.zeros((100, 1))
    rolls[:12] = 0.01
    rolls[0] = 0.5
    trait = Trait("rolls", "many rolls", "few rolls", per_step=True)
    assert spreads([trait], rolls).scale[0] == pytest.approx(rolls.std())
    assert spreads([trait._replace(per_step=False)], rolls).scale[0] < 0.01


def test_values_are_those_of_the_table_a_step_where_they_are_counts():
    library = embedded_library(20)
    table = library.table.append_column("jumps", pa.array([float(i) for i in range(20)]))
    steps = [0.0, *library.column("steps")[1:]]  # a chart without steps divides by 1
    table = table.set_column(table.column_names.index("steps"), "steps", pa.array(steps))
    traits, values = trait_values(replace(library, table=table))
    names = [trait.name for trait in traits]
    feet = ("jacks", "doublesteps", "crossovers", "footswitches", "brackets", "candles")
    counted = [*(f"technique_{name}_per_step" for name in feet), "technique_break_measures"]
    assert names == [*RADAR_AXES, "bpm", "length_s", "jumps_per_step", *counted]
    np.testing.assert_allclose(values[:, :5], library.radar)
    np.testing.assert_allclose(values[:, names.index("bpm")], library.column("bpm"))
    np.testing.assert_allclose(values[:, names.index("jumps_per_step")], [i / max(s, 1) for i, s in enumerate(steps)])
    crossovers = library.column("technique_crossovers")
    per_step = [n / max(s, 1) for n, s in zip(crossovers, steps, strict=True)]
    np.testing.assert_allclose(values[:, names.index("technique_crossovers_per_step")], per_step)
    np.testing.assert_allclose(values[:, -1], library.column("technique_break_measures"))


def test_feet_that_are_not_counted_are_no_difference():
    library = embedded_library(20)
    place = library.table.column_names.index("technique_jacks")
    table = library.table.set_column(place, "technique_jacks", pa.nulls(20, pa.int64()))
    traits, values = trait_values(replace(library, table=table))
    assert not values[:, [trait.column for trait in traits].index("technique_jacks")].any()
