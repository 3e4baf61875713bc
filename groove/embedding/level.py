"""A number for the difficulty: the meter that charts like this one have, with one decimal, and how far off it is.

A class says Hard; a level says 9.4. It is predicted from what the catalogue counts of a chart, by an ordinal regression
fitted on a run's training charts, and kept in the run folder as plain numbers (`LEVEL_FILE`). The network is not asked:
its pooled features say less and add nothing to the counts (``docs/difficulty.md``; ``embed levels=`` measures it).
Packs rate on scales of their own (to 10 once, to 20 now), so an error is said twice: as it is, and beside what the
pack's other charts are off by. Dimension letters: N charts, K counts, Q quantiles, L levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import threadpoolctl
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, QuantileTransformer, StandardScaler

from groove.charts.technique.counting import RATES
from groove.config.schema import Settings
from groove.data.part_labels import technique_table
from groove.data.trees import COUNTED, counted_features
from groove.errors import RunError
from groove.runs.layout import LEVEL_FILE

FEATURES = (*COUNTED, *RATES)
"""What a level is predicted from; neither title, pack, slot nor meter is among them."""
LARGEST = 50
"""Meters from 1 to this are levels; what is beyond (0, 9999) is a joke or unknown, and nothing is learned from it."""
_QUANTILES = 65
_BOUND = float(norm.ppf(1 - 0.5 / _QUANTILES))
"""Where ranks end, on both sides: a chart beyond all that were fitted on is as the last of them."""
_STEPS = 1000
_FOLDS = 5
_NEAR = 1.5
"""What is nearer than this is within one level when rounded."""
Numbers = NDArray[np.float64]


class LevelError(Settings):
    """How far predicted levels are from the meters of some charts, in levels; None where there is no such chart.

    `in_pack` is what is left beside the mean of the pack's other charts, over the packs of two charts or more: what a
    player of that pack would call wrong.
    """

    charts: int
    mean: float | None  # of the absolute errors
    within_1: float | None  # share of charts
    in_pack_charts: int
    in_pack: float | None
    in_pack_within_1: float | None


class Level(Settings):
    """An ordinal regression of the meter on `FEATURES`, as plain numbers, and its errors on charts it never saw."""

    features: list[str]
    quantiles: list[list[float]]  # (Q, K), of the training charts, in order
    levels: list[int]  # (L,), in order
    slopes: list[list[float]]  # (L - 1, K), of the log odds to be above each level but the last
    intercepts: list[float]  # (L - 1,)
    held_out: LevelError  # on the run's held-out songs; their packs are known
    other_packs: LevelError | None  # on the training charts, each pack from the others; None with one pack

    def _mistakes(self) -> Iterator[str]:
        if tuple(self.features) != FEATURES:
            yield f"features must be {', '.join(FEATURES)}"
        shapes = {len(row) for row in (*self.quantiles, *self.slopes)}
        above = len(self.levels) - 1
        if above < 1 or (len(self.slopes), len(self.intercepts), shapes) != (above, above, {len(FEATURES)}):
            yield f"slopes must be one row of {len(FEATURES)} for each of the levels but the last"

    def error(self, own: bool) -> float | None:
        """Return the mean error to expect: on the library it was fitted on (`own`), or on one of other packs."""
        known = self.held_out if own else self.other_packs
        return None if known is None else known.mean

    def predict(self, table: pa.Table) -> Numbers:
        """Return the levels (N,) of the charts of `table`, rows of a catalogue, with one decimal."""
        if not len(table):
            return np.zeros(0)
        ranks, bound = _ranks(len(self.quantiles)).named_steps.values()
        ranks.quantiles_ = np.array(self.quantiles)
        ranks.references_ = np.linspace(0, 1, len(self.quantiles))
        ranks.n_features_in_ = len(FEATURES)
        regression = OrdinalRegression().given(*map(np.array, (self.levels, self.slopes, self.intercepts)))
        return np.round(make_pipeline(ranks, bound, regression).predict(level_features(table)), 1)


class OrdinalRegression(RegressorMixin, BaseEstimator):
    """A logistic regression per level, of the odds to be above it (Frank and Hall, 2001): (N, K) -> (N,).

    Predicted is the expected level: the lowest, and every step up as far as it is likely. A meter of 40 among ones to
    12 is one more level, not a pull on all of them.
    """

    def fit(self, x: Numbers, y: Numbers) -> Self:
        """Fit on `x` (N, K) and the levels `y` (N,)."""
        levels = np.unique(y)
        fitted = [LogisticRegression(max_iter=_STEPS).fit(x, y > level) for level in levels[:-1]]
        slopes = np.array([one.coef_[0] for one in fitted]).reshape(-1, x.shape[1])
        return self.given(levels, slopes, np.array([one.intercept_[0] for one in fitted]))

    def given(self, levels: Numbers, slopes: Numbers, intercepts: Numbers) -> Self:
        """Take `levels` (L,), `slopes` (L - 1, K) and `intercepts` (L - 1,) as they were fitted before."""
        self.levels_, self.slopes_, self.intercepts_ = levels, slopes, intercepts
        return self

    def predict(self, x: Numbers) -> Numbers:
        """Return the expected levels (N,) of `x` (N, K)."""
        above = expit(x @ self.slopes_.T + self.intercepts_)
        return self.levels_[0] + above @ np.diff(self.levels_)


def level_features(table: pa.Table) -> Numbers:
    """Return `FEATURES` of the charts of `table`, rows of a catalogue, (N, K); technique that is not counted is 0."""
    return np.hstack([counted_features(table), np.nan_to_num(technique_table(table))])


def fit_level(table: pa.Table, split: list[str]) -> Level | None:
    """Return the level fitted on the charts of `table` whose `split` is ``train``, measured on those of ``val``.

    None where the training charts have fewer than two different meters.
    """
    rated = _Rated.of(table, split)
    x = level_features(table)
    train, val = np.flatnonzero(rated.train), np.flatnonzero(rated.val)
    if len(np.unique(rated.meter[train])) < 2:
        return None
    model = _counted_model(len(train)).fit(x[train], rated.meter[train])
    ranks, regression = model[0], model[-1]
    predicted = model.predict(x[val]) if len(val) else np.zeros(0)
    return Level(
        features=list(FEATURES),
        quantiles=ranks.quantiles_.tolist(),
        levels=regression.levels_.astype(int).tolist(),
        slopes=regression.slopes_.tolist(),
        intercepts=regression.intercepts_.tolist(),
        held_out=level_error(predicted, rated.meter[val], rated.pack[val]),
        other_packs=_of_other_packs(_counted_model, x[train], rated.meter[train], rated.pack[train]),
    )


def level_of_run(folder: Path) -> Level | None:
    """Return what the run in `folder` keeps as `LEVEL_FILE`, or None where it has none.

    Raises:
        RunError: if it cannot be used.
    """
    path = folder / LEVEL_FILE
    try:
        return Level.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise RunError(
            f"{path} cannot be used: damaged, or of another version; delete it, and charts have no level"
        ) from error


def with_level(table: pa.Table, level: Level | None) -> pa.Table:
    """Return `table`, rows of a catalogue, with a column ``level`` as `level` predicts it, empty without one."""
    values = pa.nulls(len(table), pa.float64()) if level is None else pa.array(level.predict(table), pa.float64())
    return table.append_column("level", values)


def level_error(predicted: Numbers, meter: Numbers, pack: NDArray[Any]) -> LevelError:
    """Return how far `predicted` (N,) is from `meter` (N,), of charts of the packs `pack` (N,)."""
    off = predicted - meter
    _, code = np.unique(pack, return_inverse=True)
    charts, total = (np.bincount(code, weights)[code] for weights in (None, off))
    several = charts > 1
    beside = off[several] - (total - off)[several] / (charts[several] - 1)  # the pack's other charts say its scale
    return LevelError(
        charts=len(off),
        mean=_mean(np.abs(off)),
        within_1=_mean(np.abs(off) < _NEAR),
        in_pack_charts=len(beside),
        in_pack=_mean(np.abs(beside)),
        in_pack_within_1=_mean(np.abs(beside) < _NEAR),
    )


class Compared(NamedTuple):
    """Errors of one way to predict the meter: on the run's held-out songs, and each training pack from the others."""

    held_out: LevelError
    other_packs: LevelError | None


