"""Words of the command line: paths and names reach the configuration as they are written, mistakes are one line."""

from __future__ import annotations

from argparse import ArgumentError
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hypothesis import assume, example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from groove.cli.overrides import prepared_arguments
from groove.config.messages import keys_of
from groove.config.schema import (
    EmbedConfig,
    PrepareConfig,
    RadarConfig,
    RecommendConfig,
    ReportConfig,
    TrainConfig,
)
from groove.errors import ConfigError

SCHEMAS = (TrainConfig, RecommendConfig, ReportConfig, RadarConfig)


def schema_of(key: str) -> type:
    """Return a schema that has `key`, the training's for those of Hydra."""
    return next((schema for schema in SCHEMAS if key in dict(keys_of(schema))), TrainConfig)


def in_quotes(argument: str, sweep: bool = False) -> str:
    schema = schema_of(argument.partition("=")[0].lstrip("+"))
    return prepared_arguments([argument, *(["-m"] if sweep else [])], schema)[0].removeprefix("++")


def parsed(argument: str, sweep: bool = False) -> Any:
    """Return what Hydra reads in `argument` once it is quoted; of a sweep the list of values."""
    (override,) = OverridesParser.create().parse_overrides([in_quotes(argument, sweep)])
    assert override.key_or_group == argument.partition("=")[0].lstrip("+")
    value = override.value()
    return [getattr(each, "text", each) for each in value.list] if isinstance(value, ChoiceSweep) else value


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


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("there", [True, False])
def test_any_path_reaches_the_configuration_whether_it_exists_or_not(name, there, here):
    if there:
        Path(name).mkdir()
    for value in (name, str(here / name), f"./{name}"):
        expected = None if value == "null" and not there else value
        assert parsed(f"data.songs={value}") == expected
        if "," not in value:
            assert parsed(f"data.songs={value}", sweep=True) == expected


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_chart_is_text(name):
    assert parsed(f"chart={name}") == (None if name == "null" else name)
    assert parsed(f'chart="{name}" and more') == f'"{name}" and more'


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=12))
@example("[a, b] (x)").via("a list and more")
@example("'a' b'").via("quotes inside quotes")
def test_any_text_is_read_as_it_is_written(text):
    """But for what says itself that it is something else: a text in quotes, null, a list, the home folder."""
    assume(text.lower() != "null" and text[0] not in "\"'")
    assert parsed(f"chart={text}") == text
    assume(not text.startswith("~"))
    assert parsed(f"out={text}") == text
    assume("," not in text and "(" not in text and not text.startswith("["))
    assert parsed(f"out={text}", sweep=True) == text


def test_what_is_written_for_hydra_stays(here):
    for argument in (
        *("out=null", "songs=", "experiment=a", "seed=[1", 'pack=["x, y",z]', "model.head=a (b)"),
        *("data.songs='a (b)'", 'pack="x, y"', "chart='a'"),
    ):
        assert in_quotes(argument) == argument
    for argument in ("data.songs=choice(a,b)", "data.songs='a,b',c", "runs=[a,b],[c]", "seed=1,2"):
        assert in_quotes(argument, sweep=True) == argument


def test_an_interpolation_is_one_in_quotes_too(here):
    found = parsed("hydra.run.dir=outputs/${seed}/${now:%Y}")
    assert OmegaConf.create({"seed": 3, "dir": found.replace("now:", "oc.env:NONE,")}).dir == "outputs/3/%Y"


def test_paths_and_names_are_quoted_and_nothing_else(here):
    """The keys by hand: the schema marks them."""
    found = {key for schema in SCHEMAS for key, _ in keys_of(schema) if in_quotes(f"{key}=a b")[-1] == '"'}
    assert found == {
        *("songs", "out", "compare", "data.songs", "data.store", "data.generated.root", "pretrain.root"),
        *("pretrained", "ckpt_path", "runs", "run", "simfile", "store", "chart", "pack", "step_artist", "description"),
        *("logger.project", "logger.tracking_uri"),
    }
    for key in ("hydra.run.dir", "hydra.sweep.dir", "data.songs"):
        assert in_quotes(f"{key}=a b") == f'{key}="a b"'


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("pack=[A20,X2]", ["A20", "X2"]),
        ("pack=[Dance (x), It's]", ["Dance (x)", "It's"]),
        ("pack=[x] y", "[x] y"),
        ("pack=[x] [y]", "[x] [y]"),
        ("pack=null", None),
        ("runs=[a (1),b]", ["a (1)", "b"]),
        ("data.songs=[a,b]", "[a,b]"),
        ("out=${seed} (x).csv", "${seed} (x).csv"),
    ],
)
def test_one_whole_list_is_a_list_where_there_may_be_one(argument, expected):
    assert parsed(argument) == expected


