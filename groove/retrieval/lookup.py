"""How a chart is named on the command line and in answers: ``Title [Hard 9] (Pack)``, as short as is unambiguous."""

from __future__ import annotations

import difflib
import functools
import re
from collections import Counter
from collections.abc import Callable, Sequence

from groove.charts.display import chart_name
from groove.embedding.embedded import EmbeddedLibrary
from groove.errors import LibraryError

_SHOWN = 8
_LEVEL = re.compile(r"(?P<song>.+?)\s*(?P<level>\[[^\]]*\]\s*(\(.*\))?)")
"""``Title [Hard 9] (Pack)``, taken apart."""
Forms = Callable[[], list[str]]


def chart_names(library: EmbeddedLibrary) -> list[str]:
    """Return ``Title [Hard 9]`` of every chart."""
    return list(map(chart_name, *(library.column(name) for name in ("title", "difficulty", "meter"))))


def find_chart(library: EmbeddedLibrary, name: str) -> int:
    """Return the row of the one chart that `name` means.

    A name is a chart's id (``Pack/Song/file.sm#3``), or its title, with or without ``[Hard]``, ``[9]`` or ``[Hard 9]``
    and ``(Pack)`` behind it, or the beginning or any part of these; case does not matter. In place of the title the
    name of the simfile or of its folder may stand, which often are a title in Latin letters.

    Raises:
        LibraryError: if it means none, naming the closest, or several, with an unambiguous name for each.
    """
    forms = _forms(library)
    found = _search(forms, name)
    if len(found) > 1:
        raise LibraryError(f"'{name}' matches {len(found)} charts; choose one: {_named(library, found)}")
    if found:
        return found[0]
    parts = _LEVEL.fullmatch(name.strip())
    of_song = _search(forms, parts["song"]) if parts else []
    if parts and len(set(library.song[of_song].tolist())) == 1:
        raise LibraryError(f"'{parts['song']}' has no chart {parts['level']}; it has {_named(library, of_song)}")
    titles = {title.casefold(): title for title in library.column("title")}
    close = difflib.get_close_matches(_plain(name).partition("[")[0].strip(), list(titles), n=3)
    if close:
        hint = "did you mean " + " or ".join(f"'{titles[title]}'" for title in close) + "?"
    else:
        hint = f"of {len(titles)} titles the first are " + ", ".join(f"'{t}'" for t in sorted(titles.values())[:3])
    raise LibraryError(f"no chart is called '{name}'; {hint}")


def only_chart(library: EmbeddedLibrary) -> int:
    """Return the row of the library's only chart.

    Raises:
        LibraryError: if it has several, naming them.
    """
    if len(library) > 1:
        every = _named(library, range(len(library)))
        raise LibraryError(f"{library.column('simfile')[0]} holds {len(library)} charts; choose one: {every}")
    return 0


def _forms(library: EmbeddedLibrary) -> Sequence[Forms]:
    """Return what the charts may be called, by title, file and id: a text (N,) each, every name on a line of its own.

    They are made when a search first needs them: it mostly ends with the titles.
    """
    columns = (library.column(name) for name in ("chart_id", "title", "difficulty", "meter", "pack"))
    rows = list(zip(*columns, strict=True))

    def texts(names_of: Callable[..., list[str]]) -> Forms:
        return functools.cache(lambda: ["\n" + "\n".join(names_of(*row)) + "\n" for row in rows])

    return [texts(_by_title), texts(_by_file), texts(lambda chart_id, *_: [chart_id.casefold()])]


def _by_title(chart_id: str, title: str, slot: str, meter: int, pack: str) -> list[str]:
    title = " ".join(title.split())
    names = [title, *(f"{title} {level}" for level in (f"[{slot}]", f"[{meter}]", f"[{slot} {meter}]"))]
    return [form.casefold() for form in (*names, *(f"{form} ({pack})" for form in names))]


def _by_file(chart_id: str, title: str, slot: str, meter: int, pack: str) -> list[str]:
    """Return the same by the names of the simfile and of its folder, where they differ from the title."""
    *folders, file = chart_id.rpartition("#")[0].split("/")
    names = {_plain(name): name for name in (*folders[-1:], file.rpartition(".")[0])}
    own = [name for plain, name in names.items() if plain not in ("", _plain(title))]
    return [form for name in own for form in _by_title(chart_id, name, slot, meter, pack)]


def _search(forms: Sequence[Forms], name: str) -> list[int]:
    """Return the rows that `name` fits best: whole, then at the beginning, then anywhere; titles before file names."""
    wanted = _plain(name)
    for pattern in (f"\n{wanted}\n", f"\n{wanted}", wanted):
        for texts in forms:
            found = [row for row, text in enumerate(texts()) if pattern in text]
            if found:
                return found
    return []


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _named(library: EmbeddedLibrary, rows: Sequence[int]) -> str:
    """Return what to write for each of `rows`, `_SHOWN` at most."""
    shown = ", ".join(f'chart="{text}"' for text in unambiguous(library, rows)[:_SHOWN])
    return shown + (f", and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else "")


def unambiguous(library: EmbeddedLibrary, rows: Sequence[int]) -> list[str]:
    """Return a name for each of `rows` that no other of them has: with its pack, or its id, where it needs one."""
    names, packs, ids = chart_names(library), library.column("pack"), library.column("chart_id")
    named = [names[row] for row in rows]
    for longer in (lambda row: f"{names[row]} ({packs[row]})", ids.__getitem__):
        counts = Counter(named)
        named = [longer(row) if counts[text] > 1 else text for text, row in zip(named, rows, strict=True)]
    return named
