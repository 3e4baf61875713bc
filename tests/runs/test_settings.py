"""Settings of a command line, as Hydra writes them down."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from groove.config.schema import NO_EFFECT
from groove.errors import RunError
from groove.runs.comparison import comparison_frame, comparison_rows, written
from groove.runs.folder import load_run, settings_of
from groove.runs.layout import OVERRIDES_FILE
from tests.runs.builders import good_a


def saved(folder: Path, *overrides: str) -> Path:
    """Write `overrides` as Hydra saves a command line."""
    path = folder / OVERRIDES_FILE
    path.parent.mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(list(overrides)), path)
    return folder


@pytest.mark.parametrize(
    "override",
    [
        'data.songs="/some where/lib"',
        "data.songs='/lib'",
        "data.songs=/lib",
        r'data.songs="/a \"b\" c"',
        "loss.name=null",
    ],
)
def test_a_value_loses_its_quotes_as_hydra_takes_them(tmp_path: Path, override: str) -> None:
    (setting,) = settings_of(saved(tmp_path, override, "seed=3"))
    key, _, value = setting.partition("=")
    parsed = OverridesParser.create().parse_override(override)
    expected = parsed.value()
    assert key == parsed.key_or_group and value == ("null" if expected is None else str(expected))


def test_quotes_inside_a_value_stay(tmp_path: Path) -> None:
    given = 'data.steps_types=["dance-single","pump-single"]'
    assert settings_of(saved(tmp_path, given)) == (given,)


def test_what_changes_no_result_is_left_out(tmp_path: Path) -> None:
    nothing = [
        "seed=1",
        "pretrain.root=/x",
        "data.store=/y",
        "trainer.num_nodes=1",
        "data.fold=2",
        "data.split_seed=3",
        "hydra.run.dir=/z",
        "+data.store=q",
    ]
    kept = ["pretrain.epochs=3", "data.songs=/lib", "~loss.bandwidth"]
    folder = saved(tmp_path, *nothing, *kept)
    assert settings_of(folder) == tuple(sorted(kept))
    assert settings_of(tmp_path / "no such run") == ()


@pytest.mark.parametrize("key", NO_EFFECT)
def test_every_setting_without_an_effect_is_left_out(tmp_path: Path, key: str) -> None:
    assert settings_of(saved(tmp_path, f"{key}=x", f"++{key}=y", f"{key}_too=z")) == (f"{key}_too=z",)


def test_several_processes_are_a_setting(tmp_path: Path) -> None:
    folder = saved(tmp_path, "trainer.devices=2", "trainer.num_nodes=2", "loss.temperature=2")
    assert settings_of(folder, processes=1) == ("loss.temperature=2",)
    assert settings_of(folder, processes=4) == ("loss.temperature=2", "trainer.devices=4")


def test_a_folder_with_a_space_is_one_setting_of_one_group(tmp_path: Path) -> None:
    runs = []
    for number, songs in enumerate(("/my songs", "/my songs", "/my other songs")):
        folder = good_a(tmp_path / str(number), seed=number)
        saved(folder, f'data.songs="{songs}"', f"pretrain.root=/pre{number}", "loss.temperature=2")
        runs.append(load_run(folder))
    rows = comparison_rows(comparison_frame(runs))
    assert [*rows["row"]] == ["run", "run", "mean", "spread", "run"], "pretrain.root changes no result"
    assert written(rows["settings"][0]) == '"data.songs=/my songs" loss.temperature=2'


@pytest.mark.parametrize("text", ["a: [", "a: 1\n", "\x00"])
def test_a_file_that_is_no_list_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    folder = good_a(tmp_path)
    (folder / OVERRIDES_FILE).parent.mkdir()
    (folder / OVERRIDES_FILE).write_text(text)
    with pytest.raises(RunError, match=r"overrides\.yaml") as caught:
        load_run(folder)
    assert "\n" not in str(caught.value)


def test_how_settings_are_shown() -> None:
    assert written(("a.b=1", "c=x y")) == 'a.b=1 "c=x y"'


def test_a_plus_before_a_setting_is_not_another_setting(tmp_path):
    """The command line writes ++ before every key of the schema, so that it need not stand in a YAML file."""
    overrides = "++optimizer.lr=1", "+data.batch_size=2"
    assert settings_of(saved(tmp_path, *overrides)) == ("data.batch_size=2", "optimizer.lr=1")
