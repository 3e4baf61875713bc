"""The late-fusion network, its losses and miners: plain torch."""
