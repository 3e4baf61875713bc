"""Text of strangers in figures: titles, folders, settings."""

from __future__ import annotations


def verbatim(text: str) -> str:
    """Return `text` as matplotlib must get it to show it letter by letter.

    Between two dollar signs matplotlib sets a formula, and raises on what is none.
    """
    return text.replace("$", r"\$")