def compared(table: pa.Table, pooled: Numbers, counts: Numbers, threads: int = 1) -> dict[str, Compared]:
    """Return the errors of every way to predict the meter of the charts of `table`, with its column ``split``.

    `pooled` (N, D) are the network's features, `counts` (N, C) those of `chart_counts`. All ways are fitted on the same
    training charts: the mean of the slot, the network's features, `FEATURES` (which is the level), both, and trees on
    `FEATURES` and `counts` together. The network has seen all training charts, those of the other packs too.
    """
    rated = _Rated.of(table, table["split"].to_pylist())
    slots = np.array(table["difficulty"].to_pylist(), dtype=object)[:, None]
    x = level_features(table)
    own, everything = slice(0, len(FEATURES)), np.hstack([x, np.nan_to_num(counts)])

    def both(charts: int) -> Pipeline:
        columns = ColumnTransformer(
            [("counts", _ranks(charts), own), ("pooled", StandardScaler(), slice(len(FEATURES), None))]
        )
        return make_pipeline(columns, OrdinalRegression())

    ways: dict[str, tuple[NDArray[Any], Callable[[int], Any]]] = {
        "mean of the slot": (
            slots,
            lambda _: make_pipeline(OneHotEncoder(handle_unknown="ignore"), LinearRegression()),
        ),
        "network's features": (pooled, lambda _: make_pipeline(StandardScaler(), OrdinalRegression())),
        "level": (x, _counted_model),
        "level with network's features": (np.hstack([x, pooled]), both),
        "random forest on all counts": (everything, lambda _: RandomForestRegressor(300, random_state=0)),
        "boosted trees on all counts": (everything, lambda _: HistGradientBoostingRegressor(random_state=0)),
    }
    train, val = np.flatnonzero(rated.train), np.flatnonzero(rated.val)
    found: dict[str, Compared] = {}
    with threadpoolctl.threadpool_limits(threads):
        for name, (given, make) in ways.items():
            model = make(len(train)).fit(given[train], rated.meter[train])
            error = level_error(model.predict(given[val]), rated.meter[val], rated.pack[val])
            found[name] = Compared(error, _of_other_packs(make, given[train], rated.meter[train], rated.pack[train]))
    return found


