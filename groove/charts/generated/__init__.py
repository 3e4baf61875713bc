"""The generated library: songs, steps and sound from a seed."""
