"""Any command line is a configuration that works, or one line: never another exception.

A few deterministic examples here; ``pytest --hypothesis-profile=long tests/config/test_fuzz_config.py`` tries many.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, get_args, get_origin

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import event, given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from groove.cli.overrides import prepared_arguments
from groove.config.messages import explain, keys_of, options
from groove.config.schema import CONF_DIR, RunConfig, checked
from groove.errors import ConfigError, GrooveError
from groove.training.pipeline import check_settings
from tests.cli.test_help import SCHEMAS

EXTREMES = ("-1", "0", "1000000000", "nan", "inf", "-inf", "abc", "1e400", "null", "[1]", "{a: 1}", "''")


def keys(schema: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key of everything below `schema`, and its type; of a list of settings the first."""
    for name, kind in keys_of(schema):
        yield prefix + name, kind
        if get_origin(kind) is list:
            yield from keys(get_args(kind)[0], f"{prefix}{name}.0.")


KEYS = {name: [key for key, _ in keys(schema)] for name, schema in SCHEMAS.items()}
GROUPS = sorted(path.name for path in CONF_DIR.iterdir() if path.is_dir())
OPTIONS = [f"{path.parent.name}={path.stem}" for path in sorted(CONF_DIR.glob("*/*.yaml"))]


def outcome(name: str, overrides: Sequence[str]) -> str | None:
    """Return the line that `python -m groove.<name>` would end with before any work, or None if it would begin."""
    schema = SCHEMAS[name]
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        try:
            cfg = compose(name, overrides=prepared_arguments(overrides, schema))
        except Exception as error:  # whatever Hydra raises is the user's mistake
            return " ".join(explain(error, schema).split())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cfg = checked(cfg, schema)
            if name == "train":
                check_settings(cfg)
    except GrooveError as error:
        assert "\n" not in str(error)
        return str(error)
    return None


def is_one_line(line: str | None) -> bool:
    return line is None or (bool(line.strip()) and "\n" not in line and "Traceback" not in line)


scalars = (
    st.sampled_from(EXTREMES)
    | st.integers(-3, 300).map(str)
    | st.floats(width=32).map(str)
    | st.sampled_from("true false auto cpu gpu ddp 16 bf16-mixed ordinal attention cosine Hard Edit backbone".split())
    | st.sampled_from([f"groove.model.losses.{name}" for name in ("LogRatioLoss", "RadarRegressionLoss", "Nothing")])
    | st.sampled_from(["builtins.dict", "groove.nothing.C", ".", "torch.nn.Linear", "${seed}", "${nothing}", "${"])
    | st.text(max_size=6)
)
values = (
    scalars
    | st.lists(scalars, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
    | st.dictionaries(st.sampled_from(["name", "epochs", "weights", "Hard", "x"]), scalars, max_size=2).map(
        lambda parts: "{" + ",".join(f"{key}: {value}" for key, value in parts.items()) + "}"
    )
)


@st.composite
def override(draw: st.DrawFn, name: str) -> str:
    """Return one argument: a key there is, nearly there is, or is not, with any value."""
    key = draw(st.sampled_from(KEYS[name]))
    key = draw(st.sampled_from([key] * 8 + [key[:-1], key + "x", key + ".0", key.upper(), key.replace(".", "")]))
    prefix = draw(st.sampled_from([""] * 4 + ["++"] * 4 + ["+", "~"]))
    return f"{prefix}{key}={draw(values)}" if draw(st.integers(0, 15)) else f"{prefix}{key}"


arguments = st.lists(override("train") | st.sampled_from(OPTIONS), min_size=1, max_size=4)


@given(arguments)
def test_any_arguments_of_train(given_arguments: list[str]) -> None:
    line = outcome("train", given_arguments)
    event("begins" if line is None else "refused")
    assert is_one_line(line)


@given(st.sampled_from(sorted(set(SCHEMAS) - {"train"})).flatmap(
    lambda name: st.tuples(st.just(name), st.lists(override(name), min_size=1, max_size=3))
))  # fmt: skip
def test_any_arguments_of_the_others(drawn: tuple[str, list[str]]) -> None:
    assert is_one_line(outcome(*drawn))


NUMBERS = [
    (name, key)
    for name, schema in SCHEMAS.items()
    for key, kind in keys(schema)
    if {int, float} & set(options(kind)) or (get_origin(kind) is dict and float in options(get_args(kind)[1]))
]


NEEDED = {"radar": ["songs=x"], "train": ["experiment=a"], "export": ["out=x"]}


@cache
def complete(name: str) -> DictConfig:
    """Return the configuration of an entry point with what it cannot do without."""
    run = ["run=x"] if issubclass(SCHEMAS[name], RunConfig) else []
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        cfg = compose(name, overrides=NEEDED.get(name, []) + run)
    checked(cfg, SCHEMAS[name])
    return cfg


@pytest.mark.parametrize(("name", "key"), NUMBERS)
def test_no_number_takes_nan_infinity_or_a_word(name: str, key: str) -> None:
    path = f"{key}.backbone" if key.endswith("lr_factor") else key
    for value in (math.nan, math.inf, -math.inf, "abc"):
        cfg = copy.deepcopy(complete(name))
        OmegaConf.update(cfg, path, value, force_add=True)
        with pytest.raises(ConfigError, match=key.rpartition(".")[2]) as caught:
            checked(cfg, SCHEMAS[name])
        assert is_one_line(str(caught.value))
