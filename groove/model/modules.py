"""The names of the model's modules: what a freeze list, a log key or a plot legend may use; in order of the data."""

from __future__ import annotations

MODULES = (
    "audio_encoder",
    "chart_encoder",
    "fusion_module",
    "backbone",
    "pooling",
    "classifier_head",
    "projection_head",
    "radar_mlp",
)
