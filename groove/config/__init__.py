"""Settings: the schema of every command, and what they must satisfy together."""
