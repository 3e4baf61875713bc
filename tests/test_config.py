"""The configuration: every shipped file fits the schema, and every mistake is one line that says what is allowed."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from omegaconf.errors import ReadonlyConfigError

from groove.config import CONF_DIR, PATH_KEYS, PrepareConfig, TrainConfig, _quote_path, checked, plain
from groove.errors import ConfigError
from groove.training.phases import resolve_phases
from groove.training.recipe import check_settings
from tests.batches import composed, train_config

EXPERIMENTS = sorted(path.stem for path in (CONF_DIR / "experiment").glob("*.yaml"))
MODELS = sorted(path.stem for path in (CONF_DIR / "model").glob("*.yaml"))


def message(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        checked(composed(*overrides), TrainConfig)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what is shipped


def test_the_shipped_files_are_those_the_tests_know():
    assert {"a", "b", "baseline", "pretrain"} <= set(EXPERIMENTS) and {"small", "full"} <= set(MODELS)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_passes_the_schema_and_fits_every_model(experiment, model):
    from groove.training.fit import build_model

    cfg = train_config(f"experiment={experiment}", f"model={model}")
    assert cfg.experiment.name == experiment
    phases = resolve_phases(cfg.experiment.phases, cfg.experiment.epochs, build_model(cfg, len(cfg.data.classes)))
    assert phases[0].first_epoch == 1 and phases[-1].last_epoch == cfg.experiment.epochs
    assert all(a.last_epoch + 1 == b.first_epoch for a, b in itertools.pairwise(phases))
    check_settings(cfg)


@pytest.mark.parametrize("group", ["mining", "loss", "optimizer", "trainer", "pretrain", "diagnostics", "features"])
def test_every_option_of_every_group_passes_the_schema(group):
    for path in (CONF_DIR / group).glob("*.yaml"):
        train_config(f"{group}={path.stem}")


def test_prepare_composes_and_passes_the_schema():
    assert checked(composed(config_name="prepare"), PrepareConfig).features.frames_per_beat == 4


def test_what_both_experiments_share_is_the_seeds():
    """The seed's batch of 128 gives too few steps on a small library: README, design decisions."""
    for name in ("a", "b"):
        cfg = train_config(f"experiment={name}")
        assert (cfg.optimizer.lr, cfg.optimizer.weight_decay) == (1e-4, 0.01)
        assert (cfg.trainer.gradient_clip_val, cfg.data.batch_size, cfg.experiment.epochs) == (1.0, 128, 20)


def test_the_full_model_has_the_sizes_of_the_schema_and_the_small_one_has_not():
    default = plain(OmegaConf.structured(TrainConfig).model)
    assert plain(train_config("model=full").model) == default != plain(train_config("model=small").model)


# --- checked


def test_a_checked_configuration_is_read_only_and_resolved():
    cfg = train_config("experiment=a", "experiment.warmup_epochs=3", "seed=7")
    assert cfg.experiment.phases[0].epochs == 3 and cfg.data.split_seed == 7
    with pytest.raises(ReadonlyConfigError):
        cfg.seed = 1


def test_plain_is_resolved_containers_only():
    found = plain(train_config("experiment=a"))
    assert type(found) is dict and type(found["experiment"]["phases"]) is list
    assert found["experiment"]["phases"][0]["epochs"] == 5 and type(found["data"]["classes"]["Hard"]) is list


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("+foo=1", "unknown key 'foo': there is no 'foo' at the top level; allowed: ckpt_path, data, "),
        ("+trainer.devcies=2", "there is no 'devcies' in 'trainer'; did you mean 'devices'? allowed: accelerator, "),
        ("+experiment.foo=1", "there is no 'foo' in 'experiment'; allowed: classification_weight, epochs, name, "),
        ("+data.triplets.positve_percentile=1", "in 'data.triplets'; did you mean 'positive_percentile'?"),
        ("+experiment.phases.0.freezed=[backbone]", "in 'experiment.phases'; did you mean 'freeze'? allowed: epochs, "),
        ("+experiment.phases.0.weights.contrastiv=1", "in 'experiment.phases.weights'; did you mean 'contrastive'?"),
        ("seed=abc", "seed: Value 'abc' of type 'str' could not be converted to Integer"),
        ("trainer.devices=two", "trainer.devices: Value 'two'"),
        ("experiment.phases.0.epochs=some", "experiment.phases.epochs: Value 'some'"),
        ("experiment.warmup_epochs=some", "epochs: Value 'some'"),
        ("experiment.name=???", "experiment.name"),
        ("data.store=${nothing}", "nothing"),
    ],
)
def test_mistakes_in_a_composed_configuration_are_one_line(override, expected):
    assert expected in message("experiment=a", override)


