"""How a chart is named on the command line and in answers: ``Title [Hard 9] (Pack)``, as short as is unambiguous."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from groove.errors import LibraryError
from groove.retrieval.embedded import EmbeddedLibrary

_SHOWN = 8


def labels(library: EmbeddedLibrary) -> list[str]:
    """Return ``Title [Hard 9]`` of every chart."""
    columns = (library.column(name) for name in ("title", "difficulty", "meter"))
    return [label(*column) for column in zip(*columns, strict=True)]


def label(title: str, difficulty: str, meter: int) -> str:
    """Return how a chart is called: ``Title [Hard 9]``."""
    return f"{title} [{difficulty} {meter}]"


def find_chart(library: EmbeddedLibrary, name: str) -> int:
    """Return the row of the one chart that `name` means.

    A name is a chart's id (``Pack/Song/file.sm#3``), or its title, with or without ``[Hard]``, ``[9]`` or ``[Hard 9]``
    and ``(Pack)`` behind it, or the beginning or any part of these; case does not matter.

    Raises:
        LibraryError: if it means none, naming the closest, or several, naming them so that they can be told apart.
    """
    wanted = " ".join(name.split()).casefold()
    forms = [_forms(*row) for row in zip(*(library.column(c) for c in _COLUMNS), strict=True)]
    for matches in (
        lambda own: wanted in own,
        lambda own: any(form.startswith(wanted) for form in own),
        lambda own: any(wanted in form for form in own),
    ):
        found = [row for row, own in enumerate(forms) if matches(own)]
        if len(found) == 1:
            return found[0]
        if found:
            raise LibraryError(_ambiguous(library, name, found))
    raise LibraryError(f"no chart is called '{name}'{_closest(library, wanted)}")


_COLUMNS = ("chart_id", "title", "difficulty", "meter", "pack")


def _forms(chart_id: str, title: str, slot: str, meter: int, pack: str) -> list[str]:
    """Return everything that a chart may be called."""
    title = " ".join(title.split())
    levels = (f"[{slot}]", f"[{meter}]", f"[{slot} {meter}]")
    names = [title, *(f"{title} {level}" for level in levels)]
    return [form.casefold() for form in (chart_id, *names, *(f"{form} ({pack})" for form in names))]


def unambiguous(library: EmbeddedLibrary, rows: Sequence[int]) -> list[str]:
    """Return a name for each of `rows` that no other of them has: with its pack, or its id, where it needs one."""
    short = labels(library)
    packs, ids = library.column("pack"), library.column("chart_id")
    named = [short[row] for row in rows]
    named = [f"{text} ({packs[row]})" if named.count(text) > 1 else text for text, row in zip(named, rows, strict=True)]
    return [ids[row] if named.count(text) > 1 else text for text, row in zip(named, rows, strict=True)]


def _ambiguous(library: EmbeddedLibrary, name: str, rows: Sequence[int]) -> str:
    shown = unambiguous(library, rows)[:_SHOWN]
    more = f", and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"'{name}' means {len(rows)} charts; say which: " + ", ".join(f'chart="{text}"' for text in shown) + more


def _closest(library: EmbeddedLibrary, wanted: str) -> str:
    titles = {title.casefold(): title for title in library.column("title")}
    close = difflib.get_close_matches(wanted.partition("[")[0].strip(), list(titles), n=3)
    if close:
        return "; did you mean " + " or ".join(f"'{titles[title]}'" for title in close) + "?"
    return f"; of {len(titles)} titles the first are " + ", ".join(
        f"'{title}'" for title in sorted(titles.values())[:3]
    )
