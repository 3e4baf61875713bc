from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_rgba

from groove.figures.training_curves import training_curves, write_figure
from groove.runs.folder import load_run
from tests.runs.builders import good_a, good_b, good_pretrain, ramp, rigid_baseline


def labels(axes: Any) -> list[str]:
    return [str(line.get_label()) for line in axes.lines if not str(line.get_label()).startswith("_")]


def line(axes: Any, label: str) -> Any:
    return next(line for line in axes.lines if line.get_label() == label)


def bands(axes: Any) -> dict[str, tuple[float, float]]:
    patches = [patch for patch in axes.patches if str(patch.get_gid()).startswith("phase ")]
    spans = {patch.get_gid().removeprefix("phase "): patch.get_extents() for patch in patches}
    inverse = axes.transData.inverted()
    return {
        name: (inverse.transform((box.x0, box.y0))[0], inverse.transform((box.x1, box.y0))[0])
        for name, box in spans.items()
    }


def levels(axes: Any) -> list[float]:
    return [y[0] for y in (list(line.get_ydata()) for line in axes.lines) if len(y) == 2 and y[0] == y[1]]


def texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_six_panels_with_their_lines(tmp_path: Path) -> None:
    figure = training_curves(load_run(good_a(tmp_path)))
    assert len(figure.axes) == 6
    gradients, distances, margin, cosine, l2, ratio = figure.axes
    assert labels(gradients)[:2] == ["audio_encoder", "chart_encoder"] and gradients.get_yscale() == "log"
    assert labels(distances) == ["ap_dist (A-P)", "an_dist (A-N)"]
    assert to_rgba(distances.lines[0].get_color()) == to_rgba("tab:green")
    assert to_rgba(distances.lines[1].get_color()) == to_rgba("tab:red")
    assert labels(margin) == ["triplet_margin"] and levels(margin) == [0.0, 2.0]
    assert labels(cosine) == ["pooled", "projection"] and set(levels(cosine)) == {0.99, 0.95, 0.85}
    assert labels(l2) == ["pooled", "projection"] and levels(l2) == [0.1, 0.05]
    assert labels(ratio) == ["backbone / classifier_head"] and levels(ratio) == [0.1]


def test_phase_bands_on_every_panel(tmp_path: Path) -> None:
    figure = training_curves(load_run(good_a(tmp_path)))
    figure.canvas.draw()
    for axes in figure.axes:
        assert bands(axes) == {"warmup": pytest.approx((0.5, 5.5)), "finetune": pytest.approx((5.5, 20.5))}
        assert {"warmup", "finetune"} <= set(texts(axes))


def test_the_ratio_has_a_gap_and_a_band_while_the_head_is_frozen(tmp_path: Path) -> None:
    change = {"grad_norm/classifier_head": [1e-3] * 6 + [0.1] * 15}  # even if something was measured
    ratio = training_curves(load_run(good_a(tmp_path, change))).axes[5]
    values = list(line(ratio, "backbone / classifier_head").get_ydata())
    assert all(math.isnan(value) for value in values[1:6])
    assert values[6:] == pytest.approx([0.2] * 15)
    assert "head frozen" in texts(ratio)
    assert "head frozen" not in texts(training_curves(load_run(good_b(tmp_path / "b"))).axes[5])


def test_frozen_modules_have_gaps(tmp_path: Path) -> None:
    gradients = training_curves(load_run(good_a(tmp_path))).axes[0]
    values = list(line(gradients, "classifier_head").get_ydata())
    assert all(math.isnan(value) for value in values[:6]) and values[6] == 0.1
    assert "audio_encoder" not in labels(training_curves(load_run(good_b(tmp_path / "b"))).axes[0])


def test_l2_carries_the_cosine_it_implies(tmp_path: Path) -> None:
    l2 = training_curves(load_run(good_a(tmp_path))).axes[4]
    heights = {text.get_text(): text.xy[1] for text in l2.texts if text.get_ha() == "left"}
    assert heights["target > 0.1: 0.995"] == 0.1 and heights["red flag < 0.05: 0.9988"] == 0.05
    assert {name: 1 - heights[name] ** 2 / 2 for name in ("0.95", "0.85", "0.7")} == pytest.approx(
        {"0.95": 0.95, "0.85": 0.85, "0.7": 0.7}
    )
    assert "0.5" not in heights, "above the panel"


def test_pretrain_says_what_was_not_measured(tmp_path: Path) -> None:
    figure = training_curves(load_run(good_pretrain(tmp_path)))
    assert "not measured" in texts(figure.axes[1]) and "not measured" in texts(figure.axes[2])
    assert "projection_head" not in labels(figure.axes[0]), "a gradient of 0 has no place on a logarithmic axis"


def test_the_title_names_experiment_state_and_accuracies(tmp_path: Path) -> None:
    title = training_curves(load_run(rigid_baseline(tmp_path))).get_suptitle()
    for fragment in ("experiment baseline", "rigid", "FAIL", "head 0.800", "probe 0.810", "k-NN 0.770"):
        assert fragment in title
    leaked = load_run(good_a(tmp_path / "leak", radar_in_projection=True))
    assert training_curves(leaked).get_suptitle().startswith("RADAR IN PROJECTION")


def test_the_file_is_1600_by_900(tmp_path: Path) -> None:
    folder = good_a(tmp_path)
    path = write_figure(load_run(folder), folder)
    assert path.name == "training_curves.png"
    header = path.read_bytes()[:24]
    assert header[:4] == b"\x89PNG"
    assert (int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")) == (1600, 900)


def test_a_run_of_epoch_0_only_is_drawn(tmp_path: Path) -> None:
    folder = good_a(tmp_path)
    rows = (folder / "metrics.csv").read_text().splitlines()
    (folder / "metrics.csv").write_text("\n".join(rows[:2]) + "\n")
    write_figure(load_run(folder), folder)
    (folder / "metrics.csv").write_text("epoch\n0\n")
    write_figure(load_run(folder), folder)


@pytest.mark.parametrize("cosine", [0.992, 0.985, 0.86, 0.2])
def test_names_of_bounds_stand_beside_the_panel_each_for_itself(tmp_path: Path, cosine: float) -> None:
    change = {"drift/pooled/cosine": ramp(1.0, cosine, 0, 20), "drift/projection/cosine": None}
    figure = training_curves(load_run(good_a(tmp_path, change)))
    figure.draw_without_rendering()
    names = [(axes, text) for axes in figure.axes for text in axes.texts if text.get_ha() == "left"]
    shown = {text.get_text() for _, text in names}
    assert shown >= {"good backbone\n< 0.1", "rigid > 0.99", "target 2", "target > 0.1: 0.995", "0.95"}
    for axes, text in names:
        box = text.get_window_extent()
        assert axes.bbox.x1 < box.x0 and axes.bbox.y0 < box.y1 and box.y0 < axes.bbox.y1
        assert box.x1 <= figure.bbox.x1, text.get_text()
        others = [other.get_window_extent() for other in axes.texts if other is not text]
        assert not any(box.overlaps(other) for other in others), text.get_text()
