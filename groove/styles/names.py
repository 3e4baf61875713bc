"""Names of sub-styles, from what sets their charts apart from the rest of their class.

A difference is that of medians (sub-style less rest) in units of the class's spread, which outliers do not widen (a
robust z). It is named only if it is at least `BOUND` and the two groups differ by a rank test (Mann and Whitney 1947)
too, so that a handful of odd charts names nothing. The words are those of players: ``streams`` is the radar's stream,
``bursts`` its voltage, ``jumps`` its air, ``freezes`` its freeze, ``rhythms`` its chaos; tempo, length, mines, hands,
rolls, what the feet do and breaks between streams are counted. Dimension letters: N charts of a class, F traits, K
sub-styles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.data.scaler import RadarScaler
from groove.embedding.embedded import EmbeddedLibrary

BOUND, VERY = 0.5, 1.0
"""A difference from the rest is named from `BOUND` spreads on, with "very" from `VERY` off the class's median on."""
NAMED_P = 0.01
WORDS = 2
"""How many differences a name has, the strongest; more only where two names would be the same."""


class Trait(NamedTuple):
    """A number of a chart, and what a sub-style with more or less of it is called."""

    column: str
    more: str
    less: str
    per_step: bool = False

    @property
    def name(self) -> str:
        """Return what the number is called in a table."""
        return f"{self.column}_per_step" if self.per_step else self.column


TRAITS = (
    Trait("stream", "dense streams", "sparse streams"),
    Trait("voltage", "strong bursts", "weak bursts"),
    Trait("air", "many jumps", "few jumps"),
    Trait("freeze", "many freezes", "few freezes"),
    Trait("chaos", "tricky rhythms", "plain rhythms"),
    Trait("bpm", "fast", "slow"),
    Trait("length_s", "long", "short"),
    Trait("jumps", "many jumps", "few jumps", per_step=True),
    Trait("holds", "many freezes", "few freezes", per_step=True),
    Trait("mines", "many mines", "few mines", per_step=True),
    Trait("hands", "many hands", "few hands", per_step=True),
    Trait("rolls", "many rolls", "few rolls", per_step=True),
    Trait("technique_jacks", "jack-heavy", "few jacks", per_step=True),
    Trait("technique_doublesteps", "doublestep-heavy", "few doublesteps", per_step=True),
    Trait("technique_crossovers", "crossover-heavy", "few crossovers", per_step=True),
    Trait("technique_footswitches", "footswitch-heavy", "few footswitches", per_step=True),
    Trait("technique_brackets", "bracket-heavy", "few brackets", per_step=True),
    Trait("technique_candles", "candle-heavy", "few candles", per_step=True),
    Trait("technique_break_measures", "broken streams", "few breaks"),
)


class Differences(NamedTuple):
    """How K sub-styles differ from the rest of their class in F traits, (K, F) each.

    `z` is their median less that of the rest, `from_class` their median less that of the class, both in robust spreads
    of the class; `p` are the p-values of the rank tests.
    """

    traits: Sequence[Trait]
    z: NDArray[np.float64]
    from_class: NDArray[np.float64]
    p: NDArray[np.float64]


def trait_values(library: EmbeddedLibrary) -> tuple[list[Trait], NDArray[np.float64]]:
    """Return the traits that the library's table has, and their values, (N, F)."""
    numbers: dict[str, NDArray[np.float64]] = dict(zip(RADAR_AXES, library.radar.T, strict=True))
    for trait in TRAITS:
        if trait.column in library.table.column_names:
            values = library.table[trait.column].to_numpy(zero_copy_only=False).astype(np.float64)
            numbers[trait.column] = np.nan_to_num(values)  # what the feet do on two pads is not counted
    known = [trait for trait in TRAITS if trait.column in numbers]
    steps = np.maximum(library.table["steps"].to_numpy(), 1.0)
    return known, np.stack([numbers[x.column] / steps if x.per_step else numbers[x.column] for x in known], axis=1)


def differences(traits: Sequence[Trait], values: NDArray[np.float64], labels: NDArray[np.int64]) -> Differences:
    """Return how the sub-styles `labels` (N,) of one class differ from its other charts in `values` (N, F)."""
    scaled, varied = spreads(traits, values)(values), np.ptp(values, axis=0) > 0
    count = int(labels.max()) + 1
    z, from_class, p = np.zeros((count, len(traits))), np.zeros((count, len(traits))), np.ones((count, len(traits)))
    for cluster in range(count if count > 1 else 0):
        inside, rest = scaled[labels == cluster], scaled[labels != cluster]
        from_class[cluster] = np.median(inside, axis=0)  # the scaler's center is the class's median
        z[cluster] = from_class[cluster] - np.median(rest, axis=0)
        p[cluster, varied] = mannwhitneyu(inside[:, varied], rest[:, varied], method="asymptotic").pvalue
    return Differences(traits, z, from_class, p)


def spreads(traits: Sequence[Trait], values: NDArray[np.float64]) -> RadarScaler:
    """Return median and robust spread of each trait in `values` (N, F).

    Of a count that most charts lack (rolls, mines) the range without outliers is nearly 0, so that a hundredth of a
    roll a step would be the largest difference of all: a count's spread is at least its standard deviation.
    """
    fitted = RadarScaler.fit(values)
    least = np.where([trait.per_step for trait in traits], values.std(axis=0), 0.0)
    return RadarScaler(fitted.center, np.maximum(fitted.scale, least))


def phrases(found: Differences, cluster: int) -> list[str]:
    """Return what may be said of a sub-style, the strongest difference first; of each word or its opposite, one."""
    z, p = found.z[cluster], found.p[cluster]
    said: dict[str, str] = {}
    for index in np.argsort(-np.abs(z), kind="stable"):
        trait = found.traits[index]
        if abs(z[index]) >= BOUND and p[index] < NAMED_P:
            word = trait.more if z[index] > 0 else trait.less
            said.setdefault(trait.more, f"very {word}" if abs(found.from_class[cluster, index]) >= VERY else word)
    return list(said.values())


def style_names(found: Differences, of_class: str) -> list[str]:
    """Return a name for each sub-style of `of_class`, (K,), unique in it.

    A sub-style without a difference that may be named is ``typical <class>``. Names that would be the same get further
    differences, as far as there are any, then a number.
    """
    said = [phrases(found, cluster) or [f"typical {of_class}"] for cluster in range(len(found.z))]
    words, longer = [WORDS] * len(said), [True]
    while any(longer):
        names = [", ".join(phrase[:count]) for phrase, count in zip(said, words, strict=True)]
        counts = Counter(names)
        longer = [counts[name] > 1 and count < len(s) for name, count, s in zip(names, words, said, strict=True)]
        words = [count + more for count, more in zip(words, longer, strict=True)]
    times = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [name if number == 1 else f"{name} ({number})" for name, number in zip(names, times, strict=True)]
