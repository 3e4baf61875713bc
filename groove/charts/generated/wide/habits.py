"""Who writes wide charts and how: kinds of packs, packs, step authors, and the habits of one chart.

A habit is a chance per row (of the rows that allow it), a share of rows or beats, or a weight; every author, song and
chart multiplies it by luck of its own, many charts have none of it, and some charts are about one of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SLOTS = ("Beginner", "Easy", "Medium", "Hard", "Challenge")
Habits = dict[str, float]


class Habit(NamedTuple):
    """A habit: its usual size, the largest one, the share of charts that have none, where it begins to be usual."""

    usual: float
    most: float
    absent: float
    from_hardness: float


HABITS = {
    "crossover": Habit(0.16, 1.2, 0.15, -1),  # weight of the far side panel when the other foot is in the middle
    "candle": Habit(0.9, 4.0, 0.0, -1),  # weight of moving between up and down
    "anchor": Habit(0.9, 4.0, 0.0, -1),  # weight of a panel that the foot stands on
    "repeat": Habit(0.16, 0.7, 0.05, -1),  # chance of the same arrow again where that is slow
    "jack": Habit(0.03, 0.4, 0.6, 1.5),  # the same where it is fast
    "footswitch": Habit(0.03, 0.35, 0.55, 1),
    "sideswitch": Habit(0.006, 0.08, 0.65, 1),
    "double": Habit(0.006, 0.12, 0.5, 0.5),  # the same foot on another panel
    "bracket": Habit(0.008, 0.18, 0.55, 1.5),
    "jump": Habit(0.062, 0.45, 0.06, -1),  # share of rows
    "hand": Habit(0.004, 0.1, 0.85, 2.5),  # share of rows
    "drill": Habit(0.012, 0.15, 0.3, 1.5),  # chance that such a pattern begins
    "stairs": Habit(0.02, 0.15, 0.2, 1),
    "crossing": Habit(0.006, 0.12, 0.4, 1),
    "candles": Habit(0.01, 0.12, 0.2, 1),
    "hold": Habit(0.16, 0.92, 0.07, -1),  # share of beats held
    "roll": Habit(0.08, 0.8, 0.75, 1),  # share of holds
    "mine": Habit(0.05, 0.9, 0.78, 0.5),  # chance per row
    "shock": Habit(0.02, 0.2, 0.95, 2),
    "lift": Habit(0.01, 0.1, 0.97, 2),  # share of taps
    "fake": Habit(0.01, 0.1, 0.97, 2),  # chance per row
}
THEMES = ("crossover", "candle", "jack", "footswitch", "sideswitch", "double", "bracket", "jump", "drill", "stairs",
          "crossing", "hold", "hold", "mine", "anchor", "repeat", "hand", "roll")  # fmt: skip
"""What one chart in six is about: such a habit is three to ten times as large."""


class PackKind(NamedTuple):
    """A kind of pack: how often it is met, the scale of its meters, lengths, slots, the habits that differ."""

    weight: float
    scale: str
    length_s: float
    length_spread: float
    bpm: tuple[float, float]
    slots: tuple[tuple[int, ...], ...]
    harder: float
    habits: dict[str, float]
    rhythms: dict[str, float]


FIVE, FOUR, TOP, ONE = (0, 1, 2, 3, 4), (0, 1, 2, 3), (2, 3, 4), (4,)
KINDS = {
    "arcade": PackKind(0.24, "old", 96, 0.1, (145, 0.18), (FOUR, FOUR, FIVE), 0.0,
                       {"bracket": 0.3, "footswitch": 0.3, "mine": 0, "roll": 0, "hand": 0, "shock": 0}, {}),
    "modern": PackKind(0.26, "x", 100, 0.14, (160, 0.2), (FOUR, FIVE, FIVE), 0.1,
                       {"mine": 0.2, "roll": 0.1, "shock": 8, "hold": 1.15, "hand": 0.3}, {"syncopated": 1.5}),
    "pad": PackKind(0.2, "itg", 112, 0.16, (150, 0.2), (FIVE, FOUR, FIVE, (1, 2, 3, 4)), 0.1,
                    {"mine": 2.5, "hand": 4, "roll": 2, "jump": 1.1, "bracket": 1.5, "footswitch": 1.5}, {}),
    "technical": PackKind(0.1, "itg", 122, 0.22, (150, 0.24), (FIVE, TOP, ONE, FOUR), 0.25,
                          {"bracket": 3, "footswitch": 3, "sideswitch": 3, "crossover": 1.8, "jack": 1.5, "mine": 2,
                           "double": 1.4}, {"bursts": 4, "poly": 4, "syncopated": 2, "techno": 4, "flams": 3}),
    "stamina": PackKind(0.06, "stamina", 170, 0.45, (175, 0.2), (ONE, (3, 4), TOP), 1.3,
                        {"drill": 0.6, "jump": 0.15, "hold": 0.15, "bracket": 0.2, "jack": 0.3},
                        {"sixteenths": 14, "bursts": 0.3, "vocal": 0.2}),
    "vocal": PackKind(0.1, "x", 98, 0.12, (150, 0.2), (FOUR, FIVE), -0.15, {"hold": 1.3, "mine": 0.5, "roll": 0.5},
                      {"vocal": 5, "syncopated": 1.5}),
    "gimmicks": PackKind(0.04, "itg", 115, 0.3, (160, 0.35), (FIVE, ONE, TOP), 0.5,
                         {"mine": 3, "fake": 20, "lift": 20, "shock": 5, "hand": 4},
                         {"techno": 5, "bursts": 4, "poly": 5, "flams": 5}),
}  # fmt: skip
SCALES = {  # meter at hardness -1, 0, ..., 7
    "old": (1, 1.4, 3.2, 5.6, 7.9, 9.2, 10, 10, 10),
    "x": (1, 2, 4.6, 8.4, 12, 15, 17.3, 18.6, 19.5),
    "itg": (1, 1.6, 4, 7.3, 9.8, 12, 14, 15.2, 16.5),
    "stamina": (1, 2, 5, 8, 10.5, 13, 17, 21, 25),
}
FIRST_NAMES = "Ado Bex Corin Dag Ebbe Fen Gus Hollis Ivo Jory Kit Lio Mako Nell Odo Pim Quin Rafe Sol Tove".split()
LAST_NAMES = "Abbey Brandt Castor Dunne Ewing Frost Garr Hale Imai Joss Keel Lund Mori Noll Okada Pruitt Voss".split()
HANDLES = "loopback arrowroot heelturn nullbeat saltine gridlock velcro moth tangent overstep mira404 kettle".split()


class Author(NamedTuple):
    """A step author: the name, how they sign, and their habits as factors of the usual ones."""

    name: str
    signature: str
    factors: Habits
    contrast: float
    copying: float


class Pack(NamedTuple):
    """A wide pack: its folder, kind, authors, how much harder it rates, file format and credit."""

    name: str
    kind: str
    authors: tuple[Author, ...]
    bias: float
    ssc: bool
    credit: str


def draw_pack(name: str, rng: np.random.Generator) -> Pack:
    """Return a pack of a random kind with one to four authors."""
    kinds = list(KINDS)
    kind = kinds[rng.choice(len(kinds), p=np.array([KINDS[k].weight for k in kinds]))]
    authors = tuple(_draw_author(kind, rng) for _ in range(int(rng.choice([1, 1, 2, 3, 4]))))
    credit = name if rng.random() < 0.3 else ""
    return Pack(name, kind, authors, float(rng.normal(0, 0.25)), bool(rng.random() < 0.4), credit)


def _draw_author(kind: str, rng: np.random.Generator) -> Author:
    """Return an author with a name as people sign: initials and surname, a handle, a year, nothing."""
    first, last = FIRST_NAMES[rng.integers(len(FIRST_NAMES))], LAST_NAMES[rng.integers(len(LAST_NAMES))]
    handle = HANDLES[rng.integers(len(HANDLES))]
    names = (
        f"{first[0]}. {last}",
        f"{first} {last}",
        handle,
        f"{handle}{rng.integers(10, 99)}",
        f"{first[0]}.{last[0]}",
    )
    name = names[rng.integers(len(names))]
    signature = ("{}", "{}", "", "", f"{{}} ({rng.integers(2005, 2026)})", "{} - {}")[rng.integers(6)]
    own = KINDS[kind].habits
    factors = {habit: own.get(habit, 1.0) * float(np.exp(rng.normal(0, 0.5))) for habit in HABITS}
    return Author(name, signature, factors, float(rng.uniform(0.3, 1.6)), float(rng.beta(1, 2)))


def chart_habits(author: Author, song: Habits, hardness: float, rng: np.random.Generator) -> tuple[Habits, str]:
    """Return the habits of one chart of this hardness, and what the chart is about, ``""`` for most."""
    theme = THEMES[rng.integers(len(THEMES))] if rng.random() < 0.17 else ""
    habits = {}
    for name, habit in HABITS.items():
        factor = author.factors[name] * song[name] * float(np.exp(rng.normal(0, 0.45)))
        early = max(habit.from_hardness - hardness, 0.0)
        present = rng.random() >= habit.absent
        value = habit.usual * factor * float(np.exp(-1.2 * early)) * present
        if name == theme and author.factors[name]:
            value = habit.usual * float(rng.uniform(3, 10)) * float(np.exp(-0.6 * early))
        habits[name] = min(value, habit.most)
    return habits, theme


def song_habits(rng: np.random.Generator) -> Habits:
    """Return the factors that all charts of a song share."""
    return dict(zip(HABITS, np.exp(rng.normal(0, 0.4, len(HABITS))).tolist(), strict=True))


def signed(author: Author, theme: str) -> str:
    """Return the description of a chart as its author writes it."""
    return author.signature.format(author.name, theme or "tech") if author.signature else ""
