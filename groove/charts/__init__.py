"""Simfiles, charts, radar, library, generated library: numpy only."""
