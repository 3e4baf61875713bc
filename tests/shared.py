"""Where the real songs and the known answers lie; tests that need them are skipped where they are absent."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
