"""What a setting must be: how mistakes are said, lists that the schema repeats, and that each bound really works."""

from __future__ import annotations

import json
import math
import re
import shutil
from typing import Literal, get_args

import pytest
from pydantic import Field, ValidationError

from groove import evaluate, explore, recommend, substyles
from groove.config.schema import (
    DataConfig,
    ExperimentConfig,
    ExploreConfig,
    ModelConfig,
    PathText,
    PrepareConfig,
    RadarConfig,
    Settings,
    TrainConfig,
    TrainerConfig,
    Weight,
    checked,
)
from groove.errors import ConfigError
from tests.batches import composed
from tests.training_runs import composed as tiny_run
from tests.training_runs import rows, run, write_library


class Inner(Settings):
    share: float = Field(0.5, gt=0, lt=1)
    free: float = 0.0


class Outer(Settings):
    count: int | None = Field(3, ge=1, le=5)
    kind: Literal["thin", "thick"] = "thin"
    inner: Inner = Inner()
    several: list[Inner] = Field([])
    factors: dict[str, Weight] = Field({})
    flag: bool = True
    text: PathText | list[PathText] = "x"
    needed: int


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"count": 0}, "count must be >= 1, got 0"),
        ({"count": 6}, "count must be <= 5, got 6"),
        ({"count": 1.5}, "count must be a whole number, got 1.5"),
        ({"count": True}, "count must be a whole number, got True"),
        ({"kind": "thik"}, "kind must be 'thin' or 'thick', got 'thik'; did you mean 'thick'?"),
        ({"kind": "x"}, "kind must be 'thin' or 'thick', got 'x'"),
        ({"inner": {"share": 0.0}}, "inner.share must be > 0, got 0.0"),
        ({"inner": {"share": 1.0}}, "inner.share must be < 1, got 1.0"),
        ({"inner": {"share": "a"}}, "inner.share must be a number, got 'a'"),
        ({"inner": {"free": math.nan}}, "inner.free must be a finite number, got nan"),
        ({"inner": 3}, "inner must be a group of settings, {key: value}, got 3"),
        ({"several": [{"share": 0.5}, {"free": math.inf}]}, "several.1.free must be a finite number, got inf"),
        ({"several": "a"}, "several must be a list: several=[a]"),
        ({"factors": {"a": 0.0, "b": -1.0}}, "factors.b must be >= 0, got -1.0"),
        ({"factors": {"b": [1]}}, "factors.b must be a number, got [1]"),
        ({"flag": "yes"}, "flag must be true or false, got 'yes'"),
        ({"text": {}}, "text must be text or a list, got {}"),
        ({"needed": None}, "needed must be a whole number, got None"),
        ({"inner": {"shaer": 0.5}}, "unknown key 'inner.shaer': there is no 'shaer' in 'inner'; "
         "did you mean 'share'? must be one of free, share"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(changed, message):
    with pytest.raises(ConfigError) as caught:
        checked({"needed": 1, **changed}, Outer)
    assert str(caught.value) == message


@pytest.mark.parametrize("changed", [{}, {"count": None}, {"count": 1}, {"count": 5}, {"factors": {"a": 0}}])
def test_what_can_be_passes(changed):
    assert checked({"needed": 1, **changed}, Outer) == Outer(needed=1, **changed)


def test_what_must_be_given_is_asked_for():
    with pytest.raises(ConfigError, match="needed is required: give needed="):
        checked({}, Outer)


def test_a_folder_may_be_called_5_and_a_copy_is_checked_again():
    assert Outer(needed=1, text=5).text == "5"
    assert Outer(needed=1).changed(count=2).count == 2
    with pytest.raises(ValidationError):
        Outer(needed=1).changed(count=0)
    with pytest.raises(ValidationError, match="frozen"):
        Outer(needed=1).count = 2


# --- the lists that the schema repeats, since what holds them imports torch or pyarrow


def words(schema: type[Settings], name: str) -> set[str]:
    """Return the words that the field `name` may be."""
    return set(get_args(schema.model_fields[name].annotation))


def test_the_words_are_those_of_the_code():
    from lightning.pytorch.strategies import StrategyRegistry

    from groove.charts.library.index import SongEnd
    from groove.charts.radar.groove_radar import FAMILIES
    from groove.embedding.embedded import SPACES
    from groove.model.heads import HEADS
    from groove.model.pooling import POOLINGS
    from groove.runs.verdict.verdict import RULES

    assert words(ModelConfig, "pooling") == set(POOLINGS) and words(ModelConfig, "head") == set(HEADS)
    assert words(DataConfig, "radar") == set(FAMILIES)
    assert words(ExperimentConfig, "verdict") == set(RULES)
    assert words(TrainerConfig, "strategy") - {"auto"} <= set(StrategyRegistry.available_strategies())
    assert words(RadarConfig, "song_end") == set(get_args(SongEnd))
    assert words(ExploreConfig, "space") == set(SPACES)


# --- together


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.triplets.positive_percentile=90"], "must be <= negative_percentile (85), got 90"),
        (["data.fold=5"], "data.fold must be < 5 (1 / data.val_fraction parts, counted from 0), got 5"),
        (["++data.classes={all: [Easy]}", "~data.classes.Easy", "~data.classes.Medium", "~data.classes.Hard",
          "~data.classes.Beginner"], "data.classes must hold at least two classes, got 1"),
        (["data.classes.Easy=[]"], "data.classes.Easy must name a slot"),
        (["data.steps_types=[]"], "data.steps_types must be a list of 1 or more, got []"),
        (["data.steps_types=[dance-singel]"], "steps_types.0 must be 'dance-single' or "),
        (["features.audio.hop_length=4096"], "features.audio.hop_length must be <= 2048, got 4096"),
        (["features.audio.n_mels=1024", "features.audio.n_fft=1024"], "n_mels must be <= 512 (half"),
        (["experiment=regression", "model.projection_dim=4"], "model.projection_dim must be >= 5"),
        (["experiment.warmup_epochs=20"], "do not add up to experiment.epochs=20"),
        (["experiment.phases.0.weights={classification: 0, contrastive: 0}"], "classification or contrastive above 0"),
        (["data.classes.Hard=[Hrad]"], "or 'Edit', got 'Hrad'; did you mean 'Hard'?"),
        (["data.classes.Hard=[Hard,Easy]"], "data.classes must name each slot once, got 'Easy' twice"),
        (["features.audio.sample_rate=192000", "features.audio.n_fft=512"], "features.audio.n_fft must be >= 960"),
        (["features.audio.sample_rate=8000"], "features.audio.sample_rate must be >= 12801, got 8000"),
        (["data.batch_size=0"], "data.batch_size must be >= 3, got 0"),
        (["data.augment.audio_mask=1.5"], "data.augment.audio_mask must be <= 1, got 1.5"),
        (["data.val_fraction=1.0"], "data.val_fraction must be < 1, got 1.0"),
        (["data.fold=-1"], "data.fold must be >= 0, got -1"),
        (["data.radar=konmai"], "data.radar must be 'konami' or 'stepmania', got 'konmai'; did you mean 'konami'?"),
        (["++model.parts.hands=1"], "model.parts names 'hands': must be one of feet, flow, radar, song"),
        (["++model.parts.fete=1"], "model.parts names 'fete': did you mean 'feet'?"),
        (["++model.parts.feet=-1"], "model.parts.feet must be >= 0, got -1"),
        (["++model.parts.feet=heavy"], "model.parts.feet must be a number, got 'heavy'"),
        (["++model.parts.feet=2e6"], "model.parts.feet must be <= 1000000, got 2000000"),
        (["++model.parts.feet=0"], "model.parts.feet must be above 0; ~model.parts.feet leaves the part out"),
        (["~model.parts.radar", "++model.parts.feet=1", "++model.parts.song=1"],
         "model.parts must begin with radar, got feet, song"),
        (["~model.parts.radar"], "model.parts must begin with radar, got none"),
        (["model.parts=radar"], "model.parts must be a group of settings, {key: value}, got 'radar'"),
        (["model.body=yes please"], "model.body must be true or false, got 'yes please'"),
        (["data.augment.audio_hidden=1.5"], "data.augment.audio_hidden must be <= 1, got 1.5"),
        (["optimizer.schedule=linear"], "optimizer.schedule must be 'constant' or 'cosine', got 'linear'"),
        (["++loss.pooled_weight=-1"], "loss.pooled_weight must be >= 0, got -1"),
        (["++loss.temperature=0"], "loss.temperature must be > 0, got 0"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_need_no_torch(overrides, message):
    with pytest.raises(ConfigError) as caught:
        checked(composed(*overrides), TrainConfig)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_part_that_cannot_be_left_out_is_not_told_to_be():
    with pytest.raises(ConfigError, match=r"^model\.parts\.radar must be above 0$"):
        checked(composed("model.parts.radar=0"), TrainConfig)


@pytest.mark.parametrize(
    ("shard", "shards", "message"),
    [
        (4, 4, "shard must be < 4 (shards, counted from 0), got 4"),
        (-1, 4, "shard must be >= 0, got -1"),
        (None, 4, "shard is required with shards=4: shard=0 to shard=3"),
        (0, 0, "shards must be >= 1, got 0"),
    ],
)
def test_a_shard_that_is_not_there_is_refused(shard, shards, message):
    with pytest.raises(ConfigError, match="^" + re.escape(message)):
        checked({"shard": shard, "shards": shards}, PrepareConfig)
    assert checked({"shard": 3, "shards": 4}, PrepareConfig).shard == 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss._target_=groove.model.losses.Nothing"], "loss and mining cannot be made"),
        (["loss._target_=torch.nn.Identity"], "must be a ContrastiveLoss"),
        (["mining._target_=nowhere.Miner"], "loss and mining cannot be made"),
        (["model._target_=builtins.dict"], "must be a LateFusionClassifier"),
        (["loss=ntxent", "loss.name=CircleLoss"], "loss.name must be 'NTXentLoss' or 'SupConLoss', got 'CircleLoss'"),
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
    *(
        "data.batch_size=3",
        "data.triplets.per_anchor=1",
        "data.min_steps=1",
        "data.split_seed=-1",
        "seed=0",
    ),
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
        recommend.run(recommend.RecommendConfig(**given, **query, k=10**9))
    largest_seed = 2**31 - 1
    page, out = str(tmp_path / "map.html"), str(tmp_path / "styles")
    explore.run(explore.ExploreConfig(**given, out=page, neighbors=100, seed=largest_seed))
    substyles.run(substyles.SubstylesConfig(**given, out=out, largest=50, seed=largest_seed))
    evaluate.run(evaluate.EvaluateConfig(**given, draws=1))
    assert (tmp_path / "map.html").is_file() and (tmp_path / "styles" / "substyles.json").is_file()


def test_the_trainer_that_is_asked_for_is_checked(tmp_path):
    """Each precision of the schema trains on this processor, or is refused before any song is read."""
    from groove.training.pipeline import check_settings

    songs = write_library(tmp_path / "songs", songs=6)
    for precision in words(TrainerConfig, "precision"):
        settings = ["experiment=scratch", "experiment.epochs=1", f"trainer.precision={precision}"]
        try:
            check_settings(tiny_run(tmp_path, songs, *settings))
        except ConfigError as error:
            assert "\n" not in str(error)
            continue
        assert len(rows(run(tmp_path, songs, precision, *settings))) == 2
