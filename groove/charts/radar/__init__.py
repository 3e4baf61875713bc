"""The groove radar in its two definitions, and where a song ends."""
