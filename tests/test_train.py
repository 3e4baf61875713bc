"""The whole recipe on a tiny library: every experiment to its verdict, frozen modules, resume, reuse, messages."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf
from sklearn.ensemble import HistGradientBoostingClassifier
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from groove.charts.display import SHOWN
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.schema import CONF_DIR, flat, plain
from groove.data.datamodule import GrooveDataModule
from groove.data.trees import COUNTED
from groove.embedding.trained import load_trained
from groove.errors import CheckpointError, ConfigError, NonFiniteLossError
from groove.features.preparation import prepared
from groove.runs.metric_columns import IN_EPOCH_LINE
from groove.training.module import GrooveModule
from groove.training.resume import continued
from tests.batches import batch, tiny_model, train_config
from tests.training_runs import composed, rows, run, write_library

CONTRACT = (
    "epoch phase val/accuracy train/contrastive_loss val/contrastive_loss grad_norm/backbone grad_norm/classifier_head "
    "drift/pooled/cosine drift/pooled/l2 drift/projection/cosine drift/projection/l2 val/ap_dist val/an_dist "
    "val/triplet_margin val/positive_margin_fraction retrieval/gain/pooled retrieval/gain/projection "
    "weight/classification weight/contrastive"
).split()


def options(group: str) -> list[str]:
    """Return the names of the files of a configuration group."""
    return sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))


def option(group: str, name: str) -> Any:
    """Return the configuration that one of these files gives."""
    return train_config(f"{group}={name}")


def pairs(entry: Any) -> list[tuple[str, str]]:
    """Return group and file of one entry of a defaults list, without those for Hydra itself."""
    found = [] if isinstance(entry, str) else entry.items()
    return [(group, name) for group, name in found if not group.startswith("override")]


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> Path:
    return write_library(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """One store and one pretrained classifier for all tests of this module."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def run_a(work, songs) -> Path:
    return run(work, songs, "a", "experiment=a", "experiment.warmup_epochs=1")


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def pretrained_checkpoint(work, run_a) -> Path:
    """The classifier that `run_a` started from: the first one in the cache."""
    (folder,) = (entry for entry in (work / "pretrained").iterdir() if entry.is_dir())
    return folder / "checkpoints" / "last.ckpt"


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], prefix: str) -> bool:
    names = [name for name in a if name.startswith(prefix)]
    assert names
    return all(torch.equal(a[name], b[name]) for name in names)


def test_a_writes_everything_the_contract_names(run_a):
    written = {path.name for path in run_a.iterdir()}
    expected = {"metrics.csv", "verdict.json", "retrieval.json", "training_curves.png", "checkpoints", "run.json"}
    assert expected | {"embeddings.parquet", "tensorboard"} <= written
    table = rows(run_a)
    assert set(CONTRACT) <= set(table[0])
    assert [row["epoch"] for row in table] == ["0", "1", "2", "3"]
    assert [row["phase"] for row in table] == ["initial", "warmup", "finetune", "finetune"]
    assert [row["weight/classification"] for row in table] == ["", "0.0", "0.3", "0.3"]
    verdict = json.loads((run_a / "verdict.json").read_text())
    assert {"name", "value", "bound", "passed", "hint"} <= set(verdict["indicators"][0])
    kept = {path.name for path in (run_a / "checkpoints").iterdir()}
    assert kept == {"epoch0.ckpt", "last.ckpt", "best_accuracy.ckpt", "best_retrieval.ckpt", "best_combined.ckpt"}


def test_a_run_knows_what_trees_reach_on_its_charts(work, songs, run_a, pretrained_checkpoint):
    info = json.loads((run_a / "run.json").read_text())
    table = prepared(composed(work, songs).data, composed(work, songs).features).table
    rows_of = dict(zip(table["chart_id"].to_pylist(), table.to_pylist(), strict=True))
    split = pq.read_table(run_a / "embeddings.parquet", columns=["chart_id", "split"]).to_pylist()
    x, y = {}, {}
    for part in ("train", "val"):
        charts = [rows_of[row["chart_id"]] for row in split if row["split"] == part]
        x[part] = np.array([[chart[name] for name in COUNTED] for chart in charts])
        y[part] = np.array([["Beginner", "Easy", "Medium", "Hard"].index(chart["difficulty"]) for chart in charts])
    boosted = HistGradientBoostingClassifier(random_state=0).fit(x["train"], y["train"])
    assert info["references"]["boosted_trees"] == np.mean(boosted.predict(x["val"]) == y["val"])
    assert 0 <= info["references"]["random_forest"] <= 1 and info["fold"] == 0
    assert info["loss"] == "AdaptiveTripletLoss" and [phase["index"] for phase in info["phases"]] == [0, 1]
    first = json.loads((pretrained_checkpoint.parent.parent / "run.json").read_text())
    assert first["references"] == info["references"], "the classifier it starts from saw the same charts"


