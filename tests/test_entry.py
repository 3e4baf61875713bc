"""The command line: paths reach the configuration as they are, and a user's mistake is one line and status 1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from groove.entry import PATH_KEYS, _quote_path

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
