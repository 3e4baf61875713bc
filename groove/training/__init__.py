"""Phases, the Lightning module, diagnostics, the recipe."""
