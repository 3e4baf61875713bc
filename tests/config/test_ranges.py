"""What a setting may be: the checker itself, the lists that the schema repeats, and that each bound really works."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest
from omegaconf import OmegaConf

from groove import evaluate, explore, recommend, substyles
from groove.config.ranges import between, check_ranges, one_of
from groove.config.schema import TrainConfig, checked
from groove.errors import ConfigError
from tests.batches import composed
from tests.training_runs import composed as tiny_run
from tests.training_runs import rows, run, write_library


@dataclass
class Inner:
    share: float = between(0.5, above=0, below=1)
    free: float = 0.0


@dataclass
class Outer:
    count: int | None = between(3, 1, 5, why="five fit")
    kind: str = one_of("thin", "thick")
    least: int = between(1, 1)
    inner: Inner = field(default_factory=Inner)
    several: list[Inner] = field(default_factory=list)
    factors: dict[str, float] = between(dict, 0)
    flag: bool = True


def values(**changed: Any) -> dict[str, Any]:
    base = {"count": 3, "kind": "thin", "least": 1, "inner": {"share": 0.5, "free": 0.0}, "several": [], "factors": {}}
    return base | {"flag": True} | changed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"count": 0}, "count is 0; allowed: 1 to 5 (five fit)"),
        ({"count": 6}, "count is 6; allowed: 1 to 5 (five fit)"),
        ({"kind": "thik"}, "kind is 'thik': did you mean 'thick'? allowed: thick, thin"),
        ({"least": 0}, "least is 0; allowed: 1 or more"),
        ({"inner": {"share": 0.0, "free": 0.0}}, "inner.share is 0.0; allowed: above 0 and below 1"),
        ({"inner": {"share": 1.0, "free": 0.0}}, "inner.share is 1.0; allowed: above 0 and below 1"),
        ({"inner": {"share": 0.5, "free": math.nan}}, "inner.free is nan; allowed: a finite number"),
        ({"several": [{"share": 0.5, "free": math.inf}]}, "several.0.free is inf; allowed: a finite number"),
        ({"factors": {"a": 0.0, "b": -1.0}}, "factors.b is -1.0; allowed: 0 or more"),
    ],
)
def test_what_is_outside_is_named(changed, message):
    with pytest.raises(ConfigError) as caught:
        check_ranges(values(**changed), Outer)
    assert str(caught.value) == message


@pytest.mark.parametrize("changed", [{}, {"count": None}, {"count": 1}, {"count": 5}, {"factors": {"a": 0.0}}])
def test_what_is_inside_passes(changed):
    check_ranges(values(**changed), Outer)


def test_a_field_keeps_its_default():
    assert Outer() == Outer(3, "thin", 1, Inner(0.5, 0.0), [], {}, True)


# --- the lists that the schema repeats, since what holds them imports torch or pyarrow


def allowed_words(key: str) -> set[str]:
    """Return the words that the message about `key` offers."""
    cfg = composed("experiment=a", f"++{key}=zzz")
    with pytest.raises(ConfigError, match=f"^{key} is 'zzz'") as caught:
        checked(cfg, TrainConfig)
    return set(str(caught.value).partition("allowed: ")[2].split(", "))


def test_the_words_are_those_of_the_code():
    from lightning.pytorch.strategies import StrategyRegistry

    from groove.features.catalogue import MISSING_AUDIO
    from groove.model.heads import HEADS
    from groove.model.pooling import POOLINGS
    from groove.runs.folder import KINDS

    assert allowed_words("model.pooling") == set(POOLINGS) and allowed_words("model.head") == set(HEADS)
    assert allowed_words("data.missing_audio") == set(MISSING_AUDIO)
    assert allowed_words("experiment.verdict") == set(KINDS)
    assert allowed_words("trainer.strategy") - {"auto"} <= set(StrategyRegistry.available_strategies())


def test_the_words_of_the_other_commands_are_those_of_the_code():
    from groove.charts.library.index import SONG_ENDS
    from groove.embedding.embedded import SPACES
    from groove.explore import ExploreConfig
    from groove.explorer.layout import METHODS
    from groove.radar import RadarConfig

    for schema, key, words in (
        (RadarConfig, "song_end", SONG_ENDS),
        (ExploreConfig, "method", METHODS),
        (ExploreConfig, "space", SPACES),
    ):
        assert set(schema.__dataclass_fields__[key].metadata["allowed"].words) == set(words)


# --- together


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.triplets.positive_percentile=90"], "positive_percentile 90.0, negative_percentile 85.0; allowed: 0 <"),
        (["data.fold=5"], "data.fold is 5; allowed: 0 to 4 (1 / data.val_fraction parts)"),
        (["++data.classes={all: [Easy]}", "~data.classes.Easy", "~data.classes.Medium", "~data.classes.Hard",
          "~data.classes.Beginner"], "data.classes gives 1 class"),
        (["data.classes.Easy=[]"], "data.classes.Easy names no slot"),
        (["data.steps_types=[]"], "data.steps_types is empty"),
        (["data.steps_types=[dance-singel]"], "data.steps_types names 'dance-singel': did you mean 'dance-single'?"),
        (["features.audio.hop_length=4096"], "features.audio.hop_length is 4096; allowed: 1 to 2048"),
        (["features.audio.n_mels=1024", "features.audio.n_fft=1024"], "features.audio.n_mels is 1024; allowed: 13 to"),
        (["experiment=regression", "model.projection_dim=4"], "model.projection_dim is 4; allowed: 5 or more"),
        (["experiment.warmup_epochs=20"], "do not add up to experiment.epochs=20"),
        (["experiment.phases.0.weights={classification: 0, contrastive: 0}"], "at least one above 0"),
        (["pretrained=a.ckpt"], "no checkpoint at a.ckpt"),
        (["ckpt_path=b.ckpt"], "no checkpoint at b.ckpt"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together_need_no_torch(overrides, message):
    from groove.config.checks import check_training

    with pytest.raises(Exception) as caught:
        check_training(checked(composed(*overrides), TrainConfig))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss._target_=groove.model.losses.Nothing"], "loss and mining cannot be made"),
        (["loss._target_=torch.nn.Identity"], "allowed: a ContrastiveLoss"),
        (["mining._target_=nowhere.Miner"], "loss and mining cannot be made"),
        (["model._target_=builtins.dict"], "allowed: a LateFusionClassifier"),
        (["loss=ntxent", "loss.name=Nothing"], "loss.name is 'Nothing'"),
        (["trainer.accelerator=mps"], "trainer: "),
    ],
)
def test_what_needs_torch_is_checked_before_any_song_is_read_too(overrides, message):
    from groove.training.pipeline import check_settings

    with pytest.raises(ConfigError) as caught:
        check_settings(checked(composed(*overrides), TrainConfig))
    assert message in str(caught.value) and "\n" not in str(caught.value)


# --- the bounds work


LOWEST = (
    *("data.batch_size=3", "data.triplets.per_anchor=1", "data.passes_per_epoch=1", "data.split_seed=-1", "seed=0"),
    *("model.audio_dim=1", "model.chart_dim=1", "model.fusion_dim=1", "model.backbone_blocks=1", "model.dropout=0"),
    *("model.projection_dim=1", "model.classifier_hidden=1", "model.max_frames=1", "loss.triplet_margin=0"),
    *("++loss.margin_scale=0", "++loss.pooled_weight=0", "optimizer.weight_decay=0", "optimizer.label_smoothing=0"),
    *("experiment.epochs=1", "diagnostics.gradient_charts=1", "trainer.threads=1"),
    *("trainer.gradient_clip_val=0", "trainer.limit_train_batches=1", "trainer.accumulate_grad_batches=1"),
    *("pretrain.epochs=1", "pretrain.batch_size=3", "pretrain.weight_decay=0", "pretrain.label_smoothing=0"),
    *("features.frames_per_beat=1", "features.audio.hop_length=64", "features.audio.n_mels=13"),
)
HIGHEST = (
    *("data.batch_size=1000000000", "data.triplets.per_anchor=1000", "seed=4294967295", "model.dropout=0.999"),
    *("model.max_frames=1000000000", "loss.triplet_margin=1e6", "++loss.margin_scale=1e6", "++loss.pooled_weight=1e6"),
    *("data.augment.audio_mask=1", "data.augment.row_dropout=1", "optimizer.lr=10", "optimizer.label_smoothing=0.999"),
    *("diagnostics.gradient_charts=1000000000", "experiment.epochs=1"),
    *("trainer.gradient_clip_val=1e9", "trainer.limit_train_batches=1000000000", "pretrain.batch_size=1000000000"),
    *("trainer.accumulate_grad_batches=1000000000", "features.frames_per_beat=48", "pretrain.epochs=1"),
)


@pytest.mark.parametrize("bounds", [LOWEST, HIGHEST], ids=["lowest", "highest"])
def test_the_bounds_of_all_settings_together_end_in_a_verdict(bounds, tmp_path):
    songs = write_library(tmp_path / "songs", songs=6)
    folder = run(tmp_path, songs, "run", "experiment=baseline", *bounds)
    assert len(rows(folder)) == 2
    json.loads((folder / "verdict.json").read_text())


def test_the_bounds_of_the_other_commands_work(finished, tmp_path):
    run_copy = shutil.copytree(finished / "run", tmp_path / "run")
    given = {"run": str(run_copy), "songs": str(finished / "songs"), "store": str(finished / "store"), "workers": 1}
    for query in ({"chart": "Song03 [Hard]"}, {"radar": {"stream": "high"}}):
        cfg = OmegaConf.merge(OmegaConf.structured(recommend.RecommendConfig), given, query, {"k": 10**9})
        recommend.run(cfg)
    largest_seed = 2**31 - 1
    page, out = str(tmp_path / "map.html"), str(tmp_path / "styles")
    explore.run(explore.ExploreConfig(**given, out=page, neighbors=100, seed=largest_seed))
    substyles.run(substyles.SubstylesConfig(**given, out=out, largest=50, seed=largest_seed))
    evaluate.run(evaluate.EvaluateConfig(**given, draws=1, technique=False))
    assert (tmp_path / "map.html").is_file() and (tmp_path / "styles" / "substyles.json").is_file()


def test_the_trainer_that_is_asked_for_is_checked(tmp_path):
    """Each precision of the schema trains on this processor, or is refused before any song is read."""
    from groove.training.pipeline import check_settings

    songs = write_library(tmp_path / "songs", songs=6)
    for precision in allowed_words("trainer.precision"):
        settings = ["experiment=scratch", "experiment.epochs=1", f"trainer.precision={precision}"]
        try:
            check_settings(tiny_run(tmp_path, songs, *settings))
        except ConfigError as error:
            assert "\n" not in str(error)
            continue
        assert len(rows(run(tmp_path, songs, precision, *settings))) == 2
