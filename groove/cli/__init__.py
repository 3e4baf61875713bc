"""How a command runs: its words, its help, its output."""