def test_charts_of_a_song_are_told_together(work, songs, run_a):
    trained = load_trained(run_a)
    settings = trained.settings
    table = prepared(composed(work, songs).data, composed(work, songs).features).table
    data = GrooveDataModule(table, work / "store", settings.data, None, settings.seed)
    simfile = np.array(data.rows["val"]["simfile"].to_pylist())
    with torch.no_grad():
        batches = [(b.index, trained.model(b).logits.softmax(dim=1)) for b in data.evaluation_loader(data.val)]
    index, probability = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
    expected = probability[np.argsort(index)] @ np.arange(4)
    right = 0
    for song in set(simfile):
        own, label = expected[simfile == song], data.val.labels.label[simfile == song]
        allowed = [labels for labels in product(range(4), repeat=len(own)) if max(map(labels.count, (0, 1, 2))) <= 1]
        allowed = [labels for labels in allowed if labels.count(3) <= 2]  # Hard and Challenge
        right += (min(allowed, key=lambda labels: ((own - labels) ** 2).sum()) == label).sum()
    assert float(rows(run_a)[-1]["val/joint_accuracy"]) == pytest.approx(right / len(simfile))
    info = json.loads((run_a / "run.json").read_text())
    assert set(info["references_joint"]) == set(info["references"])


def test_epoch_0_is_the_pretrained_model(run_a, pretrained_checkpoint):
    first = rows(run_a)[0]
    assert float(first["drift/pooled/cosine"]) == pytest.approx(1.0, abs=1e-6)
    assert first["val/accuracy"] == rows(pretrained_checkpoint.parent.parent)[-1]["val/accuracy"]


def test_the_head_is_frozen_in_the_warmup_and_moves_after(run_a):
    change = [float(row["weight_change/classifier_head"]) for row in rows(run_a)]
    assert change[1] == 0.0 and change[2] > 0.0
    assert rows(run_a)[1]["grad_norm/classifier_head"] == ""
    assert float(rows(run_a)[1]["weight_change/backbone"]) > 0.0


def test_b_leaves_the_encoders_bit_identical(work, songs, pretrained_checkpoint):
    folder = run(work, songs, "b", "experiment=b")
    last, before = weights(folder / "checkpoints" / "last.ckpt"), weights(pretrained_checkpoint)
    assert same(last, before, "model.audio_encoder") and same(last, before, "model.chart_encoder")
    assert not same(last, before, "model.backbone")
    assert {row["weight_change/chart_encoder"] for row in rows(folder)} == {"0.0"}


def test_baseline_reuses_the_pretrained_classifier(work, songs, run_a, capsys):
    before = set((work / "pretrained").iterdir())
    run(work, songs, "baseline", "experiment=baseline")
    assert "(reused)" in capsys.readouterr().out
    assert set((work / "pretrained").iterdir()) == before


def test_phase_messages_are_verbatim(work, songs, capsys):
    run(work, songs, "messages", "experiment=a", "experiment.warmup_epochs=2")
    out = capsys.readouterr().out
    assert "WARMUP PHASE: Freezing classifier_head" in out
    assert "PHASE TRANSITION: Warmup → Fine-tune" in out
    assert out.count("parameters trainable") == 2


def test_tensorboard_holds_scalars_figure_and_verdict(run_a):
    events = EventAccumulator(str(run_a / "tensorboard"), size_guidance={"images": 1})
    events.Reload()
    tags = events.Tags()
    # epoch 0 is in a file of its own, and files of one second are read in the order of their numbers as text (10 < 9)
    assert sorted(e.step for e in events.Scalars("val/accuracy")) == [0, 1, 2, 3]
    assert "training_curves" in tags["images"]
    assert any("verdict" in tag for tag in tags["tensors"])