def test_a_misspelt_key_of_an_experiment_file_is_found(tmp_path):
    """Hydra alone would merge it without a word."""
    own = OmegaConf.create({"experiment": {"warmup_epoch": 3}})
    with pytest.raises(ConfigError, match="no 'warmup_epoch' in 'experiment'; did you mean 'warmup_epochs'"):
        checked(OmegaConf.merge(OmegaConf.create(OmegaConf.to_container(composed("experiment=a"))), own), TrainConfig)


# --- paths on the command line


NAMES = [
    *(
        "a b",
        "[x] y",
        "(1)",
        "{z}",
        "it's",
        'say "hi"',
        "a\\b",
        'a\\"b',
        "end\\",
        "x,y",
        "k:v",
        "a=b",
        "~x",
        "äö!",
        "100%",
    ),
    *("007", "null", "true", "1e3", "#1 hits", "日本", "tail ", "a&b", "+plus", "plain"),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_folder_name_reaches_the_configuration(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    for value in (name, str(tmp_path / name), f"./{name}"):
        (override,) = OverridesParser.create().parse_overrides([_quote_path(f"data.songs={value}")])
        assert override.value() == value and override.key_or_group == "data.songs"


def test_only_paths_that_exist_are_quoted(tmp_path):
    folder = tmp_path / "a b"
    folder.mkdir()
    for argument in (
        "data.songs=no where",
        "experiment=a",
        "--multirun",
        "runs=[x,y]",
        f"model.head={folder}",
        "songs=",
    ):
        assert _quote_path(argument) == argument
    assert {key for key in PATH_KEYS if _quote_path(f"{key}={folder}") == f'{key}="{folder}"'} == set(PATH_KEYS)
    assert _quote_path(f"++data.songs={folder}") == f'++data.songs="{folder}"'


# --- the command


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "groove.train", "data.songs=nowhere", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("experiment=zz", "groove: experiment=zz does not exist: allowed: a, b, baseline, "),
        (
            "trainer.devcies=2",
            "groove: unknown key 'trainer.devcies': there is no 'devcies' in 'trainer'; did you mean",
        ),
        ("+experiment.foo=1", "groove: unknown key 'experiment.foo': there is no 'foo' in 'experiment'; allowed: "),
        ("experiment.phases.0.freezed=[x]", "there is no 'freezed' in 'experiment.phases.0'; did you mean 'freeze'?"),
        ("data.classes.Expert=[Edit]", "no 'Expert' in 'data.classes' yet; to add it write +data.classes.Expert="),
        ("seed=abc", "groove: seed: Value 'abc' of type 'str' could not be converted to Integer"),
        ("trainer.accelerator=[1", "groove: "),
        ("experiment.phases.0.freeze=[clasifier_head]", "names 'clasifier_head': did you mean 'classifier_head'?"),
        ("experiment.warmup_epochs=20", "do not add up to experiment.epochs=20"),
        ("pretrained=none.ckpt", "groove: no checkpoint at none.ckpt"),
        ("data.songs=nowhere", "groove: song folder 'nowhere' does not exist"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_status_1(argument, expected, tmp_path):
    done = train(tmp_path, argument)
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and expected in lines[0] and "Traceback" not in done.stdout + done.stderr
