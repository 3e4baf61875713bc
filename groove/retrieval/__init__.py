"""Nearest neighbors: search, metrics, recommendation."""
