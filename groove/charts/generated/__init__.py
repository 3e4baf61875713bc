"""The generated library: songs, steps and sound from a seed."""

from typing import Literal

Variety = Literal["plain", "wide"]
"""``plain``: four or five charts a song with audio, for demonstrations; ``wide``: charts as people write them."""