@pytest.mark.parametrize("killed_in", [1, 2])
def test_a_killed_run_resumes_to_the_same_result(killed_in, work, songs, run_a, monkeypatch):
    """Killed in the epoch at either side of the transition (epochs are 0-based inside Lightning)."""
    original = GrooveModule.on_train_epoch_start

    def kill(self):
        if self.current_epoch == killed_in:
            raise RuntimeError("killed")
        original(self)

    monkeypatch.setattr(GrooveModule, "on_train_epoch_start", kill)
    name = f"killed{killed_in}"
    with pytest.raises(RuntimeError, match="killed"):
        run(work, songs, name, "experiment=a", "experiment.warmup_epochs=1")
    monkeypatch.setattr(GrooveModule, "on_train_epoch_start", original)
    last = work / name / "checkpoints" / "last.ckpt"
    assert len(rows(work / name)) == killed_in + 1
    resumed = run(work, songs, f"resumed{killed_in}", "experiment=a", "experiment.warmup_epochs=1", f"ckpt_path={last}")
    assert rows(resumed) == rows(run_a)
    for kept in ("last", "best_accuracy", "best_retrieval"):
        ours, theirs = (weights(folder / "checkpoints" / f"{kept}.ckpt") for folder in (resumed, run_a))
        assert same(ours, theirs, "model."), kept


def test_resuming_a_finished_run_only_reports_it(work, songs, run_a):
    """What a kill between the last epoch and the verdict leaves: nothing to train, everything to write."""
    last = run_a / "checkpoints" / "last.ckpt"
    again = run(work, songs, "finished", "experiment=a", "experiment.warmup_epochs=1", f"ckpt_path={last}")
    assert rows(again) == rows(run_a)
    for name in ("verdict.json", "retrieval.json"):
        assert (again / name).read_text() == (run_a / name).read_text()


def test_the_same_seed_gives_the_same_run(work, songs, run_a):
    again = run(work, songs, "again", "experiment=a", "experiment.warmup_epochs=1")
    assert rows(again) == rows(run_a)


def test_another_seed_gives_another_run(work, songs, run_a):
    other = run(work, songs, "other", "experiment=a", "experiment.warmup_epochs=1", "seed=1", "data.split_seed=0")
    assert rows(other)[1]["val/contrastive_loss"] != rows(run_a)[1]["val/contrastive_loss"]


def test_a_resumed_run_must_keep_its_settings(work, songs, run_a):
    last = run_a / "checkpoints" / "last.ckpt"
    with pytest.raises(CheckpointError, match="trained with optimizer"):
        run(work, songs, "x", "experiment=a", "experiment.warmup_epochs=1", "optimizer.lr=0.5", f"ckpt_path={last}")


def test_a_library_too_small_for_triplets_still_ends_in_a_verdict(tmp_path, capsys):
    songs = write_library(tmp_path / "songs", songs=3)
    folder = run(tmp_path, songs, "a", "experiment=a", "experiment.warmup_epochs=1")
    out = capsys.readouterr().out
    assert "no train triplets in 4 of 4 classes: Beginner (" in out
    assert json.loads((folder / "verdict.json").read_text())["passed"] is False


def test_a_loss_that_is_not_finite_stops_with_the_charts_and_a_checkpoint(
    work, songs, pretrained_checkpoint, monkeypatch
):
    original = GrooveModule.weighted

    def infinite(self, *losses):
        loss = original(self, *losses)
        return loss * float("nan") if self.training else loss

    monkeypatch.setattr(GrooveModule, "weighted", infinite)
    with pytest.raises(NonFiniteLossError, match=r"gradient_clip_val.*Charts of the batch: Pack/Song"):
        run(work, songs, "nan", "experiment=a", "experiment.warmup_epochs=1")
    before = weights(work / "nan" / "checkpoints" / "before_nonfinite.ckpt")
    assert same(before, weights(pretrained_checkpoint), "model.backbone")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("experiment.phases.0.freeze=[clasifier_head]", "names 'clasifier_head': did you mean 'classifier_head'?"),
        ("experiment.epochs=1", "do not add up"),
        ("pretrained=nowhere.ckpt", "no checkpoint at nowhere.ckpt"),
        ("model.pooling=median", "model.pooling must be"),
        ("optimizer.schedule=linear", "optimizer.schedule must be"),
        ("experiment.phases.1.weights.classification=0.2", "classification_weight is 0.3, but no phase"),
    ],
)
def test_mistakes_are_found_before_any_song_is_read(override, message, work, tmp_path):
    from groove.training.pipeline import check_settings

    with pytest.raises((ConfigError, CheckpointError)) as caught:
        check_settings(composed(work, tmp_path / "no songs", "experiment=a", "experiment.warmup_epochs=1", override))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("override", ["experiment.warmup_epochs=3", "experiment.classification_weight=0.4"])
