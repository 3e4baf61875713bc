"""Audio and chart features on the beat grid, and the store that keeps them."""
