"""How wide a printed table may be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def table_console(least: int) -> Console:
    """Return a console as wide as the terminal, or as ``COLUMNS`` says.

    Where there is neither (a pipe, a file) it has at least `least` columns: rich would take 80.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console.width = max(console.width, least)
    return console
