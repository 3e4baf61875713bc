"""Nearest neighbours and how good they are."""
