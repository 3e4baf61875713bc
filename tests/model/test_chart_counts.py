"""What is counted of a chart: by hand on small charts, slowly on random ones, and never a matter of padding."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from groove.features.frames import CHART_FEATURES, chart_frames
from groove.model.chart_counts import COUNTS, MEMBERS, CountPerceptrons, CountRanks, chart_counts
from tests.batches import frames
from tests.builders import chart_of, measures, ssc_text


def counted(chart: np.ndarray | torch.Tensor, lengths: list[int] | None = None) -> dict[str, list[float]]:
    x = torch.as_tensor(np.asarray(chart, dtype=np.float32))
    x = x if x.dim() == 3 else x[None]
    found = chart_counts(x, torch.tensor(lengths or [x.shape[1]] * len(x)), 4)
    assert found.shape == (len(x), len(COUNTS)) and found.dtype == torch.float32
    return dict(zip(COUNTS, found.T.tolist(), strict=True))


def of_notes(tmp_path, *bars: str) -> dict[str, float]:
    chart = chart_of(tmp_path, ssc_text([("Hard", 9, measures(*bars))], bpms="0=120"))
    return {name: values[0] for name, values in counted(chart_frames(chart, 4)).items()}


def test_two_measures_by_hand(tmp_path):
    # 120 BPM: a beat is half a second. Four quarters, one of them a jump on its first panel; then 16ths on one panel,
    # a hold of two beats during which another panel is hit twice, and a mine.
    found = of_notes(
        tmp_path,
        "1000 1001 0100 0010",
        "0001 0001 0001 0000 2000 0000 0000 0000 0000 0100 0000 0000 3100 0000 0000 M000",
    )
    assert found["rows"] == 10 and found["arrows"] == 11 and found["jumps"] == 1 and found["mines"] == 1
    assert found["hold_heads"] == 1 and found["hold_beats"] == pytest.approx(2)
    assert found["quantisation_4th"] == 7 and found["quantisation_8th"] == 1 and found["quantisation_16th"] == 2
    assert found["quantisation_finer"] == 0
    assert found["rows_in_holds"] == 1, "the hit on the frame in which the hold ends is after it"
    assert found["jacks_16th"] == 2 and found["jacks_8th"] == 1 and found["jacks_4th"] == 1
    assert found["beats"] == 8 and found["seconds"] == pytest.approx(4, abs=1e-3)
    assert found["beats_per_second"] == pytest.approx(2, abs=1e-3)
    assert found["longest_beat"] == pytest.approx(0.5, abs=1e-3) == found["shortest_beat"]
    assert found["rows_per_second"] == pytest.approx(10 / 4, abs=1e-3)
    assert found["arrows_per_row"] == pytest.approx(1.1) and found["jumps_per_row"] == pytest.approx(0.1)
    # rows of the eight beats: 1 1 1 1 3 1 1 1
    assert found["rows_per_second_1_beats_q50"] == pytest.approx(2, abs=1e-2)
    assert found["rows_per_second_1_beats_q100"] == pytest.approx(6, abs=1e-2)
    assert found["rows_per_second_4_beats_q100"] == pytest.approx(6 / 2, abs=1e-2)
    assert found["most_jumps_per_second_2_beats"] == pytest.approx(1, abs=1e-2)
    assert found["most_fine_per_second_1_beats"] == pytest.approx(2, abs=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_densities_the_slow_way(seed):
    chart, _ = frames(64, seed)
    chart = np.abs(chart).round()
    seconds, rows = (chart[:, CHART_FEATURES.index(name)] for name in ("seconds", "rows"))
    seconds[:] = np.random.default_rng(seed).uniform(0.05, 0.4, 64)
    found = {name: values[0] for name, values in counted(chart).items()}
    beat_rows, beat_seconds = rows.reshape(16, 4).sum(axis=1), seconds.reshape(16, 4).sum(axis=1)
    for window in (1, 2, 4, 8, 16, 32):
        starts = [p for p in range(16) if beat_rows[p] > 0]
        density = sorted(beat_rows[p : p + window].sum() / beat_seconds[p : p + window].sum() for p in starts)
        for q in (0.25, 0.5, 0.75, 0.9, 1.0):
            expected = density[math.floor((len(density) - 1) * q)]
            name = f"rows_per_second_{window}_beats_q{round(100 * q)}"
            assert found[name] == pytest.approx(expected, rel=1e-4), name


def test_padding_and_neighbours_change_nothing():
    charts = [np.abs(frames(length, seed)[0]) for seed, length in enumerate((40, 57, 12))]
    padded = np.full((3, 80, len(CHART_FEATURES)), 7.0, dtype=np.float32)
    for row, chart in zip(padded, charts, strict=True):
        row[: len(chart)] = chart
    together = counted(padded, [40, 57, 12])
    for index, chart in enumerate(charts):
        alone = counted(chart)
        for name in COUNTS:
            assert together[name][index] == pytest.approx(alone[name][0], rel=1e-5, abs=1e-5), name


def test_a_mirrored_chart_counts_the_same():
    chart = np.abs(frames(48, 5)[0]).round()
    mirrored = chart.copy()
    for feature in ("attacks", "holds", "hold_beats"):
        own = [CHART_FEATURES.index(f"{feature}_{panel}") for panel in range(4)]
        mirrored[:, own] = chart[:, own[::-1]]
    assert counted(mirrored) == counted(chart)


@pytest.mark.parametrize("frames_per_beat", [1, 2, 3, 8])
def test_other_grids_count_what_they_can_tell(frames_per_beat):
    chart = np.abs(frames(6 * frames_per_beat, 1)[0]).round()
    x = torch.from_numpy(chart)[None]
    found = dict(zip(COUNTS, chart_counts(x, torch.tensor([x.shape[1]]), frames_per_beat)[0].tolist(), strict=True))
    attacks = chart[:, :4]
    assert found["arrows"] == attacks.sum() and found["beats"] == 6
    again = (attacks[:-frames_per_beat] * attacks[frames_per_beat:] > 0).sum()
    assert found["jacks_4th"] == again
    assert (found["jacks_16th"] > 0) == (frames_per_beat == 8)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_next_to_nothing_is_finite(length):
    found = counted(np.zeros((1, 8, len(CHART_FEATURES))), [length])
    assert all(math.isfinite(value) for values in found.values() for value in values)


def test_ranks_are_the_share_of_training_charts_below():
    counts = torch.arange(1000.0)[:, None].expand(1000, len(COUNTS)).contiguous()
    ranks = CountRanks()
    assert ranks(torch.zeros(1, len(COUNTS))).abs().max() == 0, "before a fit nothing has a rank"
    ranks.fit(counts)
    asked = torch.tensor([-5.0, 249.75, 499.5, 749.25, 5000.0])[:, None].expand(5, len(COUNTS))
    share = torch.sigmoid(1.7 * ranks(asked))[:, 0]
    assert share.tolist() == pytest.approx([0.5 / 65, 0.25, 0.5, 0.75, 1 - 0.5 / 65], abs=0.01)


def test_a_count_that_most_charts_share_is_in_the_middle_of_its_ranks():
    counts = torch.zeros(100, len(COUNTS))
    counts[90:] = torch.arange(1.0, 11.0)[:, None]
    ranks = CountRanks()
    ranks.fit(counts)
    assert torch.sigmoid(1.7 * ranks(torch.zeros(1, len(COUNTS))))[0, 0] == pytest.approx(0.45, abs=0.02)


def test_each_member_learns_by_itself_and_as_fast_as_its_gain_says():
    torch.manual_seed(0)
    ranks = torch.randn(64, len(COUNTS))
    members = CountPerceptrons(len(COUNTS), 2).eval()
    before = members(ranks).detach()
    assert before.shape == (64, MEMBERS, 2) and before.std() < 1
    hidden = torch.nn.functional.gelu(10 * (ranks @ members.hidden[3] + members.hidden_bias[3]))
    torch.testing.assert_close(10 * (hidden @ members.out[3] + members.out_bias[3]), members(ranks)[:, 3])
    optimizer = torch.optim.AdamW(members.parameters(), lr=1e-3)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(members(ranks)[:, 0], (ranks[:, 0] > 0).long()).backward()
        optimizer.step()
    after = members(ranks)
    assert (after[:, 0].argmax(dim=1) == (ranks[:, 0] > 0).long()).float().mean() > 0.9
    assert (after[:, 1:] - before[:, 1:]).abs().max() < 0.1 * (after[:, 0] - before[:, 0]).abs().max()