def test_a_setting_that_no_phase_uses_is_refused(override, work, tmp_path):
    from groove.training.pipeline import check_settings

    with pytest.raises(ConfigError, match="but no phase of experiment=classification uses it"):
        check_settings(composed(work, tmp_path, "experiment=classification", override))


def test_the_classification_weight_is_one_setting(work, tmp_path):
    cfg = composed(work, tmp_path, "experiment=a", "experiment.warmup_epochs=1", "experiment.classification_weight=0.5")
    assert [phase.weights.classification for phase in cfg.experiment.phases] == [0.0, 0.5]


# ---- other experiments, losses, sweeps -------------------------------------------------------------


OWN_TESTS = {"a", "b", "baseline", "pretrain"}
"""Experiments whose runs other tests of this file look into; `pretrain` is what every run of `a` begins with."""


@pytest.mark.parametrize("name", sorted(set(options("experiment")) - OWN_TESTS))
def test_every_other_experiment_reaches_its_verdict(name, work, songs, capsys):
    warmup = ["experiment.warmup_epochs=1"] if option("experiment", name).experiment.warmup_epochs else []
    folder = run(work, songs, f"other_{name}", f"experiment={name}", *warmup)
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["indicators"] and len(rows(folder)) == 4
    blind = json.loads((folder / "retrieval.json").read_text())["blind"]["gain"]
    assert (name == "rigid_leak") == (blind > 0.3)  # sees neither chart nor audio, and knows the radar all the same
    assert (name == "rigid_leak") == ("RADAR IN PROJECTION" in capsys.readouterr().out.replace("\n", " "))


DEFAULTS = {group: name for entry in OmegaConf.load(CONF_DIR / "train.yaml").defaults for group, name in pairs(entry)}
"""The file of each group that a run without overrides takes; every test here runs those."""


@pytest.mark.parametrize("loss", sorted(set(options("loss")) - {DEFAULTS["loss"]}))
def test_every_loss_trains(loss, work, songs):
    folder = run(work, songs, f"loss_{loss}", "experiment=baseline", f"loss={loss}", "experiment.epochs=1")
    first, last = rows(folder)
    assert float(last["train/contrastive_loss"]) > 0 and first["val/contrastive_loss"] != last["val/contrastive_loss"]


PRESETS = ("debug", "hparams_search")
"""Groups that change others; `tests/training/test_debug.py` and `test_search.py` run them."""
OTHERS = [
    (group, name)
    for group in sorted(DEFAULTS.keys() - {"experiment", "loss", *PRESETS})
    for name in options(group)
    if name != DEFAULTS[group]
]
"""Every other file that a run can be made of, so that a new one is run as well."""


@pytest.mark.parametrize(("group", "name"), OTHERS)
def test_every_other_file_trains_two_steps(group, name, work, songs, monkeypatch):
    """With the sizes that the file gives, which `tests.runs.TINY` would make small."""
    cfg = option(group, name)
    if group == "logger":
        pytest.importorskip(get_class(cfg.logger.target).PACKAGE or "groove")
    if cfg.trainer.accelerator != "cpu":
        pytest.skip("needs an accelerator")
    monkeypatch.chdir(work)
    given = [f"++{group}.{key}={'null' if value is None else value}" for key, value in flat(plain(cfg)[group]).items()]
    short = ["experiment=scratch", "experiment.epochs=1", "trainer.limit_train_batches=2", "trainer.devices=1"]
    folder = run(work, songs, f"{group}_{name}", f"{group}={name}", *given, *short)
    assert len(rows(folder)) == 2 and (folder / "verdict.json").is_file()


def test_the_files_that_tests_run_are_all_there_are():
    """Each group's default, experiments and losses have tests of their own, the rest are `OTHERS`."""
    files = {(path.parent.name, path.stem) for path in CONF_DIR.glob("*/*.yaml")}
    assert {group for group, _ in files} == set(DEFAULTS)
    taken = {(group, name) for group, name in DEFAULTS.items() if name is not None}
    assert OWN_TESTS <= set(options("experiment")) and taken <= files
    assert set(options("debug")) == {"fast", "overfit", "profiler"}, "tests/training/test_debug.py has a test of each"
    mined = {("mining", "random"), ("mining", "semihard"), ("mining", "distance_weighted")}
    assert {*mined, ("model", "full")} <= set(OTHERS)


