"""Verdict, figure and comparison, from a run folder alone."""