def test_a_folder_that_is_called_like_a_list_is_a_folder(here):
    (here / "[a,b]").mkdir()
    assert parsed("runs=[a,b]") == "[a,b]"


def test_a_sweep_over_paths_quotes_each(here, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert parsed("data.songs=a (x),~/b,It's", sweep=True) == ["a (x)", "/home/me/b", "It's"]
    Path("c, d").mkdir()
    assert parsed("data.songs=c, d", sweep=True) == "c, d"


def test_the_home_folder_is_found_unless_a_folder_has_its_name(here, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me (x)")
    assert parsed("data.songs=~/Songs") == "/home/me (x)/Songs" and parsed("out=~") == "/home/me (x)"
    assert parsed("runs=[~/a,b]") == ["/home/me (x)/a", "b"]
    assert parsed("data.songs=./~/Songs") == "./~/Songs" and parsed("chart=~/Songs") == "~/Songs"
    Path("~").mkdir()
    assert parsed("out=~") == "~"


@pytest.mark.parametrize(
    ("schema", "arguments", "expected"),
    [
        (RadarConfig, ["/songs"], "'/songs' is not a setting; settings are key=value: songs=/songs"),
        (TrainConfig, ["/songs"], "data.songs=/songs"),
        (PrepareConfig, ["-m", "/songs"], "data.songs=/songs"),
        (EmbedConfig, ["outputs/mine"], "run=outputs/mine"),
        (ReportConfig, ["outputs/mine"], "runs=outputs/mine"),
        (TrainConfig, ["experiment"], "experiment=VALUE"),
        (
            TrainConfig,
            ["--experiment=a"],
            "unknown option '--experiment'; settings are written without dashes: experiment=a",
        ),
        (TrainConfig, ["--cfg", "job", "--seed", "3"], "without dashes: seed=VALUE"),
        (TrainConfig, ["--info", "all", "experiment"], "'experiment' is not a setting"),
    ],
)
def test_a_word_that_is_no_setting_says_what_to_write(schema, arguments, expected):
    with pytest.raises(ConfigError) as caught:
        prepared_arguments(arguments, schema)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "arguments", [["--cfg", "job", "-p", "loss"], ["~pretrained", "-m", "++seed=1,2"], ["--info", "all"], []]
)
def test_options_with_their_values_and_deletions_stay(arguments):
    assert sorted(prepared_arguments(arguments, TrainConfig)) == sorted(arguments)


def test_options_may_stand_anywhere():
    given = ["seed=1,2", "-m", "data.songs=a,b"]
    assert prepared_arguments(given, TrainConfig) == ["++seed=1,2", '++data.songs="a","b"', "-m"]


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("seed=1", "++seed=1"),
        ("+seed=1", "++seed=1"),
        ("loss.temperature=1", "++loss.temperature=1"),
        ("loss=supcon", "loss=supcon"),  # a group: another file
        ("experiment.phases.0.lr_factor.backbone=1", "++experiment.phases.0.lr_factor.backbone=1"),
        ("experiment.phases[0].epochs=1", "++experiment.phases[0].epochs=1"),
        ("hydra/launcher=joblib", "hydra/launcher=joblib"),
        ("hydra.sweeper.max_batch_size=1", "hydra.sweeper.max_batch_size=1"),
        ("+mine=x", "+mine=x"),  # a group of the user's own, as --config-dir has
        ("~data.classes.Easy", "~data.classes.Easy"),
    ],
)
def test_a_key_of_the_schema_needs_no_plus(argument, expected):
    assert prepared_arguments([argument], TrainConfig) == [expected]
    assert prepared_arguments([expected], TrainConfig) == [expected], "as the other processes of a run are given it"


def test_a_key_that_does_not_exist_is_refused_before_hydra_starts():
    with pytest.raises(ConfigError, match=r"no 'trainr' at the top level; did you mean 'trainer\.devices'"):
        prepared_arguments(["trainr.devices=1"], TrainConfig)


@pytest.mark.parametrize("words", [["--info=zzz"], ["-m=3"], ["--cfg"]])
def test_a_wrong_use_of_an_option_is_not_a_page_of_usage(words, capsys):
    with pytest.raises(ArgumentError):
        prepared_arguments(words, TrainConfig)
    assert capsys.readouterr().err == ""