def test_a_term_on_the_pooled_features_reaches_no_projection_head(work, songs):
    cfg = composed(work, songs, "experiment=c", "experiment.warmup_epochs=1")
    module = GrooveModule(tiny_model(), cfg, ["Easy", "Hard"], {"scale": [1.0] * len(RADAR_AXES)})
    data = batch([8] * 12, classes=2)
    output = module(data)
    _, both = module.objectives(output, data, data.triplets)
    module.contrastive_loss.pooled_weight = 0.0
    _, one = module.objectives(output, data, data.triplets)
    (both.loss - one.loss).backward(retain_graph=True)
    assert not any(p.grad is not None and p.grad.abs().max() > 1e-6 for p in module.model.projection_head.parameters())
    assert all(p.grad is not None and p.grad.any() for p in module.model.backbone.parameters())


def test_a_sweep_goes_on_where_it_was(work, songs, capsys, monkeypatch):
    overrides = ("experiment=baseline",)
    folder = work / "sweep_job"
    cfg = composed(work, songs, *overrides)
    assert continued(cfg, folder).ckpt_path is None  # nothing there

    def stop(self):
        if self.current_epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(GrooveModule, "on_train_epoch_start", stop)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run(work, songs, "sweep_job", *overrides)
    resumed = continued(cfg, folder)
    assert resumed.ckpt_path == str(folder / "checkpoints" / "last.ckpt")
    run(work, songs, "sweep_job", *overrides, f"ckpt_path={resumed.ckpt_path}")
    capsys.readouterr()
    assert continued(cfg, folder) is None and "complete: skipped" in capsys.readouterr().out
    other = composed(work, songs, *overrides, "optimizer.lr=0.01")
    assert continued(other, folder).ckpt_path is None and "other settings" in capsys.readouterr().out
    assert not (folder / "verdict.json").exists()


def test_tensorboard_has_panels_and_a_projector(run_a):
    folder = run_a / "tensorboard"
    config = (folder / "projector_config.pbtxt").read_text()
    names = [line.split('"')[1] for line in config.splitlines() if "tensor_name" in line]
    assert names == sorted(names) and ["projection" in name for name in names] == [True, False]  # the first one opens
    (metadata,) = folder.rglob("*pooled*/metadata.tsv")
    lines = metadata.read_text().splitlines()
    assert lines[0].split("\t") == [*SHOWN, *RADAR_AXES]
    events = EventAccumulator(str(folder)).Reload()
    assert "custom_scalars__config__" in events.Tags()["tensors"]


def test_tensorboard_begins_with_what_every_epoch_prints(run_a):
    events = EventAccumulator(str(run_a / "tensorboard")).Reload()
    tags = sorted(events.Tags()["scalars"])
    first = {f"at_a_glance/{title.replace(' ', '_')}": name for name, title in IN_EPOCH_LINE.items()}
    assert tags[: len(first)] == sorted(first)
    assert set(tags) - set(first) == {name for name in rows(run_a)[0] if name not in ("epoch", "phase")}
    for tag, name in first.items():
        assert [e.value for e in events.Scalars(tag)] == [e.value for e in events.Scalars(name)]


def test_tensorboard_s_verdict_is_a_table_of_rounded_numbers(run_a):
    events = EventAccumulator(str(run_a / "tensorboard"), size_guidance={"tensors": 0}).Reload()
    (tag,) = (tag for tag in events.Tags()["tensors"] if "verdict" in tag)
    header, line, *table = events.Tensors(tag)[-1].tensor_proto.string_val[0].decode().splitlines()
    assert header == "| result | indicator | value | bound | what to try |" and set(line) == set("| -")
    indicators = json.loads((run_a / "verdict.json").read_text())["indicators"]
    assert {row.split(" | ")[1] for row in table} == {indicator["name"] for indicator in indicators}
    values = [row.split(" | ")[2] for row in table]
    assert all(value == "-" or value == f"{float(value):.4g}" for value in values)
    results = [row.split(" | ")[0][2:] for row in table]
    assert results[-1] == "pass" and results == sorted(results, key=["FAIL", "undefined", "note", "pass"].index)
