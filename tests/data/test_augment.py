"""Mirrors move panels and leave everything else; audio masks silence one span."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from groove.charts.radar.groove_radar import groove_radar
from groove.charts.technique.body import body_features, footing_of
from groove.config.schema import AugmentConfig
from groove.data.augment import LEFT_RIGHT, PANEL_FEATURES, UP_DOWN, Augmentation, mirror_columns
from groove.features.frames import CHART_FEATURES, NOTE_FEATURES, chart_frames
from tests.batches import frames
from tests.builders import chart_of, measures, ssc_text
from tests.charts.technique.test_counting import drawn, drawn_charts, tempos


def column(name: str) -> int:
    return CHART_FEATURES.index(name)


def augmented(settings: AugmentConfig, chart, audio, generator):
    """Draw and apply, as the dataset does."""
    return Augmentation.draw(settings, len(chart), generator).apply(chart, audio)


@pytest.mark.parametrize("panels", [LEFT_RIGHT, UP_DOWN])
def test_a_mirror_moves_each_panel_of_each_feature(panels):
    chart, _ = frames(12)
    moved = chart[:, mirror_columns(CHART_FEATURES, panels)]
    for feature in PANEL_FEATURES:
        for panel in range(4):
            np.testing.assert_array_equal(
                moved[:, column(f"{feature}_{panel}")], chart[:, column(f"{feature}_{panels[panel]}")]
            )
    others = [i for i, name in enumerate(CHART_FEATURES) if not name.startswith(PANEL_FEATURES)]
    turned = {"turned_left": "turned_right", "turned_right": "turned_left"}
    feet = {"left_steps": "right_steps", "right_steps": "left_steps"} if panels == LEFT_RIGHT else {}
    source = [column((turned | feet).get(CHART_FEATURES[i], CHART_FEATURES[i])) for i in others]
    assert len(others) == 8 + 15
    np.testing.assert_array_equal(moved[:, others], chart[:, source])


@pytest.mark.parametrize("panels", [LEFT_RIGHT, UP_DOWN])
def test_a_mirrored_simfile_has_the_mirrored_frames_and_the_same_radar(panels, tmp_path: Path):
    rows = "1000 0100 2000 3010 0200 0301 M011 1001 0020 1030 0001 0110".split()
    charts = []
    for name, order in (("original", (0, 1, 2, 3)), ("mirrored", panels)):
        written = ["".join(row[source] for source in order) for row in rows]
        text = ssc_text([("Hard", 9, measures(*(" ".join(written[i : i + 4]) for i in (0, 4, 8))))])
        charts.append(chart_of(tmp_path / name, text))
    original, mirrored = (chart_frames(chart, 4) for chart in charts)
    assert not np.array_equal(original, mirrored)
    notes = slice(0, len(NOTE_FEATURES))  # the engine, and so the feet, may walk a mirrored chart another way
    np.testing.assert_array_equal(original[:, mirror_columns(CHART_FEATURES, panels)][:, notes], mirrored[:, notes])
    radars = [groove_radar(chart) for chart in charts]
    np.testing.assert_array_equal(radars[0].konami, radars[1].konami)
    np.testing.assert_array_equal(radars[0].stepmania, radars[1].stepmania)


def test_sums_over_panels_stay_in_every_draw():
    augment = AugmentConfig(mirror=True, audio_mask=0.0)
    chart, audio = frames(9)
    seen = set()
    for seed in range(40):
        moved, same = augmented(augment, chart, audio, np.random.default_rng(seed))
        for feature in PANEL_FEATURES:
            own = [column(f"{feature}_{panel}") for panel in range(4)]
            np.testing.assert_array_equal(moved[:, own].sum(axis=1), chart[:, own].sum(axis=1))
        assert same is audio
        seen.add(moved.tobytes())
    left_right, up_down = (mirror_columns(CHART_FEATURES, panels) for panels in (LEFT_RIGHT, UP_DOWN))
    mirrored = (chart, chart[:, left_right], chart[:, up_down], chart[:, left_right][:, up_down])
    assert seen == {version.tobytes() for version in mirrored} and len(seen) == 4


def test_everything_off_is_the_identity():
    augment = AugmentConfig(mirror=False, audio_mask=0.0)
    chart, audio = frames(9)
    for seed in range(5):
        moved, masked = augmented(augment, chart, audio, np.random.default_rng(seed))
        assert moved is chart and masked is audio


def test_the_audio_mask_silences_one_span_of_at_most_its_share():
    augment = AugmentConfig(mirror=False, audio_mask=0.4)
    chart, audio = frames(50)
    kept = audio.copy()
    silenced = []
    for seed in range(200):
        _, masked = augmented(augment, chart, audio, np.random.default_rng(seed))
        rows = np.flatnonzero((masked == 0).all(axis=1))
        silenced.append(len(rows))
        assert len(rows) == 0 or rows[-1] - rows[0] + 1 == len(rows)
        others = np.setdiff1d(np.arange(50), rows)
        np.testing.assert_array_equal(masked[others], audio[others])
    np.testing.assert_array_equal(audio, kept)  # the store's array is not written to
    assert max(silenced) <= 20 and max(silenced) >= 17 and min(silenced) <= 2


def test_an_empty_audio_array_is_left_alone():
    augment = AugmentConfig(mirror=False, audio_mask=0.9)
    _, masked = augmented(augment, *frames(0), np.random.default_rng(0))
    assert masked.shape == (0, 23)


@settings(max_examples=40, deadline=None)
@given(drawn_charts, tempos)
def test_the_mirror_of_the_body_is_the_body_of_mirrored_feet(tmp_path_factory, bars, bpms):
    """Every foot on the mirrored panel, left and right also the other foot: what the rule takes a mirror to be."""
    rows, feet = footing_of(drawn(tmp_path_factory.mktemp("mirror"), bars, bpms))
    features = body_features(rows, feet)
    for panels in (LEFT_RIGHT, UP_DOWN):
        moved = np.array([*panels, -1], dtype=np.int8)[feet]  # a panel's mirror, and nowhere stays nowhere
        moved = moved[:, [2, 3, 0, 1]] if panels == LEFT_RIGHT else moved
        bits = np.array([sum(1 << panels[i] for i in range(4) if value >> i & 1) for value in range(16)])
        arrows = bits.astype(np.uint8)[rows.arrows]
        order = mirror_columns(CHART_FEATURES, panels)[len(NOTE_FEATURES) :] - len(NOTE_FEATURES)
        assert sorted(order) == list(range(features.shape[1])), "the notes stay apart from the body"
        np.testing.assert_array_equal(body_features(replace(rows, arrows=arrows), moved), features[:, order])


def test_hidden_audio_is_all_of_it_for_a_share_of_the_charts():
    augment = AugmentConfig(mirror=False, audio_hidden=0.3)
    chart, audio = frames(9)
    drawn = [Augmentation.draw(augment, 9, np.random.default_rng(seed)) for seed in range(400)]
    assert abs(sum(one.deaf for one in drawn) / 400 - 0.3) < 0.07
    for one in drawn[:20]:
        _, heard = one.apply(chart, audio)
        np.testing.assert_array_equal(heard, 0 * audio if one.deaf else audio)


def test_the_same_generator_gives_the_same_frames():
    augment = AugmentConfig(mirror=True, audio_mask=0.5)
    first, second = (augmented(augment, *frames(30), np.random.default_rng(3)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_row_dropout_empties_frames_of_notes_and_leaves_time_and_holds():
    chart, audio = frames(400)
    chart = np.abs(chart) + 1
    found, _ = augmented(AugmentConfig(mirror=False, row_dropout=0.25), chart, audio, np.random.default_rng(0))
    kept = [i for i, name in enumerate(CHART_FEATURES) if name == "seconds" or name.startswith("holds_")]
    notes = [i for i in range(len(CHART_FEATURES)) if i not in kept]
    assert len(kept) == 5
    np.testing.assert_array_equal(found[:, kept], chart[:, kept])
    empty = (found[:, notes] == 0).all(axis=1)
    assert 0.15 < empty.mean() < 0.35
    np.testing.assert_array_equal(found[~empty], chart[~empty])
    assert (chart > 0).all()  # the original is untouched
    same, _ = augmented(AugmentConfig(mirror=False), chart, audio, np.random.default_rng(0))
    assert same is chart
