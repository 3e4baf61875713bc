"""The run folder: its files, its numbers, its verdict, and several runs compared."""
