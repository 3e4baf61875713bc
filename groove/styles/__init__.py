"""Sub-styles inside a difficulty class: clusters, their stability and their names."""