class _Rated(NamedTuple):
    """Meters and packs of charts, and which are trained on and held out of those whose meter is a level; all (N,)."""

    meter: Numbers
    pack: NDArray[Any]
    train: NDArray[np.bool_]
    val: NDArray[np.bool_]

    @classmethod
    def of(cls, table: pa.Table, split: list[str]) -> _Rated:
        meter = np.array(table["meter"].to_pylist(), dtype=np.float64)
        rated, part = (meter >= 1) & (meter <= LARGEST), np.array(split, dtype=object)
        pack = np.array(table["pack"].to_pylist(), dtype=object)
        return cls(meter, pack, rated & (part == "train"), rated & (part == "val"))


def _counted_model(charts: int) -> Pipeline:
    """Return the regression that a level is, for fitting on so many charts."""
    return make_pipeline(*_ranks(charts).named_steps.values(), OrdinalRegression())


def _ranks(charts: int) -> Pipeline:
    """Return each count as its rank among the charts fitted on, spread like a bell, as far as `_BOUND`."""
    ranks = QuantileTransformer(n_quantiles=min(_QUANTILES, charts), output_distribution="normal", random_state=0)
    return make_pipeline(ranks, FunctionTransformer(np.clip, kw_args={"a_min": -_BOUND, "a_max": _BOUND}))


def _of_other_packs(
    make: Callable[[int], Any], x: NDArray[Any], meter: Numbers, pack: NDArray[Any]
) -> LevelError | None:
    """Return the error where every pack is predicted by what `make` gives, fitted on other packs; None with one."""
    packs = len(np.unique(pack))
    if packs < 2:
        return None
    predicted = np.empty(len(meter))
    for others, these in GroupKFold(min(_FOLDS, packs)).split(x, groups=pack):
        predicted[these] = make(len(others)).fit(x[others], meter[others]).predict(x[these])
    return level_error(predicted, meter, pack)


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None
